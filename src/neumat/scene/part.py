"""One primitive of a mesh file as its reader found it, before anything missing is filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# More than this is no mesh to look a material at; it also bounds what a hostile header can make us allocate.
MAX_VERTICES = 20_000_000
MAX_FACES = 20_000_000


@dataclass(frozen=True)
class Part:
    """A primitive in world space: metres, +Y up.

    Attributes:
        name: as the file names it, printable characters only.
        positions: (V, 3) float32.
        indices: (F, 3) int32 into the V vertices, counter-clockwise seen from outside.
        normals: (V, 3) float32 or None where the file has none.
        uvs: (V, 2) float32, v down (row 0 of an image at v = 0), or None.
        tangents: (V, 4) float32, w is the handedness, or None.
    """

    name: str
    positions: Array
    indices: Ints
    normals: Array | None = None
    uvs: Array | None = None
    tangents: Array | None = None


def printable(text: str, limit: int = 80) -> str:
    """Drop what is not printable from a name out of a file, and shorten it."""
    return "".join(c for c in text if c.isprintable())[:limit]


def unit(vectors: npt.NDArray[Any], fallback: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> npt.NDArray[Any]:
    """Normalise (N, 3) vectors; those of no length become `fallback`."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    good = length[:, 0] > 1e-30
    result = vectors / np.where(length > 1e-30, length, 1.0)
    result[~good] = fallback
    return result
