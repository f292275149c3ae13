"""Low-discrepancy numbers and directional sampling for the integrator."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.rendering.renderer import Array

_Words = npt.NDArray[np.uint32]
_X, _Z = np.eye(3, dtype=np.float32)[[0]], np.eye(3, dtype=np.float32)[[2]]


def sobol_2d(count: int) -> _Words:
    """The first `count` points of the two-dimensional Sobol' sequence as 32-bit fractions, (count, 2) uint32.

    A (0, 2)-sequence: each aligned block of 2^k points has one point in every elementary interval of area 2^-k.
    """
    index = np.arange(count, dtype=np.uint32)
    points = np.zeros((count, 2), np.uint32)
    first, second = np.uint32(1 << 31), np.uint32(1 << 31)
    for bit in range(32):
        chosen = (index >> np.uint32(bit)) & np.uint32(1) == 1
        points[chosen, 0] ^= first
        points[chosen, 1] ^= second
        first >>= np.uint32(1)
        second ^= second >> np.uint32(1)  # direction numbers of the primitive polynomial x + 1
    return points


def hash_words(values: npt.NDArray[np.int64], seed: int) -> _Words:
    """Well-mixed 32-bit words from integers (…) and a seed, by two rounds of multiply and xor-shift."""
    x = (values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64((seed * 0xD1B54A32D192ED03) % (1 << 64))
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xD6E8FEB86659FD93)
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xD6E8FEB86659FD93)
    x ^= x >> np.uint64(32)
    return x.astype(np.uint32)


def scrambled(points: _Words, pixels: npt.NDArray[np.int64], seed: int) -> Array:
    """Scramble `points` (L, 2) for every pixel by XOR, which keeps their stratification; (N, L, 2) in [0, 1)."""
    key = np.stack([hash_words(pixels * 2, seed), hash_words(pixels * 2 + 1, seed)], axis=-1)
    mixed = points[None, :, :] ^ key[:, None, :]
    return (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def cosine_hemisphere(u: Array) -> Array:
    """Directions (…, 3) around +z with density cos θ / π, from u (…, 2) in [0, 1)."""
    radius, phi = np.sqrt(u[..., 0]), u[..., 1] * np.float32(2.0 * np.pi)
    z = np.sqrt(np.maximum(1.0 - u[..., 0], 1e-12))
    return np.stack([radius * np.cos(phi), radius * np.sin(phi), z], axis=-1)


def cosine_pdf(directions: Array) -> Array:
    """Density of `cosine_hemisphere` at directions (…, 3)."""
    return np.maximum(directions[..., 2], 0.0) * np.float32(1.0 / np.pi)


class Lobe:
    """Reflection about microfacet normals drawn from GGX around a shading normal, for N points.

    Half vectors have density D(h)·(n·h), so reflections have D·(n·h) / (4·|wo·h|) (Walter et al. 2007,
    "Microfacet Models for Refraction through Rough Surfaces", section 5.2).
    """

    def __init__(self, normal: Array, roughness: Array, wo: Array) -> None:
        self.wo = wo[:, None, :]
        self.normal = normal[:, None, :]
        # Below this alpha the lobe is sharper than a probe's texel, and a sample in its tail would weigh too much.
        self.alpha = np.maximum(roughness * roughness, np.float32(0.02))[:, None]
        helper = np.where(np.abs(normal[:, 2:]) < 0.9, _Z, _X)
        side = np.cross(helper, normal)
        side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
        self._x, self._y = side[:, None, :], np.cross(normal, side)[:, None, :]

    @classmethod
    def guess(cls, wo: Array) -> Lobe:
        """A broad lobe for shaders that don't tell theirs: most surfaces mirror a little at grazing angles."""
        return cls(np.broadcast_to(_Z, wo.shape), np.full(len(wo), 0.4, np.float32), wo)

    def sample(self, u: Array) -> Array:
        """Unit directions (N, L, 3) from u (N, L, 2); some may point below the surface."""
        tan2 = self.alpha * self.alpha * u[..., 0] / np.maximum(1.0 - u[..., 0], 1e-7)
        z = 1.0 / np.sqrt(1.0 + tan2)
        radius, phi = np.sqrt(np.maximum(1.0 - z * z, 0.0)), u[..., 1] * np.float32(2.0 * np.pi)
        half = (
            self._x * (radius * np.cos(phi))[..., None]
            + self._y * (radius * np.sin(phi))[..., None]
            + self.normal * z[..., None]
        )
        wi = 2.0 * (self.wo * half).sum(axis=-1, keepdims=True) * half - self.wo
        return np.asarray(wi / np.linalg.norm(wi, axis=-1, keepdims=True), np.float32)

    def pdf(self, wi: Array) -> Array:
        """Density of `sample` at unit directions (N, L, 3); (N, L)."""
        half = wi + self.wo
        half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-12)
        # Microfacets that the eye sees from behind reflect too: then −half is the one that was drawn.
        cos_h = np.abs((half * self.normal).sum(axis=-1))
        along = np.abs((half * self.wo).sum(axis=-1))
        a2 = self.alpha * self.alpha
        sine2 = np.maximum(1.0 - cos_h * cos_h, 0.0)
        base = a2 * cos_h * cos_h + sine2
        return np.asarray(a2 / (np.pi * base * base) * cos_h / np.maximum(4.0 * along, 1e-6), np.float32)
