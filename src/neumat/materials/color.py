"""The sRGB transfer function, IEC 61966-2-1: maps are linear in memory, only readers and writers know sRGB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def srgb_to_linear(x: npt.ArrayLike) -> Array:
    """Decode sRGB values to linear light (IEC 61966-2-1).

    Args:
        x: any shape, nominal range 0 to 1; negative values are taken as 0, values above 1 go on along the curve.

    Returns:
        float32 of the same shape.
    """
    value = np.maximum(np.asarray(x, np.float64), 0.0)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def linear_to_srgb(x: npt.ArrayLike) -> Array:
    """Encode linear light as sRGB (IEC 61966-2-1), the inverse of `srgb_to_linear`.

    Args:
        x: any shape, nominal range 0 to 1; negative values are taken as 0, values above 1 go on along the curve.

    Returns:
        float32 of the same shape.
    """
    value = np.maximum(np.asarray(x, np.float64), 0.0)
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1.0 / 2.4) - 0.055)
    return encoded.astype(np.float32)


_DECODED = srgb_to_linear(np.arange(256) / 255.0)
_DECODED.setflags(write=False)
# Code k holds what lies between the encoded values (k − 1/2)/255 and (k + 1/2)/255: a search among these borders
# rounds as the curve would, without a power per texel.
_BORDERS = srgb_to_linear((np.arange(255) + 0.5) / 255.0)
_BORDERS.setflags(write=False)


def decode_srgb8(codes: npt.NDArray[np.uint8]) -> Array:
    """Decode 8-bit sRGB codes, uint8 of any shape, to linear float32 of the same shape, 0 to 1."""
    return _DECODED[codes]


def encode_srgb8(linear: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Encode linear light as the nearest 8-bit sRGB codes; all 256 codes survive decoding and encoding.

    Args:
        linear: any shape, clipped to 0 to 1; NaN becomes 0.

    Returns:
        uint8 of the same shape.
    """
    value = np.nan_to_num(np.asarray(linear, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.searchsorted(_BORDERS, value, side="right").astype(np.uint8)
