"""What lies under a pixel: position, tangent frame and texture coordinates at the hits of primary rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neumat.rendering.raycast import Hits
from neumat.rendering.renderer import Array
from neumat.scene.mesh import Mesh

# Above the face by this share of the mesh's diagonal: more than float32 loses, less than one sees.
_OFFSET = 1e-4


@dataclass(frozen=True)
class SurfacePoints:
    """N visible points.

    Attributes:
        uv: (N, 2) texture coordinates, repeats included.
        wo: (N, 3) towards the eye, unit, tangent frame, z > 0.
        cosine: (N,) between the face and the ray, 0 to 1.
        frame: (N, 3, 3), rows tangent, bitangent, normal in world space, orthonormal; the normal faces the eye.
        origin: (N, 3) where shadow rays start.
    """

    uv: Array
    wo: Array
    cosine: Array
    frame: Array
    origin: Array

    def to_tangent(self, world: Array) -> Array:
        """Turn world directions (N, L, 3) into the tangent frame."""
        return np.asarray(world @ self.frame.transpose(0, 2, 1), np.float32)

    def to_world(self, local: Array) -> Array:
        """Turn tangent-frame directions (N, L, 3) into world space."""
        return np.asarray(local @ self.frame, np.float32)


def surface_points(mesh: Mesh, hits: Hits, directions: Array, tile_repeats: tuple[float, float]) -> SurfacePoints:
    """Interpolate the mesh at hits, all of which must have a face.

    Args:
        mesh: the mesh that was hit.
        hits: N of them.
        directions: (N, 3) of the rays, unit, world space.
        tile_repeats: how often the texture repeats per unit of u and of v.
    """
    corner = mesh.indices[hits.face]
    weights = hits.barycentric[:, :, None]
    positions, normals = mesh.positions[corner], mesh.normals[corner]
    uv = (mesh.uvs[corner] * weights).sum(axis=1) * np.array(tile_repeats, np.float32)
    point = (positions * weights).sum(axis=1)
    flat = _unit(np.cross(positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0]))
    normal = _unit((normals * weights).sum(axis=1))
    # An interpolated normal of no length, and one against its own face, are of no use.
    normal = np.where((normal * normal).sum(axis=1, keepdims=True) > 0.5, normal, flat)
    flat = np.where((flat * normal).sum(axis=1, keepdims=True) < 0.0, -flat, flat)

    tangents = mesh.tangents[corner]
    tangent = (tangents[..., :3] * weights).sum(axis=1)
    tangent = _unit(tangent - normal * (tangent * normal).sum(axis=1, keepdims=True))
    lost = np.abs(tangent).sum(axis=1) < 0.5
    if lost.any():
        axis = np.eye(3, dtype=np.float32)[np.abs(normal[lost]).argmin(axis=1)]
        tangent[lost] = _unit(axis - normal[lost] * (axis * normal[lost]).sum(axis=1, keepdims=True))
    bitangent = np.cross(normal, tangent) * tangents[:, 0, 3:]

    # Faces are two-sided: seen from behind, only the normal turns, so that +U and image-up stay where they are.
    towards_eye = -(flat * directions).sum(axis=1, keepdims=True)
    side = np.where(towards_eye < 0.0, np.float32(-1.0), np.float32(1.0))
    normal, flat = normal * side, flat * side

    frame = np.stack([tangent, bitangent, normal], axis=1).astype(np.float32)
    wo = np.einsum("nij,nj->ni", frame, -directions)
    # Near a silhouette the smooth normal may face away although its face is seen.
    wo[:, 2] = np.maximum(wo[:, 2], 1e-3)
    low, high = mesh.bounds
    lift = np.float32(_OFFSET * float(np.linalg.norm(high - low)))
    origin = _smooth_position(point, positions, normals * side[:, None, :], weights) + flat * lift
    return SurfacePoints(
        uv.astype(np.float32), _unit(wo).astype(np.float32), np.abs(towards_eye[:, 0]), frame,
        origin.astype(np.float32),
    )  # fmt: skip


def _smooth_position(point: Array, positions: Array, normals: Array, weights: Array) -> Array:
    """Lift a point of a convex face onto the smooth surface that its vertex normals describe.

    Shadow rays from there don't draw the facets along the terminator (Hanika 2021, "Hacking the Shadow Terminator").
    """
    from_corner = point[:, None, :] - positions
    below = np.minimum((from_corner * normals).sum(axis=2, keepdims=True), 0.0)
    return np.asarray(point - (below * normals * weights).sum(axis=1), np.float32)


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-20, length, np.float32(1.0)), np.float32)
