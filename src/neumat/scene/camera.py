"""A perspective camera, how it frames a mesh, and how much texture one of its pixels covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.scene.mesh import Mesh
from neumat.scene.part import Array


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        eye: position, metres.
        target: the point in the middle of the picture.
        up: roughly the direction of the picture's upper edge.
        fov_y: vertical opening angle, radians.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 1.0, 0.0)
    fov_y: float = math.radians(30.0)

    def __post_init__(self) -> None:
        numbers = (*self.eye, *self.target, *self.up, self.fov_y)
        if not all(map(math.isfinite, numbers)) or not 0.0 < self.fov_y < math.pi:
            raise InputError("camera: positions must be finite and the opening angle between 0° and 180°")
        if math.dist(self.eye, self.target) == 0.0:
            raise InputError("camera: eye and target are the same point; move one of them")

    def axes(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Unit vectors (3,) to the right, to the top of the picture, and forwards."""
        forward = np.subtract(self.target, self.eye).astype(np.float64)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, np.asarray(self.up, np.float64))
        if np.linalg.norm(right) < 1e-6:  # looking straight up or down
            right = np.cross(forward, [0.0, 0.0, -1.0] if abs(forward[1]) > 0.5 else [1.0, 0.0, 0.0])
        right /= np.linalg.norm(right)
        return right, np.cross(right, forward), forward

    def rays(
        self, width: int, height: int, jitter: Array | None = None, pixels: npt.NDArray[np.int64] | None = None
    ) -> tuple[Array, Array]:
        """Rays through the pixels of a (height, width) picture, row by row from the top left.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.
            jitter: (N, 2) in [0, 1), where in the pixel (x right, y down); the centre if None.
            pixels: (N,) flat indices of the pixels; all of them if None.

        Returns:
            origins (N, 3), directions (N, 3) unit; float32.
        """
        if pixels is None:
            pixels = np.arange(width * height)
        inside = np.full((1, 2), 0.5) if jitter is None else jitter
        half = math.tan(0.5 * self.fov_y)
        x = ((pixels % width + inside[:, 0]) / width * 2.0 - 1.0) * half * width / height
        y = (1.0 - (pixels // width + inside[:, 1]) / height * 2.0) * half
        right, top, forward = self.axes()
        directions = x[:, None] * right + y[:, None] * top + forward
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        origins = np.broadcast_to(np.asarray(self.eye, np.float32), (len(pixels), 3))
        return np.ascontiguousarray(origins), directions.astype(np.float32)

    def pixel_angle(self, height: int) -> float:
        """Angle that one pixel spans in the middle of a picture of `height` pixels, radians."""
        return 2.0 * math.tan(0.5 * self.fov_y) / height

    def footprint(
        self, distance: Array, uv_density: Array, height: int, *, tile_repeats: float = 1.0, cosine: Array | None = None
    ) -> Array:
        """Width of a pixel at a hit, in texture widths.

        Args:
            distance: (N,) from the eye, metres.
            uv_density: (N,) texture widths per metre on the triangle (`Mesh.uv_density`).
            height: of the picture, in pixels.
            tile_repeats: how often the texture repeats per UV unit.
            cosine: (N,) between surface and ray. A slanted surface stretches the pixel by 1/cos one way; what is
                returned is the side of the square of the same area, so 1/sqrt(cos) more. None leaves that out.

        Returns:
            (N,) float32.
        """
        width = distance * uv_density * np.float32(self.pixel_angle(height) * tile_repeats)
        if cosine is not None:
            width = width / np.sqrt(np.maximum(cosine, 0.05))
        return width.astype(np.float32)


def _point(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def frame_mesh(
    mesh: Mesh,
    *,
    aspect: float = 1.0,
    azimuth: float = math.radians(35.0),
    elevation: float = math.radians(20.0),
    fov_y: float = math.radians(30.0),
    margin: float = 0.06,
) -> Camera:
    """Place a camera so that the mesh just fills the picture, seen at three quarters from slightly above.

    Args:
        mesh: what to look at.
        aspect: width over height of the picture.
        azimuth: of the camera around +Y, from +Z towards +X, radians.
        elevation: of the camera above the horizon, radians, between −π/2 and π/2.
        fov_y: vertical opening angle, radians.
        margin: free share of the picture on each side.
    """
    low, high = (b.astype(np.float64) for b in mesh.bounds)
    size = float(np.linalg.norm(high - low)) or 1.0
    back = np.array(
        [math.cos(elevation) * math.sin(azimuth), math.sin(elevation), math.cos(elevation) * math.cos(azimuth)]
    )
    target = 0.5 * (low + high)
    points = mesh.positions[np.unique(mesh.indices)].astype(np.float64)
    free = 1.0 - 2.0 * margin
    half_y = math.tan(0.5 * fov_y) * free
    half_x = half_y * aspect
    distance = 0.0
    for _ in range(4):
        camera = Camera(_point(target + back * size), _point(target), fov_y=fov_y)
        right, top, forward = camera.axes()
        x, y, z = (points - target) @ right, (points - target) @ top, (points - target) @ forward
        # A point is inside where |x| <= half·(distance + z): the nearest distance that holds for all of them.
        distance = max(float((np.abs(x) / half_x - z).max()), float((np.abs(y) / half_y - z).max()), 1e-3 * size)
        # Then move sideways until the margins left and right, above and below, are equal.
        depth = distance + z
        shift_x = 0.5 * float((x / depth).max() + (x / depth).min()) * distance
        shift_y = 0.5 * float((y / depth).max() + (y / depth).min()) * distance
        target = target + right * shift_x + top * shift_y
    # The last move may have pushed a point a little outside: the distance is settled after it.
    x, y, z = (points - target) @ right, (points - target) @ top, (points - target) @ forward
    distance = max(float((np.abs(x) / half_x - z).max()), float((np.abs(y) / half_y - z).max()), 1e-3 * size)
    return Camera(_point(target + back * distance), _point(target), fov_y=fov_y)
