"""The one definition of the BRDF: glTF 2.0, appendix B, in float64.

The truth sampler, the reference of the neural forms and ``shaders/brdf.slang`` all follow this file and its clamps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Perceptual roughness is raised to this: a smoother lobe cannot be represented in fp32.
ROUGHNESS_MINIMUM = 0.045
#: The cosine towards the eye is raised to this inside the visibility term.
N_DOT_V_MINIMUM = 1e-3
#: Reflectance of a dielectric at normal incidence (index of refraction 1.5).
DIELECTRIC_F0 = 0.04


def dot(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Dot product over the last axis: (..., 3), (..., 3) → (...)."""
    return np.asarray(np.sum(np.asarray(a, np.float64) * np.asarray(b, np.float64), axis=-1))


def normalize(vector: npt.ArrayLike) -> Array:
    """Scale (..., 3) to unit length; a vector of no length stays zero."""
    v = np.asarray(vector, np.float64)
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-30))


def ggx_distribution(alpha: npt.ArrayLike, normal: npt.ArrayLike, half: npt.ArrayLike) -> Array:
    """Trowbridge-Reitz distribution of microfacet normals, per steradian.

    Written with alpha²(n·h)² + |n×h|², which keeps its digits at the highlight, where the usual
    1 − (n·h)²(1 − alpha²) loses them all in fp32. The two are equal for unit vectors.

    Args:
        alpha: (...), squared perceptual roughness, above 0.
        normal: (..., 3) unit.
        half: (..., 3) unit.

    Returns:
        (...) float64, 0 where n·h ≤ 0.
    """
    a2 = np.asarray(alpha, np.float64) ** 2
    n = np.asarray(normal, np.float64)
    h = np.asarray(half, np.float64)
    n_dot_h = dot(n, h)
    cross = np.cross(n, h)
    density = a2 / (np.pi * (a2 * n_dot_h**2 + dot(cross, cross)) ** 2)
    return np.where(n_dot_h > 0.0, density, 0.0)


def smith_visibility(alpha: npt.ArrayLike, n_dot_l: npt.ArrayLike, n_dot_v: npt.ArrayLike) -> Array:
    """Separable Smith masking-shadowing over 4 (n·l)(n·v), for cosines above 0."""
    a2 = np.asarray(alpha, np.float64) ** 2
    nl = np.asarray(n_dot_l, np.float64)
    nv = np.asarray(n_dot_v, np.float64)
    towards_light = nl + np.sqrt(a2 + (1.0 - a2) * nl**2)
    towards_eye = nv + np.sqrt(a2 + (1.0 - a2) * nv**2)
    return np.asarray(1.0 / (towards_light * towards_eye))


def gltf_brdf(
    base_color: npt.ArrayLike,
    roughness: npt.ArrayLike,
    metallic: npt.ArrayLike,
    normal: npt.ArrayLike,
    wi: npt.ArrayLike,
    wo: npt.ArrayLike,
) -> Array:
    """glTF's metallic-roughness BRDF (glTF 2.0, appendix B.3), cosine not included.

    f = (1 − F)·c_diff/π + F·D·V with Schlick's F, Trowbridge-Reitz D and separable Smith V.
    The cosine towards the eye is floored at `N_DOT_V_MINIMUM` and roughness at `ROUGHNESS_MINIMUM`.

    Args:
        base_color: (..., 3), linear, 0 to 1.
        roughness: (...), perceptual (alpha = roughness²).
        metallic: (...), 0 to 1.
        normal: (..., 3), unit shading normal.
        wi: (..., 3), unit, towards the light.
        wo: (..., 3), unit, towards the eye.

    Returns:
        (..., 3) float64, per steradian; 0 where the light is behind the shading normal. Shapes broadcast.
    """
    color = np.asarray(base_color, np.float64)
    alpha = np.maximum(np.asarray(roughness, np.float64), ROUGHNESS_MINIMUM) ** 2
    metal = np.asarray(metallic, np.float64)[..., None]
    n = np.asarray(normal, np.float64)
    light = np.asarray(wi, np.float64)
    eye = np.asarray(wo, np.float64)

    half = normalize(light + eye)
    n_dot_l = dot(n, light)
    n_dot_v = np.maximum(dot(n, eye), N_DOT_V_MINIMUM)
    v_dot_h = np.minimum(np.abs(dot(eye, half)), 1.0)

    diffuse = color * (1.0 - metal)
    f0 = DIELECTRIC_F0 + (color - DIELECTRIC_F0) * metal
    fresnel = f0 + (1.0 - f0) * ((1.0 - v_dot_h) ** 5)[..., None]
    lobe = ggx_distribution(alpha, n, half) * smith_visibility(alpha, np.maximum(n_dot_l, 0.0), n_dot_v)
    f = (1.0 - fresnel) * diffuse / np.pi + fresnel * lobe[..., None]
    return np.where((n_dot_l > 0.0)[..., None], f, 0.0)
