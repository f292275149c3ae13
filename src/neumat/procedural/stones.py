"""Stones packed on a torus: places first, then rounded cells around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.procedural.noise import Grid
from neumat.procedural.shaping import smooth_min

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Packing:
    """Discs on the unit torus that don't overlap much.

    Attributes:
        centers: (N, 2) float64, x and y in texture widths.
        radii: (N,) float64, in texture widths.
    """

    centers: Floats
    radii: Floats


@dataclass(frozen=True)
class Stones:
    """What every texel knows of the stone it lies in, or next to.

    Attributes:
        index: (R, R) int64, the nearest stone.
        inside: (R, R) float32, distance to its rounded outline in units of its radius; negative outside.
        along: (R, R) float32, position from its middle along its own first axis, in units of its radius.
        across: (R, R) float32, the same along its second axis.
    """

    index: npt.NDArray[np.int64]
    inside: Array
    along: Array
    across: Array


def _torus(difference: Floats) -> Floats:
    wrapped: Floats = difference - np.round(difference)
    return wrapped


def pack(sizes: Floats, density: float, seed: int, *, rounds: int = 80) -> Packing:
    """Discs that cover about `density` of the torus, placed by chance and pushed apart until they hardly overlap.

    Args:
        sizes: (N,) radii in texture widths, taken in turn until the density is reached.
        density: sum of the areas; 0.85 packs densely, beyond 0.9 they overlap.
        seed: which packing.
        rounds: how often all discs push each other.
    """
    taken = int(np.searchsorted(np.cumsum(np.pi * sizes**2), density)) + 1
    radii = np.sort(sizes[:taken])[::-1]
    centers = np.random.default_rng(seed).random((len(radii), 2))
    wanted = radii[:, None] + radii[None, :]
    # The larger of two moves less.
    share = radii[None, :] / wanted
    for turn in range(rounds):
        away = _torus(centers[:, None] - centers[None, :])
        apart = np.linalg.norm(away, axis=-1)
        np.fill_diagonal(apart, np.inf)
        overlap = np.maximum(wanted - apart, 0)
        push = (away / np.maximum(apart, 1e-9)[..., None]) * (overlap * share)[..., None]
        centers = (centers + push.sum(axis=1) * (0.6 if turn < rounds // 2 else 0.35)) % 1.0
    return Packing(centers, radii)


def fill(packing: Packing, sizes: Floats, seed: int, *, closeness: float = 0.85, tries: int = 120) -> Packing:
    """Put smaller discs into the gaps of a packing, from the largest to the smallest.

    Args:
        packing: what is there.
        sizes: (N,) wanted radii in texture widths; those that find no place are left out.
        seed: which places.
        closeness: two discs may come as near as this share of the sum of their radii.
        tries: places tried for each disc; the one nearest to its neighbours wins.
    """
    rng = np.random.default_rng(seed)
    centers, radii = list(packing.centers), list(packing.radii)
    for radius in np.sort(sizes)[::-1]:
        candidates = rng.random((tries, 2))
        apart = np.linalg.norm(_torus(candidates[:, None] - np.array(centers)[None]), axis=-1)
        clearance = (apart / (radius + np.array(radii)[None])).min(axis=1)
        free = clearance >= closeness
        if free.any():
            centers.append(candidates[int(np.where(free, clearance, np.inf).argmin())])
            radii.append(float(radius))
    return Packing(np.array(centers), np.array(radii))


def stones(grid: Grid, packing: Packing, seed: int, *, stretch: float = 0.25, roundness: float = 0.5) -> Stones:
    """Cells of the packing's power diagram, cut to an oval and rounded.

    The border between two stones is the radical line of their discs, so that a small stone beside a big one gets a
    small cell. A smooth minimum over all borders rounds the corners.

    Args:
        grid: positions (R, R); warped by less than a tenth of a radius, they give irregular outlines.
        packing: the discs.
        seed: orientation and length of each stone.
        stretch: how much longer than wide a stone may be, 0 to 1.
        roundness: softness of the minimum, in radii.
    """
    size = grid.resolution
    shape = grid.x.shape
    index = np.zeros(shape, np.int64)
    inside = np.full(shape, -np.inf, np.float32)
    along, across = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    rng = np.random.default_rng(seed)
    turns = rng.random(len(packing.radii)) * np.pi
    longer = 1 + stretch * rng.random(len(packing.radii))
    for k, (center, radius) in enumerate(zip(packing.centers, packing.radii, strict=True)):
        # The window is wide enough for a position moved by the warp, which is small against a stone.
        half = int(np.ceil(radius * 2.1 * size)) + 2
        middle = np.floor(center * size).astype(int)
        rows = np.unique(np.arange(middle[1] - half, middle[1] + half + 1) % size)
        columns = np.unique(np.arange(middle[0] - half, middle[0] + half + 1) % size)
        window = np.ix_(rows, columns)
        dx = grid.x[window] - np.float32(center[0])
        dy = grid.y[window] - np.float32(center[1])
        dx, dy = (dx - np.round(dx)) / np.float32(radius), (dy - np.round(dy)) / np.float32(radius)
        cosine, sine = np.float32(np.cos(turns[k])), np.float32(np.sin(turns[k]))
        q, r = dx * cosine + dy * sine, dy * cosine - dx * sine
        oval = np.float32(1.55) - np.sqrt((q / np.float32(longer[k])) ** 2 + (r * np.float32(longer[k])) ** 2)
        depth = oval.astype(np.float32)
        offsets = _torus(packing.centers - center) / radius
        apart = np.linalg.norm(offsets, axis=1)
        ratios = packing.radii / radius
        for j in np.flatnonzero((apart > 1e-9) & (apart < 2.6 + 1.3 * ratios)):
            toward = offsets[j] / apart[j]
            border = (apart[j] ** 2 + 1.0 - ratios[j] ** 2) / (2.0 * apart[j])
            distance = np.float32(border) - (dx * np.float32(toward[0]) + dy * np.float32(toward[1]))
            depth = smooth_min(depth, distance, roundness)
        better = depth > inside[window]
        for target, value in ((inside, depth), (along, q), (across, r)):
            target[window] = np.where(better, value, target[window])
        index[window] = np.where(better, k, index[window])
    # Texels beyond every window lie in a wide gap.
    inside = np.maximum(inside, -2.0)
    return Stones(index, inside, along, across)
