"""Rays against a mesh: the nearest hit and whether anything is hit at all, by Embree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.rendering.renderer import Array
from neumat.scene.mesh import Mesh


@dataclass(frozen=True)
class Hits:
    """Nearest hits of N rays.

    Attributes:
        face: (N,) int32, −1 where nothing was hit.
        distance: (N,) float32 along the ray.
        barycentric: (N, 3) float32, weights of the face's corners.
    """

    face: npt.NDArray[np.int32]
    distance: Array
    barycentric: Array


class Raycaster:
    """An acceleration structure over one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        low, high = mesh.bounds
        # Embree counts in float32: around the origin and about one unit large, it loses the fewest digits.
        self._centre = (0.5 * (low.astype(np.float64) + high)).astype(np.float32)
        self._scale = np.float32(1.0 / max(float(np.linalg.norm(high - low)), 1e-20))
        vertices = np.ascontiguousarray((mesh.positions - self._centre) * self._scale, np.float32)
        self._scene = EmbreeScene(robust=True)
        TriangleMesh(self._scene, vertices, np.ascontiguousarray(mesh.indices, np.int32))
        # The first query commits the scene, which must not happen in two threads at once.
        self.closest(np.zeros((1, 3), np.float32), np.array([[0.0, 0.0, 1.0]], np.float32))

    def _local(self, origins: Array) -> Array:
        return np.ascontiguousarray((origins - self._centre) * self._scale, np.float32)

    def closest(self, origins: Array, directions: Array) -> Hits:
        """Nearest hits of rays from origins (N, 3) along unit directions (N, 3), in world space."""
        found = self._scene.run(self._local(origins), np.ascontiguousarray(directions, np.float32), output=True)
        face = np.where(found["geomID"] == -1, -1, found["primID"]).astype(np.int32)
        u, v = found["u"], found["v"]
        distance = np.where(face >= 0, found["tfar"], 0.0) / self._scale
        return Hits(face, distance.astype(np.float32), np.stack([1.0 - u - v, u, v], axis=1))

    def occluded(self, origins: Array, directions: Array) -> npt.NDArray[np.bool_]:
        """Whether rays from origins (N, 3) along unit directions (N, 3) hit anything; (N,) bool."""
        blocked = self._scene.run(self._local(origins), np.ascontiguousarray(directions, np.float32), query="OCCLUDED")
        return np.asarray(blocked != -1)
