"""The commands at work, each on what an earlier one left."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumat.materials.images import read_image, write_exr
from neumat.materials.neumat_file import load

QUICK = ("--resolution", "16", "--budget", "0.05", "--network", "8x1", "--steps", "4+2")
COLUMNS = ("neural", "pbr", "parallax", "marched", "fallback")


def one_document(text: str) -> Any:
    """Parse the only JSON document of `text`."""
    value, end = json.JSONDecoder().raw_decode(text)
    assert text[end:] == "\n"
    return value


def test_fit_and_evaluate_with_a_told_height_scale(
    neumat: Callable[..., Any], small_folder: Path, fitted: Path, told_height_scale: float
) -> None:
    material = load(fitted)
    assert material.height_scale == pytest.approx(told_height_scale)
    assert material.provenance["reading"]["height_scale"] == pytest.approx(told_height_scale)
    done = neumat("evaluate", fitted, "--against", small_folder, "--json")
    assert (done.code, done.err) == (0, "")
    report = one_document(done.out)
    assert report["height_scale"] == pytest.approx(told_height_scale)
    for column in COLUMNS:
        assert set(report["quality"][column]) == {"mean", "0", "35", "55", "70"}
        assert all(math.isfinite(value) for value in report["quality"][column].values())
    assert math.isfinite(report["quality"]["noise_floor"])
    assert report["quality"]["taps"] == 1
    for key in ("parameters", "flops", "fetches", "bytes"):
        assert report["cost"][key] > 0
    for key in ("seconds", "cpu_seconds"):
        assert report["fit"][key] > 0
    assert (report["fit"]["resolution"], report["fit"]["form"], report["fit"]["network"]) == (16, "hybrid", "8x1")
    # Told again, it overrules what was told at the fit.
    again = neumat("evaluate", fitted, "--against", small_folder, "--json", "--height-scale", "0.01")
    assert one_document(again.out)["height_scale"] == pytest.approx(0.01)


def test_evaluate_shows_a_table_and_dumps_pictures(
    neumat: Callable[..., Any], small_folder: Path, fitted: Path, tmp_path: Path
) -> None:
    done = neumat("evaluate", fitted, "--against", small_folder, "--dump", tmp_path / "seen")
    assert (done.code, done.err) == (0, "")
    for words in ("plain PBR", "neural material", "noise floor", "70°", "4 lights"):
        assert words in done.out
    assert len(list((tmp_path / "seen").glob("*.png"))) == 4


def test_fit_says_what_it_found_and_made(neumat: Callable[..., Any], small_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "deep/er/a.neumat"
    done = neumat("fit", small_folder, "-o", path, *QUICK)
    assert (done.code, done.err) == (0, "")
    assert "height" in done.out
    assert f"{path}: hybrid 8x1, fitted in" in done.out
    assert [left.name for left in path.parent.iterdir()] == ["a.neumat"]
    told = neumat("fit", small_folder, "-o", path, *QUICK, "--json", "--form", "neumip")
    value = one_document(told.out)
    assert value["path"] == str(path)
    assert value["fit"]["form"] == "neumip"
    assert load(path).form == "neumip"
    silent = neumat("fit", small_folder, "-o", path, *QUICK, "--quiet")
    assert (silent.code, silent.out, silent.err) == (0, "", "")


def test_compile(neumat: Callable[..., Any], fitted: Path, tmp_path: Path) -> None:
    done = neumat("compile", fitted, "-o", tmp_path / "package", "--targets", "hlsl, wgsl", "--json")
    assert (done.code, done.err) == (0, "")
    value = one_document(done.out)
    assert value["folder"] == str(tmp_path / "package")
    assert "manifest.json" in value["files"]
    assert all((tmp_path / "package" / file).is_file() for file in value["files"])
    assert {Path(file).suffix for file in value["files"]} >= {".hlsl", ".wgsl"}
    assert not any(file.endswith(".metal") for file in value["files"])
    again = neumat("compile", fitted, "-o", tmp_path / "package", "--targets", "hlsl", "--quiet")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert not list((tmp_path / "package").rglob("*.wgsl"))


def test_export_and_render_what_was_exported(
    neumat: Callable[..., Any], fitted: Path, small_folder: Path, tmp_path: Path
) -> None:
    glb = tmp_path / "a.glb"
    value = one_document(neumat("export", fitted, "-o", glb, "--mesh", "plane", "--json").out)
    assert value == {"path": str(glb), "bytes": glb.stat().st_size}
    small = ("--size", "32x24", "--samples", "4")
    done = neumat("render", glb, "-o", tmp_path / "a.png", *small, "--compare", "--json")
    assert (done.code, done.err) == (0, "")
    assert one_document(done.out)["psnr"] > 5.0
    assert read_image(tmp_path / "a.png").pixels.shape[1] >= 3 * 32
    assert neumat("render", fitted, "-o", tmp_path / "b.exr", *small, "--mode", "marched").code == 0
    pixels = read_image(tmp_path / "b.exr").pixels
    assert pixels.shape[:2] == (24, 32)
    assert np.isfinite(pixels).all()
    assert pixels.max() > 0.0
    quiet = neumat("render", small_folder, "-o", tmp_path / "c.png", *small, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert neumat("export", small_folder, "-o", tmp_path / "c.glb", "--quiet").out == ""


def test_make_leaves_all_it_promises(neumat: Callable[..., Any], small_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "out"
    options = ("--size", "32", "--samples", "4", "--targets", "glsl,cpp", "--mesh", "plane", "--probe", "sky")
    done = neumat("make", small_folder, "-o", out, *QUICK, *options, "--json")
    assert (done.code, done.err) == (0, "")
    report = one_document(done.out)
    assert report == json.loads((out / "report.json").read_text())
    name = report["name"]
    expected = {f"{name}.neumat", f"{name}.glb", "shaders", "preview.png", "compare.png", "report.json", "report.md"}
    assert {path.name for path in out.iterdir()} == expected
    for file in report["files"]:
        assert (out / file).exists()
    for form in ("hybrid", "neumip"):
        assert (out / "shaders" / form / "manifest.json").is_file()
    assert report["neumip"]["fit"]["form"] == "neumip"
    assert load(out / f"{name}.neumat").form == "hybrid"
    page = (out / "report.md").read_text()
    assert "plain PBR" in page
    assert "## neumip" in page
    # Once more in the same place, saying nothing.
    again = neumat("make", small_folder, "-o", out, *QUICK, *options, "--quiet", "--one-form")
    assert (again.code, again.out, again.err) == (0, "", "")


@pytest.mark.slow
def test_demo_without_the_examples(
    neumat: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    done = neumat("demo", "--resolution", "16", "--budget", "2", "--json")
    assert done.code == 0, done.err
    assert one_document(done.out)["name"] == "cobblestone"
    assert (tmp_path / "out/source/cobblestone/basecolor.png").is_file()
    assert (tmp_path / "out/compare.png").is_file()


def _lambert(count: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(2, count, 3))
    directions[..., 2] = np.abs(directions[..., 2]) + 0.2
    wi, wo = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    albedo = np.array([0.6, 0.3, 0.1])
    return {"uv": rng.random((count, 2)), "wi": wi, "wo": wo, "rgb": albedo * wi[:, 2:] / np.pi}


def test_fit_of_samples(neumat: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    np.savez(tmp_path / "measured.npz", **_lambert(5000))  # type: ignore[arg-type]
    path = tmp_path / "a.neumat"
    done = neumat("fit", tmp_path / "measured.npz", "-o", path, *QUICK, "--json")
    assert (done.code, done.err) == (0, "")
    assert one_document(done.out)["fit"]["samples"] == 5000
    material = load(path)
    assert material.name == "measured"
    assert material.height_scale == 0.0


def test_fit_of_frames(neumat: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tmp_path / "frames"
    folder.mkdir()
    frames = []
    for index in range(6):
        write_exr(folder / f"{index:03d}.exr", np.full((32, 32, 3), 0.05 * (index + 1), np.float32))
        light = [math.cos(index), math.sin(index), 1.0 + index / 3.0]
        frames.append({"file": f"{index:03d}.exr", "camera": [0.2, 0.1 * index, 2.0], "light": light})
    (folder / "frames.json").write_text(json.dumps({"frames": frames}))
    done = neumat("fit", folder, "-o", tmp_path / "a.neumat", *QUICK, "--form", "neumip", "--json")
    assert (done.code, done.err) == (0, "")
    assert one_document(done.out)["fit"]["samples"] == 6 * 32 * 32
    assert load(tmp_path / "a.neumat").name == "frames"
