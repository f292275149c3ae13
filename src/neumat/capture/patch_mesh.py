"""The displaced surface as triangles: bilinear patches between texel centres, finely tessellated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def patch_mesh(
    height: Array, height_scale: float, *, tileable: bool, crop: tuple[int, int], margin: int, subdivision: int
) -> tuple[Array, npt.NDArray[np.uint32], Array]:
    """Tessellate a height map and a margin around it.

    Texel units: x = +U, y = image-up, z outwards; the origin is the middle of the crop that `pixel_grid` of the
    truth's protocol takes, on the reference plane.

    Args:
        height: (H, W), 0 to 1.
        height_scale: in texture widths.
        tileable: whether the surface goes on by wrapping beyond the map, else by repeating its edge.
        crop: rows and columns of the crop.
        margin: texels around the map.
        subdivision: quads per cell and axis.

    Returns:
        vertices (n, 3) float32, counter-clockwise triangles (m, 3) uint32 seen from +z, uv (n, 2) float32 with
        v down, beyond 0 to 1 outside the map.
    """
    rows, columns = height.shape
    z = np.pad(height.astype(np.float64), margin, mode="wrap" if tileable else "edge")
    z = _refined(_refined(z, subdivision).T, subdivision).T
    z = (z - 0.5) * height_scale * columns
    # Position of texel centres in texels from the left and top edges of the map.
    across = np.arange(z.shape[1]) / subdivision - margin + 0.5
    down = np.arange(z.shape[0]) / subdivision - margin + 0.5
    x, y = np.meshgrid(across, down)
    uv = np.stack([x / columns, y / rows], axis=-1).reshape(-1, 2).astype(np.float32)
    middle_x = (columns - crop[1]) // 2 + crop[1] / 2.0
    middle_y = (rows - crop[0]) // 2 + crop[0] / 2.0
    vertices = np.stack([x - middle_x, middle_y - y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    index = np.arange(z.size, dtype=np.uint32).reshape(z.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.stack([np.stack([a, c, d], axis=-1), np.stack([a, d, b], axis=-1)], axis=2)
    return vertices, np.ascontiguousarray(faces.reshape(-1, 3)), uv


def _refined(values: npt.NDArray[np.float64], subdivision: int) -> npt.NDArray[np.float64]:
    """Insert linear steps between the rows."""
    parts = np.arange(subdivision) / subdivision
    between = values[:-1, None] * (1.0 - parts[:, None]) + values[1:, None] * parts[:, None]
    return np.concatenate([between.reshape(-1, values.shape[1]), values[-1:]])
