from __future__ import annotations

import numpy as np
import pytest

from neumat.materials.resize import resize


@pytest.mark.parametrize("shape", [(4, 8), (5, 7), (1, 1), (12, 3)])
def test_down_keeps_the_mean(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random((12, 16, 3), np.float32)
    small = resize(pixels, shape, wrap=True)
    assert small.shape == (*shape, 3)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean((0, 1)), pixels.mean((0, 1)), rtol=1e-6)


def test_down_averages_the_texels_that_are_covered() -> None:
    row = np.array([[0, 1, 2, 3, 4, 5]], np.float32)
    np.testing.assert_allclose(resize(row, (1, 3), wrap=False), [[0.5, 2.5, 4.5]])
    # 4 from 6: each covers one texel and a half
    np.testing.assert_allclose(resize(row, (1, 4), wrap=False), [[1 / 3, 5 / 3, 10 / 3, 14 / 3]], rtol=1e-6)


def test_up_is_bilinear_and_wraps_where_told() -> None:
    row = np.array([[0, 4]], np.float32)
    np.testing.assert_allclose(resize(row, (1, 4), wrap=False), [[0, 1, 3, 4]])
    np.testing.assert_allclose(resize(row, (1, 4), wrap=True), [[1, 1, 3, 3]])
    np.testing.assert_array_equal(
        resize(np.full((1, 1, 2), 0.5, np.float32), (3, 4), wrap=True), np.full((3, 4, 2), 0.5)
    )


def test_same_size_is_untouched() -> None:
    pixels = np.random.default_rng(0).random((5, 6), np.float32)
    np.testing.assert_array_equal(resize(pixels, (5, 6), wrap=True), pixels)


def test_a_smooth_map_survives_up_and_down() -> None:
    wave = np.sin(np.arange(64) * 2 * np.pi / 64).astype(np.float32)
    pixels = np.add.outer(wave, wave)
    np.testing.assert_allclose(resize(resize(pixels, (128, 192), wrap=True), (64, 64), wrap=True), pixels, atol=0.005)
