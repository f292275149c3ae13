"""Whether a map tiles: the step over its edges held against the steps between its neighbouring lines."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

# Above this many times the usual step between lines, an edge is seen as a seam.
SEAM_LIMIT = 1.5
# Smaller steps are the rounding of an 8-bit file.
_FLOOR = 0.5 / 255.0


def seam_error(pixels: Array) -> float:
    """Measure the seam that shows where copies of a map are laid side by side.

    Along each axis: the mean step from the last line to the first, over the step between neighbouring lines. That is
    the 90th percentile over all lines (the joints of bricks and the blocks of JPEG are inside a map too), or the
    largest of the two lines next to the edge: a joint that lies on the edge has its steps there. A step that comes
    back inside, between two lines like the last and the first, is the edge of a brick rather than a seam: there only
    the difference of those lines counts.

    Args:
        pixels: (H, W) or (H, W, C) float32, in display values (sRGB-encoded colour) or raw data, nominal 0 to 1.

    Returns:
        The larger of both axes: up to about 1 where the map tiles, 0 where it is constant.
    """
    channels = pixels.reshape(*pixels.shape[:2], -1)
    grey = np.einsum("ijk->ij", channels) / np.float32(channels.shape[2])
    return max(_along(grey), _along(np.ascontiguousarray(grey.T)))


def _along(lines: Array) -> float:
    if lines.shape[0] < 8:  # too few to tell
        return 0.0
    inside = np.array([np.abs(b - a).mean() for a, b in itertools.pairwise(lines)])
    across = float(np.abs(lines[0] - lines[-1]).mean())
    like_last = np.array([np.abs(line - lines[-1]).mean() for line in lines[:-1]])
    like_first = np.array([np.abs(line - lines[0]).mean() for line in lines[1:]])
    across = min(across, float(np.maximum(like_last, like_first).min()))
    usual = max(float(np.quantile(inside, 0.9)), float(inside[:2].max()), float(inside[-2:].max()), _FLOOR)
    return across / usual
