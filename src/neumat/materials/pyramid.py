"""Levels of detail of the explicit channels: decoded to linear first, then averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.color import decode_srgb8
from neumat.materials.explicit import decode_height16, decode_normal8, decode_unorm8
from neumat.materials.neural import ExplicitMaps

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """One level of the explicit channels, linear float32, row 0 at the top of the image.

    Attributes:
        base_color: (h, w, 3), linear Rec.709.
        roughness: (h, w), perceptual.
        metallic: (h, w).
        normal: (h, w, 3); level 0 holds 2·c/255 − 1 as it is, higher levels unit vectors. Look-ups filter first and
            normalise after.
        height: (h, w), 0 to 1.
        normal_length: (h, w), length of the averaged normals, 1 where all agree: how much they spread in a texel.
    """

    base_color: Array
    roughness: Array
    metallic: Array
    normal: Array
    height: Array
    normal_length: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in texels."""
        return self.height.shape[0], self.height.shape[1]


def halve(texture: Array) -> Array:
    """Average a texture (h, w, ...) to (max(1, h>>1), max(1, w>>1), ...), each texel by the area it covers."""
    return _halve_axis(_halve_axis(texture, 0), 1)


def _halve_axis(texture: Array, axis: int) -> Array:
    size = texture.shape[axis]
    target = max(1, size >> 1)
    moved = np.moveaxis(texture, axis, 0)
    if size == target:
        return texture
    if size == 2 * target:
        return np.moveaxis((moved[0::2] + moved[1::2]) * np.float32(0.5), 0, axis)
    # An odd size: texel j covers the source from j·ratio to (j + 1)·ratio, at most four texels of it.
    ratio = size / target
    start = np.arange(target) * ratio
    first = np.floor(start).astype(np.int64)
    total = np.zeros((target, *moved.shape[1:]), np.float32)
    for tap in range(4):
        index = first + tap
        overlap = np.clip(np.minimum(index + 1.0, start + ratio) - np.maximum(index, start), 0.0, None) / ratio
        weight = overlap.astype(np.float32).reshape(-1, *(1,) * (moved.ndim - 1))
        total += weight * moved[np.minimum(index, size - 1)]
    return np.moveaxis(total, 0, axis)


def pyramid(explicit: ExplicitMaps, *, toksvig: bool = False) -> tuple[Level, ...]:
    """Make the levels of detail, from full size down to 1×1.

    Level l has size (max(1, H>>l), max(1, W>>l)) and is the area-weighted 2×2 average of level l − 1 in linear
    space. A normal is the direction of the average of all level-0 normals below it.

    Args:
        explicit: the channels at full size.
        toksvig: widen the roughness by the spread of the averaged normals: alpha'² = alpha² + 2σ² with
            σ² = (1 − |n|)/|n|, the variance of slopes per axis (Toksvig 2005, in the form that Kaplanyan et al. 2016
            use for the Trowbridge-Reitz lobe).

    Returns:
        levels, the full size first.
    """
    base_color = decode_srgb8(explicit.base_color)
    roughness = decode_unorm8(explicit.orm[..., 1])
    metallic = decode_unorm8(explicit.orm[..., 2])
    height = decode_height16(explicit.height)
    normal_sum = decode_normal8(explicit.normal)
    length_sum = _length(normal_sum)
    levels = [Level(base_color, roughness, metallic, normal_sum, height, np.ones_like(length_sum))]
    while levels[-1].shape != (1, 1):
        base_color, roughness, metallic, height, normal_sum, length_sum = (
            halve(texture) for texture in (base_color, roughness, metallic, height, normal_sum, length_sum)
        )
        length = _length(normal_sum)
        spread = np.clip(length / length_sum, 0.0, 1.0).astype(np.float32)
        # Opposite normals may cancel: such a texel faces outwards.
        unit = np.where((length > 1e-6)[..., None], normal_sum / np.maximum(length, 1e-6)[..., None], [0.0, 0.0, 1.0])
        shown = _widened(roughness, spread) if toksvig else roughness
        levels.append(Level(base_color, shown, metallic, unit.astype(np.float32), height, spread))
    return tuple(levels)


def _length(vectors: Array) -> Array:
    return np.asarray(np.sqrt(np.sum(vectors * vectors, axis=-1)), np.float32)


def _widened(roughness: Array, length: Array) -> Array:
    safe = np.maximum(length.astype(np.float64), 1e-3)
    alpha2 = roughness.astype(np.float64) ** 4 + 2.0 * (1.0 - safe) / safe
    return (np.minimum(alpha2, 1.0) ** 0.25).astype(np.float32)


def level_of(footprint: npt.ArrayLike, width: int, levels: int) -> npt.NDArray[np.int64]:
    """Choose the level whose texel is nearest to a pixel: clamp(floor(log2(footprint·width) + 0.5)).

    Args:
        footprint: any shape, width of the pixel in texture widths; below 1e-8 counts as 1e-8.
        width: texels across level 0.
        levels: number of levels.

    Returns:
        int64 of the same shape, 0 to levels − 1.

    Raises:
        InputError: `width` or `levels` is below 1.
    """
    if width < 1 or levels < 1:
        raise InputError(f"a pyramid of {levels} levels of {width} texels does not exist")
    texels = np.maximum(np.asarray(footprint, np.float64), 1e-8) * width
    level = np.floor(np.log2(texels) + 0.5)
    return np.asarray(np.clip(level, 0, levels - 1)).astype(np.int64)
