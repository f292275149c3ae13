"""Inputs with the numbers that a port must give: from float64, at places where no rounding can tip a decision."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.color import linear_to_srgb, srgb_to_linear
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pyramid import Level
from neumat.materials.reference import Reference

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

#: A port agrees when |f − expected| ≤ TOLERANCE·(1 + |expected|).
TOLERANCE = 2e-4
#: Rows are dropped where a change of the inputs by this much changes f by more than a tenth of the tolerance.
_NUDGE = 3e-7
_CANDIDATES = 12
#: Rows of each case; together 64, one group of threads of the batch entry point.
CASES = {
    "plain": 24, "light_below_surface": 8, "grazing_view": 8, "grazing_light": 4, "uv_outside": 8,
    "coarser_level": 8, "extreme_footprint": 4,
}  # fmt: skip
_LIMIT = 1 << 24


@dataclass(frozen=True)
class Vectors:
    """Test vectors of one material.

    Attributes:
        case: name of what each row tests, a key of `CASES`.
        uv: (n, 2) float32.
        footprint: (n,) float32, in texture widths.
        wo, wi: (n, 3) float32, unit to rounding.
        hit: (n, 3) float64: uv of the hit and its z, as `prepare` must give them.
        f: (n, 3) float64: what `evaluate` must give.
        srgb_slack: (n, 3) float64: how far f moves when base colours are off by half an 8-bit code, which graphics
            interfaces allow a texture of an sRGB format; 0 for ``neumip``.
    """

    case: tuple[str, ...]
    uv: Floats
    footprint: Floats
    wo: Floats
    wi: Floats
    hit: Array
    f: Array
    srgb_slack: Array

    def errors(self, f: npt.ArrayLike, *, srgb_format: bool = False) -> Array:
        """Errors of a port's (n, 3) results in units of the tolerance, (n,): at most 1 where it agrees.

        Args:
            f: results.
            srgb_format: whether textures of an sRGB format decoded the base colour: adds `srgb_slack`.

        Raises:
            InputError: another shape.
        """
        found = np.asarray(f, np.float64)
        if found.shape != self.f.shape:
            raise InputError(f"results have shape {found.shape}, expected {self.f.shape}")
        allowed = TOLERANCE * (1.0 + np.abs(self.f)) + (self.srgb_slack if srgb_format else 0.0)
        error = np.abs(found - self.f) / allowed
        return np.asarray(np.where(np.isfinite(found), error, np.inf).max(axis=1))


def make_vectors(material: NeuralMaterial, levels: tuple[Level, ...] | None = None, *, seed: int = 0) -> Vectors:
    """Choose inputs of every case in `CASES` and evaluate them in float64.

    Args:
        material: of either form.
        levels: levels of detail as they ship (`textures.decoded_levels`); None for those that are not rounded.
        seed: of the random inputs; the same seed gives the same vectors.
    """
    reference = Reference(material)
    if levels is not None and material.explicit is not None:
        reference.levels = levels
    rng = np.random.default_rng([seed, 64])
    parts: list[tuple[Floats, ...]] = []
    names: list[str] = []
    for name, count in CASES.items():
        inputs = _inputs(name, count * _CANDIDATES, rng, reference)
        # The calmest rows, in the order in which they were drawn: rough places leave few that are perfectly calm.
        chosen = np.sort(np.argsort(_sensitivity(reference, inputs, rng), kind="stable")[:count])
        parts.append(tuple(value[chosen] for value in inputs))
        names += [name] * count
    uv, footprint, wo, wi = (np.concatenate(values) for values in zip(*parts, strict=True))
    hit, f = _evaluate(reference, (uv, footprint, wo, wi))
    slack = _srgb_slack(reference, (uv, footprint, wo, wi), f)
    return Vectors(tuple(names), uv, footprint, wo, wi, hit, f, slack)


def _directions(rng: np.random.Generator, low: Array | float, high: Array | float, count: int) -> Floats:
    z = rng.uniform(low, high, count)
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=-1).astype(np.float32)


def _inputs(name: str, count: int, rng: np.random.Generator, reference: Reference) -> tuple[Floats, ...]:
    uv = rng.uniform(0.0, 1.0, (count, 2))
    texel = 1.0 / reference.width
    footprint = np.full(count, texel)
    wo, wi = _directions(rng, 0.15, 1.0, count), _directions(rng, 0.15, 1.0, count)
    if name == "light_below_surface":
        wi = _directions(rng, -1.0, 0.0, count)
        wi[::8] = (1.0, 0.0, 0.0)
    elif name == "grazing_view":
        wo = _directions(rng, 0.01, 0.1, count)
    elif name == "grazing_light":
        wi = _directions(rng, 0.01, 0.1, count)
    elif name == "uv_outside":
        uv = rng.uniform(-1.5, 2.5, (count, 2))
        uv[:, 0] += np.where((uv[:, 0] > 0.0) & (uv[:, 0] < 1.0), 1.0, 0.0)
    elif name == "coarser_level":
        footprint = texel * 2.0 ** rng.uniform(0.6, max(1.0, len(reference.levels) - 1.0), count)
    elif name == "extreme_footprint":
        footprint = np.where(np.arange(count) % 2 == 0, 0.0, 10.0)
    return uv.astype(np.float32), footprint.astype(np.float32), wo, wi


def _evaluate(reference: Reference, inputs: tuple[npt.NDArray[Any], ...]) -> tuple[Array, Array]:
    uv, footprint, wo, wi = (value.astype(np.float64) for value in inputs)
    prepared = reference.prepare(uv, footprint, wo)
    hit = np.concatenate([prepared.uv_hit, prepared.z_hit[:, None]], axis=1)
    return hit, reference.evaluate(prepared, wi)


def _srgb_slack(reference: Reference, inputs: tuple[Floats, ...], f: Array) -> Array:
    uv, footprint, wo, wi = (value.astype(np.float64) for value in inputs)
    prepared = reference.prepare(uv, footprint, wo)
    if reference.material.form == "neumip":
        return np.zeros_like(f)
    # The slope of the decoding is concave in linear light, so that the filtered colour's bounds that of its texels.
    code = np.asarray(linear_to_srgb(prepared.base_color), np.float64)
    slack = np.zeros_like(f)
    for shift in (-0.5 / 255.0, 0.5 / 255.0):
        color = np.asarray(srgb_to_linear(np.clip(code + shift, 0.0, 1.0)), np.float64)
        slack = np.maximum(slack, np.abs(reference.evaluate(replace(prepared, base_color=color), wi) - f))
    return slack


def _sensitivity(reference: Reference, inputs: tuple[Floats, ...], rng: np.random.Generator) -> Array:
    """Largest relative change of f over a few nudges of all inputs, (n,); below the floor all rows are alike."""
    _, f = _evaluate(reference, inputs)
    worst = np.zeros(len(f))
    for _ in range(4):
        nudged = []
        for index, value in enumerate(inputs):
            size = _NUDGE * np.maximum(1.0, np.abs(value)) if index == 0 else _NUDGE * np.abs(value)
            nudged.append(value.astype(np.float64) + rng.choice([-1.0, 1.0], value.shape) * size)
        _, other = _evaluate(reference, tuple(nudged))
        worst = np.maximum(worst, (np.abs(other - f) / (1.0 + np.abs(f))).max(axis=1))
    return np.where(worst < 0.1 * TOLERANCE, 0.0, worst)


def vectors_to_json(vectors: Vectors) -> str:
    """Write as JSON, deterministically; inputs are float32 numbers written exactly, results have 10 digits."""
    table = {
        "tolerance": TOLERANCE,
        "rule": "abs(f - expected) <= tolerance * (1 + abs(expected)), plus srgb_slack where a texture of an sRGB "
        "format decodes the base colour",
        "case": list(vectors.case),
        **{name: getattr(vectors, name).astype(np.float64).tolist() for name in ("uv", "footprint", "wo", "wi")},
        **{name: _rounded(getattr(vectors, name)) for name in ("hit", "f", "srgb_slack")},
    }
    lines = [f"{json.dumps(key)}: {_rows(value)}" for key, value in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rounded(values: Array) -> list[list[float]]:
    return [[float(f"{value:.10g}") for value in row] for row in values]


def _rows(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"


def read_vectors(path: str | Path) -> Vectors:
    """Read a file of `vectors_to_json`.

    Raises:
        InputError: it is missing, too large, or not such a file.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LIMIT:
            raise InputError(f"{path}: is too large for a file of test vectors")
        table = json.loads(path.read_text(encoding="utf-8"))
        count = len(table["case"])
        shapes = {"uv": (count, 2), "footprint": (count,), "wo": (count, 3), "wi": (count, 3)}
        inputs = {key: np.asarray(table[key], np.float32).reshape(shape) for key, shape in shapes.items()}
        results = {key: np.asarray(table[key], np.float64).reshape(count, 3) for key in ("hit", "f", "srgb_slack")}
        names = tuple(str(name) for name in table["case"])
        return Vectors(
            names, inputs["uv"], inputs["footprint"], inputs["wo"], inputs["wi"], results["hit"], results["f"],
            results["srgb_slack"],
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no file of test vectors ({type(error).__name__}: {error})") from None
