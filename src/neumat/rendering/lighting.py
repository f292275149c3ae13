"""Direct light from a probe at visible points: three ways of sampling, joined by the balance heuristic.

Veach and Guibas 1995, "Optimally Combining Sampling Techniques for Monte Carlo Rendering": with n_k samples of
density p_k, each sample weighs radiance / Σ n_k p_k, whichever technique drew it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.rendering.raycast import Raycaster
from neumat.rendering.renderer import Array
from neumat.rendering.sampling import Lobe, cosine_hemisphere, cosine_pdf, scrambled, sobol_2d
from neumat.rendering.surface import SurfacePoints
from neumat.scene.probe import Probe


@dataclass(frozen=True)
class LightPlan:
    """How many lights of a point come from the probe, from the cosine hemisphere and from the shiny lobe."""

    probe: int
    cosine: int
    lobe: int

    @classmethod
    def split(cls, lights: int, *, lobe_share: float) -> LightPlan:
        """Plan for about `lights` evaluations of the shader, of which `lobe_share` go to the shiny lobe.

        The probe alone gets all of them: what it draws below the horizon, about half, costs neither shadow ray nor
        shader. A few of the cosine hemisphere bound the weight of dim directions.
        """
        return cls(lights, max(lights // 8, 1), round(lights * lobe_share))

    @property
    def total(self) -> int:
        """Samples per point."""
        return self.probe + self.cosine + self.lobe


class LightSampler:
    """Draws the lights of one picture; stateless between calls, so threads may share it."""

    def __init__(self, probe: Probe, raycaster: Raycaster, plan: LightPlan, subsamples: int, seed: int) -> None:
        self.probe, self.raycaster, self.plan, self.seed = probe, raycaster, plan, seed
        self._points = {
            name: sobol_2d(max(count * subsamples, 1))
            for name, count in (("probe", plan.probe), ("cosine", plan.cosine), ("lobe", plan.lobe))
        }

    def _numbers(self, name: str, count: int, pixels: npt.NDArray[np.int64], subsample: int) -> Array:
        # One scrambled sequence per pixel and technique; each camera subsample takes the next stretch of it.
        part = self._points[name][subsample * count : (subsample + 1) * count]
        return scrambled(part, pixels, self.seed * 8 + 1 + list(self._points).index(name))

    def draw(
        self, points: SurfacePoints, pixels: npt.NDArray[np.int64], subsample: int, lobe: Lobe | None
    ) -> tuple[Array, Array, Array]:
        """Lights for N points.

        Returns:
            wi (N, L, 3) unit, tangent frame; weight (N, L, 3), radiance over summed density, 0 in shadow and below
            the surface; unshadowed (N, L, 3), the same without shadows.
        """
        plan, number = self.plan, len(pixels)
        local, world, radiance, density = [], [], [], []
        if plan.probe:
            u = self._numbers("probe", plan.probe, pixels, subsample)
            drawn, light, pdf = self.probe.sample(u.reshape(-1, 2))
            world.append(drawn.reshape(number, -1, 3))
            local.append(points.to_tangent(world[0]))
            radiance.append(light.reshape(number, -1, 3))
            density.append(pdf.reshape(number, -1))
        others = []
        if plan.cosine:
            others.append(cosine_hemisphere(self._numbers("cosine", plan.cosine, pixels, subsample)))
        if plan.lobe and lobe is not None:
            others.append(lobe.sample(self._numbers("lobe", plan.lobe, pixels, subsample)))
        if others:
            local.append(np.concatenate(others, axis=1))
            world.append(points.to_world(local[-1]))
            light, pdf = self.probe.radiance_and_pdf(world[-1].reshape(-1, 3))
            radiance.append(light.reshape(number, -1, 3))
            density.append(pdf.reshape(number, -1))
        wi, away = np.concatenate(local, axis=1), np.concatenate(world, axis=1)
        total = plan.probe * np.concatenate(density, axis=1) + plan.cosine * cosine_pdf(wi)
        if plan.lobe and lobe is not None:
            total += plan.lobe * lobe.pdf(wi)
        useful = (wi[..., 2] > 0.0) & (total > 0.0)
        scale = np.where(useful, 1.0 / np.maximum(total, 1e-30), 0.0)
        unshadowed = (np.concatenate(radiance, axis=1) * scale[..., None]).astype(np.float32)
        row, column = np.nonzero(useful)
        blocked = self.raycaster.occluded(points.origin[row], away[row, column])
        weight = unshadowed.copy()
        weight[row[blocked], column[blocked]] = 0.0
        return np.ascontiguousarray(wi, np.float32), weight, unshadowed
