from __future__ import annotations

import numpy as np
import pytest

from neumat.materials.color import decode_srgb8, encode_srgb8, linear_to_srgb, srgb_to_linear


def test_all_codes_survive_a_round_trip() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    linear = decode_srgb8(codes)
    assert linear.dtype == np.float32
    assert linear.shape == (16, 16)
    np.testing.assert_array_equal(encode_srgb8(linear), codes)
    np.testing.assert_array_equal(np.round(linear_to_srgb(linear) * 255).astype(np.uint8), codes)


@pytest.mark.parametrize(
    ("encoded", "linear"),
    [(0.0, 0.0), (0.04045, 0.0031308), (0.5, 0.21404114), (1.0, 1.0)],
)
def test_known_values_of_the_standard(encoded: float, linear: float) -> None:
    assert srgb_to_linear(encoded) == pytest.approx(linear, rel=1e-4)
    assert linear_to_srgb(linear) == pytest.approx(encoded, rel=1e-4)


def test_codes_are_the_nearest_on_the_curve() -> None:
    linear = np.random.default_rng(0).random(10_000, np.float32)
    expected = np.floor(linear_to_srgb(linear).astype(np.float64) * 255 + 0.5)
    difference = np.abs(encode_srgb8(linear) - expected)
    # float32 borders may fall on either side of a tie, never further
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_out_of_range_values_are_clipped() -> None:
    np.testing.assert_array_equal(
        encode_srgb8(np.array([-1.0, 2.0, np.nan, np.inf, -np.inf])), np.array([0, 255, 0, 255, 0], np.uint8)
    )
    assert srgb_to_linear(-0.5) == 0.0
    assert linear_to_srgb(-0.5) == 0.0
    assert srgb_to_linear(1.2) > 1.2
