from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.brdf import gltf_brdf, normalize
from neumat.materials.neural import FEATURES, NETWORKS, ExplicitMaps, Layer, Network, NeuralMaterial
from neumat.materials.reference import Reference, bilinear, clamped_wo, output_transform, run_network, sigmoid
from neumat.materials.synthetic import small_material

UP = np.array([0.0, 0.0, 1.0])


def constant_network(form: str, name: str, output: list[float]) -> Network:
    inputs, outputs = NETWORKS[form][name]
    width = sum(FEATURES[feature] for feature in inputs)
    return Network(inputs, (Layer(np.zeros((outputs, width), np.float32), np.float32(output)),))


def hybrid(height: np.ndarray, *, decoder: list[float] | None = None, **fields: object) -> NeuralMaterial:
    """A hybrid of grey base colour 188, roughness 128, facing outwards, with the given 16-bit heights."""
    size = height.shape
    explicit = ExplicitMaps(
        base_color=np.full((*size, 3), 188, np.uint8),
        orm=np.broadcast_to(np.uint8([255, 128, 0]), (*size, 3)),
        normal=np.broadcast_to(np.uint8([128, 128, 255]), (*size, 3)),
        height=height.astype(np.uint16),
    )
    default: dict[str, object] = {
        "name": "made",
        "form": "hybrid",
        "explicit": explicit,
        "latents": {"latent": np.zeros((2, 2, 12), np.float16)},
        "networks": {"decoder": constant_network("hybrid", "decoder", decoder or [100.0, -100.0, -100.0, -100.0])},
        "resolution": size[1],
        "height_range": (float(height.min()) / 65535, float(height.max()) / 65535),
    }
    return NeuralMaterial(**{**default, **fields})  # type: ignore[arg-type]


def neumip(offset: list[float], rgb: list[float], **fields: object) -> NeuralMaterial:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float16)[None, :, None], (8, 8, 12))
    default: dict[str, object] = {
        "name": "made",
        "form": "neumip",
        "explicit": None,
        "latents": {"offset": np.zeros((4, 4, 12), np.float16), "rgb": ramp},
        "networks": {
            "offset": constant_network("neumip", "offset", offset), "rgb": constant_network("neumip", "rgb", rgb)
        },
        "resolution": 8,
    }  # fmt: skip
    return NeuralMaterial(**{**default, **fields})  # type: ignore[arg-type]


def angle(theta: float, phi: float = 0.0) -> np.ndarray:
    t, p = np.radians(theta), np.radians(phi)
    return np.array([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)])


def random_directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Mostly outwards, some below the surface."""
    return normalize(rng.normal(size=(count, 3)) + UP)


def rows(*vectors: object) -> np.ndarray:
    return np.array(vectors, np.float64)


# --- look-ups ---------------------------------------------------------------------------------------------------


def test_bilinear_reads_texel_centres_wraps_and_clamps():
    texture = np.float32([[0, 1, 2, 3], [4, 5, 6, 7]])
    centres = rows([0.125, 0.25], [0.875, 0.75])
    np.testing.assert_allclose(bilinear(texture, centres, tileable=True), [0, 7])
    np.testing.assert_allclose(bilinear(texture, rows([0.25, 0.5]), tileable=False), [2.5])
    corner = rows([0.0, 0.25], [0.0, 0.0], [1.0, 0.25])
    np.testing.assert_allclose(bilinear(texture, corner, tileable=True), [1.5, (0 + 3 + 4 + 7) / 4, 1.5])
    np.testing.assert_allclose(bilinear(texture, corner, tileable=False), [0, 0, 3])
    np.testing.assert_allclose(
        bilinear(texture, rows([-3.7, 5.3]), tileable=True), bilinear(texture, rows([0.3, 0.3]), tileable=True)
    )
    np.testing.assert_allclose(bilinear(texture, rows([-3.7, 5.3]), tileable=False), [4])
    assert bilinear(np.zeros((3, 3, 5)), corner, tileable=True).shape == (3, 5)


def test_network_runs_layers_in_order():
    first = Layer(np.float32([[1, 0, 0], [0, -1, 0]]), np.float32([0.5, 0]))
    second = Layer(np.float32([[1, 10]]), np.float32([1]))
    features = {"wo": rows([1, 2, 3], [-1, -2, -3])}
    np.testing.assert_allclose(run_network(Network(("wo",), (first, second)), features), [[2.5], [21.0]])
    leaky = Network(("wo",), (first, second), "leaky_relu")
    np.testing.assert_allclose(run_network(leaky, features), [[1.5 + 1 - 0.02 * 10], [-0.005 + 1 + 20]], rtol=1e-6)


def test_transforms():
    y = rows([-1000.0, 0.0, 1000.0])
    np.testing.assert_allclose(output_transform("softplus", y), [[0, np.log(2), 1000]])
    np.testing.assert_allclose(output_transform("exp", y), [[0, 1, np.exp(8)]])
    assert output_transform("linear", y) is y
    np.testing.assert_allclose(sigmoid(y), [[0, 0.5, 1]])


def test_clamped_wo_keeps_steep_directions_and_raises_grazing_ones():
    steep = angle(60, 20)
    np.testing.assert_allclose(clamped_wo(rows(steep))[0], steep, atol=1e-15)
    grazing = clamped_wo(rows([0.6, 0.8, 0.0], [0.0, 1.0, -0.5]))
    np.testing.assert_allclose(grazing, rows([0.6, 0.8, 0.1], [0.0, 1.0, 0.1]) / np.sqrt(1.01))


# --- hybrid: what it adds up to ---------------------------------------------------------------------------------


def test_constant_material_is_brdf_times_visibility_plus_residual():
    material = hybrid(np.full((4, 4), 30000), decoder=[0.4, -1.0, 0.0, 1.0])
    reference = Reference(material)
    wi, wo = rows(angle(40, 200), angle(10)), rows(angle(30, 10), angle(75, 100))
    f = reference.evaluate(reference.prepare(rows([0.3, 0.6], [0.1, 0.9]), 0.01, wo), wi)
    normal = normalize(np.array([1.0, 1.0, 255.0]))
    color = ((188 / 255 + 0.055) / 1.055) ** 2.4
    base = gltf_brdf([color] * 3, 128 / 255, 0.0, normal, wi, wo) * (wi @ normal)[:, None]
    residual = np.log1p(np.exp([-1.0, 0.0, 1.0])) / np.pi
    np.testing.assert_allclose(f, base / (1 + np.exp(np.float32(-0.4))) + residual, rtol=1e-6)


def test_light_below_is_black_and_the_residual_fades_in():
    material = hybrid(np.full((4, 4), 0), decoder=[-100.0, 2.0, 2.0, 2.0], output="linear")
    reference = Reference(material)
    wi = normalize(rows([1, 0, 0], [0.5, 0, -0.2], [np.sqrt(1 - 0.05**2), 0, 0.05], [0, 0.6, 0.8]))
    prepared = reference.prepare(np.full((4, 2), 0.5), 0.1, np.tile(angle(20), (4, 1)))
    f = reference.evaluate(prepared, wi)
    np.testing.assert_allclose(f, np.array([0, 0, 0.5, 1])[:, None] * np.full(3, 2 / np.pi), atol=1e-12)


def test_flat_relief_shifts_by_its_height():
    # Height 0.75 of scale 0.2 lies 0.05 over the reference plane; W/H = 2, so v moves twice as far.
    value = round(0.75 * 65535)
    material = hybrid(np.full((4, 8), value), height_scale=0.2)
    wo = rows(angle(45, 0), angle(45, 90), angle(0), angle(45, 225))
    prepared = Reference(material).prepare(np.full((4, 2), 0.5), 0.01, wo)
    z = (value / 65535 - 0.5) * 0.2
    np.testing.assert_allclose(prepared.z_hit, z, atol=1e-8)
    d = z / np.sqrt(2)
    expected = rows([0.5 + z, 0.5], [0.5, 0.5 - 2 * z], [0.5, 0.5], [0.5 - d, 0.5 + 2 * d])
    np.testing.assert_allclose(prepared.uv_hit, expected, atol=1e-7)


def step_along_u() -> NeuralMaterial:
    height = np.zeros((4, 256))
    height[:, :128] = 65535
    return hybrid(height, height_scale=0.2, tileable=False, march_steps=64, secant_steps=8, light_steps=128)


def test_step_has_the_parallax_of_its_height():
    # Relief ±0.1, high for u < 0.5; seen from +x at 45° a ray at u runs along u + z.
    uv = rows([0.3, 0.5], [0.7, 0.5], [0.52, 0.5])
    prepared = Reference(step_along_u()).prepare(uv, 0.0, np.tile(angle(45), (3, 1)))
    np.testing.assert_allclose(prepared.uv_hit[:, 0], [0.4, 0.6, 0.5], atol=1 / 256)
    np.testing.assert_allclose(prepared.z_hit, [0.1, -0.1, -0.02], atol=1 / 256)
    # From −x the same wall hides nothing: u = 0.5 + z sees the ground right behind the edge.
    behind = Reference(step_along_u()).prepare(rows([0.61, 0.5]), 0.0, rows(angle(45, 180)))
    np.testing.assert_allclose(behind.uv_hit[0, 0], 0.71, atol=1 / 256)


def test_step_throws_the_shadow_of_its_height():
    # The wall is 0.2 high: light from −x at 45° leaves the ground dark for 0.2 behind it.
    reference = Reference(step_along_u())
    u = np.array([0.4, 0.55, 0.69, 0.71, 0.8])
    uv = np.stack([u, np.full(5, 0.5)], axis=-1)
    up = np.tile(angle(0), (5, 1))
    f = reference.marched(uv, 0.0, np.tile(angle(45, 180), (5, 1)), up)
    np.testing.assert_array_equal(f[:, 0] > 0, [True, False, False, True, True])
    away = reference.marched(uv, 0.0, np.tile(angle(45, 0), (5, 1)), up)
    assert (away > 0).all()
    blocked = reference.light_march(reference.prepare(uv, 0.0, up), np.tile(angle(45, 180), (5, 1)))
    # Right behind the edge the rise over the ray is nearly the whole span; the second measure saturates.
    assert blocked[1, 0] == pytest.approx(0.75, abs=0.03)
    assert blocked[1, 1] == 1.0
    assert blocked[0, 0] <= 0.0


@pytest.mark.parametrize("width", [64, 128])
def test_y_points_to_the_top_of_the_image(width):
    # High in the upper half of the image (small v); the wall is 0.2 widths high, that is 0.2·W/H of v.
    height = np.zeros((64, width))
    height[:32] = 65535
    reference = Reference(hybrid(height, height_scale=0.2, tileable=False, light_steps=64))
    reach = 0.2 * width / 64
    uv = rows([0.5, 0.4], [0.5, 0.5 + reach - 0.03], [0.5, 0.5 + reach + 0.03])
    up, north = np.tile(angle(0), (3, 1)), np.tile(angle(45, 90), (3, 1))
    np.testing.assert_array_equal(reference.marched(uv, 0.0, north, up)[:, 0] > 0, [True, False, True])
    south = north * [1, -1, 1]
    assert (reference.marched(uv, 0.0, south, up) > 0).all()
    # Seen from the top of the image, ground further down (larger v) shows, seen from below, ground further up.
    prepared = reference.prepare(rows([0.5, 0.8]), 0.0, rows(angle(45, 90)))
    assert prepared.uv_hit[0, 1] == pytest.approx(0.8 + reach / 2, abs=1e-6)


def test_march_ends_at_the_first_hit():
    rng_material = small_material("hybrid", seed=11, size=(32, 48))
    material = replace(rng_material, march_steps=256, secant_steps=8)
    reference = Reference(material)
    rng = np.random.default_rng(0)
    uv = rng.random((60, 2))
    wo = random_directions(rng, 60)
    prepared = reference.prepare(uv, 0.0, wo)
    slope = prepared.wo_clamped[:, :2] / prepared.wo_clamped[:, 2:]
    z = np.linspace(reference.z_top, reference.z_bottom, 2001)
    moved = uv[:, None] + np.stack(
        [slope[:, :1] * z, -slope[:, 1:] * z * reference.aspect], axis=-1
    )  # fmt: skip
    height = reference.height(moved.reshape(-1, 2), np.zeros(60 * 2001, np.int64)).reshape(60, 2001)
    first = np.argmax(z - height <= 0.0, axis=1)
    np.testing.assert_allclose(prepared.z_hit, z[first], atol=1.1 * reference.span / 256)
    on_surface = prepared.z_hit - reference.height(prepared.uv_hit, prepared.level)
    np.testing.assert_allclose(on_surface, 0.0, atol=1e-5)


def test_hits_leave_the_chart_only_when_the_material_tiles():
    height = np.full((4, 4), 65535)
    for tileable, expected in ((True, 1.04), (False, 1.0)):
        material = hybrid(height, height_scale=0.1, tileable=tileable)
        prepared = Reference(material).prepare(rows([0.99, 0.5]), 0.0, rows(angle(45)))
        assert prepared.uv_hit[0, 0] == pytest.approx(expected, abs=1e-6)


def test_level_follows_the_footprint_and_is_read_alone():
    material = small_material("hybrid", seed=2, size=(32, 64))
    reference = Reference(material)
    uv = np.tile(rows([0.21, 0.77]), (4, 1))
    prepared = reference.prepare(uv, rows(0.0, 1 / 64, 4 / 64, 50.0), np.tile(angle(0), (4, 1)))
    np.testing.assert_array_equal(prepared.level, [0, 0, 2, 6])
    texture = reference.levels[2].base_color
    np.testing.assert_allclose(prepared.base_color[2], bilinear(texture, prepared.uv_hit[2:3], tileable=True)[0])
    np.testing.assert_allclose(prepared.base_color[3], reference.levels[6].base_color[0, 0])
    np.testing.assert_allclose(np.linalg.norm(prepared.normal, axis=1), 1.0)
    # Latents have a grid of their own and no levels.
    expected = bilinear(material.latents["latent"], prepared.uv_hit, tileable=True)
    np.testing.assert_allclose(prepared.latent, expected)


def test_roughness_is_floored():
    material = hybrid(np.zeros((4, 4)))
    assert material.explicit is not None
    smooth = replace(material, explicit=replace(material.explicit, orm=np.zeros((4, 4, 3), np.uint8)))
    assert Reference(smooth).prepare(rows([0.5, 0.5]), 0.0, rows(angle(0))).roughness[0] == 0.045


def test_grazing_eyes_march_as_the_clamped_one():
    material = small_material("hybrid", seed=5)
    reference = Reference(material)
    grazing = normalize(rows([0.6, 0.8, 0.02]))
    prepared = reference.prepare(rows([0.5, 0.5]), 0.0, grazing)
    slope = grazing[0, :2] / 0.1
    np.testing.assert_allclose(prepared.uv_hit[0], 0.5 + slope * [1, -1] * prepared.z_hit)
    np.testing.assert_array_equal(prepared.wo, grazing)


def test_pbr_ignores_relief_and_network():
    material = small_material("hybrid", seed=3)
    reference = Reference(material)
    rng = np.random.default_rng(1)
    uv = rng.random((50, 2))
    wi, wo = random_directions(rng, 50), random_directions(rng, 50)
    f = reference.pbr(uv, 1 / 32, wi, wo)
    level = reference.levels[0]
    normal = normalize(bilinear(level.normal, uv, tileable=True))
    expected = gltf_brdf(
        bilinear(level.base_color, uv, tileable=True), bilinear(level.roughness, uv, tileable=True),
        bilinear(level.metallic, uv, tileable=True), normal, wi, wo,
    ) * np.maximum((normal * wi).sum(-1), 0)[:, None]  # fmt: skip
    np.testing.assert_allclose(f, np.where(wi[:, 2:] > 0, expected, 0))


# --- neumip -----------------------------------------------------------------------------------------------------


def test_neumip_offsets_then_reads_then_shades():
    material = neumip([0.5, -0.3], [1.0, 0.0, -1.0], offset_range=0.2)
    reference = Reference(material)
    prepared = reference.prepare(rows([0.4, 0.5]), 0.0, rows(angle(50, 70)))
    expected = np.array([0.4, 0.5]) + 0.2 * np.tanh(np.float32([0.5, -0.3]).astype(np.float64))
    np.testing.assert_allclose(prepared.uv_hit[0], expected)
    np.testing.assert_allclose(prepared.latent[0], expected[0] * 8 - 0.5)
    assert prepared.z_hit[0] == 0.0
    f = reference.evaluate(prepared, rows(angle(20)))
    np.testing.assert_allclose(f[0], np.log1p(np.exp([1.0, 0.0, -1.0])) / np.pi)
    assert (reference.evaluate(prepared, rows([0.0, 1.0, 0.0])) == 0.0).all()
    low = normalize(rows([1, 0, 0.05]))
    np.testing.assert_allclose(
        reference.evaluate(prepared, low)[0] / f[0], low[0, 2] / 0.1
    )  # fmt: skip


def test_neumip_clamps_its_hit_and_has_no_pbr_of_its_own():
    reference = Reference(neumip([5.0, -5.0], [0, 0, 0], tileable=False))
    prepared = reference.prepare(rows([0.95, 0.1]), 0.0, rows(angle(0)))
    np.testing.assert_array_equal(prepared.uv_hit[0], [1.0, 0.0])
    for column in (reference.pbr, reference.marched):
        with pytest.raises(InputError, match="no PBR channels"):
            column(rows([0.5, 0.5]), 0.0, rows(angle(0)), rows(angle(0)))


def test_neumip_with_a_fallback_shows_it():
    material = small_material("neumip", seed=6)
    same = small_material("hybrid", seed=6)
    arguments = (rows([0.2, 0.3]), 1 / 32, rows(angle(30)), rows(angle(50, 90)))
    np.testing.assert_array_equal(Reference(material).pbr(*arguments), Reference(same).pbr(*arguments))
    np.testing.assert_array_equal(Reference(material).marched(*arguments), Reference(same).marched(*arguments))


@pytest.mark.parametrize("form", ["hybrid", "neumip"])
def test_random_materials_give_plausible_numbers(form):
    reference = Reference(small_material(form, seed=1, size=(24, 40)))
    rng = np.random.default_rng(9)
    wi, wo = random_directions(rng, 500), random_directions(rng, 500)
    wo[:, 2] = np.abs(wo[:, 2])
    f = reference.evaluate(reference.prepare(rng.random((500, 2)), rng.random(500) * 0.2, wo), wi)
    assert np.isfinite(f).all()
    assert (f >= 0).all()
    assert 0.05 < np.median(np.pi * f[wi[:, 2] > 0.3]) < 2.0


def test_shapes_are_checked():
    with pytest.raises(InputError, match="expected"):
        Reference(small_material("hybrid", seed=1)).prepare(np.zeros((3, 2)), 0.1, np.zeros((2, 3)))
