from __future__ import annotations

import numpy as np
import pytest

from neumat.truth.metrics import decibels, display, mean_squared_error, psnr


def test_display_is_the_clipped_power_curve() -> None:
    assert display([-1.0, 0.0, 1.0, 5.0]).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert display(0.5) == pytest.approx(0.5 ** (1 / 2.2))


def test_psnr_of_a_known_difference() -> None:
    truth = np.full((4, 4, 3), 0.5**2.2)
    other = np.full((4, 4, 3), 0.6**2.2)
    assert psnr(other, truth) == pytest.approx(20.0, abs=1e-9)
    assert mean_squared_error(truth, truth) == 0.0
    assert decibels(0.0) == pytest.approx(99.0)
