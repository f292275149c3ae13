"""Brick: a wall in running bond with deep mortar joints and chipped edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.procedural.family import Family, Inputs, Palette, Parameter, Surface
from neumat.procedural.noise import fbm, gradient_noise, presence, warped, worley
from neumat.procedural.shaping import mix, mix_color, smooth_max, smooth_min, smoothstep

Array = npt.NDArray[np.float32]

BRICK_METRES = 0.225  # length of a brick with its joint

PARAMETERS = (
    Parameter("bricks_across", 2, 8, 3, "bricks per texture width, whole", "how many side by side",
              ("large", "small")),
    Parameter("courses", 4, 24, 8, "courses per texture height, even", "how many above each other",
              ("squarish", "elongated")),
    Parameter("bond", 0, 0.5, 0.5, "brick lengths", "shift of every other course", ("stack-bonded", "")),
    Parameter("joint", 0.06, 0.45, 0.17, "shorter sides of a brick", "width of the mortar joints",
              ("thin-jointed", "wide-jointed")),
    Parameter("recess", 0.1, 1, 0.75, "", "depth of the mortar, from flush to deeply raked",
              ("flush-pointed", "deep-jointed")),
    Parameter("relief", 0.01, 0.1, 0.07, "texture widths", "height scale", ("shallow", "deep")),
    Parameter("chipping", 0, 1, 0.45, "", "how much of the edges has broken off", ("crisp", "chipped")),
    Parameter("color_variation", 0, 1, 0.5, "", "how much the bricks differ in colour", ("uniform", "variegated")),
    Parameter("weathering", 0, 1, 0.35, "", "soot, lime bloom and stains", ("clean", "weathered")),
)  # fmt: skip

PALETTES = (
    Palette("red", ("red", "brick-red"),
            ("#8c5444", "#7f493b", "#98604c", "#74433a", "#8f5c4d", "#664038"), ("#a39a8b", "#857c6f")),
    Palette("brown", ("brown", "dark brown"),
            ("#6f4b3c", "#5f4236", "#7c5644", "#54392f", "#6a4d42"), ("#98907f", "#7a7264")),
    Palette("yellow", ("yellow stock", "buff"),
            ("#b0946a", "#a48a62", "#bba078", "#96794f", "#a98f70"), ("#a8a195", "#8a8376")),
    Palette("blue-grey", ("blue-grey", "engineering"),
            ("#565a63", "#4b4e57", "#62646a", "#5b5557", "#484c52"), ("#9a968e", "#7d7972")),
    Palette("whitewashed", ("whitewashed", "off-white"),
            ("#c9c2b5", "#bdb5a7", "#d2ccc0", "#b9ad9d", "#c4b8aa"), ("#b4ada0", "#958e82")),
)  # fmt: skip


def build(p: Inputs) -> Surface:
    """Maps of one brick wall (see `Family.maps`)."""
    grid = p.grid
    across = round(p["bricks_across"])
    courses = 2 * round(p["courses"] / 2)
    length, tall = 1.0 / across, 1.0 / courses
    count = across * courses
    joint = p["joint"] * min(length, tall)
    rng = np.random.default_rng(p.part("bricks"))

    # Which brick, and where in it. Cells meet in the middle of the joints.
    row = np.floor(grid.y * courses).astype(np.int64) % courses
    shifted = grid.x - np.float32(p["bond"] * length) * (row % 2)
    column = np.floor(shifted * across).astype(np.int64) % across
    k = row * across + column
    s = (shifted * across - np.floor(shifted * across) - 0.5) * length
    t = (grid.y * courses - np.floor(grid.y * courses) - 0.5) * tall

    # Each brick is laid by hand: moved, turned and sized a little differently, and never beyond its own cell.
    loose = np.float32(0.08 * joint)
    move = np.clip(rng.normal(0, 1, (2, count)), -1.6, 1.6).astype(np.float32) * loose
    turn = rng.normal(0, 0.05, count).astype(np.float32) * np.float32(joint / length)
    trim = np.clip(rng.normal(0, 0.6, (2, count)), -1, 1).astype(np.float32) * loose - np.float32(0.1 * joint)
    s, t = s - move[0][k] - turn[k] * t, t - move[1][k] + turn[k] * s
    rough_edge = fbm(grid, round(5 / length), p.part("edge"), octaves=4, gain=0.55)
    radius = np.float32(min(0.2 * min(tall, length), 0.011))
    half_s = (length - joint) / 2 + trim[0][k] - radius
    half_t = (tall - joint) / 2 + trim[1][k] - radius
    qs, qt = np.abs(s) - half_s, np.abs(t) - half_t
    outside = np.sqrt(np.maximum(qs, 0) ** 2 + np.maximum(qt, 0) ** 2)
    distance = outside + np.minimum(np.maximum(qs, qt), 0) - radius
    inside = -distance + np.float32(0.13 * joint) * rough_edge

    # Grains of sand, in clay and mortar alike.
    sand = worley(warped(grid, 40, 0.003, p.part("sand warp")), 100, p.part("sand"))
    grain_tone = np.random.default_rng(p.part("grain tones")).random(10000).astype(np.float32)[sand.index]
    coarse = presence(grid.resolution, 100)
    grit_relief = (grain_tone - 0.5) * coarse

    # The face: broad waves, drag marks of the wire along it, fine grain, a few pits.
    waves = fbm(grid, round(1.5 / length), p.part("waves"), octaves=3)
    fine = fbm(grid, 48, p.part("grain"), octaves=4, gain=0.65)
    drag = gradient_noise(grid.x, grid.y + 0.004 * waves, (14, 150), p.part("drag"))
    drag = drag * np.float32(presence(grid.resolution, 128))
    pits = worley(warped(grid, 50, 0.006, p.part("pit warp"), octaves=2), 56, p.part("pits"))
    deep = (0.5 * rng.random(56 * 56) ** 6 - 0.06).astype(np.float32)[pits.index]
    pit = smoothstep(0.0, 0.2, deep - pits.nearest + 0.06 * fine)
    # Where the skin of the clay tore: shallow, ragged hollows.
    torn = smoothstep(0.25, 0.7, fbm(grid, round(4 / length), p.part("torn"), octaves=5, gain=0.6))

    bevel = np.float32(0.55) * radius
    e = np.clip(inside / bevel, 0, 1)
    shoulder = np.sqrt(np.maximum(1 - (1 - e) ** 2, 0))
    level = rng.normal(0, 0.028, count).astype(np.float32)
    lean = rng.normal(0, 0.02, (2, count)).astype(np.float32)
    face = 0.88 + level[k] + lean[0][k] * s / length + lean[1][k] * t / tall
    face = face + 0.022 * waves + 0.014 * fine + 0.004 * drag + 0.010 * grit_relief
    face = face - 0.05 * pit - torn * (0.022 - 0.016 * fine)
    top = face - (1 - shoulder) * 0.22

    # Chips: slanting breaks that run in from the edges where the noise says so, deepest at corners.
    spots = fbm(grid, round(3.5 / length), p.part("chips"), octaves=4, gain=0.5)
    facets = fbm(grid, round(12 / length), p.part("facets"), octaves=2, ridged=True)
    corner = np.exp(-(np.maximum(np.abs(s) - half_s, -0.04) ** 2 + np.maximum(np.abs(t) - half_t, -0.04) ** 2) / 0.0002)
    worn = spots * 0.9 + 0.5 * corner - mix(1.15, 0.35, p["chipping"])
    cut = 0.9 + (inside * 16 - 0.62 * np.maximum(worn, -1)) + 0.03 * facets - 0.45
    cut = np.where(worn > -1, cut, 2.0).astype(np.float32)
    chip = smoothstep(0.0, 0.035, top - cut)
    top = smooth_min(top, cut + 0.012 * fine, 0.02)
    # The sides fall steeply, yet over a few texels (a cliff of one texel has no normal), and before the cell ends.
    brick = np.maximum(top, 0) + np.minimum(inside, 0) * np.float32(2.0 / joint)

    # Mortar: raked back, uneven, full of sand, pressed up against the bricks.
    stone = np.sqrt(np.clip(1 - (sand.nearest / 0.55) ** 2, 0, 1)) * (grain_tone > 0.55) * coarse
    lumps = fbm(grid, round(4 / length), p.part("lumps"), octaves=5, gain=0.55)
    depth = np.float32(mix(0.84, 0.12, p["recess"]))
    trowel = smoothstep(-0.5, 0.0, inside / np.float32(joint))
    mortar = depth + 0.05 * lumps + 0.018 * stone + 0.012 * fine + 0.035 * trowel
    height = smooth_max(brick, mortar, 0.06)
    is_brick = smoothstep(-0.01, 0.03, brick - mortar)

    # Colour of the bricks: clay by clay, flashed by the kiln, mottled, speckled; breaks are fresher.
    variation = float(p["color_variation"])
    body = p.palette.linear_body()
    own = mix(body.mean(axis=0), body[rng.integers(len(body), size=count)], min(1.0, 0.2 + 1.3 * variation))
    own = own * np.exp(rng.normal(0, 0.06 + 0.2 * variation, (count, 1)))
    flashed = (rng.random(count) < 0.18 + 0.25 * variation) * rng.uniform(0.25, 0.85, count) * min(1.0, variation * 2)
    ends = rng.uniform(-1, 1, count).astype(np.float32)
    kiln = smoothstep(-0.2, 0.75, ends[k] * s * 2 / length + 0.5 * waves) * flashed.astype(np.float32)[k]
    mottle = fbm(grid, round(2 / length), p.part("mottle"), octaves=6, gain=0.62)
    tone = np.exp(0.30 * mottle + 0.20 * fine + 0.04 * drag + 0.42 * grit_relief - 0.3 * pit - 0.12 * torn)
    clay = own.astype(np.float32)[k] * tone[..., None]
    pale = np.array([1.10, 1.02, 0.93], np.float32)
    clay = mix_color(clay, clay * pale * 1.12, smoothstep(0.1, 0.8, -mottle + 0.3 * fine))
    clay = mix_color(clay, clay * np.array([0.36, 0.38, 0.46], np.float32), kiln)
    grit = smoothstep(0.93, 0.985, grain_tone) * coarse * smoothstep(0.5, 0.3, sand.nearest)
    clay = mix_color(clay, np.array([0.07, 0.055, 0.05], np.float32), grit * 0.75)
    fresh = own.astype(np.float32)[k] * np.array([1.28, 1.14, 1.02], np.float32) * np.exp(0.3 * fine)[..., None]
    clay = mix_color(clay, fresh, chip * 0.7)

    ground = p.palette.linear_ground()
    lime = mix_color(ground[1], ground[0], np.clip(0.55 + 0.9 * lumps, 0, 1))
    lime = lime * np.exp(0.22 * fine + 0.6 * grit_relief)[..., None]
    # Smears of mortar on the faces near the joints.
    near = smoothstep(0.022, 0.0, inside)
    smear = smoothstep(0.25, 0.8, fbm(grid, 9, p.part("smears"), octaves=5, gain=0.6) + 0.55 * near - 0.12)
    smear = smear * near * 0.65 * (1 - chip)
    color = mix_color(lime, mix_color(clay, lime, smear), is_brick)

    # Weather: soot in what lies deep, runs of dirt, a bloom of lime on some bricks.
    age = float(p["weathering"])
    runs = gradient_noise(grid.x + 0.01 * waves, grid.y, (26, 3), p.part("runs"))
    soot = np.clip(0.30 * (1 - is_brick) + 0.35 * smoothstep(0.1, 0.9, 0.6 * runs + 0.6 * mottle + 0.2 * fine), 0, 1)
    color = mix_color(color, 0.0, age * soot)
    bloomed = rng.uniform(-0.5, 0.25, count).astype(np.float32)[k]
    bloom = smoothstep(0.1, 0.7, bloomed + 0.9 * fbm(grid, 4, p.part("bloom"), octaves=6, gain=0.65)) * is_brick
    color = mix_color(color, np.array([0.50, 0.47, 0.43], np.float32), bloom * min(1.0, age) * 0.75)

    rough_brick = 0.80 + 0.09 * fine + 0.05 * mottle - 0.38 * kiln * (1 - chip) + 0.08 * chip
    rough = mix(0.93 + 0.04 * fine, rough_brick, is_brick)
    return Surface(
        base_color=color.astype(np.float32),
        roughness=np.clip(rough, 0.3, 1).astype(np.float32),
        metallic=np.zeros_like(height),
        height=np.clip(height, 0, 1),
        height_scale=p["relief"],
        physical_size=round(BRICK_METRES * across, 3),
    )


FAMILY = Family(
    name="brick",
    summary="bricks in running bond, deep mortar joints, chipped edges",
    nouns=("brick", "brickwork", "brick wall"),
    parameters=PARAMETERS,
    palettes=PALETTES,
    build=build,
)
