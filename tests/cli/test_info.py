"""`neumat info` on every kind of source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neumat.exporters.gltf import export_gltf
from neumat.materials.neumat_file import save
from neumat.materials.synthetic import small_material, small_pbr


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, small_folder: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sources")
    neural = small_material("hybrid", seed=1, size=(16, 16), hidden=(8,))
    save(neural, root / "a.neumat")
    save(small_material("neumip", seed=1, size=(16, 16), hidden=(8, 8)), root / "b.neumat")
    export_gltf(small_pbr(seed=2, size=(16, 16)), root / "plain.glb", mesh="plane")
    export_gltf(neural, root / "layer.glb", mesh="plane")
    return {
        "folder": small_folder, "hybrid": root / "a.neumat", "neumip": root / "b.neumat",
        "plain": root / "plain.glb", "layer": root / "layer.glb",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("which", "kind", "form"),
    [
        ("folder", "pbr", None),
        ("plain", "pbr", None),
        ("hybrid", "neural", "hybrid"),
        ("neumip", "neural", "neumip"),
        ("layer", "neural", "hybrid"),
    ],
)
def test_what_a_source_is(
    neumat: Callable[..., Any], sources: dict[str, Path], which: str, kind: str, form: str | None
) -> None:
    told = neumat("info", sources[which])
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0].rstrip() == str(sources[which])
    assert "height" in told.out
    data = json.loads(neumat("info", sources[which], "--json").out)
    assert data["kind"] == kind
    assert data.get("form") == form
    assert 0.0 <= data["height_scale"] <= 1.0
    if kind == "neural":
        assert data["cost"]["parameters"] > 0
    else:
        assert (data["width"], data["height"]) in ((32, 32), (16, 16))


def test_what_was_found_says_how(neumat: Callable[..., Any], small_folder: Path) -> None:
    findings = json.loads(neumat("info", small_folder, "--json").out)["findings"]
    assert {"what", "value", "how", "assumed"} == set(findings[0])
    assert any(found["what"].startswith("height") for found in findings)


def test_a_told_height_scale_is_believed(neumat: Callable[..., Any], small_folder: Path) -> None:
    data = json.loads(neumat("info", small_folder, "--height-scale", "0.021", "--json").out)
    assert data["height_scale"] == pytest.approx(0.021)


def test_quiet_prints_nothing(neumat: Callable[..., Any], sources: dict[str, Path]) -> None:
    for source in sources.values():
        done = neumat("info", source, "--quiet")
        assert (done.code, done.out, done.err) == (0, "", "")


def test_names_of_files_are_no_markup(neumat: Callable[..., Any], sources: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "[red]a[bold].neumat"
    path.write_bytes(sources["hybrid"].read_bytes())
    assert "[red]a[bold].neumat" in neumat("info", path).out
    refused = neumat("info", tmp_path / "[red]missing.glb")
    assert "[red]missing.glb" in refused.refusal()
