"""The emitted GLSL and WGSL on real drivers, where there are any: texture formats, levels and bindings as shipped."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neumat.materials.synthetic import small_material
from neumat.shading.package import compile_material
from neumat.shading.test_vectors import read_vectors

NOTHING_TO_RUN_ON = 77
PORTS = {"glsl": ("gl_port.py", "pyglet"), "wgsl": ("wgpu_port.py", "wgpu")}


@pytest.mark.parametrize("target", ["glsl", pytest.param("wgsl", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("form", "tileable"), [("hybrid", True), ("hybrid", False), ("neumip", False)])
def test_a_port_agrees_with_the_reference(tmp_path: Path, target: str, form: str, tileable: bool) -> None:
    script, package = PORTS[target]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    made = small_material(form, seed=12, hidden=(16, 16), size=(24, 32), tileable=tileable)  # type: ignore[arg-type]
    folder = compile_material(made, tmp_path / "package", targets=(target,), check=False)
    results = tmp_path / "results.json"
    # A process of its own, since a driver may crash.
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), str(folder), str(results)],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "EGL_PLATFORM": "surfaceless"},
    )  # fmt: skip
    if run.returncode == NOTHING_TO_RUN_ON:
        pytest.skip(f"nothing to run {target} on: {run.stdout.strip()}")
    assert run.returncode == 0, run.stdout + run.stderr
    vectors = read_vectors(folder / "test_vectors.json")
    found = np.array(json.loads(results.read_text()))
    assert vectors.errors(found, srgb_format=True).max() <= 1.0
