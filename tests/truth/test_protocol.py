from __future__ import annotations

import numpy as np
import pytest

from neumat.materials.synthetic import small_pbr
from neumat.truth.metrics import psnr
from neumat.truth.protocol import CEILING, LIGHT_ANGLES, VIEW_ANGLES, measure_truth, pixel_grid, views
from neumat.truth.sampler import TruthSampler


def test_views_are_the_protocols_angles_and_never_change() -> None:
    seen = views()
    assert [view.angle for view in seen] == [angle for angle in VIEW_ANGLES for _ in range(4)]
    for view in seen:
        assert np.degrees(np.arccos(view.wo[2])) == pytest.approx(view.angle, abs=0.05)
        assert round(float(np.degrees(np.arccos(view.wi[2])))) in LIGHT_ANGLES
    assert all(np.array_equal(a.wi, b.wi) and np.array_equal(a.wo, b.wo) for a, b in zip(seen, views(), strict=True))
    assert len({tuple(view.wi) for view in seen}) == 16


def test_pixels_are_the_texels_in_the_middle() -> None:
    uv, shape = pixel_grid((128, 64))
    assert shape == (64, 96)
    assert uv[0].tolist() == pytest.approx([16.5 / 128, 0.5 / 64])
    assert uv[-1].tolist() == pytest.approx([111.5 / 128, 63.5 / 64])


def test_truth_is_averaged_until_its_noise_lies_below_the_best_column() -> None:
    sampler = TruthSampler(small_pbr(seed=3, size=(16, 16)))
    quick = measure_truth(sampler, lambda pictures: 20.0)
    assert quick.noise_floor >= 26.0
    assert quick.pictures.shape == (16, 16, 16, 3)
    longer = measure_truth(sampler, lambda pictures: 60.0)
    assert longer.samples >= quick.samples
    assert longer.noise_floor >= CEILING or longer.samples == 2048
    # The floor is honest: an independent, longer truth differs from the quick one by about that much.
    assert psnr(quick.pictures, longer.pictures) > quick.noise_floor - 4.0
