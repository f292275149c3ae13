"""How the golden files of format 1 were made. Never run it over them again: they pin what old files mean.

Run it into another folder (`python make_golden.py FOLDER`) to make those of a new format.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from neumat.materials.brdf import normalize
from neumat.materials.neumat_file import FORMAT, save
from neumat.materials.neural import NeuralMaterial
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_material


def materials() -> list[NeuralMaterial]:
    hybrid = small_material("hybrid", seed=17, size=(10, 14), hidden=(16, 16))
    decoder = replace(hybrid.networks["decoder"], activation="leaky_relu")
    assert hybrid.explicit is not None
    hybrid = replace(
        hybrid, networks={"decoder": decoder}, explicit=replace(hybrid.explicit, has_occlusion=True), march_steps=12
    )
    neumip = small_material("neumip", seed=18, size=(12, 8), hidden=(16, 16), tileable=False)
    return [hybrid, replace(neumip, output="exp", physical_size=0.5)]


def numbers(material: NeuralMaterial) -> dict[str, object]:
    rng = np.random.default_rng(19)
    count = 24
    uv = np.round(rng.uniform(-0.2, 1.2, (count, 2)), 3)
    footprint = np.round(rng.uniform(0.0, 0.4, count) ** 2, 4)
    wi = np.round(rng.normal(size=(count, 3)) + np.array([0.0, 0.0, 1.0]), 2)
    wo = np.round(rng.normal(size=(count, 3)), 2)
    wo[:, 2] = np.abs(wo[:, 2]) + 0.02
    eye, light = normalize(wo), normalize(wi)
    reference = Reference(material)
    prepared = reference.prepare(uv, footprint, eye)
    result = {
        "uv": uv, "footprint": footprint, "wi": wi, "wo": wo, "uv_hit": prepared.uv_hit, "z_hit": prepared.z_hit,
        "f": reference.evaluate(prepared, light), "pbr": reference.pbr(uv, footprint, light, eye),
        "marched": reference.marched(uv, footprint, light, eye),
    }  # fmt: skip
    return {name: np.round(values, 10).tolist() for name, values in result.items()}


def main(folder: Path) -> None:
    for material in materials():
        stem = f"format{FORMAT}_{material.form}"
        save(material, folder / f"{stem}.neumat")
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in numbers(material).items()]
        (folder / f"{stem}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
