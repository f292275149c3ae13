from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.rendering.compare import compare, heat, psnr
from neumat.rendering.lettering import draw_label, text_mask


def test_psnr_is_taken_on_gamma_and_clipped():
    first = np.full((4, 4, 3), 0.5, np.float32)
    step = np.float32(((0.5 ** (1 / 2.2)) + 0.01) ** 2.2)
    assert psnr(first, np.full_like(first, step)) == pytest.approx(40.0, abs=0.01)
    assert psnr(first + 5.0, first + 9.0) == float("inf")  # both clip to white


def test_mask_leaves_the_background_out():
    first = np.zeros((10, 10, 3), np.float32)
    second = first.copy()
    second[:5] = 0.25
    mask = np.zeros((10, 10), bool)
    mask[:5] = True
    assert psnr(first, second) == pytest.approx(psnr(first, second, mask) + 10 * np.log10(2), abs=1e-6)


def test_three_panels_and_the_difference_where_it_is():
    first = np.full((60, 200, 3), 0.2, np.float32)
    second = first.copy()
    second[40:50, 150:190] = 0.9
    result = compare(first, second)
    assert result.picture.shape == (60, 3 * 200 + 8, 3)
    assert result.picture.dtype == np.uint8
    difference = result.picture[:, 408:].astype(int).sum(axis=2)
    assert difference[45, 170] > 500
    assert difference[45, 20] < 30
    assert 5.0 < result.psnr < 30.0


def test_exposure_applies_to_number_and_pictures():
    rng = np.random.default_rng(0)
    first, second = (rng.random((40, 120, 3)).astype(np.float32) for _ in range(2))
    assert compare(first, second, exposure=1.0).psnr == pytest.approx(compare(first * 2, second * 2).psnr, abs=1e-4)
    assert np.array_equal(compare(first, second, exposure=1.0).picture, compare(first * 2, second * 2).picture)


def test_equal_pictures_say_so():
    image = np.full((40, 120, 3), 0.5, np.float32)
    assert compare(image, image).psnr == float("inf")


def test_sizes_must_match():
    with pytest.raises(InputError, match="one size"):
        compare(np.zeros((4, 4, 3), np.float32), np.zeros((4, 5, 3), np.float32))


def test_heat_rises_in_brightness():
    brightness = heat(np.linspace(-1.0, 2.0, 60)[None]).astype(int).sum(axis=2)[0]
    assert (np.diff(brightness) >= 0).all()
    assert brightness[-1] > 700


def test_letters_are_drawn_upright_and_cut_at_the_border():
    ink = text_mask("L", 2)
    assert ink.shape == (14, 12)
    assert ink[:, 0].all()
    assert ink[-1, :10].all()
    assert not ink[0, 4:].any()
    assert text_mask("psnr 3.1 dB").sum() == text_mask("PSNR 3.1 DB").sum() > 50
    assert not text_mask("\u2603").any()
    image = np.full((12, 20, 3), 200, np.uint8)
    draw_label(image, "a long text", left=5, top=4, scale=2)
    assert image.max() == 255
    assert (image[:4] == 200).all()
