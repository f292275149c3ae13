"""Pictures of materials: formats, sizes, and neural beside PBR."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumat.errors import InputError, OutputError
from neumat.materials.images import read_image
from neumat.materials.plain import plain
from neumat.materials.synthetic import small_material, small_pbr
from neumat.pipelines.picture import PictureOptions, Scene, render_comparison, render_picture

SMALL = PictureOptions(mesh="plane", width=24, height=16, samples=8, elevation=0.9)
PBR = small_pbr(seed=2, size=(16, 16))


def test_png_and_exr(tmp_path: Path) -> None:
    picture = render_picture(PBR, tmp_path / "a.png", SMALL)
    assert (picture.path, picture.psnr) == (tmp_path / "a.png", None)
    assert read_image(tmp_path / "a.png").pixels.shape[:2] == (16, 24)
    render_picture(PBR, tmp_path / "a.exr", SMALL)
    radiance = read_image(tmp_path / "a.exr").pixels
    assert radiance.shape[:2] == (16, 24)
    assert np.isfinite(radiance).all()
    assert radiance.max() > 0.05


def test_the_same_seed_gives_the_same_picture(tmp_path: Path) -> None:
    for name in ("a.exr", "b.exr"):
        render_picture(small_material("hybrid", seed=1, size=(16, 16)), tmp_path / name, SMALL)
    assert np.array_equal(read_image(tmp_path / "a.exr").pixels, read_image(tmp_path / "b.exr").pixels)


def test_twice_the_light_is_one_stop(tmp_path: Path) -> None:
    """In a picture without a curve, one stop more is twice the linear value (where nothing clips)."""
    values = []
    for stops in (-4.0, -3.0):
        options = PictureOptions(mesh="plane", width=16, height=16, samples=8, tone_map="none", exposure=stops)
        render_picture(PBR, tmp_path / "a.png", options)
        code = read_image(tmp_path / "a.png").pixels.astype(np.float64)
        linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        values.append(linear[..., :3].mean())
    assert values[1] / values[0] == pytest.approx(2.0, rel=0.1)


def test_a_comparison_measures_the_difference(tmp_path: Path) -> None:
    scene = Scene(SMALL)
    flat = render_comparison(PBR, tmp_path / "a.png", scene)
    relief = render_comparison(plain(PBR), tmp_path / "b.png", scene)
    assert flat.psnr is not None
    assert relief.psnr is not None
    assert 5.0 < relief.psnr < 60.0
    assert read_image(tmp_path / "a.png").pixels.shape[1] >= 3 * 24


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("azimuth", math.nan),
        ("elevation", math.inf),
        ("rotation", math.nan),
        ("exposure", math.inf),
        ("repeats", 0.0),
        ("repeats", math.nan),
        ("tile_size", -1.0),
        ("tone_map", "filmic"),
        ("samples", 0),
    ],
)
def test_options_out_of_bounds(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name.replace("_", " ")):
        PictureOptions(**{name: value})


def test_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png or \.exr"):
        render_picture(PBR, tmp_path / "a.tif", SMALL)
    with pytest.raises(InputError, match=r"written as \.png"):
        render_comparison(PBR, tmp_path / "a.exr", SMALL)
    (tmp_path / "wall").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        render_picture(PBR, tmp_path / "wall/a.png", SMALL)
