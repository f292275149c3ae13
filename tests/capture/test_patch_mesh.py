"""The tessellated height field, and what rendering refuses before it starts; Mitsuba itself is not needed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from neumat.capture import render_mitsuba
from neumat.capture.patch_mesh import patch_mesh
from neumat.errors import InputError, MissingExtra
from neumat.materials.synthetic import small_pbr
from neumat.truth.sampler import TruthSampler


@pytest.mark.parametrize("tileable", [True, False])
def test_vertices_lie_on_the_surface_that_the_truth_hits(tileable: bool) -> None:
    made = small_pbr(seed=1, size=(12, 16), height_scale=0.3)
    made = type(made)(**{**made.__dict__, "tileable": tileable})
    crop = (7, 10)
    vertices, _, uv = patch_mesh(made.height, made.height_scale, tileable=tileable, crop=crop, margin=5, subdivision=3)
    hits = TruthSampler(made).exact_hit(uv, np.tile(np.float32([0.0, 0.0, 1.0]), (len(uv), 1)))
    np.testing.assert_allclose(vertices[:, 2] / 16.0, hits[:, 2], atol=2e-4)  # heights of 16 bits
    # Origin: the middle of the crop of pixel_grid, which starts at texel ((16 − 10)//2, (12 − 7)//2).
    np.testing.assert_allclose(vertices[:, 0], uv[:, 0] * 16.0 - (3 + 5.0), atol=1e-4)
    np.testing.assert_allclose(vertices[:, 1], (2 + 3.5) - uv[:, 1] * 12.0, atol=1e-4)


def test_triangles_face_outwards_and_cover_the_patch() -> None:
    height = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    vertices, faces, _ = patch_mesh(height, 0.2, tileable=True, crop=(5, 5), margin=2, subdivision=2)
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    normal = np.cross(b - a, c - a)
    assert (normal[:, 2] > 0.0).all()
    # From the first texel centre to the last, with a margin of two texels on every side.
    assert normal[:, 2].sum() / 2.0 == pytest.approx((5 + 4 - 1) * (6 + 4 - 1), rel=1e-5)


@pytest.mark.parametrize("wo", [(0.0, 0.0, 2.0), (0.0, 0.0, -1.0), (0.0, 1.0), (np.nan, 0.0, 1.0)])
def test_a_direction_must_be_a_unit_vector_above_the_plane(wo: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"wo = .* is not a unit vector"):
        render_mitsuba.render_patch(small_pbr(seed=1), wo=wo, wi=(0.0, 0.0, 1.0))


def test_without_mitsuba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    render_mitsuba._mitsuba.cache_clear()
    with pytest.raises(MissingExtra, match=r"neumat\[capture\]"):
        render_mitsuba.render_patch(small_pbr(seed=1), wo=(0.0, 0.0, 1.0), wi=(0.0, 0.0, 1.0))
