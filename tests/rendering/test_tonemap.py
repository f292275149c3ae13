from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.color import encode_srgb8
from neumat.rendering.tonemap import CURVES, auto_exposure, to_srgb8, tone_map
from neumat.scene.probe import Probe, read_probe


def test_pbr_neutral_known_values():
    # By hand from the specification: below 0.8 − 0.04 only the offset of 0.04 is taken away.
    assert np.allclose(tone_map([0.5, 0.4, 0.3], "neutral"), [0.46, 0.36, 0.26])
    # Below 0.08 the offset is x − 6.25 x², so that black stays black.
    assert np.allclose(tone_map([0.04, 0.04, 0.04], "neutral"), 0.01)
    assert np.allclose(tone_map([0.0, 0.0, 0.0], "neutral"), 0.0)
    # Grey 1.0: offset to 0.96; 1 − 0.24² / (0.96 + 0.24 − 0.76) on every channel.
    assert np.allclose(tone_map([1.0, 1.0, 1.0], "neutral"), 1.0 - 0.24**2 / 0.44)
    # A bright red: peak 10, compressed, and desaturated by 1 − 1/(0.15·(peak − compressed) + 1).
    peak = 10.0
    compressed = 1.0 - 0.24**2 / (peak + 0.24 - 0.76)
    share = 1.0 - 1.0 / (0.15 * (peak - compressed) + 1.0)
    assert np.allclose(tone_map([10.0, 0.0, 0.0], "neutral"), [compressed, compressed * share, compressed * share])


def test_agx_and_aces_anchors():
    # AgX puts middle grey at half of the encoded scale and keeps greys grey; ACES (Hill) of 1 is 0.619 by hand.
    grey = tone_map([0.18, 0.18, 0.18], "agx")
    assert np.ptp(grey) < 2e-3
    assert grey.mean() == pytest.approx(0.5**2.2, abs=0.005)
    assert tone_map([1.0, 1.0, 1.0], "aces").mean() == pytest.approx(0.6191, abs=1e-3)
    assert tone_map([0.0, 0.0, 0.0], "agx").max() < 2e-3


@pytest.mark.parametrize("curve", CURVES)
def test_curves_are_monotone_and_bounded(curve):
    level = np.concatenate([np.linspace(0.0, 1.0, 400), np.geomspace(1.0, 1e4, 400)])
    shown = tone_map(np.repeat(level[:, None], 3, axis=1), curve)
    assert shown.min() >= 0.0
    assert shown.max() <= 1.0
    # The published polynomial of AgX dips by less than a code of 8 bits at both ends.
    assert np.diff(shown, axis=0).min() > -2e-3
    assert shown[-1].min() > 0.95


@pytest.mark.parametrize("curve", CURVES)
def test_bad_values_become_black(curve):
    bad = np.array([[np.nan, np.nan, np.nan], [-5.0, -1.0, -2.0], [np.inf, np.inf, np.inf]])
    assert to_srgb8(bad, curve).max() <= 12


def test_srgb_encoding():
    assert encode_srgb8([0.0, 1.0, 0.21586, 0.0031308, 7.0, -1.0]).tolist() == [0, 255, 128, 10, 255, 0]
    assert to_srgb8(np.full((1, 1, 3), 0.5), "none", exposure=1.0).tolist() == [[[255, 255, 255]]]


def test_unknown_curve_lists_the_known():
    with pytest.raises(InputError, match="agx, aces, neutral, none"):
        tone_map([0, 0, 0], "filmic")


def test_auto_exposure_puts_a_white_wall_at_one():
    assert auto_exposure(read_probe("white")) == pytest.approx(0.0, abs=0.02)
    assert auto_exposure(read_probe("white").scaled(8.0)) == pytest.approx(-3.0, abs=0.02)
    assert auto_exposure(Probe("black", np.zeros((4, 8, 3), np.float32))) == 0.0
    assert -3.0 < auto_exposure(read_probe("sky")) < 3.0
