"""What a height map and a normal map tell about each other: the scale of the height, and which way Y points.

A surface z = scale·h(u, v) has the slopes scale·∂h, and its normals n give the same slopes as −n.x/n.z and −n.y/n.z.
So the least squares of one against the other is the scale, and their correlation says whether to believe it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# Correlations above this are believed, where there are enough texels.
TRUSTED = 0.3
_CHANCE = 4.0  # standard deviations of the correlation of unrelated values
# Averages over blocks of these many texels are compared. Noise and rounding of the height map pull the scale down
# where single texels are compared, and normal maps are often softer than the height map beside them.
_BLOCKS = (1, 2, 4, 8, 16)
_FEWEST = 256  # blocks
_STEEPEST = 0.05  # smallest n.z: steeper normals would outweigh all others


@dataclass(frozen=True)
class SlopeFit:
    """Least squares of a normal map's slopes against the gradient of a height map.

    Attributes:
        scale: height scale in texture widths, for the convention of y that fits better; negative where the height
            map runs the other way (a depth map).
        correlation: of slopes and gradients along both axes, same convention; has the sign of `scale`.
        correlation_x, correlation_y: along one axis; y as if the map were OpenGL's.
        samples: how many values were compared along each axis.
    """

    scale: float
    correlation: float
    correlation_x: float
    correlation_y: float
    samples: int

    @property
    def trusted(self) -> bool:
        """Whether the two maps describe one surface."""
        return self.correlation > self._least

    @property
    def inverted(self) -> bool:
        """Whether the height map runs against the normal map."""
        return self.correlation < -self._least

    @property
    def y_up(self) -> bool | None:
        """True for an OpenGL map (Y+ is image-up), False for DirectX, None where the maps don't tell."""
        if min(abs(self.correlation_x), abs(self.correlation_y)) <= self._least:
            return None
        return self.correlation_x * self.correlation_y > 0.0

    @property
    def _least(self) -> float:
        return max(TRUSTED, _CHANCE / math.sqrt(max(self.samples, 1)))


def fit_slopes(normal: Array, height: Array) -> SlopeFit:
    """Fit the height scale to a normal map.

    Slopes and central differences are taken at full resolution, and both averaged over blocks; the size of block
    with the strongest correlation counts.

    Args:
        normal: (H, W, 3), unit length, y read as if the map were OpenGL's.
        height: (H, W), 0 to 1.

    Returns:
        The fit; all zeros where one of the maps is flat, or smaller than 3 × 3.
    """
    sums = {block: np.zeros((3, 2)) for block in _BLOCKS}  # slope·gradient, gradient², slope², each along x, y
    counts = dict.fromkeys(_BLOCKS, 0)
    rows, columns = height.shape[0] - 2, height.shape[1] - 2  # without the edges, where wrapping is not known yet
    largest = _BLOCKS[-1]
    step = max(largest, (1 << 18) // max(columns, 1) // largest * largest)
    for start in range(0, max(rows, 0) if columns > 0 else 0, step):
        stop = min(start + step, rows)
        slopes, gradients = _slopes(normal, start + 1, stop + 1), _gradients(height, start + 1, stop + 1)
        for block in _BLOCKS:
            a, b = _averaged(slopes, block), _averaged(gradients, block)
            counts[block] += a.shape[0] * a.shape[1]
            sums[block] += [np.einsum("ijk,ijk->k", p, q) for p, q in ((a, b), (b, b), (a, a))]
    fits = [_fit(sums[block], counts[block]) for block in _BLOCKS if block == 1 or counts[block] >= _FEWEST]
    return max(fits, key=lambda fit: abs(fit.correlation))


def _slopes(normal: Array, start: int, stop: int) -> npt.NDArray[np.float64]:
    n = normal[start:stop, 1:-1].astype(np.float64)
    slopes: npt.NDArray[np.float64] = -n[..., :2] / np.maximum(n[..., 2:], _STEEPEST)
    return slopes


def _gradients(height: Array, start: int, stop: int) -> npt.NDArray[np.float64]:
    """Central differences, in heights per texture width; y is image-up."""
    h = height[start - 1 : stop + 1].astype(np.float64)
    along_x = h[1:-1, 2:] - h[1:-1, :-2]
    along_y = h[:-2, 1:-1] - h[2:, 1:-1]
    gradients: npt.NDArray[np.float64] = np.stack([along_x, along_y], axis=-1) * (0.5 * height.shape[1])
    return gradients


def _averaged(values: npt.NDArray[np.float64], block: int) -> npt.NDArray[np.float64]:
    if block == 1:
        return values
    rows, columns = values.shape[0] // block, values.shape[1] // block
    whole = values[: rows * block, : columns * block]
    means: npt.NDArray[np.float64] = whole.reshape(rows, block, columns, block, 2).mean(axis=(1, 3))
    return means


def _fit(sums: npt.NDArray[np.float64], samples: int) -> SlopeFit:
    cross, gradients, slopes = sums
    if gradients.sum() <= 1e-12 * samples or slopes.sum() <= 1e-12 * samples:
        return SlopeFit(0.0, 0.0, 0.0, 0.0, samples)
    each = cross / np.sqrt(np.maximum(gradients * slopes, 1e-24))
    both = cross[0] + (1.0 if cross[0] * cross[1] >= 0.0 else -1.0) * cross[1]
    return SlopeFit(
        scale=float(both / gradients.sum()),
        correlation=float(both / math.sqrt(gradients.sum() * slopes.sum())),
        correlation_x=float(each[0]),
        correlation_y=float(each[1]),
        samples=samples,
    )
