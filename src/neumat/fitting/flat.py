"""The PBR material below a fit whose surface is not known."""

from __future__ import annotations

import numpy as np

from neumat.fitting.samples import Samples
from neumat.materials.pbr import PbrMaterial

SIDE = 32


def flat_material(samples: Samples, name: str) -> PbrMaterial:
    """A flat, rough PBR material whose colour is read off the samples on a grid (the fallback of the fit)."""
    cell = np.clip((samples.uv % 1.0 * SIDE).astype(np.int64), 0, SIDE - 1)
    index = cell[:, 1] * SIDE + cell[:, 0]
    cosine = np.maximum(samples.wi[:, 2:3], 0.05)
    total = np.zeros((SIDE * SIDE, 3))
    count = np.zeros(SIDE * SIDE)
    # Albedo of a Lambertian: x = albedo·cos; weighted by the cosine, so that grazing light counts little.
    np.add.at(total, index, samples.x)
    np.add.at(count, index, cosine[:, 0])
    albedo = total / np.maximum(count, 1e-6)[:, None]
    albedo[count == 0] = albedo[count > 0].mean(axis=0)
    color = np.clip(albedo, 0.0, 1.0).reshape(SIDE, SIDE, 3).astype(np.float32)
    normal = np.zeros((SIDE, SIDE, 3), np.float32)
    normal[..., 2] = 1.0
    half = np.full((SIDE, SIDE), 0.5, np.float32)
    return PbrMaterial(name, color, np.ones_like(half), np.zeros_like(half), normal, half, height_scale=0.0)
