from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neumat.materials.color import srgb_to_linear
from neumat.materials.images import read_image
from neumat.materials.tiling import seam_error
from neumat.procedural import family
from neumat.procedural.folder import description, encoded

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.name for path in (EXAMPLES / "materials").iterdir() if path.is_dir())


def test_every_asset_is_named_with_its_licence() -> None:
    text = (EXAMPLES / "ASSETS.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {row.split("`")[1] for row in rows}
    assert all(row.split("|")[-2].strip() in ("CC0-1.0", "Apache-2.0") for row in rows)
    for folder in ("materials", "meshes", "probes"):
        for path in (EXAMPLES / folder).rglob("*"):
            if path.is_file():
                relative = path.relative_to(EXAMPLES).as_posix()
                assert relative in named or f"{path.parent.relative_to(EXAMPLES).as_posix()}/" in named, relative
    for name in named:
        assert (EXAMPLES / name).exists(), name


def test_the_examples_stay_small() -> None:
    total = sum(path.stat().st_size for path in (EXAMPLES / "materials").rglob("*") if path.is_file())
    assert total < 6_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_committed_maps_are_what_the_code_makes(name: str) -> None:
    folder = EXAMPLES / "materials" / name
    told = json.loads((folder / "material.json").read_text())
    made = family(told["family"]).maps(told["parameters"], 512, told["seed"])
    assert description(made) == told
    for stem, codes in encoded(made).items():
        image = read_image(folder / f"{stem}.png")
        top = np.iinfo(codes.dtype).max
        assert image.bits == (16 if codes.dtype == np.uint16 else 8)
        stored = np.rint(image.pixels.astype(np.float64) * top)
        apart = np.abs(stored - codes.reshape(stored.shape))
        # The last digits of sines and powers differ from machine to machine: one code, and here and there a texel
        # that falls on the other side of a threshold.
        allowed = 1 if codes.dtype == np.uint8 else 16
        assert (apart > allowed).mean() < 0.002, stem


@pytest.mark.parametrize("name", FOLDERS)
def test_committed_maps_tile(name: str) -> None:
    for stem in ("basecolor", "roughness", "height", "normal"):
        assert seam_error(read_image(EXAMPLES / "materials" / name / f"{stem}.png").pixels) < 1.2, stem


def test_committed_maps_look_like_what_they_are() -> None:
    def mean(name: str, stem: str) -> float:
        return float(read_image(EXAMPLES / "materials" / name / f"{stem}.png").pixels.mean())

    brick = srgb_to_linear(read_image(EXAMPLES / "materials" / "brick" / "basecolor.png").pixels).mean(axis=(0, 1))
    assert brick[0] > 1.5 * brick[2]
    assert mean("brick", "metallic") == mean("cobblestone", "metallic") == 0.0
    assert mean("tread_plate", "metallic") > 0.5
    wet = read_image(EXAMPLES / "materials" / "cobblestone" / "roughness.png").pixels
    assert wet.min() < 0.1
    assert wet.max() > 0.8
