from __future__ import annotations

import numpy as np
import pytest

_UP = np.array([[0, 0, 1]], np.float32)


class PbrShader:
    """glTF's BRDF in numpy, written again here so that the renderer is tested without any back end.

    Args:
        base_color: a colour, or a function of uv.
        roughness: perceptual.
        metallic: 0 to 1.
        normal: None, or a function of uv that gives unit normals in the tangent frame.
    """

    def __init__(self, base_color=(0.8, 0.8, 0.8), roughness=0.5, metallic=0.0, normal=None):
        self.base_color, self.roughness, self.metallic, self.normal = base_color, roughness, metallic, normal
        self.calls = []

    def base(self, uv):
        color = self.base_color(uv) if callable(self.base_color) else self.base_color
        return np.broadcast_to(np.asarray(color, np.float32), (len(uv), 3))

    def normals(self, uv):
        return self.normal(uv) if self.normal else np.repeat(_UP, len(uv), axis=0)

    def shade(self, uv, footprint, wo, wi, weight, *, mode):
        self.calls.append((mode, uv, footprint, wo, wi, weight))
        n, eye = self.normals(uv)[:, None], wo[:, None]
        a2 = max(self.roughness, 0.045) ** 4
        half = wi + eye
        half = half / np.linalg.norm(half, axis=-1, keepdims=True)
        nl = np.maximum((n * wi).sum(-1), 0.0)
        nv = np.maximum((n * eye).sum(-1), 1e-3)
        nh = (n * half).sum(-1)
        across = np.cross(np.broadcast_to(n, half.shape), half)
        d = np.where(nh > 0, a2 / (np.pi * (a2 * nh**2 + (across**2).sum(-1)) ** 2), 0.0)
        v = 1.0 / ((nl + np.sqrt(a2 + (1 - a2) * nl**2)) * (nv + np.sqrt(a2 + (1 - a2) * nv**2)))
        base = self.base(uv)[:, None]
        f0 = 0.04 + (base - 0.04) * self.metallic
        fresnel = f0 + (1 - f0) * ((1 - np.abs((eye * half).sum(-1))) ** 5)[..., None]
        f = (1 - fresnel) * base * (1 - self.metallic) / np.pi + fresnel * (d * v)[..., None]
        return (f * (nl * (wi[..., 2] > 0))[..., None] * weight).sum(axis=1).astype(np.float32)


class TellingShader(PbrShader):
    """The same, and it tells its lobe."""

    def lobe(self, uv, footprint, wo):
        return self.normals(uv), np.full(len(uv), self.roughness, np.float32)


class LambertShader:
    """A white matt surface: f = cos θ / π, exactly."""

    def shade(self, uv, footprint, wo, wi, weight, *, mode):
        return (np.maximum(wi[..., 2:], 0.0) / np.pi * weight).sum(axis=1).astype(np.float32)


@pytest.fixture
def pbr():
    return PbrShader


@pytest.fixture
def telling():
    return TellingShader


@pytest.fixture
def lambert():
    return LambertShader()
