"""From a picture as stored to the values of a map: colour space, range, unit normals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.color import decode_srgb8, linear_to_srgb, srgb_to_linear
from neumat.materials.images import Image

Array = npt.NDArray[np.float32]

_SMALLEST_Z = 1e-3


def _alpha_free(image: Image) -> int:
    """How many channels are no alpha."""
    count = int(image.pixels.shape[2])
    return count - 1 if count in (2, 4) and image.channels[-1].upper().endswith("A") else count


def has_alpha(image: Image) -> bool:
    """Whether some pixel of a picture is not opaque."""
    return _alpha_free(image) < image.pixels.shape[2] and bool((image.pixels[..., -1] < 1.0).any())


def require_finite(path: Path, image: Image) -> None:
    """Raise InputError where a picture has NaN or infinite values."""
    if image.floating and not np.isfinite(image.pixels).all():
        raise InputError(f"{path}: has values that are not finite (NaN or infinity)")


def color_values(image: Image) -> tuple[Array, str]:
    """Linear colour, (H, W, 3) in 0 to 1, and how it was stored: integer formats hold sRGB, float formats linear.

    Grey pictures are repeated in all three channels.
    """
    colors = image.pixels[..., :3] if _alpha_free(image) >= 3 else image.pixels[..., :1]
    if image.floating:
        linear, space = np.clip(colors, 0.0, 1.0), "linear"
    elif image.bits <= 8:
        linear, space = decode_srgb8(np.rint(colors * np.float32(255.0)).astype(np.uint8)), "sRGB"
    else:
        linear, space = srgb_to_linear(colors), "sRGB"
    return np.ascontiguousarray(np.broadcast_to(linear, (*linear.shape[:2], 3)), np.float32), space


def display_values(image: Image) -> Array:
    """Colour as it is looked at, sRGB-encoded, (H, W, C)."""
    colors = image.pixels[..., : min(_alpha_free(image), 3)]
    return linear_to_srgb(np.clip(colors, 0.0, 1.0)) if image.floating else colors


def scalar_values(path: Path, image: Image, channel: int = 0) -> Array:
    """One channel of a picture, (H, W), clipped to 0 to 1.

    Raises:
        InputError: the picture has no such channel.
    """
    if channel >= _alpha_free(image):
        raise InputError(f"{path}: has {image.pixels.shape[2]} channels; a packed map needs three (red, green, blue)")
    return np.clip(image.pixels[..., channel], 0.0, 1.0)


def height_values(image: Image) -> tuple[Array, float, str]:
    """Height as (H, W) in 0 to 1, the span that 1 stands for, and a word on it.

    Values outside 0 to 1, which only float formats have, are moved in by their range; a height scale that is told
    for the file is multiplied by the span.
    """
    values = np.ascontiguousarray(image.pixels[..., 0])
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= 1.0:
        return values, 1.0, ""
    if high <= low:
        return np.full_like(values, 0.5), 1.0, f"constant at {low:g}, taken as flat"
    moved = (values.astype(np.float64) - low) / (high - low)
    return moved.astype(np.float32), high - low, f"values {low:.4g} to {high:.4g} moved to 0 to 1"


def normal_values(path: Path, image: Image) -> tuple[Array, str]:
    """Unit normals, (H, W, 3), y as in the file, and a word on what was odd.

    Raises:
        InputError: the picture has a single channel.
    """
    count = _alpha_free(image)
    if count < 2:
        raise InputError(f"{path}: has one channel; a normal map needs red, green and blue (is it a height map?)")
    n = image.pixels[..., : min(count, 3)].copy()
    odd = []
    if image.floating and float(n.min()) < -0.01:
        odd.append("stored as -1 to 1")
    else:
        n *= np.float32(2.0)
        n -= np.float32(1.0)
    if count == 2 or float(n[..., 2].max()) <= 0.0:
        z = np.sqrt(np.maximum(1.0 - n[..., 0] ** 2 - n[..., 1] ** 2, 0.0))
        n = np.stack([n[..., 0], n[..., 1], z], axis=-1)
        odd.append("z rebuilt from x and y")
    inwards = np.count_nonzero(n[..., 2] < _SMALLEST_Z) / (n.shape[0] * n.shape[1])
    if inwards > 0.0:
        np.maximum(n[..., 2], _SMALLEST_Z, out=n[..., 2])
        odd.append(f"{100.0 * inwards:.2g} % pointed inwards and were turned")
    n /= np.sqrt(np.einsum("ijk,ijk->ij", n, n))[..., None]
    return n, ", ".join(odd)
