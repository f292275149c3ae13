"""Headless pictures of a mesh under a probe: primary rays, direct light with shadows, any shader."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Literal

import numpy as np
import numpy.typing as npt

from neumat.compiler.native import thread_count
from neumat.errors import InputError
from neumat.progress import Progress, silent
from neumat.rendering.lighting import LightPlan, LightSampler
from neumat.rendering.raycast import Raycaster
from neumat.rendering.renderer import Array, LobeShader, Shader
from neumat.rendering.sampling import Lobe, scrambled, sobol_2d
from neumat.rendering.surface import SurfacePoints, surface_points
from neumat.scene.camera import Camera
from neumat.scene.mesh import Mesh
from neumat.scene.probe import Probe

Background = Literal["probe"] | tuple[float, float, float]

_MAX_SIDE = 8192
# Lights in flight per thread: bounds memory (some 200 bytes each) and still amortises numpy's calls.
_CHUNK = 1 << 16
# Share of the lights that follow the shiny lobe, where the shader tells it and where it is a guess.
_TOLD, _GUESSED = 0.375, 0.25
_GROUND_FRAME = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)


def render(
    mesh: Mesh,
    shader: Shader,
    probe: Probe,
    camera: Camera,
    *,
    width: int,
    height: int,
    samples: int = 64,
    spp: int = 4,
    mode: str = "neural",
    seed: int = 0,
    tile_repeats: float = 1.0,
    texture_aspect: float = 1.0,
    background: Background = "probe",
    ground: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> Array:
    """Render a mesh lit by a probe. Direct light only: no light bounces from one part of the mesh to another.

    Args:
        mesh: what is seen.
        shader: its material; called from several threads at once.
        probe: the light.
        camera: the eye.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        samples: about how often the shader is evaluated per pixel, shared out over `spp`.
        spp: camera rays per pixel, for smooth edges.
        mode: handed to the shader: 'neural', 'pbr' or 'marched'.
        seed: of the noise; the same seed gives the same picture with any number of threads.
        tile_repeats: how often the texture repeats per unit of u (`repeats_from_tile_size`).
        texture_aspect: width over height of the texture; v repeats that much oftener, so that texels stay square.
        background: 'probe', or one linear colour.
        ground: darken the background where the mesh's shadow falls on the plane under it.
        threads: how many; `NEUMAT_THREADS` or all cores that this process may use if None.
        progress: called with 'render' and the share that is done.

    Returns:
        (height, width, 3) float32, linear Rec.709 radiance.

    Raises:
        InputError: a size or a count is out of range.
    """
    if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
        raise InputError(f"picture of {width} × {height} pixels: each side is 1 to {_MAX_SIDE}")
    if not (1 <= spp <= 1024 and spp <= samples <= 65536):
        raise InputError(f"{samples} samples for {spp} camera rays a pixel: use up to 65536, at least one a ray")
    if not all(np.isfinite(x) and x > 0.0 for x in (tile_repeats, texture_aspect)):
        raise InputError(f"{tile_repeats} tile repeats: give a number above 0")
    picture = _Picture(
        mesh, shader, probe, camera, width=width, height=height, samples=samples, spp=spp, mode=mode, seed=seed,
        tile_repeats=tile_repeats, texture_aspect=texture_aspect, background=background, ground=ground,
    )  # fmt: skip
    image = np.zeros((height * width, 3), np.float32)
    tiles = list(_tiles(width, height, max(_CHUNK // picture.lights, 64)))
    progress("render", 0.0)
    pool = ThreadPoolExecutor(threads or thread_count())
    try:
        jobs = {pool.submit(picture.tile, pixels): pixels for pixels in tiles}
        for done, job in enumerate(as_completed(jobs)):
            image[jobs[job]] = job.result()
            progress("render", (done + 1) / len(jobs))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return image.reshape(height, width, 3)


def coverage(mesh: Mesh, camera: Camera, width: int, height: int) -> npt.NDArray[np.bool_]:
    """Tell which pixels show the mesh at their centre, (height, width) bool."""
    origins, directions = camera.rays(width, height)
    return (Raycaster(mesh).closest(origins, directions).face >= 0).reshape(height, width)


def _tiles(width: int, height: int, limit: int) -> Iterator[npt.NDArray[np.int64]]:
    side = max(int(np.sqrt(limit)), 1)
    for top in range(0, height, side):
        for left in range(0, width, side):
            rows = np.arange(top, min(top + side, height))
            columns = np.arange(left, min(left + side, width))
            yield (rows[:, None] * width + columns[None, :]).reshape(-1)


class _Picture:
    """Everything that stays the same over the tiles of one picture."""

    def __init__(
        self, mesh: Mesh, shader: Shader, probe: Probe, camera: Camera, *, width: int, height: int, samples: int,
        spp: int, mode: str, seed: int, tile_repeats: float, texture_aspect: float, background: Background,
        ground: bool,
    ) -> None:  # fmt: skip
        self.mesh, self.shader, self.probe, self.camera = mesh, shader, probe, camera
        self.width, self.height, self.spp, self.mode, self.seed = width, height, spp, mode, seed
        self.tile_repeats, self.background, self.ground = tile_repeats, background, ground
        self.repeats = (tile_repeats, tile_repeats * texture_aspect)
        self.raycaster = Raycaster(mesh)
        self.lobe_shader = shader if isinstance(shader, LobeShader) else None
        self.lights = max(samples // spp, 1)
        self.sampler = LightSampler(
            probe,
            self.raycaster,
            LightPlan.split(self.lights, lobe_share=_GUESSED if self.lobe_shader is None else _TOLD),
            spp,
            seed,
        )
        self.ground_sampler = LightSampler(
            probe, self.raycaster, LightPlan.split(self.lights, lobe_share=0.0), spp, seed
        )
        self.jitter = sobol_2d(spp)
        # Tables made once, here, and not by every thread for itself.
        probe.prepare()
        _ = mesh.uv_density

    def tile(self, pixels: npt.NDArray[np.int64]) -> Array:
        """Mean radiance of some pixels, (N, 3)."""
        total = np.zeros((len(pixels), 3), np.float64)
        for subsample in range(self.spp):
            jitter = scrambled(self.jitter[subsample : subsample + 1], pixels, self.seed * 8)[:, 0]
            total += self._radiance(pixels, jitter if self.spp > 1 else None, subsample)
        return (total / self.spp).astype(np.float32)

    def _radiance(self, pixels: npt.NDArray[np.int64], jitter: Array | None, subsample: int) -> Array:
        origins, directions = self.camera.rays(self.width, self.height, jitter, pixels)
        hits = self.raycaster.closest(origins, directions)
        seen = hits.face >= 0
        result = np.empty((len(pixels), 3), np.float32)
        if not seen.all():
            result[~seen] = self._behind(origins[~seen], directions[~seen], pixels[~seen], subsample)
        if seen.any():
            chosen = type(hits)(hits.face[seen], hits.distance[seen], hits.barycentric[seen])
            points = surface_points(self.mesh, chosen, directions[seen], self.repeats)
            # Each of the spp rays stands for its share of the pixel's area.
            footprint = self.camera.footprint(
                chosen.distance, self.mesh.uv_density[chosen.face], self.height,
                tile_repeats=self.tile_repeats, cosine=points.cosine,
            ) / np.float32(np.sqrt(self.spp))  # fmt: skip
            if self.lobe_shader is not None:
                lobe = Lobe(*self.lobe_shader.lobe(points.uv, footprint, points.wo), points.wo)
            else:
                lobe = Lobe.guess(points.wo)
            wi, weight, _ = self.sampler.draw(points, pixels[seen], subsample, lobe)
            result[seen] = self.shader.shade(points.uv, footprint, points.wo, wi, weight, mode=self.mode)
        return result

    def _behind(self, origins: Array, directions: Array, pixels: npt.NDArray[np.int64], subsample: int) -> Array:
        if isinstance(self.background, str):
            color = self.probe.lookup(directions, smooth=True)
        else:
            color = np.broadcast_to(np.asarray(self.background, np.float32), directions.shape).copy()
        if self.ground:
            self._shadow(color, origins, directions, pixels, subsample)
        return color

    def _shadow(
        self, color: Array, origins: Array, directions: Array, pixels: npt.NDArray[np.int64], subsample: int
    ) -> None:
        """Scale `color` by the share of light that the mesh leaves to a white plane under it."""
        low, high = self.mesh.bounds
        reach = 2.0 * float(np.linalg.norm(high - low))
        downwards = directions[:, 1] < -1e-4
        distance = np.where(downwards, (low[1] - origins[:, 1]) / np.where(downwards, directions[:, 1], -1.0), -1.0)
        point = origins + directions * distance[:, None].astype(np.float32)
        middle = 0.5 * (low + high)
        away = np.hypot(point[:, 0] - middle[0], point[:, 2] - middle[2]) / reach
        on = np.nonzero((distance > 0.0) & (away < 1.0))[0]
        if not len(on):
            return
        frame = np.broadcast_to(_GROUND_FRAME, (len(on), 3, 3))
        start = point[on] + np.array([0.0, 1e-4 * reach, 0.0], np.float32)
        up = np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (len(on), 1))
        points = SurfacePoints(np.zeros((len(on), 2), np.float32), up, up[:, 2], frame, start)
        wi, weight, unshadowed = self.ground_sampler.draw(points, pixels[on], subsample, None)
        lit, full = ((w * wi[..., 2:]).sum(axis=(1, 2)) for w in (weight, unshadowed))
        share = lit / np.maximum(full, 1e-12)
        fade = np.clip((1.0 - away[on]) * 2.0, 0.0, 1.0)
        color[on] *= (1.0 - fade * (1.0 - share))[:, None].astype(np.float32)
