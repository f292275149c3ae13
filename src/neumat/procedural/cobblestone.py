"""Cobblestone: rounded stones of various sizes, bedded in damp sand, wet in places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.procedural.family import Family, Inputs, Palette, Parameter, Surface
from neumat.procedural.noise import Grid, fbm, presence, sub_seed, warped, worley
from neumat.procedural.shaping import blur, mix, mix_color, smooth_max, smooth_min, smoothstep
from neumat.procedural.stones import Stones, fill, pack, stones

Array = npt.NDArray[np.float32]

STONE_METRES = 0.11  # a common cobble, across
WATER_ROUGHNESS = 0.07

PARAMETERS = (
    Parameter("stones_across", 4, 14, 7, "stones per texture width", "how many stones of mean size side by side",
              ("large", "small")),
    Parameter("size_variation", 0, 1, 0.6, "", "how much the sizes differ", ("regular", "irregular")),
    Parameter("gap", 0, 0.3, 0.05, "stone radii", "width of the joints", ("tightly set", "loosely set")),
    Parameter("roundness", 0.2, 1, 0.6, "", "from flat worn tops to domes", ("worn flat", "rounded")),
    Parameter("relief", 0.02, 0.12, 0.08, "texture widths", "height scale", ("shallow", "deep")),
    Parameter("color_variation", 0, 1, 0.5, "", "how much the stones differ in colour", ("uniform", "mixed")),
    Parameter("wetness", 0, 1, 0.55, "", "from dry to rain-soaked", ("dry", "wet")),
    Parameter("moss", 0, 1, 0.3, "", "share of the joints that moss has taken", ("", "mossy")),
)  # fmt: skip

PALETTES = (
    Palette("granite", ("grey", "granite grey"),
            ("#8a8782", "#77797c", "#9b958c", "#6a6a6c", "#8c7f76", "#a39f98"), ("#7d6c56", "#5a4d3d")),
    Palette("river", ("multicoloured", "river-stone"),
            ("#8b8a86", "#6d747b", "#a08d78", "#8d6f66", "#71706b", "#b0a597", "#5f6468"), ("#857258", "#5c4f3e")),
    Palette("basalt", ("dark grey", "charcoal"),
            ("#4b4c4f", "#56575a", "#434548", "#5d5a57", "#4a4e54"), ("#6a5f50", "#463d33")),
    Palette("sandstone", ("sandy", "warm beige"),
            ("#b39a78", "#a3886a", "#bda88a", "#967a5e", "#ab9480"), ("#8f7a5c", "#65543f")),
    Palette("porphyry", ("reddish", "russet"),
            ("#86655c", "#7a5d57", "#94776c", "#6d5752", "#8a7068"), ("#7c6a55", "#55483a")),
)  # fmt: skip


def _laid(p: Inputs) -> tuple[Stones, Array]:
    """The stones, and each one's radius relative to the mean."""
    rng = np.random.default_rng(p.part("sizes"))
    count = p["stones_across"]
    mean = 0.5 / count
    spread = 0.12 + 0.4 * p["size_variation"]
    sizes = np.clip(np.exp(spread * rng.standard_normal(int(4 * count * count) + 20)), 0.4, 1.6)
    packing = pack(mean * sizes, 0.94, p.part("places"))
    pebbles = rng.uniform(0.17, 0.36, int(1.2 * count * count))
    packing = fill(packing, mean * pebbles, p.part("pebbles"), closeness=0.82)
    # Outlines wander a little on the scale of a stone, and less at its edges.
    coarse = warped(p.grid, max(4, round(2.2 * count)), 0.10 * mean, p.part("outline"), octaves=3)
    laid = stones(coarse, packing, p.part("turns"), stretch=0.3, roundness=0.36)
    return laid, (packing.radii / mean).astype(np.float32)


def _stone_height(p: Inputs, laid: Stones, sizes: Array) -> Array:
    """Height of the stones above their bed, negative outside."""
    rng = np.random.default_rng(p.part("bedding"))
    count = len(sizes)
    level = rng.uniform(-0.09, 0.06, count).astype(np.float32)
    tilts = rng.normal(0, 0.05, (2, count)).astype(np.float32)
    tall = np.minimum(sizes, 1.15) ** np.float32(0.65)
    k = laid.index
    edge = laid.inside + np.float32(0.05 - p["gap"])
    t = np.clip(edge / np.float32(mix(0.38, 0.85, p["roundness"])), 0, 1)
    shoulder = np.sqrt(np.maximum(1 - (1 - t) ** 2, 0)) * smoothstep(0.0, 0.06, t) ** np.float32(0.5)
    dome = np.float32(mix(0.05, 0.2, p["roundness"])) * (1 - 0.8 * (laid.along**2 + laid.across**2))
    lumps = fbm(p.grid, max(4, round(3 * p["stones_across"])), p.part("lumps"), octaves=3, gain=0.45)
    top = 0.72 + level[k] + dome + tilts[0][k] * laid.along + tilts[1][k] * laid.across + 0.035 * lumps
    below = np.minimum(edge, 0) * 1.5
    result: Array = shoulder * top * tall[k] + below
    return result


def _grain(grid: Grid, seed: int) -> tuple[Array, Array]:
    """Fine relief of a stone's face, about −1 to 1, and its crystals: values by cell, 0 to 1."""
    fine = fbm(grid, 40, seed, octaves=4, gain=0.62)
    return fine, _shades(grid, 110, seed)


def _shades(grid: Grid, count: int, seed: int) -> Array:
    """A random value, 0 to 1, for each of `count`² small cells; 0.5 where the raster is too coarse for them."""
    index = worley(grid, count, sub_seed(seed, "cells")).index
    shade = np.random.default_rng(sub_seed(seed, "shades")).random(count * count).astype(np.float32)[index]
    return mix(0.5, shade, presence(grid.resolution, count))


def _stone_color(p: Inputs, laid: Stones, fine: Array, crystals: Array, count: int) -> Array:
    rng = np.random.default_rng(p.part("stone colours"))
    variation = np.float32(p["color_variation"])
    body = p.palette.linear_body()
    mean = body.mean(axis=0)
    own = body[rng.integers(len(body), size=count)]
    own = mix(mean, own, min(1.0, 0.25 + 1.3 * float(variation)))
    own = own * np.exp(rng.normal(0, 0.10 + 0.22 * float(variation), (count, 1)))
    contrast = rng.uniform(0.15, 0.75, count).astype(np.float32)
    banded = (rng.random(count) < 0.3).astype(np.float32) * rng.uniform(0.4, 1.0, count).astype(np.float32)
    pitch = rng.uniform(5, 11, count).astype(np.float32)
    k = laid.index
    color = own.astype(np.float32)[k]
    mottling = fbm(p.grid, max(4, round(1.6 * p["stones_across"])), p.part("mottling"), octaves=5, gain=0.6)
    wander = 0.9 * mottling + 0.25 * fine
    bands = np.sin(laid.across * pitch[k] + 2.5 * wander) + 0.5 * np.sin(laid.across * pitch[k] * 2.3 + 4 * wander)
    speckle = (crystals - 0.5) * contrast[k]
    dark = smoothstep(0.82, 0.95, crystals) * contrast[k]
    tone = np.exp(0.3 * mottling + 0.16 * fine + 0.55 * speckle - 0.5 * dark + 0.13 * banded[k] * bands)
    # Some stones are crossed by a vein of quartz.
    slant = rng.uniform(-0.8, 0.8, count).astype(np.float32)
    place = rng.uniform(-0.45, 0.45, count).astype(np.float32)
    width = (rng.random(count) < 0.22) * rng.uniform(0.02, 0.08, count)
    line = np.abs(laid.along + slant[k] * laid.across - place[k] + 0.22 * mottling + 0.05 * fine)
    vein = np.clip(1.5 - 1.5 * line / np.maximum(width.astype(np.float32)[k], 1e-3), 0, 1)
    # Bands and blotches turn a little towards rust.
    warm = np.array([1.1, 1.0, 0.86], np.float32)
    color = mix_color(color, color * warm, np.clip(0.5 + mottling + 0.5 * banded[k] * bands, 0, 1))
    quartz = np.array([0.42, 0.40, 0.37], np.float32) * np.exp(0.15 * fine)[..., None]
    result: Array = mix_color(color * tone[..., None], quartz, vein * 0.75)
    return result


def build(p: Inputs) -> Surface:
    """Maps of one cobblestone (see `Family.maps`)."""
    grid, across = p.grid, p["stones_across"]
    laid, sizes = _laid(p)
    stone = _stone_height(p, laid, sizes)
    fine, crystals = _grain(grid, p.part("grain"))

    # The bed: sand that rises and sinks slowly, its grains, and a little gravel.
    swells = fbm(grid, max(3, round(0.7 * across)), p.part("sand"), octaves=4, gain=0.5)
    gravel = worley(warped(grid, 30, 0.004, p.part("gravel warp")), 64, p.part("gravel"))
    rng = np.random.default_rng(p.part("gravel sizes"))
    reach = rng.uniform(-0.25, 0.42, 64 * 64).astype(np.float32)[gravel.index]
    pebble = np.sqrt(np.clip(1 - (gravel.nearest / np.maximum(reach, 0.01)) ** 2, 0, 1)) * (reach > 0.08)
    grains = fbm(grid, 60, p.part("grains"), octaves=3, gain=0.8)
    grit = _shades(grid, 120, p.part("grit"))
    sand = 0.26 + 0.11 * swells + 0.014 * grains + 0.010 * (grit - 0.5) + 0.05 * pebble * np.clip(reach, 0, 1) / 0.42

    # Moss grows in the joints, in patches, up the flanks of the stones, and in tufts.
    tufts = worley(warped(grid, 24, 0.006, p.part("tuft warp")), 44, p.part("tufts"))
    tuft = np.clip(1 - tufts.nearest / 0.8, 0, 1) ** np.float32(0.7)
    patches = fbm(grid, 3, p.part("moss"), octaves=5, gain=0.55)
    cover = smoothstep(-0.12, 0.3, patches + (float(p["moss"]) - 0.5) * 1.5 + 0.1 * fine) * min(1.0, p["moss"] * 8)
    moss = sand + cover * (0.05 + 0.075 * tuft + 0.02 * grains)

    faces = stone + 0.013 * fine + 0.010 * (crystals - 0.5) - 0.012 * smoothstep(0.86, 0.97, crystals)
    # The tallest tops are worn to one level.
    height = smooth_min(smooth_max(faces, moss, 0.05), 0.985, 0.08)
    is_stone = smoothstep(-0.012, 0.03, faces - moss)
    is_moss = smoothstep(0.25, 0.6, cover * (0.75 + 0.5 * tuft)) * (1 - is_stone)

    # Colours.
    ground = p.palette.linear_ground()
    damp = np.clip(0.5 - 1.2 * swells + 0.35 * fine, 0, 1)
    sand_tone = np.exp(0.25 * grains + 0.2 * fine + 0.6 * (grit - 0.5))
    sand_color = mix_color(ground[0], ground[1], damp) * sand_tone[..., None]
    gravel_tone = rng.uniform(0.6, 1.6, 64 * 64).astype(np.float32)[gravel.index]
    body_mean = p.palette.linear_body().mean(axis=0)
    sand_color = mix_color(sand_color, body_mean * gravel_tone[..., None], smoothstep(0.15, 0.4, pebble))
    green = mix_color(np.array([0.020, 0.030, 0.007], np.float32), np.array([0.105, 0.125, 0.025], np.float32),
                      np.clip(tuft * 0.8 + 0.3 * grains + 0.2 * patches, 0, 1))  # fmt: skip
    low_color = mix_color(sand_color, green, is_moss)
    stone_color = _stone_color(p, laid, fine, crystals, len(sizes))
    # Silt clings to the foot of a stone.
    foot = (1 - smoothstep(0.0, 0.16, faces - moss + 0.05 * fine)) * 0.55
    stone_color = mix_color(stone_color, sand_color, foot)
    color = mix_color(low_color, stone_color, is_stone)

    # Water: pools in the low places, soaks what is near them, leaves films on some stones.
    wetness = float(p["wetness"])
    smooth = blur(height, 0.006)
    level = mix(0.05, 0.375, wetness)
    pool = smoothstep(0.012, -0.004, height - level) * min(1.0, wetness * 6) * (1 - 0.7 * is_moss)
    own_film = np.random.default_rng(p.part("film")).uniform(-0.28, 0.28, len(sizes)).astype(np.float32)[laid.index]
    patch = fbm(grid, 4, p.part("wet patches"), octaves=5, gain=0.55)
    film = smoothstep(-0.16, 0.2, patch * 0.8 + own_film + (wetness - 0.5) * 1.6 + (0.45 - smooth) * 0.5 + 0.06 * fine)
    film = film * min(1.0, wetness * 4)
    soaked = np.maximum(film, smoothstep(0.35, 0.05, smooth - level) * min(1.0, wetness * 3))
    height = mix(height, np.maximum(height, level), pool)
    # Soaked pores trap light: darker, and more saturated (Lekner and Dorf 1988, fitted by eye).
    color = np.power(np.clip(color, 1e-4, 1), 1 + 0.22 * soaked[..., None]) * (1 - 0.34 * soaked)[..., None]
    color = color * (1 - 0.25 * pool)[..., None]

    rough_stone = np.clip(0.68 + 0.10 * fine + 0.12 * (crystals - 0.5), 0, 1)
    rough = mix(mix(0.92, 0.97, is_moss), rough_stone, is_stone)
    sheen = np.clip(0.17 + 0.07 * fine + 0.10 * (crystals - 0.5), WATER_ROUGHNESS, 1)
    rough = mix(rough, mix(mix(0.42, 0.6, is_moss), sheen, is_stone), film)
    rough = mix(rough, WATER_ROUGHNESS, pool)
    return Surface(
        base_color=color.astype(np.float32),
        roughness=rough,
        metallic=np.zeros_like(height),
        height=np.clip(height, 0, 1),
        height_scale=p["relief"],
        physical_size=round(STONE_METRES * across, 3),
    )


FAMILY = Family(
    name="cobblestone",
    summary="rounded stones of various sizes in damp sand, wet in places",
    nouns=("cobblestone", "cobbles", "cobblestone paving"),
    parameters=PARAMETERS,
    palettes=PALETTES,
    build=build,
)
