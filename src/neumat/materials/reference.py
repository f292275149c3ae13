"""What both forms of a neural material compute, in float64: the oracle that every other evaluation is tested against.

f(u, wi, wo) is BRDF × cosine: the radiance that leaves for unit irradiance at normal incidence. Pictures and errors
are taken on π·f. Directions are unit vectors of the tangent frame (x = +U, y = image-up, z = out of the surface).
``docs/format.md`` states the same formulas for integrators, ``shaders/`` in Slang. Written to be read, not for speed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.brdf import ROUGHNESS_MINIMUM, dot, gltf_brdf, normalize
from neumat.materials.neural import LATENT_CHANNELS, LEAKY_SLOPE, Network, NeuralMaterial, OutputTransform
from neumat.materials.pyramid import Level, level_of, pyramid

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: wo.z is raised to this for marches and networks; the residual fades in over wi.z from 0 to this.
Z_MINIMUM = 0.1
#: Thinnest relief that a march divides by, in texture widths.
SPAN_MINIMUM = 1e-6
#: Smallest difference of clearances that a secant step divides by.
CLEARANCE_MINIMUM = 1e-9
#: `marched` shadows where the light march is blocked by more than this share of the span.
SHADOW_THRESHOLD = 0.002
EXP_LIMIT = 8.0
# What is read of a material that has no explicit channels: black, facing outwards.
_NOTHING = Level(
    base_color=np.zeros((1, 1, 3), np.float32),
    roughness=np.ones((1, 1), np.float32),
    metallic=np.zeros((1, 1), np.float32),
    normal=np.array([[[0.0, 0.0, 1.0]]], np.float32),
    height=np.full((1, 1), 0.5, np.float32),
    normal_length=np.ones((1, 1), np.float32),
)


@dataclass(frozen=True)
class Prepared:
    """All that a pixel needs before it knows the light, N pixels, float64.

    Attributes:
        uv_hit: (N, 2), where the ray meets the relief.
        z_hit: (N,), its height over the reference plane in texture widths, 0 for ``neumip``.
        level: (N,) int64, level of detail of the explicit channels.
        base_color: (N, 3), linear.
        roughness: (N,), perceptual, at least `ROUGHNESS_MINIMUM`.
        metallic: (N,).
        normal: (N, 3), unit.
        latent: (N, 12).
        wo: (N, 3), as the caller gave it.
        wo_clamped: (N, 3), see `clamped_wo`.
    """

    uv_hit: Array
    z_hit: Array
    level: Indices
    base_color: Array
    roughness: Array
    metallic: Array
    normal: Array
    latent: Array
    wo: Array
    wo_clamped: Array


def clamped_wo(wo: npt.ArrayLike) -> Array:
    """Raise the z of (N, 3) directions to `Z_MINIMUM` and normalise again."""
    w = np.array(wo, np.float64)
    w[..., 2] = np.maximum(w[..., 2], Z_MINIMUM)
    return normalize(w)


def bilinear(texture: npt.NDArray[np.generic], uv: npt.ArrayLike, *, tileable: bool) -> Array:
    """Look up a texture (h, w) or (h, w, c) at (N, 2) positions, texel centres at (i + 0.5)/size.

    Args:
        texture: linear values.
        uv: (N, 2); v = 0 is the top edge of the image.
        tileable: wrap at the edges, else clamp.

    Returns:
        (N,) or (N, c) float64.
    """
    height, width = texture.shape[:2]
    position = np.asarray(uv, np.float64)
    x, y = position[:, 0] * width - 0.5, position[:, 1] * height - 0.5
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    i0, j0 = left.astype(np.int64), top.astype(np.int64)
    i1, j1 = i0 + 1, j0 + 1
    if tileable:
        i0, i1, j0, j1 = i0 % width, i1 % width, j0 % height, j1 % height
    else:
        i0, i1 = np.clip(i0, 0, width - 1), np.clip(i1, 0, width - 1)
        j0, j1 = np.clip(j0, 0, height - 1), np.clip(j1, 0, height - 1)
    if texture.ndim == 3:
        fx, fy = fx[:, None], fy[:, None]
    a, b, c, d = (texture[j, i].astype(np.float64) for j, i in ((j0, i0), (j0, i1), (j1, i0), (j1, i1)))
    return np.asarray((a * (1.0 - fx) + b * fx) * (1.0 - fy) + (c * (1.0 - fx) + d * fx) * fy)


def run_network(network: Network, features: dict[str, Array]) -> Array:
    """Evaluate a network on named features, each (N, k); returns (N, outputs)."""
    value = np.concatenate([features[name] for name in network.inputs], axis=1)
    last = len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        value = value @ layer.weight.astype(np.float64).T + layer.bias.astype(np.float64)
        if index < last:
            slope = LEAKY_SLOPE if network.activation == "leaky_relu" else 0.0
            value = np.where(value > 0.0, value, slope * value)
    return np.asarray(value)


def output_transform(kind: OutputTransform, y: Array) -> Array:
    """Apply the transform of a network's output: softplus, exp (of at most 8) or none."""
    if kind == "softplus":
        return np.asarray(np.logaddexp(0.0, y))
    if kind == "exp":
        return np.asarray(np.exp(np.minimum(y, EXP_LIMIT)))
    return y


def sigmoid(y: Array) -> Array:
    """1/(1 + e^−y), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * y)))


def _moved(uv: Array, slope: Array, z: Array, aspect: float) -> Array:
    """Follow a direction of slopes (N, 2) for a rise of z (N,): a step of dy upwards lowers v by dy·aspect."""
    return uv + np.stack([slope[:, 0] * z, -slope[:, 1] * z * aspect], axis=-1)


class Reference:
    """Evaluates one material; its levels of detail are decoded once.

    Args:
        material: either form.
    """

    def __init__(self, material: NeuralMaterial) -> None:
        self.material = material
        self.levels = pyramid(material.explicit) if material.explicit is not None else (_NOTHING,)
        rows, columns = self.levels[0].shape
        self.width = columns
        self.aspect = columns / rows
        low, high = material.height_range
        self.z_top = (high - 0.5) * material.height_scale
        self.z_bottom = (low - 0.5) * material.height_scale
        self.span = max(self.z_top - self.z_bottom, SPAN_MINIMUM)

    def height(self, uv: Array, level: Indices) -> Array:
        """Height over the reference plane at (N, 2), in texture widths, read at one level (N,)."""
        return np.asarray((self._explicit("height", uv, level) - 0.5) * self.material.height_scale)

    def prepare(self, uv: npt.ArrayLike, footprint: npt.ArrayLike, wo: npt.ArrayLike) -> Prepared:
        """Find the hit and read everything that does not depend on the light.

        Args:
            uv: (N, 2), where the ray crosses the reference plane; v = 0 at the top of the image.
            footprint: (N,) or one number, width of the pixel in texture widths.
            wo: (N, 3), unit, towards the eye.
        """
        position, level, eye = self._inputs(uv, footprint, wo)
        if self.material.form == "hybrid":
            return self._marched(position, level, eye)
        clamped = clamped_wo(eye)
        offset_latent = self._latent("offset", position)
        raw = run_network(self.material.networks["offset"], {"latent": offset_latent, "wo": clamped})
        uv_hit = self._in_chart(position + np.tanh(raw) * self.material.offset_range)
        return self._surface(uv_hit, np.zeros(len(uv_hit)), level, eye, self._latent("rgb", uv_hit))

    def evaluate(self, prepared: Prepared, wi: npt.ArrayLike) -> Array:
        """Evaluate f (BRDF × cosine) for lights (N, 3), unit: (N, 3), 0 where wi.z ≤ 0."""
        light = np.asarray(wi, np.float64)
        fade = np.clip(light[:, 2:] / Z_MINIMUM, 0.0, 1.0)
        if self.material.form == "hybrid":
            blocked = self.light_march(prepared, light)
            half = normalize(light + prepared.wo_clamped)
            features = {
                "latent": prepared.latent,
                "wi": light,
                "wo": prepared.wo_clamped,
                "half": half,
                "cos_d": dot(light, half)[:, None],
                "normal": prepared.normal,
                "light_march": blocked,
                "n_dot_wi": dot(prepared.normal, light)[:, None],
            }
            y = run_network(self.material.networks["decoder"], features)
            residual = output_transform(self.material.output, y[:, 1:4])
            f = self.base(prepared, light) * sigmoid(y[:, :1]) + residual * fade / np.pi
        else:
            features = {"latent": prepared.latent, "wi": light, "wo": prepared.wo_clamped}
            y = run_network(self.material.networks["rgb"], features)
            f = output_transform(self.material.output, y) * fade / np.pi
        return np.where(light[:, 2:] > 0.0, f, 0.0)

    def pbr(self, uv: npt.ArrayLike, footprint: npt.ArrayLike, wi: npt.ArrayLike, wo: npt.ArrayLike) -> Array:
        """Evaluate the explicit channels alone, as any glTF viewer shows them: (N, 3), BRDF × cosine.

        Given the true hit as `uv`, this is the column "ideal parallax".

        Raises:
            InputError: the material has no explicit channels.
        """
        self._need_explicit()
        position, level, eye = self._inputs(uv, footprint, wo)
        return self.base(self._surface(position, np.zeros(len(position)), level, eye, None), wi)

    def marched(self, uv: npt.ArrayLike, footprint: npt.ArrayLike, wi: npt.ArrayLike, wo: npt.ArrayLike) -> Array:
        """Evaluate parallax occlusion mapping with a hard marched shadow on the explicit channels: (N, 3).

        Raises:
            InputError: the material has no explicit channels.
        """
        self._need_explicit()
        position, level, eye = self._inputs(uv, footprint, wo)
        prepared = self._marched(position, level, eye)
        lit = self.light_march(prepared, np.asarray(wi, np.float64))[:, :1] <= SHADOW_THRESHOLD
        return np.where(lit, self.base(prepared, wi), 0.0)

    def base(self, prepared: Prepared, wi: npt.ArrayLike) -> Array:
        """Evaluate glTF's BRDF × cosine at the hit: (N, 3), 0 where wi.z ≤ 0."""
        light = np.asarray(wi, np.float64)
        f = gltf_brdf(
            prepared.base_color, prepared.roughness, prepared.metallic, prepared.normal, light, prepared.wo
        )  # fmt: skip
        cosine = np.maximum(dot(prepared.normal, light), 0.0)[:, None]
        return np.where(light[:, 2:] > 0.0, f * cosine, 0.0)

    def march(self, uv: Array, level: Indices, wo_clamped: Array) -> Array:
        """March from the top of the relief towards the bottom until below it, then refine: z of the hit, (N,)."""
        slope = wo_clamped[:, :2] / wo_clamped[:, 2:]

        def clearance(z: Array) -> Array:
            return z - self.height(_moved(uv, slope, z, self.aspect), level)

        # z0, c0: the last sample above the relief; z1, c1: the first below it.
        z0 = np.full(len(uv), self.z_top)
        c0 = clearance(z0)
        z1, c1 = z0, c0
        found = np.zeros(len(uv), np.bool_)
        for step in range(1, self.material.march_steps + 1):
            z = np.full(len(uv), self.z_top - self.span * step / self.material.march_steps)
            c = clearance(z)
            above = ~found & (c > 0.0)
            z1, c1 = np.where(found, z1, z), np.where(found, c1, c)
            z0, c0 = np.where(above, z, z0), np.where(above, c, c0)
            found |= c <= 0.0
        for _ in range(self.material.secant_steps):
            z = _secant(z0, c0, z1, c1)
            c = clearance(z)
            z0, c0, z1, c1 = (
                np.where(c > 0.0, z, z0), np.where(c > 0.0, c, c0), np.where(c > 0.0, z1, z), np.where(c > 0.0, c1, c)
            )  # fmt: skip
        return np.where(found, _secant(z0, c0, z1, c1), self.z_top - self.span)

    def light_march(self, prepared: Prepared, wi: Array) -> Array:
        """Measure how far the relief rises over the ray to the light: (N, 2), each −1 to 1.

        The first is the largest rise over the ray in spans, the second the largest rise per height gained.
        """
        slope = wi[:, :2] / np.maximum(wi[:, 2:], Z_MINIMUM)
        rise = np.full(len(wi), -1.0)
        rate = np.full(len(wi), -1.0)
        for step in range(1, self.material.light_steps + 1):
            dz = (self.z_top - prepared.z_hit) * (step - 0.5) / self.material.light_steps
            height = self.height(_moved(prepared.uv_hit, slope, dz, self.aspect), prepared.level)
            penetration = height - (prepared.z_hit + dz)
            rise = np.maximum(rise, penetration / self.span)
            rate = np.maximum(rate, penetration / np.maximum(dz, 1e-6))
        return np.asarray(np.clip(np.stack([rise, rate], axis=-1), -1.0, 1.0))

    def _inputs(self, uv: npt.ArrayLike, footprint: npt.ArrayLike, wo: npt.ArrayLike) -> tuple[Array, Indices, Array]:
        position = np.asarray(uv, np.float64)
        eye = np.asarray(wo, np.float64)
        if position.ndim != 2 or position.shape[1] != 2 or eye.shape != (len(position), 3):
            raise InputError(f"uv is {position.shape} and wo {eye.shape}, expected (N, 2) and (N, 3)")
        width = np.broadcast_to(np.asarray(footprint, np.float64), (len(position),))
        return position, level_of(width, self.width, len(self.levels)), eye

    def _need_explicit(self) -> None:
        if self.material.explicit is None:
            raise InputError(f"{self.material.name}: has no PBR channels")

    def _marched(self, uv: Array, level: Indices, wo: Array) -> Prepared:
        clamped = clamped_wo(wo)
        z_hit = self.march(uv, level, clamped)
        uv_hit = self._in_chart(_moved(uv, clamped[:, :2] / clamped[:, 2:], z_hit, self.aspect))
        latent = self._latent("latent", uv_hit) if "latent" in self.material.latents else None
        return self._surface(uv_hit, z_hit, level, wo, latent)

    def _surface(self, uv_hit: Array, z_hit: Array, level: Indices, wo: Array, latent: Array | None) -> Prepared:
        return Prepared(
            uv_hit=uv_hit,
            z_hit=z_hit,
            level=level,
            base_color=self._explicit("base_color", uv_hit, level),
            roughness=np.maximum(self._explicit("roughness", uv_hit, level), ROUGHNESS_MINIMUM),
            metallic=self._explicit("metallic", uv_hit, level),
            normal=normalize(self._explicit("normal", uv_hit, level)),
            latent=np.zeros((len(uv_hit), LATENT_CHANNELS)) if latent is None else latent,
            wo=wo,
            wo_clamped=clamped_wo(wo),
        )

    def _explicit(self, channel: str, uv: Array, level: Indices) -> Array:
        first: npt.NDArray[np.float32] = getattr(self.levels[0], channel)
        result = np.zeros((len(uv), *first.shape[2:]))
        for index in np.unique(level):
            rows = level == index
            texture = getattr(self.levels[index], channel)
            result[rows] = bilinear(texture, uv[rows], tileable=self.material.tileable)
        return result

    def _latent(self, name: str, uv: Array) -> Array:
        return bilinear(self.material.latents[name], uv, tileable=self.material.tileable)

    def _in_chart(self, uv: Array) -> Array:
        return uv if self.material.tileable else np.asarray(np.clip(uv, 0.0, 1.0))


def _secant(z0: Array, c0: Array, z1: Array, c1: Array) -> Array:
    return np.asarray(z0 + (z1 - z0) * np.maximum(c0, 0.0) / np.maximum(c0 - c1, CLEARANCE_MINIMUM))
