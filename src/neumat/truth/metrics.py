"""Measures of a picture against the truth, all taken on tone-mapped x = pi·f."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def display(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """clip(x, 0, 1)^(1/2.2): the tone curve of every measurement. x: linear, any shape."""
    return np.asarray(np.clip(np.asarray(x, np.float64), 0.0, 1.0) ** (1.0 / 2.2))


def mean_squared_error(x: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Mean squared difference of two linear pictures after `display`."""
    return float(np.mean((display(x) - display(truth)) ** 2))


def decibels(mse: float) -> float:
    """PSNR of a mean squared error for a peak of 1; 99 where the error is 0."""
    return float(-10.0 * np.log10(max(mse, 10.0**-9.9)))


def psnr(x: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """PSNR in dB of two linear pictures after `display`."""
    return decibels(mean_squared_error(x, truth))
