"""The truth sampler against closed forms: flat materials, steps, ramps, energy, edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neumat.materials.brdf import gltf_brdf
from neumat.materials.explicit import decode, encode
from neumat.materials.pbr import PbrMaterial, normal_from_height
from neumat.materials.synthetic import small_pbr
from neumat.truth.protocol import direction, pixel_grid
from neumat.truth.sampler import TruthSampler

Rows = np.ndarray


def material(
    height: Rows,
    *,
    height_scale: float = 0.0,
    base: tuple[float, float, float] = (1.0, 1.0, 1.0),
    roughness: float = 1.0,
    metallic: float = 0.0,
    tileable: bool = True,
    smooth: bool = False,
) -> PbrMaterial:
    """A material of one colour, encoded as files are; normals of the relief where `smooth`, else all upwards."""
    shape = height.shape
    up = np.zeros((*shape, 3), np.float32)
    up[..., 2] = 1.0
    made = PbrMaterial(
        name="made",
        base_color=np.broadcast_to(np.float32(base), (*shape, 3)).copy(),
        roughness=np.full(shape, roughness, np.float32),
        metallic=np.full(shape, metallic, np.float32),
        normal=normal_from_height(height, height_scale, tileable=tileable) if smooth else up,
        height=height.astype(np.float32),
        height_scale=height_scale,
        tileable=tileable,
    )
    return decode(encode(made), height_scale=height_scale, tileable=tileable)


def flat(size: tuple[int, int] = (8, 8), **kwargs) -> PbrMaterial:
    return material(np.full(size, 0.5), **kwargs)


def rows(vector: Rows, count: int) -> Rows:
    return np.tile(np.asarray(vector, np.float32), (count, 1))


def shaded(made: PbrMaterial, texel: tuple[int, int], wi: Rows, wo: Rows) -> Rows:
    """pi·f of the BRDF alone with the normal of one texel, as it is encoded."""
    normal = made.normal[texel].astype(np.float64)
    f = gltf_brdf(made.base_color[texel], made.roughness[texel], made.metallic[texel], normal, wi, wo)
    return np.pi * f * np.maximum(np.sum(normal * np.asarray(wi, np.float64), axis=-1), 0.0)[..., None]


@pytest.mark.parametrize("theta", [0.0, 30.0, 60.0, 85.0])
def test_flat_lambertian_gives_base_times_cosine(theta: float) -> None:
    made = flat(base=(0.8, 0.4, 0.1))
    wi, wo = direction(theta, 40.0), direction(20.0, 200.0)
    x = TruthSampler(made).sample(rows([0.5, 0.5], 1), rows(wo, 1), rows(wi, 1), samples=1)[0]
    np.testing.assert_allclose(x, shaded(made, (0, 0), wi, wo), rtol=1e-4)
    # Fresnel takes from the diffuse part what the lobe reflects: about 4 % where the half angle is small.
    black = flat(base=(0.0, 0.0, 0.0))
    lobe = TruthSampler(black).sample(rows([0.5, 0.5], 1), rows(wo, 1), rows(wi, 1), samples=1)[0]
    half = (wi + wo) / np.linalg.norm(wi + wo)
    fresnel = 0.04 + 0.96 * (1.0 - half @ wo) ** 5
    # 8 bits cannot write a normal that is exactly upright: it leans by 1/255 to +x and +y.
    cosine = float(made.normal[0, 0] @ wi)
    assert cosine == pytest.approx(np.cos(np.radians(theta)), abs=0.006)
    np.testing.assert_allclose(x - lobe, (1.0 - fresnel) * made.base_color[0, 0] * cosine, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_flat_relief_is_the_brdf(seed: int) -> None:
    # Every channel varies from texel to texel; at texel centres a box of no width sees one texel alone.
    made = small_pbr(seed=seed, size=(12, 16), height_scale=0.0)
    made = replace(made, normal=small_pbr(seed=seed, size=(12, 16), height_scale=0.3).normal)
    made = decode(encode(made), height_scale=0.0)
    rng = np.random.default_rng(seed)
    count = 256
    row, column = rng.integers(0, 12, count), rng.integers(0, 16, count)
    uv = np.stack([(column + 0.5) / 16.0, (row + 0.5) / 12.0], axis=-1).astype(np.float32)
    wi, wo = (
        np.stack([direction(t, p) for t, p in zip(rng.uniform(0, 89, count), rng.uniform(0, 360, count), strict=True)])
        for _ in range(2)
    )
    expected = np.stack([shaded(made, (row[i], column[i]), wi[i], wo[i]) for i in range(count)])
    x = TruthSampler(made).sample(uv, wo, wi, samples=3, width=0.0)
    np.testing.assert_allclose(x, expected, rtol=2e-3, atol=2e-5)


def test_nothing_from_below_the_plane() -> None:
    wi = np.array([[0.6, 0.0, -0.8], [1.0, 0.0, 0.0]])
    x = TruthSampler(flat()).sample(rows([0.5, 0.5], 2), rows([0.0, 0.0, 1.0], 2), wi)
    assert (x == 0.0).all()


@pytest.mark.parametrize(("axis", "azimuth"), [(1, 0.0), (1, 180.0), (0, 90.0), (0, 270.0)])
def test_a_wall_casts_its_shadow_away_from_the_light(axis: int, azimuth: float) -> None:
    # A ridge one texel wide and 4 texels high across the middle; light at 45° shades 4 texels beyond its crest.
    size, middle, rise = 33, 16, 4.0
    height = np.zeros((size, size))
    height[(slice(None), middle) if axis else middle] = 1.0
    made = material(height, height_scale=rise / size, tileable=False)
    line = (np.arange(size) + 0.5) / size
    across = np.full(size, 0.5)
    uv = np.stack([line, across] if axis else [across, line], axis=-1)
    wi, wo = direction(45.0, azimuth), direction(0.0, 0.0)
    x = TruthSampler(made).sample(uv, rows(wo, size), rows(wi, size), bounces=0, width=0.0)[:, 0]
    # Towards the light in texels: +U is +x; image-up, y, is towards row 0.
    towards = {0.0: 1, 180.0: -1, 90.0: -1, 270.0: 1}[azimuth]
    distance = (np.arange(size) - middle) * -towards
    lit = shaded(made, (0, 0), wi, wo)[0]
    np.testing.assert_allclose(x[(distance < 0) | (distance > rise)], lit, rtol=1e-4)
    assert (x[(distance > 0) & (distance < rise)] == 0.0).all()


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 200.0, 315.0])
@pytest.mark.parametrize("theta", [0.0, 40.0, 70.0])
def test_exact_hit_on_a_ramp(theta: float, azimuth: float) -> None:
    # z rises along +U and sinks down the rows: a plane between texel centres.
    rows_, columns, scale = 24, 32, 0.2
    column, row = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows_) + 0.5)
    height = 0.25 + 0.3 * column / columns + 0.15 * (1.0 - row / rows_)
    made = material(height, height_scale=scale, tileable=False)
    wo = direction(theta, azimuth).astype(np.float64)
    uv = np.array([[0.5, 0.5], [0.45, 0.55], [0.6, 0.4]])
    hit = TruthSampler(made).exact_hit(uv, rows(wo, len(uv)))
    # On the ray: uv moves by (x, −y·W/H) per texture width.
    slope = np.array([wo[0], -wo[1] * columns / rows_]) / wo[2]
    gradient = np.array([0.3, -0.15]) * scale
    z0 = (0.25 + 0.3 * uv[:, 0] + 0.15 * (1.0 - uv[:, 1]) - 0.5) * scale
    z = z0 / (1.0 - gradient @ slope)
    np.testing.assert_allclose(hit[:, 2], z, atol=1e-5)
    np.testing.assert_allclose(hit[:, :2], uv + z[:, None] * slope, atol=2e-5)


def test_exact_hit_is_the_first_of_several() -> None:
    # A wall hides what lies behind it from a low eye.
    size = 32
    height = np.zeros((size, size))
    height[:, 20] = 1.0
    made = material(height, height_scale=6.0 / size, tileable=False)
    wo = direction(60.0, 0.0)
    # The plane z = 0 lies at half height: aim at the wall's middle from the right.
    hit = TruthSampler(made).exact_hit(np.array([[20.5 / size, 0.5], [15.5 / size, 0.5]]), rows(wo, 2))
    assert hit[0, 0] == pytest.approx((20.5 + 0.5) / size, abs=0.6 / size)
    # −3 … 3 texels in z; at tan 60° the ray that crosses z = 0 at column 15 is still above the wall's foot there.
    assert hit[1, 2] > -3.0 / size
    assert hit[1, 0] * size > 19.5


@pytest.mark.parametrize("theta", [0.0, 50.0])
def test_white_relief_reflects_no_more_than_it_receives(theta: float) -> None:
    # The integral of f over light directions is the albedo: below 1, and bounces only bring back what direct light
    # lost.
    made = replace(small_pbr(seed=5, size=(24, 24), height_scale=0.3), tileable=True)
    made = replace(
        made,
        base_color=np.ones_like(made.base_color),
        metallic=np.zeros_like(made.metallic),
        roughness=np.ones_like(made.roughness),
    )
    sampler = TruthSampler(made)
    uv, _ = pixel_grid(sampler.size)
    rng = np.random.default_rng(1)
    u, v = rng.random(len(uv)), rng.random(len(uv))
    # Uniform over the hemisphere: the estimate of ∫ f dω is 2·pi·mean(f) = 2·mean(x).
    sine = np.sqrt(1.0 - u**2)
    wi = np.stack([sine * np.cos(2 * np.pi * v), sine * np.sin(2 * np.pi * v), u], axis=-1)
    wo = rows(direction(theta, 70.0), len(uv))
    albedo = [
        2.0 * np.mean([sampler.sample(uv, wo, wi[rng.permutation(len(uv))], samples=16, bounces=b, seed=s).mean()
        for s in range(4)]) for b in (0, 1, 3)
    ]  # fmt: skip
    assert albedo[0] < albedo[1] < albedo[2] < 1.03  # 3 %: noise of the light directions
    assert albedo[2] > 0.75


def test_bounces_do_not_leak_below_the_surface() -> None:
    # A plane whose normal map is tilted against it: what the shading normal sends below the plane is lost, so bounces
    # add nothing; and light that grazes below the plane of a ramp, above the shading normal's horizon, is dark.
    size = 32
    column = np.broadcast_to((np.arange(size) + 0.5) / size, (size, size))
    made = material(column, height_scale=1.0, tileable=False, roughness=0.5)
    tilted = np.broadcast_to(np.float32([0.0, 0.0, 1.0]), (size, size, 3)).copy()
    made = replace(made, normal=tilted)
    sampler = TruthSampler(made)
    uv = rows([0.5, 0.5], 1)
    wo, wi = rows(direction(0.0, 0.0), 1), rows(direction(20.0, 180.0), 1)
    direct = sampler.sample(uv, wo, wi, samples=4096, bounces=0)
    indirect = sampler.sample(uv, wo, wi, samples=4096, bounces=3)
    np.testing.assert_allclose(indirect, direct, rtol=1e-3)
    # The ramp's own horizon towards +U is at 45°.
    below = sampler.sample(uv, wo, rows(direction(50.0, 0.0), 1), samples=64)
    assert (below == 0.0).all()


def test_edges_repeat_without_tiling_and_wrap_with_it() -> None:
    made = small_pbr(seed=7, size=(16, 32), height_scale=0.1)
    wo, wi = rows(direction(30.0, 20.0), 3), rows(direction(40.0, 150.0), 3)
    tiled = TruthSampler(made)
    inside = np.array([[0.02, 0.97], [0.98, 0.03], [0.5, 0.5]], np.float32)
    for shift in ([1.0, 0.0], [0.0, -1.0]):
        moved = inside + np.float32(shift)
        np.testing.assert_allclose(
            tiled.sample(moved, wo, wi, bounces=0, width=0.0), tiled.sample(inside, wo, wi, bounces=0, width=0.0),
            rtol=5e-3, atol=1e-4,
        )  # fmt: skip
    # Beyond the edge of what does not tile the surface goes on as its last texel.
    clamped = TruthSampler(replace(made, tileable=False))
    top = rows([0.0, 0.0, 1.0], 2)
    hit = clamped.exact_hit(np.array([[-0.3, 0.5], [1.4, 0.5]]), top)
    edge = (decode(encode(made)).height[7:9, [0, -1]].mean(axis=0) - 0.5) * made.height_scale
    np.testing.assert_allclose(hit[:, 2], edge, atol=1e-6)
    np.testing.assert_allclose(hit[:, 0], [0.0, 1.0])


def test_no_seam_where_it_wraps() -> None:
    made = small_pbr(seed=9, size=(24, 24), height_scale=0.05)
    sampler = TruthSampler(made)
    line = np.linspace(0.1, 0.9, 32)
    wo, wi = rows(direction(50.0, 20.0), 32), rows(direction(30.0, 150.0), 32)

    def along(u: float) -> Rows:
        uv = np.stack([np.full(32, u), line], axis=-1)
        return sampler.sample(uv, wo, wi, samples=64, bounces=0, seed=3)

    step = 0.002
    across = np.abs(along(1.0 - step) - along(step)).max()
    elsewhere = max(np.abs(along(u - step) - along(u + step)).max() for u in np.linspace(0.1, 0.9, 17))
    assert across < 2.0 * elsewhere + 1e-3


def test_size_is_the_level_nearest_to_the_resolution() -> None:
    made = small_pbr(seed=2, size=(32, 64))
    assert TruthSampler(made).size == (64, 32)
    assert TruthSampler(made, resolution=16).size == (16, 8)
    assert TruthSampler(made, resolution=16).pixel == pytest.approx(1.0 / 16.0)


def test_texels_are_square_on_maps_that_are_not() -> None:
    # The same surface as half of a map that is twice as high gives the same picture.
    wide = small_pbr(seed=4, size=(16, 32), height_scale=0.1)
    tall = PbrMaterial(
        name="tall",
        height_scale=wide.height_scale,
        **{k: np.tile(getattr(wide, k), (2, 1, 1)[: getattr(wide, k).ndim])
           for k in ("base_color", "roughness", "metallic", "normal", "height")},
    )  # fmt: skip
    uv, _ = pixel_grid((32, 16))
    wo, wi = rows(direction(60.0, 70.0), len(uv)), rows(direction(40.0, 250.0), len(uv))
    x = TruthSampler(wide).sample(uv, wo, wi, bounces=0, samples=8)
    y = TruthSampler(tall).sample(uv * np.float32([1.0, 0.5]), wo, wi, bounces=0, samples=8)
    # A few paths at the border of a shadow may fall to either side.
    assert np.mean(np.abs(x - y)) < 1e-3


def test_seeds_give_the_same_again_on_any_number_of_threads() -> None:
    made = small_pbr(seed=6, size=(16, 16))
    uv, _ = pixel_grid((16, 16))
    wo, wi = rows(direction(40.0, 0.0), len(uv)), rows(direction(30.0, 90.0), len(uv))
    first = TruthSampler(made, threads=1).sample(uv, wo, wi, seed=5)
    np.testing.assert_array_equal(first, TruthSampler(made, threads=3).sample(uv, wo, wi, seed=5))
    assert (first != TruthSampler(made).sample(uv, wo, wi, seed=6)).any()


def test_the_box_averages_its_own_width() -> None:
    # Base colour is a step between columns 15 and 16 (a ramp one texel wide after filtering).
    made = flat((32, 32))
    color = made.base_color.copy()
    color[:, :16] = 0.0
    made = replace(made, base_color=color)
    sampler = TruthSampler(made)
    wo, wi = direction(0.0, 0.0), direction(10.0, 0.0)
    dark, bright = (shaded(made, (4, c), wi, wo)[0] for c in (4, 20))

    def share(offset: float, width: float | None) -> float:
        uv = rows([0.5 + offset / 32.0, 0.3], 1)
        x = sampler.sample(uv, rows(wo, 1), rows(wi, 1), samples=8192, width=width)[0, 0]
        return float((x - dark) / (bright - dark))

    assert share(0.0, 8 / 32) == pytest.approx(0.5, abs=2e-3)
    assert share(2.0, 8 / 32) == pytest.approx(0.75, abs=2e-3)
    assert share(4.0, 4 / 32) == pytest.approx(1.0, abs=2e-3)
    # One texel by default: the mean of the ramp over 0 … 1 texel is 7/8; the point sees the ramp itself.
    assert share(0.5, None) == pytest.approx(0.875, abs=2e-3)
    assert share(0.25, 0.0) == pytest.approx(0.75, abs=2e-3)


def test_progress_is_told() -> None:
    told: list[tuple[str, float]] = []
    made = small_pbr(seed=6, size=(64, 64))
    uv, _ = pixel_grid((64, 64), 64)
    wo, wi = rows(direction(40.0, 0.0), len(uv)), rows(direction(30.0, 90.0), len(uv))
    TruthSampler(made).sample(uv, wo, wi, samples=64, progress=lambda stage, done: told.append((stage, done)))
    assert told
    assert {stage for stage, _ in told} == {"truth"}
    assert all(0.0 <= done <= 1.0 for _, done in told)
