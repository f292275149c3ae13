"""The Khronos validator finds neither errors nor warnings in what is exported."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from neumat.exporters.gltf import export_gltf
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.synthetic import small_material, small_pbr

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
SHADERBALL = ROOT / "examples" / "meshes" / "shaderball.glb"

pytestmark = pytest.mark.node


def validate(paths: list[Path]) -> list[dict[str, object]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (CLIENTS / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("the Khronos validator is not installed: npm install in tests/clients")
    command = [node, str(CLIENTS / "validate.mjs"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def materials() -> list[NeuralMaterial | PbrMaterial]:
    return [
        small_material("hybrid", seed=1, size=(16, 32)),
        small_material("neumip", seed=1, size=(16, 16), tileable=False),
        small_pbr(seed=1, size=(16, 16)),
    ]


def test_built_in_meshes_are_valid(tmp_path: Path) -> None:
    paths = [
        export_gltf(material, tmp_path / f"{mesh}_{index}_{repeats}.glb", mesh=mesh, repeats=repeats)
        for mesh in ("plane", "sphere")
        for index, material in enumerate(materials())
        for repeats in (1.0, 4.0)
    ]
    assert_clean(paths)


def test_the_shaderball_is_valid(tmp_path: Path) -> None:
    if not SHADERBALL.is_file():
        pytest.skip("examples/meshes/shaderball.glb is not here")
    paths = [
        export_gltf(material, tmp_path / f"ball_{index}.glb", mesh=SHADERBALL, repeats=1.0 + index)
        for index, material in enumerate(materials())
    ]
    assert_clean(paths)


def test_the_validator_finds_faults(tmp_path: Path) -> None:
    path = export_gltf(small_pbr(seed=1, size=(8, 8)), tmp_path / "a.glb", mesh="plane")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"TANGENT"', b'"XANGENT"'))
    (report,) = validate([path])
    assert report["errors"] != 0


def assert_clean(paths: list[Path]) -> None:
    reports = validate(paths)
    assert len(reports) == len(paths)
    for report in reports:
        assert (report["errors"], report["warnings"]) == (0, 0), report
