from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.pbr import normal_from_height
from neumat.materials.slopes import fit_slopes
from neumat.materials.surface import DEFAULT_SCALE, Surface, settle_surface

Maps = tuple[np.ndarray, np.ndarray]
FLIP_Y = np.array([1, -1, 1], np.float32)


def stones(size: int = 128, seed: int = 0, slope: float = 1.8) -> np.ndarray:
    """A tileable height map, 0 to 1."""
    frequency = np.fft.fftfreq(size) * size
    radius = np.maximum(np.hypot(*np.meshgrid(frequency, frequency)), 2.0)
    phase = np.fft.fft2(np.random.default_rng(seed).standard_normal((size, size)))
    noise = np.fft.ifft2(phase * radius**-slope).real
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def eight_bits(normal: np.ndarray) -> np.ndarray:
    """Store and read a normal map with 8 bits."""
    n = np.round((normal * 0.5 + 0.5) * 255) / 255 * 2 - 1
    return (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)


def settle(normal: np.ndarray | None, height: np.ndarray | None, **more: object) -> Surface:
    shape = (height if height is not None else normal).shape[:2]  # type: ignore[union-attr]
    return settle_surface(normal, height, shape=shape, tileable=True, **more)  # type: ignore[arg-type]


def how(surface: Surface, what: str) -> str:
    return next(f"{finding.value}: {finding.how}" for finding in surface.findings if finding.what == what)


def slopes_of(normal: np.ndarray) -> np.ndarray:
    return -normal[..., :2] / normal[..., 2:]


@pytest.mark.parametrize("scale", [0.004, 0.03, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_scale_is_recovered(scale: float, seed: int) -> None:
    height = stones(seed=seed)
    fit = fit_slopes(eight_bits(normal_from_height(height, scale, tileable=True)), height)
    assert fit.scale == pytest.approx(scale, rel=0.05)
    assert fit.correlation > 0.9
    assert fit.trusted
    assert fit.y_up is True
    assert not fit.inverted


def test_non_square_maps_have_one_scale_for_both_axes() -> None:
    height = np.ascontiguousarray(stones(192)[:64])
    fit = fit_slopes(normal_from_height(height, 0.05, tileable=False), height)
    assert fit.scale == pytest.approx(0.05, rel=0.02)
    assert fit.correlation_y > 0.99


def test_directx_shows_in_the_sign_of_y() -> None:
    height = stones()
    fit = fit_slopes(normal_from_height(height, 0.05, tileable=True) * FLIP_Y, height)
    assert fit.y_up is False
    assert fit.correlation_x > 0.99
    assert fit.correlation_y < -0.99
    assert fit.scale == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("flip", [False, True])
def test_a_depth_map_is_told_from_a_directx_map(flip: bool) -> None:
    height = stones()
    normal = normal_from_height(height, 0.05, tileable=True)
    fit = fit_slopes(normal * FLIP_Y if flip else normal, np.float32(1.0) - height)
    assert fit.inverted
    assert not fit.trusted
    assert fit.y_up is not flip


def test_height_of_eight_bits_gives_the_same_scale() -> None:
    height = stones(256, slope=2.2)
    normal = normal_from_height(height, 0.02, tileable=True)
    fit = fit_slopes(normal, (np.round(height * 255) / 255).astype(np.float32))
    assert fit.scale == pytest.approx(0.02, rel=0.05)
    assert fit.trusted


def test_noise_of_the_height_does_not_pull_the_scale_down() -> None:
    height = stones(256, slope=2.2)
    normal = normal_from_height(height, 0.02, tileable=True)
    noisy = height + 0.002 * np.random.default_rng(1).standard_normal(height.shape).astype(np.float32)
    assert fit_slopes(normal, noisy).scale == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [8, 16, 64, 256])
def test_unrelated_maps_are_not_believed(seed: int, size: int) -> None:
    normal = normal_from_height(stones(size, seed, 1.2), 0.05, tileable=True)
    fit = fit_slopes(normal, stones(size, seed + 100, 1.2))
    assert not fit.trusted
    assert not fit.inverted
    assert fit.y_up is None


def test_flat_and_tiny_maps_say_nothing() -> None:
    flat = np.zeros((32, 32, 3), np.float32)
    flat[..., 2] = 1.0
    for normal, height in ((flat, stones(32)), (flat[:2, :2], stones(32)[:2, :2]), (flat[:1, :1], stones(32)[:1, :1])):
        fit = fit_slopes(normal, height)
        assert (fit.scale, fit.correlation, fit.trusted, fit.y_up) == (0.0, 0.0, False, None)
    assert not fit_slopes(
        normal_from_height(stones(32), 0.1, tileable=True), np.full((32, 32), 0.5, np.float32)
    ).trusted


@pytest.fixture(scope="module")
def maps() -> Maps:
    height = stones()
    return normal_from_height(height, 0.04, tileable=True), height


def test_nothing_told_takes_the_estimate(maps: Maps) -> None:
    surface = settle(*maps)
    assert surface.height_scale == pytest.approx(0.04, rel=0.02)
    np.testing.assert_array_equal(surface.normal, maps[0])
    assert "estimated" in how(surface, "height scale")


def test_a_told_scale_takes_the_slopes_along(maps: Maps) -> None:
    surface = settle(*maps, told_scale=0.08)
    assert surface.height_scale == 0.08
    expected = slopes_of(normal_from_height(maps[1], 0.08, tileable=True))
    np.testing.assert_allclose(slopes_of(surface.normal), expected, rtol=0.03, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(surface.normal, axis=-1), 1.0, atol=1e-6)
    assert "told" in how(surface, "height scale")
    assert "times 2" in how(surface, "normal slopes")


def test_a_told_scale_leaves_unrelated_normals_alone(maps: Maps) -> None:
    surface = settle(maps[0], stones(seed=77), told_scale=0.08)
    assert surface.height_scale == 0.08
    np.testing.assert_array_equal(surface.normal, maps[0])
    assert "don't correlate" in how(surface, "normal slopes")


def test_a_told_zero_keeps_the_normal_map(maps: Maps) -> None:
    surface = settle(*maps, told_scale=0.0)
    assert surface.height_scale == 0.0
    np.testing.assert_array_equal(surface.normal, maps[0])


@pytest.mark.parametrize(("author", "follows"), [(0.045, False), (0.033, False), (0.08, True), (0.01, True)])
def test_an_authors_scale_is_believed_with_its_normal_map(maps: Maps, author: float, follows: bool) -> None:
    surface = settle(*maps, author_scale=author)
    assert surface.height_scale == author
    assert np.array_equal(surface.normal, maps[0]) is not follows
    assert "material.json" in how(surface, "height scale")


def test_the_user_is_heard_before_the_author(maps: Maps) -> None:
    assert settle(*maps, told_scale=0.02, author_scale=0.3).height_scale == 0.02


def test_unrelated_maps_get_the_default(maps: Maps) -> None:
    surface = settle(maps[0], stones(seed=77))
    assert surface.height_scale == DEFAULT_SCALE
    finding = next(f for f in surface.findings if f.what == "height scale")
    assert finding.assumed
    assert "don't correlate" in finding.how
    assert "depth map" in how(settle(maps[0], np.float32(1.0) - maps[1]), "height scale")


def test_without_normals_they_come_from_the_height(maps: Maps) -> None:
    surface = settle(None, maps[1], told_scale=0.1)
    np.testing.assert_array_equal(surface.normal, normal_from_height(maps[1], 0.1, tileable=True))
    surface = settle(None, maps[1])
    np.testing.assert_array_equal(surface.normal, normal_from_height(maps[1], DEFAULT_SCALE, tileable=True))


@pytest.mark.parametrize("height", [None, np.full((128, 128), 0.7, np.float32)])
def test_without_height_the_surface_is_flat(maps: Maps, height: np.ndarray | None) -> None:
    surface = settle(maps[0], height, told_scale=0.1)
    assert surface.height_scale == 0.0
    np.testing.assert_array_equal(surface.height, np.full((128, 128), 0.5, np.float32))
    np.testing.assert_array_equal(surface.normal, maps[0])
    assert "no effect" in how(surface, "height scale")


@pytest.mark.parametrize("told", [None, "auto", "opengl", "directx"])
@pytest.mark.parametrize("named", [None, "opengl", "directx"])
@pytest.mark.parametrize("truth", ["opengl", "directx", "unknown"])
def test_convention_told_then_measured_then_named(maps: Maps, told: str | None, named: str | None, truth: str) -> None:
    height = stones(seed=77) if truth == "unknown" else maps[1]
    stored = maps[0] * FLIP_Y if truth == "directx" else maps[0]
    surface = settle(stored, height, told_format=told, named_format=named)
    believed = told if told in ("opengl", "directx") else truth if truth != "unknown" else named or "opengl"
    np.testing.assert_array_equal(surface.normal, stored * FLIP_Y if believed == "directx" else stored)
    word = how(surface, "normal convention")
    assert word.startswith("DirectX" if believed == "directx" else "OpenGL")
    contradicted = truth != "unknown" and (told or named or "auto") not in ("auto", truth)
    assert ("opposite" in word) == (
        contradicted or (told == "auto" and truth != "unknown" and named not in (None, truth))
    )


def test_told_scales_follow_the_span_of_the_map(maps: Maps) -> None:
    surface = settle(None, maps[1], told_scale=0.02, height_span=2.5)
    assert surface.height_scale == pytest.approx(0.05)
    with pytest.raises(InputError, match="span"):
        settle(None, maps[1], told_scale=0.5, height_span=2.5)
    with pytest.raises(InputError, match="outside"):
        settle(None, maps[1], told_scale=1.5)
