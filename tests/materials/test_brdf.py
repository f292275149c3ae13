from __future__ import annotations

import numpy as np
import pytest

from neumat.materials.brdf import N_DOT_V_MINIMUM, ROUGHNESS_MINIMUM, ggx_distribution, gltf_brdf, normalize

UP = np.array([0.0, 0.0, 1.0])


def direction(theta: float, phi: float = 0.0) -> np.ndarray:
    t, p = np.radians(theta), np.radians(phi)
    return np.array([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)])


def hemisphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions of a Gauss-Legendre (cos θ) × trapezoid (φ) rule, and their solid angles."""
    node, weight = np.polynomial.legendre.leggauss(count)
    cosine, weight = 0.5 * (node + 1.0), 0.5 * weight
    phi = (np.arange(2 * count) + 0.5) * (np.pi / count)
    c, p = np.meshgrid(cosine, phi, indexing="ij")
    s = np.sqrt(1.0 - c**2)
    omega = np.stack([s * np.cos(p), s * np.sin(p), c], axis=-1)
    return omega, np.broadcast_to((weight * (np.pi / count))[:, None], c.shape)


def lobe_rule(wo: np.ndarray, alpha: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Light directions reflected about microfacet normals, with their solid angles: resolves a narrow lobe."""
    u, w = np.polynomial.legendre.leggauss(count)
    u, w = 0.5 * (u + 1.0), 0.5 * w
    tan2 = alpha**2 * u / (1.0 - u)
    cosine = 1.0 / np.sqrt(1.0 + tan2)
    phi = (np.arange(2 * count) + 0.5) * (np.pi / count)
    c, p = np.meshgrid(cosine, phi, indexing="ij")
    s = np.sqrt(1.0 - c**2)
    half = np.stack([s * np.cos(p), s * np.sin(p), c], axis=-1)
    density = ggx_distribution(alpha, UP, half) * c  # of half vectors, per steradian
    wi = 2.0 * (half @ wo)[..., None] * half - wo
    solid = np.broadcast_to((w / (2 * count))[:, None], c.shape) / density * 4.0 * np.abs(half @ wo)
    return wi, np.where(wi[..., 2] > 0.0, solid, 0.0)


def lobe_albedo(color: float, roughness: float, metallic: float, theta: float) -> float:
    wo = direction(theta)
    wi, solid = lobe_rule(wo, roughness**2, 192)
    f = gltf_brdf(np.full(3, color), roughness, metallic, UP, wi, wo)[..., 0]
    return float((f * np.maximum(wi[..., 2], 0.0) * solid).sum())


def white_dielectric_albedo(roughness: float, theta: float) -> float:
    """The diffuse part by a rule over the hemisphere, the lobe (all that a black base reflects) by the narrow rule."""
    wo = direction(theta)
    wi, solid = hemisphere(96)
    white, black = (gltf_brdf(np.full(3, c), roughness, 0.0, UP, wi, wo)[..., 0] for c in (1.0, 0.0))
    return float(((white - black) * wi[..., 2] * solid).sum()) + lobe_albedo(0.0, roughness, 0.0, theta)


@pytest.mark.parametrize("roughness", [0.2, 0.5, 1.0])
def test_projected_microfacet_area_is_one(roughness):
    omega, solid = hemisphere(256)
    density = ggx_distribution(roughness**2, UP, omega)
    assert (density * omega[..., 2] * solid).sum() == pytest.approx(1.0, abs=2e-3)


def test_distribution_equals_the_usual_form_and_vanishes_below():
    half = normalize(np.array([[0.1, 0.2, 0.9], [0.0, 0.01, 1.0], [0.5, 0.0, -0.5]]))
    a2 = 0.3**4
    usual = a2 / (np.pi * ((half[:, 2] ** 2) * (a2 - 1.0) + 1.0) ** 2)
    density = ggx_distribution(0.3**2, UP, half)
    np.testing.assert_allclose(density[:2], usual[:2], rtol=1e-9)
    assert density[2] == 0.0


def test_white_dielectric_gains_energy_as_gltf_does():
    # glTF's mixing of diffuse and specular by one Fresnel term gains energy at grazing angles.
    assert white_dielectric_albedo(0.1, 70) == pytest.approx(1.11, abs=0.01)
    assert white_dielectric_albedo(0.1, 80) == pytest.approx(1.35, abs=0.01)


@pytest.mark.parametrize("theta", [0, 35, 70])
@pytest.mark.parametrize("roughness", [0.1, 0.3, 0.6, 1.0])
def test_white_metal_never_gains_energy(theta, roughness):
    reflected = lobe_albedo(1.0, roughness, 1.0, theta)
    assert 0.3 < reflected < 1.0 + 1e-3


def test_smooth_white_metal_is_a_mirror():
    assert lobe_albedo(1.0, 0.05, 1.0, 40) == pytest.approx(1.0, abs=5e-3)


def test_reciprocity():
    rng = np.random.default_rng(3)
    wi = normalize(rng.normal(size=(200, 3)) * [1, 1, 0.2] + [0, 0, 0.8])
    wo = normalize(rng.normal(size=(200, 3)) * [1, 1, 0.2] + [0, 0, 0.8])
    both = (wi[:, 2] > N_DOT_V_MINIMUM) & (wo[:, 2] > N_DOT_V_MINIMUM)
    color, roughness, metallic = rng.random((200, 3)), rng.uniform(0.05, 1, 200), rng.random(200)
    there = gltf_brdf(color, roughness, metallic, UP, wi, wo)[both]
    back = gltf_brdf(color, roughness, metallic, UP, wo, wi)[both]
    np.testing.assert_allclose(there, back, rtol=1e-9)


def test_rough_lambertian_limit_and_black():
    # Facing light and eye: f = (1 − 0.04)·c/π + 0.04/(4π) at roughness 1.
    f = gltf_brdf([0.5, 0.25, 0.0], 1.0, 0.0, UP, UP, UP)
    np.testing.assert_allclose(f, 0.96 * np.array([0.5, 0.25, 0.0]) / np.pi + 0.04 / (4 * np.pi), rtol=1e-12)
    np.testing.assert_allclose(gltf_brdf([0, 0, 0], 1.0, 1.0, UP, UP, UP), 0.0, atol=1e-15)


def test_hand_computed_value():
    # roughness 0.5, light at 45°, eye straight up; every factor written out.
    wi, wo = direction(45), UP
    alpha2 = 0.25**2
    cos_h = np.cos(np.radians(22.5))
    d = alpha2 / (np.pi * (cos_h**2 * (alpha2 - 1) + 1) ** 2)
    nl = np.cos(np.radians(45))
    v = 1 / ((nl + np.sqrt(alpha2 + (1 - alpha2) * nl**2)) * 2.0)
    f0 = 0.04 + (0.8 - 0.04) * 0.3
    fresnel = f0 + (1 - f0) * (1 - cos_h) ** 5
    expected = (1 - fresnel) * 0.8 * 0.7 / np.pi + fresnel * d * v
    np.testing.assert_allclose(gltf_brdf([0.8] * 3, 0.5, 0.3, UP, wi, wo), [expected] * 3, rtol=1e-12)


def test_clamps():
    wi, wo = direction(30), direction(30, 180)
    np.testing.assert_array_equal(
        gltf_brdf([1, 1, 1], 0.0, 1.0, UP, wi, wo), gltf_brdf([1, 1, 1], ROUGHNESS_MINIMUM, 1.0, UP, wi, wo)
    )
    below_eye = gltf_brdf([1, 1, 1], 0.5, 0.0, UP, wi, direction(100))
    assert np.isfinite(below_eye).all()
    assert (gltf_brdf([1, 1, 1], 0.5, 0.0, UP, direction(100), wo) == 0.0).all()
    assert (gltf_brdf([1, 1, 1], 0.5, 0.0, UP, [1, 0, 0], wo) == 0.0).all()


def test_broadcasting():
    rng = np.random.default_rng(0)
    normal = normalize(rng.normal(size=(4, 5, 3)) * 0.1 + UP)
    f = gltf_brdf(rng.random((4, 5, 3)), rng.random((4, 5)), 0.0, normal, direction(20), direction(50, 90))
    assert f.shape == (4, 5, 3)
    assert (f > 0).all()
