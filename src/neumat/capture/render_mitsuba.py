"""A patch of a material as Mitsuba 3 renders it: an independent check of the truth kernel.

Rays, paths, light and camera are Mitsuba's; only the BRDF is ours, glTF's as in ``neumat.materials.brdf``. The only
module that imports Mitsuba. It needs LLVM's shared library, which DRJIT_LIBLLVM_PATH names where it is not found.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.capture.patch_mesh import patch_mesh
from neumat.errors import DeviceError, InputError, MissingExtra
from neumat.materials.brdf import DIELECTRIC_F0, N_DOT_V_MINIMUM, ROUGHNESS_MINIMUM
from neumat.materials.explicit import encode
from neumat.materials.pbr import PbrMaterial
from neumat.materials.pyramid import Level, level_of, pyramid
from neumat.truth.sampler import BOUNCES

Array = npt.NDArray[np.float32]

VARIANT = "llvm_ad_rgb"
#: Quads per texel cell and axis. Rough relief at a grazing view agrees with the exact patches to 29 dB at 1, 40 at 2,
#: 49 at 4 and 54 at 8.
SUBDIVISION = 8
_PLUGIN = "neumat_gltf"
_MOST_VERTICES = 8_000_000
_PATHS = 1 << 22  # paths in flight; more would only take memory


@functools.cache
def _mitsuba() -> Any:
    """Import Mitsuba, set its variant and register the BSDF.

    Raises:
        MissingExtra: Mitsuba is not installed.
        DeviceError: LLVM's shared library is missing or does not fit.
    """
    try:
        import mitsuba as mi
    except ImportError as error:
        raise MissingExtra("rendering with Mitsuba", "capture") from error
    try:
        mi.set_variant(VARIANT)
        import drjit as dr

        dr.eval(dr.arange(mi.Float, 4) + 1.0)
    except Exception as error:
        raise DeviceError(
            f"Mitsuba's variant {VARIANT} does not start ({str(error).splitlines()[0]}); "
            "install LLVM and let DRJIT_LIBLLVM_PATH name its shared library (libLLVM.so)"
        ) from error
    _register(mi, dr)
    return mi


def _register(mi: Any, dr: Any) -> None:
    """Register glTF's BRDF about the normal of the normal map.

    The frame of the interaction is that of the facet: light and eye must both lie above it (geometry decides what is
    seen and lit), while every cosine of the BRDF is about the shading normal.
    """

    class GltfBsdf(mi.BSDF):  # type: ignore[misc]
        def __init__(self, properties: Any) -> None:
            mi.BSDF.__init__(self, properties)
            self.base_color = properties["base_color"]
            self.roughness = properties["roughness"]
            self.metallic = properties["metallic"]
            self.normal = properties["normal"]
            flags = mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide | mi.BSDFFlags.SpatiallyVarying
            self.m_components = [flags]
            self.m_flags = flags

        def _surface(self, si: Any, active: Any) -> tuple[Any, Any]:
            n = dr.normalize(mi.Vector3f(self.normal.eval_3(si, active)))
            alpha = dr.square(dr.maximum(self.roughness.eval_1(si, active), ROUGHNESS_MINIMUM))
            return n, alpha

        def _distribution(self, n: Any, h: Any, alpha: Any) -> Any:
            nh = dr.dot(n, h)
            a2 = dr.square(alpha)
            density = a2 / (dr.pi * dr.square(a2 * dr.square(nh) + dr.squared_norm(dr.cross(n, h))))
            return dr.select(nh > 0.0, density, 0.0)

        def _eval(self, si: Any, wo: Any, active: Any) -> Any:
            n, alpha = self._surface(si, active)
            color = mi.Color3f(self.base_color.eval_3(si, active))
            metal = self.metallic.eval_1(si, active)
            eye, light = si.to_world(si.wi), si.to_world(wo)
            h = dr.normalize(eye + light)
            nl = dr.dot(n, light)
            nv = dr.maximum(dr.dot(n, eye), N_DOT_V_MINIMUM)
            a2 = dr.square(alpha)
            v = (nl + dr.sqrt(a2 + (1.0 - a2) * nl * nl)) * (nv + dr.sqrt(a2 + (1.0 - a2) * nv * nv))
            f0 = dr.lerp(mi.Color3f(DIELECTRIC_F0), color, metal)
            grazing = dr.maximum(1.0 - dr.abs(dr.dot(eye, h)), 0.0)
            fresnel = f0 + (1.0 - f0) * (grazing * dr.square(dr.square(grazing)))
            value = (1.0 - fresnel) * color * ((1.0 - metal) / dr.pi)
            value += fresnel * (self._distribution(n, h, alpha) / v)
            lit = active & (si.wi.z > 0.0) & (wo.z > 0.0) & (nl > 0.0)
            return dr.select(lit, value * nl, 0.0)

        def _pdf(self, si: Any, wo: Any, active: Any) -> Any:
            n, alpha = self._surface(si, active)
            eye, light = si.to_world(si.wi), si.to_world(wo)
            h = dr.normalize(eye + light)
            lobe = self._distribution(n, h, alpha) * dr.dot(n, h) / (4.0 * dr.maximum(dr.abs(dr.dot(eye, h)), 1e-6))
            cosine = dr.maximum(dr.dot(n, light), 0.0) / dr.pi
            return dr.select(active & (si.wi.z > 0.0) & (wo.z > 0.0), 0.5 * lobe + 0.5 * cosine, 0.0)

        def sample(self, ctx: Any, si: Any, sample1: Any, sample2: Any, active: Any = True) -> tuple[Any, Any]:
            # Half of the directions reflect about normals drawn from D, half follow the cosine.
            n, alpha = self._surface(si, active)
            frame = mi.Frame3f(n)
            eye = si.to_world(si.wi)
            tan2 = dr.square(alpha) * sample2.x / dr.maximum(1.0 - sample2.x, 1e-7)
            cosine = dr.rsqrt(1.0 + tan2)
            sine = dr.sqrt(dr.maximum(1.0 - dr.square(cosine), 0.0))
            s, c = dr.sincos(2.0 * dr.pi * sample2.y)
            h = frame.to_world(mi.Vector3f(sine * c, sine * s, cosine))
            mirrored = 2.0 * dr.dot(eye, h) * h - eye
            diffuse = frame.to_world(mi.warp.square_to_cosine_hemisphere(sample2))
            wo = si.to_local(dr.select(sample1 < 0.5, mirrored, diffuse))
            found = dr.zeros(mi.BSDFSample3f)
            found.wo = wo
            found.pdf = self._pdf(si, wo, active)
            found.eta = 1.0
            found.sampled_type = mi.UInt32(+mi.BSDFFlags.GlossyReflection)
            found.sampled_component = mi.UInt32(0)
            value = self._eval(si, wo, active)
            valid = found.pdf > 0.0
            found.pdf = dr.select(valid, found.pdf, 0.0)
            return found, dr.select(valid, value / dr.maximum(found.pdf, 1e-20), 0.0)

        def eval(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return self._eval(si, wo, active)

        def pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return self._pdf(si, wo, active)

        def eval_pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> tuple[Any, Any]:
            return self._eval(si, wo, active), self._pdf(si, wo, active)

        def to_string(self) -> str:
            return "GltfBsdf[]"

    mi.register_bsdf(_PLUGIN, GltfBsdf)


def _bitmap(mi: Any, values: Array, tileable: bool) -> dict[str, Any]:
    tensor = mi.TensorXf(np.ascontiguousarray(values.reshape(*values.shape[:2], -1)))
    return {
        "type": "bitmap", "data": tensor, "raw": True, "filter_type": "bilinear", "format": "variant",
        "wrap_mode": "repeat" if tileable else "clamp",
    }  # fmt: skip


def _margin(level: Level, material: PbrMaterial, eye: Array, light: Array) -> int:
    """Texels of surface around the map: what eye and light rays cross, and a width more for bounces."""
    width = level.shape[1]
    span = float(level.height.max() - level.height.min()) * material.height_scale * width
    reach = sum(float(np.hypot(d[0], d[1]) / d[2]) for d in (eye, light)) * span
    return int(np.ceil(min(width + reach, 3.0 * width)))


def _shape(mi: Any, level: Level, material: PbrMaterial, crop: tuple[int, int], margin: int) -> Any:
    cells = (level.shape[0] + 2 * margin) * (level.shape[1] + 2 * margin)
    vertices, faces, uv = patch_mesh(
        level.height,
        material.height_scale,
        tileable=material.tileable,
        crop=crop,
        margin=margin,
        subdivision=min(SUBDIVISION, max(1, math.isqrt(_MOST_VERTICES // cells))),
    )
    bsdf: dict[str, Any] = {"type": _PLUGIN}
    for name in ("base_color", "roughness", "metallic", "normal"):
        bsdf[name] = _bitmap(mi, getattr(level, name), material.tileable)
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    properties["face_normals"] = True
    mesh = mi.Mesh("patch", len(vertices), len(faces), props=properties, has_vertex_texcoords=True)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = vertices.ravel()
    parameters["faces"] = faces.ravel()
    parameters["vertex_texcoords"] = uv.ravel()
    parameters.update()
    return mesh


def _camera_matrix(wo: Array, crop: tuple[int, int], distance: float) -> npt.NDArray[np.float64]:
    """Shear the orthographic camera so that its pixels are the texel boxes of the plane z = 0.

    Its square spans −1 … 1 in x (which Mitsuba mirrors) and, by the aspect, y; local z is the direction of view.
    """
    half = crop[1] / 2.0
    matrix = np.eye(4)
    matrix[:3, 0] = (-half, 0.0, 0.0)
    matrix[:3, 1] = (0.0, half, 0.0)
    matrix[:3, 2] = -wo
    matrix[:3, 3] = wo * distance
    return matrix


def render_patch(
    material: PbrMaterial,
    *,
    resolution: int | None = None,
    wo: npt.ArrayLike,
    wi: npt.ArrayLike,
    samples: int = 256,
    bounces: int = BOUNCES,
    crop: int = 64,
    seed: int = 0,
) -> Array:
    """Render the middle of a material as `neumat.truth.sampler.TruthSampler` sees it, with Mitsuba's path tracer.

    A pixel is one texel's box on the reference plane z = 0, seen along −wo, under a directional light of unit
    irradiance from wi.

    Args:
        material: source maps.
        resolution: as for `TruthSampler`: texels across the level of the maps that is taken; None for full size.
        wo: (3,), unit, tangent frame, z above 0. wi: likewise.
        samples: paths a pixel.
        bounces: indirect bounces; 0 is direct light alone.
        crop: pixels a side, in the middle of the texture (see `neumat.truth.protocol.pixel_grid`).
        seed: of Mitsuba's sampler.

    Returns:
        (rows, columns, 3) float32 of x = pi·f, linear, at least 0.

    Raises:
        InputError: wo or wi is not a unit vector above the plane.
        MissingExtra: Mitsuba is not installed.
        DeviceError: Mitsuba does not find LLVM.
    """
    eye, light = (_direction(name, value) for name, value in (("wo", wo), ("wi", wi)))
    mi = _mitsuba()
    levels = pyramid(encode(material))
    width = material.shape[1]
    level = levels[int(level_of(1.0 / (resolution or width), width, len(levels)))]
    size = (min(crop, level.shape[0]), min(crop, level.shape[1]))
    distance = 4.0 * max(level.shape) + 1.0
    white = {"type": "rgb", "value": 1.0}
    scene = mi.load_dict(
        {
            "type": "scene",
            "patch": _shape(mi, level, material, size, _margin(level, material, eye, light)),
            "light": {"type": "directional", "direction": (-light).tolist(), "irradiance": white},
            "camera": {
                "type": "orthographic",
                "near_clip": 1e-3,
                "far_clip": 4.0 * distance,
                "to_world": mi.ScalarTransform4f(_camera_matrix(eye, size, distance).tolist()),
                "film": {
                    "type": "hdrfilm", "width": size[1], "height": size[0], "pixel_format": "rgb",
                    "component_format": "float32", "rfilter": {"type": "box"},
                },
            },
            "integrator": {"type": "path", "max_depth": bounces + 2, "rr_depth": 1000, "hide_emitters": True},
        }
    )  # fmt: skip
    total = np.zeros((*size, 3))
    batch = max(1, min(samples, _PATHS // (size[0] * size[1])))
    for number, first in enumerate(range(0, samples, batch)):
        count = min(batch, samples - first)
        picture = mi.render(scene, spp=count, seed=(seed * 7919 + number) & 0x7FFFFFFF)
        total += np.asarray(picture, np.float64) * count
    return np.asarray(total * (np.pi / samples), np.float32)


def _direction(name: str, value: npt.ArrayLike) -> Array:
    vector = np.asarray(value, np.float32)
    if vector.shape != (3,) or not abs(float(np.linalg.norm(vector)) - 1.0) < 1e-3 or vector[2] <= 0.0:
        raise InputError(f"{name} = {value!r} is not a unit vector above the surface (z > 0)")
    return vector
