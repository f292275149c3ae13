"""What several areas share: a small folder of maps, and one short fit of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# As the command line does: read when torch is first imported, by whichever test comes first.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

#: Told at the fit, and neither the folder's own nor the default.
TOLD_HEIGHT_SCALE = 0.033
QUICK_FIT = {"network": "8x1", "resolution": 16, "budget": 0.05, "steps": "4+2"}


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cobblestone of 32 × 32 texels as a folder of maps."""
    from neumat.procedural import family, save_folder

    folder = tmp_path_factory.mktemp("maps") / "stones"
    save_folder(family("cobblestone").maps(resolution=32, seed=7), folder)
    return folder


@pytest.fixture(scope="session")
def told_height_scale() -> float:
    """What `fitted` was told."""
    return TOLD_HEIGHT_SCALE


@pytest.fixture(scope="session")
def fitted(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cobblestone fitted for an instant: whole, if not good. Its height scale was told."""
    pytest.importorskip("torch")
    from neumat.materials.neumat_file import save
    from neumat.pipelines.fit import fit
    from neumat.pipelines.load import Reading

    path = tmp_path_factory.mktemp("fitted") / "stones.neumat"
    material = fit(small_folder, reading=Reading(height_scale=TOLD_HEIGHT_SCALE), **QUICK_FIT)  # type: ignore[arg-type]
    save(material, path)
    return path
