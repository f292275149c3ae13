from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from neumat.errors import InputError
from neumat.procedural.noise import Grid, fbm, gradient_noise, presence, sub_seed, warped, worley


@pytest.mark.parametrize("cells", [1, 3, 8, (5, 40)])
def test_gradient_noise_repeats_after_one_texture_width(cells: int | tuple[int, int]) -> None:
    grid = Grid.of(32)
    here = gradient_noise(grid.x, grid.y, cells, 5)
    there = gradient_noise(grid.x + np.float32(1), grid.y - np.float32(2), cells, 5)
    np.testing.assert_allclose(there, here, atol=2e-4)


def test_gradient_noise_is_zero_on_its_lattice_and_continuous_across_it() -> None:
    corners = (np.arange(8) / 8).astype(np.float32)
    x, y = np.meshgrid(corners, corners)
    np.testing.assert_allclose(gradient_noise(x, y, 8, 1), 0, atol=1e-6)
    edge = np.full(64, 0.25, np.float32)
    along = np.linspace(0, 1, 64, dtype=np.float32)
    below, above = (gradient_noise(edge + np.float32(e), along, 8, 1) for e in (-1e-5, 1e-5))
    np.testing.assert_allclose(below, above, atol=1e-3)


@pytest.mark.parametrize("ridged", [False, True])
def test_fbm_tiles_with_turned_octaves_and_has_a_steady_spread(ridged: bool) -> None:
    grid = Grid.of(128)
    here = fbm(grid, 4, 3, octaves=5, ridged=ridged)
    there = fbm(grid.moved(1.0, 1.0), 4, 3, octaves=5, ridged=ridged)
    np.testing.assert_allclose(there, here, atol=2e-3)
    spreads = [float(fbm(grid, 6, 3, octaves=k).std()) for k in (1, 3, 5)]
    assert all(0.2 < spread < 0.45 for spread in spreads)


def test_fbm_is_the_same_field_at_two_resolutions() -> None:
    coarse, fine = (fbm(Grid.of(size), 4, 9, octaves=3) for size in (128, 384))
    # Every third texel of the finer raster has its centre on one of the coarser.
    np.testing.assert_allclose(fine[1::3, 1::3], coarse, atol=1e-4)


def test_octaves_that_the_raster_cannot_hold_fade_out() -> None:
    assert presence(256, 32) == 1.0
    assert 0.0 < presence(256, 85) < 1.0
    assert presence(256, 128) == 0.0
    bare, crowded = fbm(Grid.of(32), 4, 2, octaves=3), fbm(Grid.of(32), 4, 2, octaves=9)
    assert abs(float(np.corrcoef(bare.ravel(), crowded.ravel())[0, 1])) > 0.999


def test_warped_positions_still_tile() -> None:
    grid = Grid.of(64)
    here, there = (warped(g, 4, 0.05, 7) for g in (grid, grid.moved(1.0, 0.0)))
    np.testing.assert_allclose(there.x - 1, here.x, atol=1e-4)
    np.testing.assert_allclose(there.y, here.y, atol=1e-4)
    assert 0.005 < float(np.abs(here.x - grid.x).max()) < 0.1


def _brute(grid: Grid, count: int, seed: int, jitter: float) -> tuple[npt.NDArray[np.float64], ...]:
    random = np.random.default_rng(seed).random((2, count, count)) - 0.5
    columns, rows = np.meshgrid(np.arange(count), np.arange(count))
    points = np.stack([columns + 0.5 + jitter * random[0], rows + 0.5 + jitter * random[1]], axis=-1).reshape(-1, 2)
    copies = np.concatenate([points + np.array([count * a, count * b]) for a in (-1, 0, 1) for b in (-1, 0, 1)])
    numbers = np.tile(np.arange(count * count), 9)
    position = np.stack([grid.x * count, grid.y * count], axis=-1).reshape(-1, 1, 2).astype(np.float64)
    distance = np.linalg.norm(position - copies, axis=-1)
    winner = copies[distance.argmin(axis=1)][:, None]
    apart = copies[None] - winner
    length = np.linalg.norm(apart, axis=-1)
    to_bisector = (((copies[None] + winner) / 2 - position) * apart).sum(axis=-1) / np.maximum(length, 1e-9)
    ordered = np.sort(distance, axis=1)
    border = np.where(length > 1e-9, to_bisector, np.inf).min(axis=1)
    return ordered[:, 0], ordered[:, 1], border, numbers[distance.argmin(axis=1)]


@pytest.mark.parametrize(("count", "jitter", "seed"), [(3, 1.0, 1), (5, 1.0, 9), (6, 0.4, 2)])
def test_worley_agrees_with_a_search_over_all_points(count: int, jitter: float, seed: int) -> None:
    grid = Grid.of(48)
    cells = worley(grid, count, seed, jitter=jitter, borders=True)
    nearest, second, border, index = _brute(grid, count, seed, jitter)
    np.testing.assert_allclose(cells.nearest.ravel(), nearest, atol=1e-5)
    np.testing.assert_allclose(cells.second.ravel(), second, atol=1e-5)
    assert cells.border is not None
    np.testing.assert_allclose(cells.border.ravel(), border, atol=1e-4)
    assert (cells.index.ravel() == index).mean() > 0.999


def test_seeds_of_parts_are_stable_and_apart() -> None:
    assert sub_seed(7, "places") == 2628911502
    assert len({sub_seed(seed, part) for seed in range(20) for part in ("a", "b", "c")}) == 60


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="resolution 4"):
        Grid.of(4)
    with pytest.raises(InputError, match="at least 3"):
        worley(Grid.of(16), 2, 0)
