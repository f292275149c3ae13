"""Change the size of a map: averages over areas downwards, bilinear upwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def resize(pixels: Array, shape: tuple[int, int], *, wrap: bool) -> Array:
    """Resize a linear map to (rows, columns).

    Args:
        pixels: (H, W) or (H, W, C) float32, in a linear unit (not sRGB codes).
        shape: rows and columns of the result.
        wrap: whether opposite edges meet; else the edge repeats.

    Returns:
        float32 of that shape; the mean is kept downwards.
    """
    for axis, size in enumerate(shape):
        old = pixels.shape[axis]
        if size < old:
            pixels = _average(pixels, size, axis)
        elif size > old:
            pixels = _interpolate(pixels, size, axis, wrap)
    return pixels


def _average(pixels: Array, size: int, axis: int) -> Array:
    """Each new texel is the mean over the interval that it covers, by differences of running sums."""
    old = pixels.shape[axis]
    if old % size == 0:
        shape = list(pixels.shape)
        shape[axis : axis + 1] = [size, old // size]
        means: Array = pixels.reshape(shape).mean(axis=axis + 1, dtype=np.float64).astype(np.float32)
        return means
    moved = np.moveaxis(pixels, axis, 0)
    borders = np.arange(size + 1) * (old / size)
    whole = np.minimum(borders.astype(np.intp), old - 1)
    part = (borders - whole).reshape(-1, *[1] * (moved.ndim - 1))
    sums = np.zeros((old + 1, *moved.shape[1:]))
    np.cumsum(moved, axis=0, dtype=np.float64, out=sums[1:])
    at_borders = sums[whole] + part * moved[whole]
    averages: Array = np.moveaxis(np.diff(at_borders, axis=0) * (size / old), 0, axis).astype(np.float32)
    return averages


def _interpolate(pixels: Array, size: int, axis: int, wrap: bool) -> Array:
    old = pixels.shape[axis]
    position = (np.arange(size) + 0.5) * (old / size) - 0.5
    first = np.floor(position).astype(np.intp)
    weight = (position - first).astype(np.float32)
    low, high = (first % old, (first + 1) % old) if wrap else (np.maximum(first, 0), np.minimum(first + 1, old - 1))
    shape = [1] * pixels.ndim
    shape[axis] = size
    weight = weight.reshape(shape)
    below = np.take(pixels, low, axis)
    between: Array = below + weight * (np.take(pixels, high, axis) - below)
    return between
