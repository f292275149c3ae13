"""Noise that tiles over the unit square and looks the same at every resolution.

Every function is a function of the position on the torus [0, 1)² and of a seed: nothing depends on the raster but
the fading of octaves that it cannot hold. Gradient noise follows Perlin, "Improving Noise" (2002); cells follow
Worley, "A Cellular Texture Basis Function" (1996), with the exact distance to the border of a Voronoi cell.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.procedural.shaping import smoothstep

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

# Octaves are turned by integer matrices (a, -b; b, a), which keep the torus: their lattices don't line up with
# each other or with the image, so no grid shows. Low octaves stay upright, since a turned one repeats a² + b² times.
_TURNS = ((1, 0), (2, 1), (1, 1), (1, 2))
_FEWEST_TURNED = 5


@dataclass(frozen=True)
class Grid:
    """Positions of the texels of a square raster, perhaps warped.

    Attributes:
        resolution: texels a side.
        x: (R, R) float32, in texture widths, to the right.
        y: (R, R) float32, in texture widths, downwards (row 0 at the top).
    """

    resolution: int
    x: Array
    y: Array

    @staticmethod
    def of(resolution: int) -> Grid:
        """Texel centres of a square raster.

        Raises:
            InputError: fewer than 8 or more than 8192 texels a side.
        """
        if not 8 <= resolution <= 8192:
            raise InputError(f"resolution {resolution} is outside 8 to 8192")
        centres = ((np.arange(resolution) + 0.5) / resolution).astype(np.float32)
        x, y = np.meshgrid(centres, centres)
        return Grid(resolution, x, y)

    def moved(self, dx: Array | float, dy: Array | float) -> Grid:
        """The grid with every position moved by (dx, dy) texture widths."""
        return Grid(self.resolution, (self.x + dx).astype(np.float32), (self.y + dy).astype(np.float32))


def sub_seed(seed: int, label: str) -> int:
    """A seed for one part of a material, independent of the other parts' and stable across versions."""
    return zlib.crc32(f"{seed}/{label}".encode())


def gradient_noise(x: Array, y: Array, cells: int | tuple[int, int], seed: int) -> Array:
    """Gradient noise on a lattice of `cells` (across, down) in the unit square, about −1 to 1, mean 0.

    Args:
        x: positions, any shape, float32, in texture widths.
        y: as `x`.
        cells: lattice cells a side, or (across, down).
        seed: which noise.
    """
    nx, ny = (cells, cells) if isinstance(cells, int) else cells
    angles = np.random.default_rng(seed).random((ny, nx)) * (2.0 * np.pi)
    gradients = np.exp(1j * angles).astype(np.complex64).ravel()
    px, py = x * np.float32(nx), y * np.float32(ny)
    ix, iy = np.floor(px), np.floor(py)
    fx, fy = px - ix, py - iy
    left, top = ix.astype(np.int32) % nx, iy.astype(np.int32) % ny
    right = np.where(left == nx - 1, 0, left + 1)
    top *= nx
    bottom = np.where(top == (ny - 1) * nx, 0, top + nx)

    def corner(row: npt.NDArray[np.int32], column: npt.NDArray[np.int32], dx: Array, dy: Array) -> Array:
        g = gradients.take(row + column)
        value: Array = g.real * dx + g.imag * dy
        return value

    u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
    v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    gx, gy = fx - 1, fy - 1
    upper, lower = corner(top, left, fx, fy), corner(bottom, left, fx, gy)
    upper += u * (corner(top, right, gx, fy) - upper)
    lower += u * (corner(bottom, right, gx, gy) - lower)
    upper += v * (lower - upper)
    result: Array = upper * np.float32(1.5)
    return result


def _octave(grid: Grid, cells: int, seed: int, turn: int) -> Array:
    a, b = _TURNS[turn % len(_TURNS)]
    inner = round(cells / np.hypot(a, b))
    if inner < _FEWEST_TURNED:
        a, b, inner = 1, 0, cells
    shift = np.random.default_rng([seed, 1]).random(2).astype(np.float32)
    x = grid.x * np.float32(a) - grid.y * np.float32(b) + shift[0]
    y = grid.x * np.float32(b) + grid.y * np.float32(a) + shift[1]
    return gradient_noise(x, y, inner, seed)


def presence(resolution: int, cells: float) -> float:
    """How much of a detail of `cells` a side a raster can hold: 1 from four texels a cell, 0 below two."""
    return float(smoothstep(2.0, 4.0, resolution / max(cells, 1e-6)))


def fbm(grid: Grid, cells: int, seed: int, *, octaves: int = 4, gain: float = 0.5, ridged: bool = False) -> Array:
    """Fractal noise, the sum of `octaves` of gradient noise from `cells` a side upwards, about −1 to 1.

    Args:
        grid: positions (R, R).
        cells: lattice cells a side of the lowest octave, at least 1.
        seed: which noise.
        octaves: how many, each at twice the frequency; those the raster cannot hold fade out.
        gain: amplitude of an octave relative to the one below.
        ridged: sharp crests (1 − 2·|n|) in place of smooth bumps.
    """
    total = np.zeros_like(grid.x)
    amplitude, norm = 1.0, 0.0
    for k in range(octaves):
        count = max(1, round(cells * 2.0**k))
        weight = amplitude * presence(grid.resolution, count)
        if weight > 0.0:
            n = _octave(grid, count, sub_seed(seed, f"octave {k}"), k)
            total += np.float32(weight) * (1 - 2 * np.abs(n) if ridged else n)
        norm += amplitude**2
        amplitude *= gain
    # Independent octaves add by power, so the spread stays the same whatever their number.
    total *= np.float32(1.0 / np.sqrt(norm))
    return total


def warped(grid: Grid, cells: int, amount: float, seed: int, *, octaves: int = 3) -> Grid:
    """The grid moved by noise of `cells` a side, by up to about `amount` texture widths."""
    dx = fbm(grid, cells, sub_seed(seed, "warp x"), octaves=octaves)
    dy = fbm(grid, cells, sub_seed(seed, "warp y"), octaves=octaves)
    return grid.moved(np.float32(amount) * dx, np.float32(amount) * dy)


@dataclass(frozen=True)
class Cells:
    """Voronoi cells at every texel; lengths in cells (1 = the mean spacing).

    Attributes:
        nearest: (R, R) float32, distance to the nearest point (F1).
        second: (R, R) float32, distance to the second nearest point (F2).
        index: (R, R) int64, which cell, 0 to count² − 1.
        border: (R, R) float32, distance to the border of the cell; None where not asked for.
    """

    nearest: Array
    second: Array
    index: Indices
    border: Array | None = None


# All that can hold the nearest point, wherever the points of two neighbouring cells lie; nearest cells first.
_AROUND = sorted(
    ((i, j) for j in range(-2, 3) for i in range(-2, 3) if abs(i) + abs(j) < 4), key=lambda ij: ij[0] ** 2 + ij[1] ** 2
)


def worley(grid: Grid, count: int, seed: int, *, jitter: float = 1.0, borders: bool = False) -> Cells:
    """Cells of `count` × `count` points, one in each lattice cell.

    Args:
        grid: positions (R, R).
        count: points a side, at least 3 (fewer would meet themselves across the seam).
        seed: which points.
        jitter: 0 for a square lattice, 1 for points anywhere in their lattice cell.
        borders: compute `border` too, at twice the cost.

    Raises:
        InputError: fewer than 3 points a side.
    """
    if count < 3:
        raise InputError(f"worley: {count} points a side; at least 3 are needed")
    random = np.random.default_rng(seed).random((2, count, count)) - 0.5
    # Two more cells on every side, wrapped: neighbours are then constant steps in one table.
    points = np.pad(0.5 + 0.5j + jitter * (random[0] + 1j * random[1]), 2, mode="wrap").astype(np.complex64).ravel()
    numbers = np.pad(np.arange(count * count).reshape(count, count), 2, mode="wrap").ravel()
    stride = count + 4
    px, py = grid.x * np.float32(count), grid.y * np.float32(count)
    ix, iy = np.floor(px), np.floor(py)
    base = (iy.astype(np.int32) % count + 2) * stride + (ix.astype(np.int32) % count + 2)
    within = (px - ix) + 1j * (py - iy)

    first = np.full_like(px, np.inf)
    second = np.full_like(px, np.inf)
    winner = np.zeros_like(base)
    for i, j in _AROUND:
        entry = base + (j * stride + i)
        away = points.take(entry) - (within - np.complex64(i + 1j * j))
        squared = away.real**2 + away.imag**2
        nearer = squared < first
        np.minimum(second, np.maximum(squared, first), out=second)
        np.copyto(winner, entry, where=nearer)
        np.minimum(first, squared, out=first)
    border = _borders(points, base, stride, within, winner) if borders else None
    return Cells(np.sqrt(first), np.sqrt(second), numbers.take(winner), border)


def _borders(
    points: npt.NDArray[np.complex64],
    base: npt.NDArray[np.int32],
    stride: int,
    within: npt.NDArray[np.complex64],
    winner: npt.NDArray[np.int32],
) -> Array:
    """Distance to the nearest bisector of the winner and another point; arguments as in `worley`."""
    step = winner - base + (2 * stride + 2)
    here = points.take(winner) + (step % stride - 2) + np.complex64(1j) * (step // stride - 2) - within
    border = np.full(base.shape, np.inf, np.float32)
    for i, j in _AROUND:
        entry = base + (j * stride + i)
        there = points.take(entry) - (within - np.complex64(i + 1j * j))
        apart = there - here
        length = np.abs(apart)
        middle = (here + there) * np.complex64(0.5)
        distance = (middle.real * apart.real + middle.imag * apart.imag) / np.maximum(length, np.float32(1e-6))
        np.minimum(border, distance, out=border, where=entry != winner, casting="same_kind")
    return np.maximum(border, 0).astype(np.float32)
