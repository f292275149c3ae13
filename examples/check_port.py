"""Check a port of a shader package against its test vectors.

    python check_port.py PACKAGE RESULTS    RESULTS: JSON, one [r, g, b] a row of the test vectors
    python check_port.py PACKAGE            runs the package's own C++, which needs neumat and a C++ compiler

A port evaluates <name>_prepare and then <name>_evaluate for each row of uv, footprint, wo and wi in test_vectors.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def own_cpp(package: Path, vectors: dict[str, Any]) -> Any:
    from neumat.shading.package import run_package_cpp

    return run_package_cpp(package, *(np.float32(vectors[name]) for name in ("uv", "footprint", "wo", "wi")))


def main(package: Path, results: Path | None) -> int:
    vectors = json.loads((package / "test_vectors.json").read_text())
    expected = np.array(vectors["f"])
    found = np.array(json.loads(results.read_text())) if results else own_cpp(package, vectors)
    if found.shape != expected.shape:
        print(f"results have shape {found.shape}, expected {expected.shape}")
        return 1
    difference = np.where(np.isfinite(found), np.abs(found - expected), np.inf)
    allowed = vectors["tolerance"] * (1.0 + np.abs(expected))
    error = (difference / allowed).max(axis=1)
    # Textures of an sRGB format may decode the base colour half a code off.
    rounded = (difference / (allowed + np.array(vectors["srgb_slack"]))).max(axis=1)
    for case in dict.fromkeys(vectors["case"]):
        rows = [index for index, name in enumerate(vectors["case"]) if name == case]
        print(f"{case:20} {len(rows):3} rows, largest error {error[rows].max():.2g} of the tolerance")
    verdict = f"does not agree, first in row {int(np.argmax(rounded > 1.0))}"
    if error.max() <= 1.0:
        verdict = "agrees"
    elif rounded.max() <= 1.0:
        verdict = f"agrees within what an sRGB texture format may round ({rounded.max():.2g} of the tolerance)"
    print(f"largest error {error.max():.2g} of the tolerance: the port {verdict}")
    return 0 if rounded.max() <= 1.0 else 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None))
