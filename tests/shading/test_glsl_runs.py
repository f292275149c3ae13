"""The emitted GLSL in a real OpenGL driver, where there is one: the texture formats, levels and bindings as shipped."""

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

SCRIPT = Path(__file__).with_name("gl_port.py")
NO_CONTEXT = 77


@pytest.mark.skipif(importlib.util.find_spec("pyglet") is None, reason="pyglet is not installed")
@pytest.mark.parametrize(("form", "tileable"), [("hybrid", True), ("hybrid", False), ("neumip", False)])
def test_glsl_agrees_with_the_reference_in_opengl(tmp_path: Path, form: str, tileable: bool) -> None:
    made = small_material(form, seed=12, hidden=(32, 32), size=(24, 32), tileable=tileable)  # type: ignore[arg-type]
    folder = compile_material(made, tmp_path / "package", targets=("glsl",), check=False)
    results = tmp_path / "results.json"
    environment = {**os.environ, "EGL_PLATFORM": "surfaceless"}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(results)], capture_output=True, text=True, check=False,
        env=environment, timeout=120,
    )  # fmt: skip
    if run.returncode == NO_CONTEXT:
        pytest.skip(f"no OpenGL 4.5: {run.stdout.strip()}")
    assert run.returncode == 0, run.stdout + run.stderr
    vectors = read_vectors(folder / "test_vectors.json")
    found = np.array(json.loads(results.read_text()))
    assert vectors.errors(found, srgb_format=True).max() <= 1.0
