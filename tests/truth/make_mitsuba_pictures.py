"""Render the pictures of tests/truth/mitsuba with Mitsuba 3 (extra `capture`); run by hand.

    DRJIT_LIBLLVM_PATH=… python tests/truth/make_mitsuba_pictures.py

Each file holds one material's maps as they are encoded, and what Mitsuba made of them: x = pi·f of the middle CROP²
texels under every case of CASES, and its noise floor in dB. The maps are stored because families may change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neumat.capture.render_mitsuba import render_patch
from neumat.materials.explicit import decode, encode
from neumat.materials.pbr import PbrMaterial
from neumat.materials.synthetic import small_pbr
from neumat.procedural.library import FAMILIES
from neumat.truth.metrics import decibels, display
from neumat.truth.protocol import direction

FOLDER = Path(__file__).parent / "mitsuba"
RESOLUTION = 64
CROP = 40
SAMPLES = 4096
#: wo and wi as (polar angle, azimuth) in degrees, and indirect bounces.
CASES = (
    ((0.0, 0.0), (40.0, 200.0), 3),
    ((70.0, 30.0), (40.0, 200.0), 3),
    ((70.0, 30.0), (40.0, 200.0), 0),
    ((55.0, 250.0), (65.0, 100.0), 3),
)


def materials() -> dict[str, PbrMaterial]:
    """Brick, pebbles, metal, and a smooth relief that neither tiles nor is square."""
    made = {
        name: FAMILIES[family].maps(resolution=RESOLUTION, seed=1)
        for name, family in (("brick", "brick"), ("pebble", "cobblestone"), ("metal", "tread_plate"))
    }
    made["edges"] = small_pbr(seed=3, size=(48, 64), height_scale=0.2)
    return {
        name: decode(encode(material), name=name, height_scale=material.height_scale, tileable=name != "edges")
        for name, material in made.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, material in materials().items():
        pictures, floors = [], []
        for number, (wo, wi, bounces) in enumerate(CASES):
            halves = [
                render_patch(
                    material,
                    wo=direction(*wo),
                    wi=direction(*wi),
                    samples=SAMPLES // 2,
                    bounces=bounces,
                    crop=CROP,
                    seed=2 * number + half,
                ).astype(np.float64)
                for half in range(2)
            ]
            pictures.append((halves[0] + halves[1]) / 2.0)
            floors.append(decibels(float(np.mean((display(halves[0]) - display(halves[1])) ** 2)) / 4.0))
            print(f"{name} {wo} {wi} {bounces} bounces: noise floor {floors[-1]:.1f} dB")
        codes = encode(material)
        np.savez_compressed(
            FOLDER / f"{name}.npz",
            base_color=codes.base_color,
            orm=codes.orm,
            normal=codes.normal,
            height=codes.height,
            height_scale=np.float64(material.height_scale),
            tileable=np.bool_(material.tileable),
            wo=np.stack([direction(*wo) for wo, _, _ in CASES]),
            wi=np.stack([direction(*wi) for _, wi, _ in CASES]),
            bounces=np.array([bounces for _, _, bounces in CASES], np.int32),
            pictures=np.asarray(pictures, np.float16),
            noise_floor=np.array(floors, np.float32),
        )


if __name__ == "__main__":
    main()
