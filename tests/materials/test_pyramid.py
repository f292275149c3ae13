from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.color import srgb_to_linear
from neumat.materials.explicit import encode
from neumat.materials.neural import ExplicitMaps
from neumat.materials.pyramid import halve, level_of, pyramid
from neumat.materials.synthetic import small_pbr


def maps(base: np.ndarray, normal: np.ndarray | None = None, height: np.ndarray | None = None) -> ExplicitMaps:
    size = base.shape[:2]
    return ExplicitMaps(
        base_color=base.astype(np.uint8),
        orm=np.full((*size, 3), 51, np.uint8),
        normal=(np.broadcast_to(np.uint8([128, 128, 255]), (*size, 3)) if normal is None else normal).astype(np.uint8),
        height=np.zeros(size, np.uint16) if height is None else height.astype(np.uint16),
    )


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (1, 7), (3, 3), (100, 64), (1, 1)])
def test_sizes_and_mean(size):
    levels = pyramid(encode(small_pbr(seed=1, size=size)))
    for index, level in enumerate(levels):
        assert level.shape == (max(1, size[0] >> index), max(1, size[1] >> index))
        for name in ("base_color", "roughness", "metallic", "normal", "height", "normal_length"):
            assert getattr(level, name).dtype == np.float32
        # Weights by area keep the mean.
        np.testing.assert_allclose(
            level.base_color.mean((0, 1), np.float64), levels[0].base_color.mean((0, 1), np.float64), rtol=2e-6
        )
        np.testing.assert_allclose(
            level.height.mean(dtype=np.float64), levels[0].height.mean(dtype=np.float64), rtol=2e-6
        )
    assert levels[-1].shape == (1, 1)


def test_colour_is_averaged_in_linear_light():
    board = np.zeros((2, 2, 3))
    board[0, 0] = board[1, 1] = 255
    level = pyramid(maps(board))[1]
    np.testing.assert_allclose(level.base_color, 0.5, atol=1e-7)
    grey = np.full((2, 2, 3), 128)
    np.testing.assert_allclose(pyramid(maps(grey))[1].base_color, srgb_to_linear(128 / 255), rtol=1e-6)


def test_odd_size_weights():
    row = np.arange(5, dtype=np.float32)[None, :]
    np.testing.assert_allclose(halve(row), [[(0 + 1 + 0.5 * 2) / 2.5, (0.5 * 2 + 3 + 4) / 2.5]], rtol=1e-6)
    np.testing.assert_allclose(halve(row[:, :3].T), [[1.0]], rtol=1e-6)


def test_normals_average_to_unit_length_and_report_their_spread():
    normal = np.full((2, 2, 3), 128)
    normal[:, 0] = [255, 128, 128]  # +x
    normal[:, 1] = [128, 128, 255]  # +z
    plain = pyramid(maps(np.zeros((2, 2, 3)), normal))[1]
    wide = pyramid(maps(np.zeros((2, 2, 3)), normal), toksvig=True)[1]
    np.testing.assert_allclose(plain.normal[0, 0], [np.sqrt(0.5), 0, np.sqrt(0.5)], atol=6e-3)
    np.testing.assert_allclose(np.linalg.norm(plain.normal, axis=-1), 1.0, atol=1e-6)
    assert plain.normal_length[0, 0] == pytest.approx(np.sqrt(0.5), abs=5e-3)
    assert plain.roughness[0, 0] == pytest.approx(0.2)
    length = float(plain.normal_length[0, 0])
    assert wide.roughness[0, 0] == pytest.approx(min(1.0, 0.2**4 + 2 * (1 - length) / length) ** 0.25, rel=1e-5)


def test_toksvig_leaves_equal_normals_alone():
    levels = pyramid(maps(np.zeros((8, 8, 3))), toksvig=True)
    for level in levels:
        assert level.roughness.max() == pytest.approx(0.2, abs=2e-3)


def test_opposite_normals_face_outwards():
    normal = np.zeros((1, 2, 3))
    normal[0, 0], normal[0, 1] = [255, 128, 127], [0, 127, 128]
    level = pyramid(maps(np.zeros((1, 2, 3)), normal))[1]
    np.testing.assert_array_equal(level.normal[0, 0], [0, 0, 1])


def test_level_zero_keeps_decoded_codes():
    codes = np.uint8([[[10, 20, 30], [250, 128, 200]]])
    level = pyramid(maps(np.zeros((1, 2, 3)), codes))[0]
    np.testing.assert_allclose(level.normal, codes * (2 / 255) - 1, atol=1e-7)


def test_level_of():
    footprint = np.array([0.0, 1 / 1024, 1 / 256, 1.4 / 256, 1.42 / 256, 2 / 256, 4 / 256, 1.0, 100.0])
    np.testing.assert_array_equal(level_of(footprint, 256, 9), [0, 0, 0, 0, 1, 1, 2, 8, 8])
    assert level_of(0.5, 256, 1) == 0
    with pytest.raises(InputError):
        level_of(0.1, 256, 0)
