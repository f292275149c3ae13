"""One function for every kind of source, and what was told about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neumat.errors import InputError
from neumat.exporters.gltf import export_gltf
from neumat.materials.neumat_file import save
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.synthetic import small_material, small_pbr
from neumat.pipelines.load import Reading, load, load_pbr, with_reading


def test_every_kind_of_source(tmp_path: Path, small_folder: Path) -> None:
    neural = small_material("hybrid", seed=1, size=(16, 16), hidden=(8,))
    save(neural, tmp_path / "a.neumat")
    export_gltf(neural, tmp_path / "a.glb", mesh="plane")
    export_gltf(small_pbr(seed=1, size=(16, 16)), tmp_path / "B.GLB", mesh="plane")
    assert isinstance(load(small_folder), PbrMaterial)
    assert isinstance(load(tmp_path / "B.GLB"), PbrMaterial)
    for name in ("a.neumat", "a.glb"):
        loaded = load(tmp_path / name)
        assert isinstance(loaded, NeuralMaterial)
        assert loaded.form == "hybrid"
    assert isinstance(load(str(small_folder)), PbrMaterial)


def test_a_fit_starts_from_maps(tmp_path: Path) -> None:
    save(small_material("neumip", seed=1, size=(16, 16), hidden=(8,)), tmp_path / "a.neumat")
    with pytest.raises(InputError, match="already"):
        load_pbr(tmp_path / "a.neumat")


def test_what_is_told_is_believed(small_folder: Path) -> None:
    told = Reading(height_scale=0.02, tileable=False, physical_size=1.5)
    material = load_pbr(small_folder, told)
    assert material.height_scale == pytest.approx(0.02)
    assert material.tileable is False
    assert material.physical_size == pytest.approx(1.5)


def test_the_reading_travels_with_the_material() -> None:
    told = Reading(height_scale=0.02, normal_format="directx", tileable=True)
    material = with_reading(small_material("hybrid", seed=1), told)
    assert Reading.of(material) == told
    assert Reading.of(small_material("hybrid", seed=1)) == Reading()


@pytest.mark.parametrize("told", [None, 3, [], {"height_scale": "0.1"}, {"tileable": 1}, {"physical_size": True}])
def test_a_reading_of_another_type_is_none(told: object) -> None:
    material = replace(small_material("hybrid", seed=1), provenance={"reading": told})
    assert Reading.of(material) == Reading()
