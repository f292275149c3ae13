from __future__ import annotations

import numpy as np

from neumat.procedural.noise import Grid
from neumat.procedural.stones import Packing, fill, pack, stones


def _closest(centers: np.ndarray, radii: np.ndarray) -> np.ndarray:
    away = centers[:, None] - centers[None]
    away -= np.round(away)
    apart = np.linalg.norm(away, axis=-1) / (radii[:, None] + radii[None])
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1)


def test_packed_discs_cover_the_density_and_hardly_overlap() -> None:
    sizes = np.random.default_rng(1).uniform(0.04, 0.09, 300)
    packing = pack(sizes, 0.8, 3)
    area = np.pi * (packing.radii**2).sum()
    assert 0.8 <= area < 0.83
    closest = _closest(packing.centers, packing.radii)
    assert closest.min() > 0.75
    assert np.median(closest) < 1.02  # they touch, so they are packed and not strewn


def test_filled_discs_keep_their_distance_and_the_old_ones_their_place() -> None:
    packing = pack(np.full(60, 0.08), 0.7, 3)
    filled = fill(packing, np.full(40, 0.02), 4, closeness=0.9)
    count = len(packing.radii)
    assert len(filled.radii) > count + 5
    np.testing.assert_array_equal(filled.centers[:count], packing.centers)
    assert _closest(filled.centers, filled.radii)[count:].min() >= 0.9


def test_stones_tile_and_every_stone_holds_its_middle() -> None:
    packing = pack(np.random.default_rng(2).uniform(0.06, 0.1, 100), 0.85, 5)
    grid = Grid.of(128)
    laid = stones(grid, packing, 6)
    shifted = stones(grid, Packing((packing.centers + np.array([0.5, 0.25])) % 1.0, packing.radii), 6)
    np.testing.assert_allclose(
        np.maximum(np.roll(laid.inside, (32, 64), axis=(0, 1)), 0), np.maximum(shifted.inside, 0), atol=2e-3
    )
    cell = np.floor(packing.centers * 128).astype(int)
    np.testing.assert_array_equal(laid.index[cell[:, 1], cell[:, 0]], np.arange(len(packing.radii)))
    assert (laid.inside[cell[:, 1], cell[:, 0]] > 0.2).all()
    assert 0.5 < (laid.inside > 0).mean() < 0.98
