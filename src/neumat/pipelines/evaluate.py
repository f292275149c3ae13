"""Judge a neural material against the truth of its source, beside what engines have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.files import replacing_folder
from neumat.materials.explicit import fallback
from neumat.materials.images import write_png
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.plain import plain
from neumat.progress import Progress, silent
from neumat.shading.counts import count
from neumat.shading.runtime_cpp import CompiledMaterial
from neumat.truth.metrics import decibels, display, mean_squared_error
from neumat.truth.protocol import AZIMUTHS, VIEW_ANGLES, Truth, View, measure_truth, pixel_grid, views
from neumat.truth.sampler import TruthSampler

Array = npt.NDArray[np.float32]
COLUMNS = ("neural", "pbr", "parallax", "marched", "fallback")
#: f of a column at uv (n, 2) for one view: (n, 3).
Column = Callable[[Array, View], Array]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        report: the JSON report: quality, cost, fit.
        columns: name → pictures (16, rows, columns, 3) of x = pi·f.
        truth: the same of the truth, and its noise floor.
    """

    report: dict[str, Any]
    columns: dict[str, Array]
    truth: Truth


def evaluate_material(
    material: NeuralMaterial, source: PbrMaterial, *, taps: int = 1, progress: Progress = silent
) -> Evaluation:
    """Evaluate by the protocol (neumat.truth.protocol): 16 held-out views and lights, a pixel is one texel.

    Columns: ``neural``; ``pbr``, the source's plain PBR; ``parallax``, ideal parallax mapping (exact hit, no
    shadow, no bounce); ``marched``, marched parallax with a marched hard shadow; ``fallback``, the material with
    its learned layer dropped. All get the same `taps` × `taps`-independent look-ups a pixel, on a grid.

    Args:
        material: to judge.
        source: the maps it was fitted to, with the same height scale.
        taps: look-ups a pixel: 1, 4, 9, 16, ….
        progress: called while it runs.

    Raises:
        InputError: `taps` is no square number of 1 to 64.
    """
    side = round(max(taps, 0) ** 0.5)
    if side * side != taps or not 1 <= taps <= 64:
        raise InputError(f"--taps {taps}: a square number of 1 to 64 is needed (1, 4, 9, …)")
    sampler = TruthSampler(source, resolution=material.resolution)
    uv, shape = pixel_grid(sampler.size)
    spread = ((np.arange(side) + 0.5) / side - 0.5) * sampler.pixel
    aspect = sampler.size[0] / sampler.size[1]
    offsets = [np.array([du, dv * aspect], np.float32) for dv in spread for du in spread]
    columns = _columns(material, source, sampler)
    pictures = {}
    for index, (name, column) in enumerate(columns.items()):
        progress("columns", index / len(columns))
        rows = [np.mean([column(uv + offset, view) for offset in offsets], axis=0) * np.pi for view in views()]
        pictures[name] = np.stack(rows).astype(np.float32).reshape(len(rows), *shape, 3)
    truth = measure_truth(
        sampler,
        lambda seen: max(decibels(mean_squared_error(picture, seen)) for picture in pictures.values()),
        progress=progress,
    )
    quality: dict[str, Any] = {name: _angles(pictures[name], truth.pictures) for name in COLUMNS}
    quality["noise_floor"] = round(truth.noise_floor, 3)
    quality["taps"] = taps
    quality["truth_samples"] = truth.samples
    quality["resolution"] = sampler.size[0]
    fit = material.provenance.get("fit")
    report = {
        "name": material.name,
        "quality": quality,
        "cost": count(material),
        "fit": dict(fit) if isinstance(fit, dict) else {},
        "height_scale": round(source.height_scale, 6),
    }
    return Evaluation(report, pictures, truth)


def _columns(material: NeuralMaterial, source: PbrMaterial, sampler: TruthSampler) -> dict[str, Column]:
    neural = CompiledMaterial(material)
    flat = CompiledMaterial(plain(source))
    dropped = fallback(material)
    layerless = flat if dropped is None else CompiledMaterial(plain(dropped))
    pixel = sampler.pixel

    def by(shader: CompiledMaterial, mode: str) -> Column:
        def column(uv: Array, view: View) -> Array:
            n = len(uv)
            footprint = np.full(n, pixel, np.float32)
            wo, wi = np.tile(view.wo, (n, 1)), np.tile(view.wi, (n, 1))
            return shader.f(uv, footprint, wo, wi, mode=mode)  # type: ignore[arg-type]

        return column

    plain_column = by(flat, "pbr")

    def parallax(uv: Array, view: View) -> Array:
        hit = sampler.exact_hit(uv, np.tile(view.wo, (len(uv), 1)))
        return plain_column(np.ascontiguousarray(hit[:, :2]), view)

    return {
        "neural": by(neural, "neural"),
        "pbr": plain_column,
        "parallax": parallax,
        "marched": by(flat, "marched"),
        "fallback": by(layerless, "pbr"),
    }


def _angles(pictures: Array, truth: Array) -> dict[str, float]:
    errors = [mean_squared_error(a, b) for a, b in zip(pictures, truth, strict=True)]
    result = {"mean": round(decibels(float(np.mean(errors))), 3)}
    for index, angle in enumerate(VIEW_ANGLES):
        result[str(angle)] = round(decibels(float(np.mean(errors[AZIMUTHS * index : AZIMUTHS * (index + 1)]))), 3)
    return result


def dump_pictures(evaluation: Evaluation, folder: str | Path) -> None:
    """Write every column beside the truth: one PNG a view angle, rows are its azimuths, and `views.json`'s order.

    From left to right: truth, then the columns in the order of COLUMNS.
    """
    with replacing_folder(folder) as target:
        for index, angle in enumerate(VIEW_ANGLES):
            chosen = slice(AZIMUTHS * index, AZIMUTHS * (index + 1))
            strips = []
            for k in range(*chosen.indices(len(evaluation.truth.pictures))):
                row = [evaluation.truth.pictures[k], *(evaluation.columns[name][k] for name in COLUMNS)]
                strips.append(np.concatenate(row, axis=1))
            picture = display(np.concatenate(strips, axis=0))
            write_png(target / f"view_{angle:02d}.png", np.rint(picture * 255.0).astype(np.uint8))
