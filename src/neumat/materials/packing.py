"""Levels of the explicit channels in one array each, as the shader library's buffers hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.materials.pyramid import Level

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PackedLevels:
    """All levels one after the other: heights (t,), surfaces (t, 2, 4), (width, height) and first texel of each."""

    heights: Array
    surfaces: Array
    sizes: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...]


def pack_levels(levels: Sequence[Level]) -> PackedLevels:
    """Pack a pyramid; without levels one white, rough, flat texel stands for it."""
    if not levels:
        surface = np.array([[[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]]], np.float32)
        return PackedLevels(np.full(1, 0.5, np.float32), surface, ((1, 1),), (0,))
    heights, surfaces, sizes, offsets, at = [], [], [], [], 0
    for level in levels:
        h, w = level.shape
        surface = np.empty((h * w, 2, 4), np.float32)
        surface[:, 0, :3] = level.base_color.reshape(-1, 3)
        surface[:, 0, 3] = level.roughness.ravel()
        surface[:, 1, :3] = level.normal.reshape(-1, 3)
        surface[:, 1, 3] = level.metallic.ravel()
        heights.append(level.height.ravel().astype(np.float32))
        surfaces.append(surface)
        sizes.append((w, h))
        offsets.append(at)
        at += h * w
    return PackedLevels(np.concatenate(heights), np.concatenate(surfaces), tuple(sizes), tuple(offsets))
