"""Tread plate: metal with raised lens-shaped bars in two diagonal directions, scratched, worn and rusting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.procedural.family import Family, Inputs, Palette, Parameter, Surface
from neumat.procedural.noise import Grid, fbm, gradient_noise, presence, sub_seed, worley
from neumat.procedural.shaping import blur, mix, mix_color, smooth_max, smoothstep

Array = npt.NDArray[np.float32]

PITCH_METRES = 0.03  # from bar to bar

PARAMETERS = (
    Parameter("bars_across", 4, 16, 6, "bars per texture width, even", "how many bars side by side",
              ("large", "small")),
    Parameter("bar_length", 0.35, 0.62, 0.52, "pitches, half", "how long the bars are", ("short-barred", "")),
    Parameter("bar_width", 0.08, 0.22, 0.15, "pitches, half", "how wide the bars are", ("slender", "stout")),
    Parameter("relief", 0.008, 0.06, 0.03, "texture widths", "height scale", ("shallow", "deep")),
    Parameter("scratches", 0, 1, 0.5, "", "how scratched", ("", "scratched")),
    Parameter("wear", 0, 1, 0.55, "", "polish on top of the bars", ("", "worn")),
    Parameter("rust", 0, 1, 0.4, "", "share that rust has taken", ("clean", "rusty")),
    Parameter("dents", 0, 1, 0.35, "", "how dented", ("", "dented")),
    Parameter("grime", 0, 1, 0.45, "", "dirt around the bars", ("", "grimy")),
)  # fmt: skip

PALETTES = (
    Palette("steel", ("steel", "dark steel"), ("#a09c97", "#8d8a87"), ("#2c1812", "#5a2d18", "#8a4a20")),
    Palette("aluminium", ("aluminium", "bright metal"), ("#dcdde0", "#c6c8cb"), ("#4a443c", "#6b6355", "#8f8877")),
    Palette("galvanised", ("galvanised", "zinc-grey"), ("#b4b7bb", "#9da2a6"), ("#3a231a", "#6b3a1f", "#9a6034")),
    Palette("brass", ("brass", "golden"), ("#d9b870", "#c4a05a"), ("#25241c", "#3d5a4c", "#5f8a78")),
)  # fmt: skip


def bars(grid: Grid, across: int, half_length: float, half_width: float) -> tuple[Array, Array]:
    """Distance inside the outline of the nearest bar (negative outside), and the place along it.

    A bar is the lens between two circular arcs, with a rounded ridge and tips. Bars lie on a square lattice, turned
    by ±45° in alternation.

    Returns:
        The distance (R, R) float32 in pitches; the distance along the bar (R, R) float32 from −1 to 1 at its tips.
    """
    radius = (half_length**2 + half_width**2) / (2 * half_width)
    offset = np.float32(radius - half_width)
    inside = np.full_like(grid.x, -np.inf)
    along = np.zeros_like(grid.x)
    px, py = grid.x * np.float32(across) - 0.5, grid.y * np.float32(across) - 0.5
    nearest_x, nearest_y = np.round(px), np.round(py)
    root = np.float32(np.sqrt(0.5))
    for j in (-1, 0, 1):
        for i in (-1, 0, 1):
            cx, cy = nearest_x + i, nearest_y + j
            sign = np.float32(1) - 2 * (np.abs(cx + cy) % 2)
            dx, dy = px - cx, py - cy
            q, r = (dx + sign * dy) * root, (dy - sign * dx) * root
            one, other = np.hypot(r + offset, q), np.hypot(r - offset, q)
            distance = np.float32(radius) - smooth_max(one, other, half_width * 0.5)
            better = distance > inside
            inside = np.where(better, distance, inside)
            along = np.where(better, q / np.float32(half_length), along)
    return inside.astype(np.float32), along.astype(np.float32)


def scratches(grid: Grid, count: int, width: float, seed: int) -> Array:
    """Straight scratches of various lengths, mostly along one direction: depth 0 to 1 at every texel (R, R).

    Args:
        grid: positions.
        count: how many.
        width: half width in texture widths; at least a texel is drawn, fainter where it is thinner.
        seed: which.
    """
    rng = np.random.default_rng(seed)
    size = grid.resolution
    depth = np.zeros_like(grid.x)
    for _ in range(count):
        x, y, angle = rng.random(), rng.random(), rng.normal(0.3, 0.5)
        if rng.random() < 0.25:
            angle = rng.uniform(0, np.pi)
        length, strength = 0.03 + 0.34 * rng.random() ** 4, 0.4 + 0.6 * rng.random() ** 2
        thick = width * rng.uniform(0.5, 1.5)
        drawn = max(thick, 0.7 / size)
        bend = rng.normal(0, 0.5)
        half_x, half_y = abs(np.cos(angle)) * length / 2, abs(np.sin(angle)) * length / 2
        margin = 0.12 * length + 3 * drawn
        rows = np.unique(np.arange(int((y - half_y - margin) * size), int((y + half_y + margin) * size) + 2) % size)
        columns = np.unique(np.arange(int((x - half_x - margin) * size), int((x + half_x + margin) * size) + 2) % size)
        window = np.ix_(rows, columns)
        dx, dy = grid.x[window] - np.float32(x), grid.y[window] - np.float32(y)
        dx, dy = dx - np.round(dx), dy - np.round(dy)
        q = (dx * np.cos(angle) + dy * np.sin(angle)) * (2 / length)
        r = dy * np.cos(angle) - dx * np.sin(angle) + bend * length * 0.06 * (q * q - 0.5)
        line = np.exp(-((r / drawn) ** 2)) * smoothstep(1.0, 0.5, np.abs(q)) * (strength * min(1.0, thick / drawn))
        depth[window] = np.maximum(depth[window], line.astype(np.float32))
    return depth


def _dents(grid: Grid, count: int, seed: int) -> Array:
    """Shallow round dents, 0 to about 1, and the slow buckling of the sheet."""
    rng = np.random.default_rng(seed)
    depth = np.zeros_like(grid.x)
    for _ in range(count):
        x, y, radius, strength = rng.random(), rng.random(), rng.uniform(0.025, 0.09), rng.uniform(0.3, 1)
        dx, dy = grid.x - np.float32(x), grid.y - np.float32(y)
        dx, dy = dx - np.round(dx), dy - np.round(dy)
        squared = (dx * dx + dy * dy * np.float32(rng.uniform(0.6, 1.6))) / np.float32(radius**2)
        depth = np.maximum(depth, np.exp(-1.5 * squared) * np.float32(strength))
    result: Array = depth
    return result


def build(p: Inputs) -> Surface:
    """Maps of one tread plate (see `Family.maps`)."""
    grid = p.grid
    across = 2 * round(p["bars_across"] / 2)
    inside, along = bars(grid, across, p["bar_length"], p["bar_width"])
    width = np.float32(p["bar_width"])

    # Rolled bars: a fillet at the foot, steep flanks, a softly rounded top.
    rise = np.clip((inside + 0.045) / (width * np.float32(0.75) + 0.045), 0, 1)
    full = np.sqrt(np.maximum(1 - (1 - rise) ** 2, 0))
    bar = mix(rise * rise * (3 - 2 * rise), full, 0.35 * smoothstep(0, 0.3, rise))
    bar = bar * (1 - 0.12 * along * along)
    mill = fbm(grid, 22, p.part("mill"), octaves=5, gain=0.6)
    buckling = fbm(grid, 2, p.part("buckling"), octaves=2)
    brushed = gradient_noise(grid.x + 0.004 * buckling, grid.y, (5, 230), p.part("brushed a"))
    brushed = brushed + 0.8 * gradient_noise(grid.x, grid.y + 0.003 * mill, (11, 120), p.part("brushed b"))
    brushed = brushed * np.float32(presence(grid.resolution, 170))
    dents = _dents(grid, round(14 * p["dents"]), p.part("dents"))
    lines = scratches(grid, round(260 * p["scratches"]), 0.0010, p.part("scratches"))

    # Metal.
    body = p.palette.linear_body()
    clouds = fbm(grid, 5, p.part("clouds"), octaves=6, gain=0.6)
    metal = mix_color(body[0], body[1], np.clip(0.5 + 0.8 * clouds + 0.15 * brushed, 0, 1))
    metal = metal * np.exp(0.06 * brushed + 0.05 * mill)[..., None]
    rough = 0.40 + 0.07 * brushed + 0.10 * clouds + 0.05 * mill
    top = smoothstep(0.72, 0.98, bar)
    polish = np.clip(top * (0.75 + 0.5 * clouds), 0, 1) * np.float32(p["wear"])
    rough = mix(rough, 0.19 + 0.05 * brushed + 0.03 * mill, polish)
    metal = metal * (1 + 0.18 * polish)[..., None]
    rough = rough - 0.13 * lines * (1 - polish) + 0.14 * lines * polish
    metal = metal * (1 + 0.45 * lines)[..., None]

    # Grime gathers where boots don't reach: at the foot of the bars and in dents.
    foot = np.exp(-(((inside + 0.05) / 0.07) ** 2)) * (1 - top)
    spread = smoothstep(-0.6, 1.1, clouds + 0.45 * mill)
    dirt = (1.25 * foot + 0.5 * (1 - top) * spread + 0.3 * dents) * (0.35 + spread) * np.exp(0.5 * mill)
    dirt = 1 - np.exp(-np.maximum(dirt, 0))
    dirt = dirt * np.float32(p["grime"] ** 0.6) * (1 - 0.6 * lines)
    soil = np.array([0.030, 0.024, 0.018], np.float32) * np.exp(0.4 * mill)[..., None]
    color = mix_color(metal, soil, dirt * 0.85)
    rough = mix(rough, 0.72 + 0.08 * mill, dirt)
    metallic = 1 - 0.8 * dirt

    # Rust: patches that spread from the feet of the bars and from scratches, with a stained fringe.
    rust = float(p["rust"])
    field = fbm(grid, 3, p.part("rust"), octaves=7, gain=0.58) + 0.16 * foot + 0.1 * lines - 0.30 * top * p["wear"]
    level = mix(0.85, -0.35, rust)
    eaten = smoothstep(0.0, 0.10, field - level) * min(1.0, rust * 8)
    fringe = smoothstep(-0.22, 0.05, field - level + 0.12 * mill) * (1 - eaten) * min(1.0, rust * 8)
    flakes = worley(grid.moved(0.004 * mill, 0.004 * clouds), 70, p.part("flakes"))
    shade = np.random.default_rng(sub_seed(p.seed, "flake tones")).random(4900).astype(np.float32)[flakes.index]
    shade = mix(0.5, shade, presence(grid.resolution, 70))
    blisters = fbm(grid, 34, p.part("blisters"), octaves=4, gain=0.62)
    core = smoothstep(0.0, 0.55, field - level)
    dark, brown, orange = p.palette.linear_ground()
    tint = np.clip(0.55 - 0.75 * core + 0.55 * blisters + 0.25 * (shade - 0.5), 0, 1)
    rusty = np.where((tint < 0.5)[..., None], mix_color(dark, brown, np.clip(tint * 2, 0, 1)),
                     mix_color(brown, orange, np.clip(tint * 2 - 1, 0, 1)))  # fmt: skip
    rusty = rusty * np.exp(0.25 * blisters + 0.2 * (shade - 0.5))[..., None]
    color = mix_color(color, brown * 0.5 + orange * 0.5, fringe * 0.45)
    rough = mix(rough, 0.6, fringe * 0.6)
    metallic = metallic * (1 - 0.45 * fringe)
    color = mix_color(color, rusty, eaten)
    rough = mix(rough, np.clip(0.86 + 0.08 * blisters, 0, 1), eaten)
    metallic = metallic * (1 - 0.96 * eaten)

    # Relief in units of the scale: the bars take most of it.
    height = 0.2 + 0.68 * bar + 0.025 * buckling - 0.13 * dents * (1 - 0.5 * bar)
    height = height + 0.0022 * brushed * (1 - eaten) + 0.004 * mill - 0.022 * lines * (1 - eaten)
    pitted = eaten * (0.022 + 0.030 * blisters + 0.02 * (shade - 0.5) - 0.030 * core)
    height = height + pitted
    soft = blur(height.astype(np.float32), 0.0012)
    return Surface(
        base_color=color.astype(np.float32),
        roughness=np.clip(rough, 0.12, 1).astype(np.float32),
        metallic=np.clip(metallic, 0, 1).astype(np.float32),
        height=np.clip(soft, 0, 1),
        height_scale=p["relief"],
        physical_size=round(PITCH_METRES * across, 3),
    )


FAMILY = Family(
    name="tread_plate",
    summary="metal plate with raised lens-shaped bars, scratched, worn and rusting",
    nouns=("tread plate", "diamond plate", "checker plate"),
    parameters=PARAMETERS,
    palettes=PALETTES,
    build=build,
)
