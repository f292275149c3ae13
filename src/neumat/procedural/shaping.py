"""Small functions on maps: steps, blends, soft minima, periodic blur, occlusion by horizons, colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.materials.color import decode_srgb8

Array = npt.NDArray[np.float32]


def smoothstep(low: float, high: float, value: npt.ArrayLike) -> Array:
    """0 below `low`, 1 above `high`, a cubic between; falls where `low` > `high`."""
    t = np.clip((np.asarray(value, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    result: Array = t * t * (3 - 2 * t)
    return result


def mix(a: npt.ArrayLike, b: npt.ArrayLike, amount: npt.ArrayLike) -> Array:
    """`a` where `amount` is 0, `b` where it is 1; shapes broadcast."""
    p = np.asarray(a, np.float32)
    result: Array = p + (np.asarray(b, np.float32) - p) * np.asarray(amount, np.float32)
    return result


def mix_color(a: npt.ArrayLike, b: npt.ArrayLike, amount: npt.ArrayLike) -> Array:
    """`mix` of colours (3,) or (R, R, 3) by an amount (R, R), to (R, R, 3)."""
    return mix(a, b, np.asarray(amount, np.float32)[..., None])


def smooth_min(a: Array, b: Array | float, softness: float) -> Array:
    """The smaller of two, rounded where they differ by less than `softness` (polynomial, always below both)."""
    h = np.maximum(softness - np.abs(a - b), 0) / np.float32(softness)
    result: Array = np.minimum(a, b) - h * h * np.float32(softness * 0.25)
    return result


def smooth_max(a: Array, b: Array | float, softness: float) -> Array:
    """The larger of two, with a fillet where they differ by less than `softness`."""
    return -smooth_min(-a, -np.asarray(b, np.float32), softness)


def blur(values: Array, radius: float) -> Array:
    """Gaussian blur of a tileable (R, R) map; `radius` is the standard deviation in texture widths."""
    frequency = np.fft.fftfreq(values.shape[0]) * values.shape[0]
    falloff_y = np.exp(-2.0 * (np.pi * radius * frequency) ** 2)
    falloff_x = falloff_y[: values.shape[1] // 2 + 1]
    spectrum = np.fft.rfft2(values.astype(np.float64)) * (falloff_y[:, None] * falloff_x[None, :])
    return np.fft.irfft2(spectrum, s=values.shape).astype(np.float32)


def horizon_occlusion(height: Array, height_scale: float, *, reach: float = 0.06, directions: int = 8) -> Array:
    """Share of a uniform sky that a tileable surface sees, from the horizons in a few directions.

    Args:
        height: (R, R), 0 to 1.
        height_scale: in texture widths.
        reach: how far to look, in texture widths.
        directions: how many horizons.

    Returns:
        (R, R) float32 in 0 to 1, cosine-weighted about the vertical: the mean of 1 − sin²(horizon).
    """
    size = height.shape[0]
    raised = height.astype(np.float32) * np.float32(height_scale)
    open_sky: Array = np.zeros_like(raised)
    for k in range(directions):
        angle = 2.0 * np.pi * (k + 0.5) / directions
        tangent = np.zeros_like(raised)
        seen: set[tuple[int, int]] = set()
        for share in (0.06, 0.15, 0.3, 0.55, 1.0):
            dx = round(np.cos(angle) * reach * share * size)
            dy = round(np.sin(angle) * reach * share * size)
            if (dx, dy) in seen or (dx, dy) == (0, 0):
                continue
            seen.add((dx, dy))
            rise = np.roll(raised, (-dy, -dx), axis=(0, 1)) - raised
            np.maximum(tangent, rise * np.float32(size / np.hypot(dx, dy)), out=tangent)
        open_sky += (1 / (1 + tangent * tangent)).astype(np.float32)
    result: Array = open_sky / np.float32(directions)
    return result


def linear(color: str) -> Array:
    """(3,) linear Rec.709 of an sRGB colour "#rrggbb"."""
    return decode_srgb8(np.frombuffer(bytes.fromhex(color.removeprefix("#")), np.uint8))
