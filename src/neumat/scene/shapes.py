"""Built-in meshes, and UVs for meshes without any."""

from __future__ import annotations

import numpy as np

from neumat.scene.part import Array, Ints, Part


def sphere(rings: int = 64, segments: int = 128, radius: float = 0.5) -> Part:
    """A UV sphere: v from 0 at the top (+Y) to 1, u from −0.5 to 1.5 around it.

    The half that faces +Z shows one whole texture, of the right proportions at the equator.
    """
    v = np.linspace(0.0, 1.0, rings + 1)
    u = np.linspace(-0.5, 1.5, segments + 1)
    vv, uu = np.meshgrid(v, u, indexing="ij")
    theta, phi = np.pi * vv, np.pi * (uu - 0.5)
    # u grows to the right of somebody who looks at the surface from outside with +Y up.
    normals = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], axis=-1)
    normals = normals.reshape(-1, 3).astype(np.float32)
    row = np.arange(rings)[:, None] * (segments + 1) + np.arange(segments)[None, :]
    below = row + segments + 1
    upper = np.stack([row, below, row + 1], axis=-1)[1:]  # the pole's own row has no upper triangles
    lower = np.stack([row + 1, below, below + 1], axis=-1)[:-1]
    faces = np.concatenate([upper.reshape(-1, 3), lower.reshape(-1, 3)]).astype(np.int32)
    uvs = np.stack([uu, vv], axis=-1).reshape(-1, 2).astype(np.float32)
    return Part("sphere", normals * np.float32(radius), faces, normals, uvs)


def plane(size: float = 1.0) -> Part:
    """A square in the XY plane that faces +Z, u along +X, v down along −Y."""
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    positions = np.stack([uvs[:, 0] - 0.5, 0.5 - uvs[:, 1], np.zeros(4)], axis=1).astype(np.float32) * np.float32(size)
    normals = np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))
    return Part("plane", positions, np.array([[0, 1, 2], [0, 2, 3]], np.int32), normals, uvs)


def box_projection(positions: Array, normals: Array, indices: Ints) -> tuple[Array, Ints, Ints]:
    """Project each face along the axis that it faces most, one texture per metre, image-up towards +Y (−Z on tops).

    Args:
        positions: (V, 3) in metres.
        normals: (V, 3).
        indices: (F, 3).

    Returns:
        uvs (N, 2), v down; source (N,), the old vertex of each new one; indices (F, 3) into the new ones.
    """
    facing = normals[indices].astype(np.float64).sum(axis=1)
    axis = np.abs(facing).argmax(axis=1)
    side = axis * 2 + (np.take_along_axis(facing, axis[:, None], axis=1)[:, 0] < 0.0)
    corners = indices.reshape(-1).astype(np.int64)
    key = corners * 6 + np.repeat(side, 3)
    _, chosen, inverse = np.unique(key, return_index=True, return_inverse=True)
    source, sides = corners[chosen], np.repeat(side, 3)[chosen]
    x, y, z = positions[source].astype(np.float64).T
    # By side +X −X +Y −Y +Z −Z: u to the right and v down for somebody who looks at that side.
    u = np.choose(sides, [-z, z, x, x, x, -x])
    v = np.choose(sides, [-y, -y, z, -z, -y, -y])
    return (
        np.stack([u, v], axis=1).astype(np.float32), source.astype(np.int32), inverse.reshape(-1, 3).astype(np.int32)
    )  # fmt: skip
