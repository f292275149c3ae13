"""What cannot be used is refused with exit code 2 and one line, before any work, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neumat.materials.neumat_file import save
from neumat.materials.synthetic import small_material

#: Command and what its refusal says. MAPS is a folder of maps, NEURAL a .neumat, WALL a file, ROOM an empty folder.
CASES: dict[str, tuple[str, str]] = {
    "unknown command": ("nonsense", "No such command 'nonsense'"),
    "unknown option": ("info MAPS --nonsense", "--nonsense"),
    "no output": ("fit MAPS", "'-o'"),
    "nothing there": ("info OUT/missing", "no such file or folder"),
    "missing for fit": ("fit OUT/missing -o OUT/a.neumat", "no such file or folder"),
    "missing for make": ("make OUT/missing -o OUT/made", "no such file or folder"),
    "missing samples": ("fit OUT/missing.npz -o OUT/a.neumat", "missing.npz"),
    "missing to compare": ("evaluate NEURAL --against OUT/missing", "no such file or folder"),
    "no material": ("info WALL", "is no material"),
    "an empty folder": ("info ROOM", "no base colour"),
    "network text": ("fit MAPS -o OUT/a.neumat --network large", "network 'large'"),
    "network width": ("fit MAPS -o OUT/a.neumat --network 33x2", "multiple of 4"),
    "network depth": ("fit MAPS -o OUT/a.neumat --network 32x9", "depth 1 to 8"),
    "network empty": ("fit MAPS -o OUT/a.neumat --network=", "network ''"),
    "steps one number": ("fit MAPS -o OUT/a.neumat --steps 16", "MARCH+LIGHT"),
    "steps zero": ("fit MAPS -o OUT/a.neumat --steps 0+3", "1 to 128"),
    "steps of make": ("make MAPS -o OUT/made --steps 16-12", "MARCH+LIGHT"),
    "resolution text": ("fit MAPS -o OUT/a.neumat --resolution high", "--resolution"),
    "resolution small": ("fit MAPS -o OUT/a.neumat --resolution 4", "8 to 4096"),
    "resolution large": ("make MAPS -o OUT/made --resolution 100000", "8 to 4096"),
    "budget zero": ("make MAPS -o OUT/made --budget 0", "budget 0 s"),
    "budget nan": ("fit MAPS -o OUT/a.neumat --budget nan", "budget nan s"),
    "seed negative": ("fit MAPS -o OUT/a.neumat --seed -1", "seed -1"),
    "seed large": ("fit MAPS -o OUT/a.neumat --seed 99999999999999999999", "2147483647"),
    "form": ("fit MAPS -o OUT/a.neumat --form other", "--form"),
    "height scale nan": ("fit MAPS -o OUT/a.neumat --height-scale nan", "height scale nan"),
    "height scale large": ("info MAPS --height-scale 9", "height scale 9"),
    "physical size": ("info MAPS --physical-size -1", "physical size -1"),
    "suffix of fit": ("fit MAPS -o OUT/a.bin", "written as .neumat"),
    "suffix of render": ("render NEURAL -o OUT/a.jpg", ".png or .exr"),
    "suffix of a comparison": ("render NEURAL -o OUT/a.exr --compare", "written as .png"),
    "suffix of export": ("export NEURAL -o OUT/a.png", ".glb"),
    "maps compiled": ("compile MAPS -o OUT/package", "fit one first"),
    "neural fitted": ("fit NEURAL -o OUT/a.neumat", "is a neural material already"),
    "neural made": ("make NEURAL -o OUT/made", "is a neural material already"),
    "maps evaluated": ("evaluate MAPS --against MAPS", "is no neural material"),
    "judged by itself": ("evaluate NEURAL --against NEURAL", "is a neural material already"),
    "taps": ("evaluate NEURAL --against MAPS --taps 3", "square number"),
    "taps negative": ("evaluate NEURAL --against MAPS --taps -1", "square number"),
    "target": ("compile NEURAL -o OUT/package --targets hlsl,pascal", "hlsl, glsl, spirv"),
    "target of make": ("make MAPS -o OUT/made --targets pascal", "hlsl, glsl, spirv"),
    "no target": ("compile NEURAL -o OUT/package --targets ,", "hlsl, glsl, spirv"),
    "weights": ("compile NEURAL -o OUT/package --weights disk", "--weights"),
    "size zero": ("render NEURAL -o OUT/a.png --size 0", "512 or 1280x720"),
    "size text": ("render NEURAL -o OUT/a.png --size 10x", "512 or 1280x720"),
    "size digit": ("render NEURAL -o OUT/a.png --size ²", "512 or 1280x720"),
    "size large": ("make MAPS -o OUT/made --size 9000", "up to 8192"),
    "samples": ("render NEURAL -o OUT/a.png --samples 0", "samples 0"),
    "exposure": ("render NEURAL -o OUT/a.png --exposure nan", "exposure nan"),
    "azimuth": ("render NEURAL -o OUT/a.png --azimuth inf", "azimuth inf"),
    "rotation": ("render NEURAL -o OUT/a.png --rotate-probe nan", "rotation nan"),
    "repeats": ("render NEURAL -o OUT/a.png --repeats 0", "repeats 0.0"),
    "tile size": ("render NEURAL -o OUT/a.png --tile-size -2", "tile size -2.0"),
    "tone map": ("render NEURAL -o OUT/a.png --tone-map filmic", "agx, aces, neutral"),
    "mesh": ("render NEURAL -o OUT/a.png --mesh OUT/missing.glb", "no such mesh file"),
    "mesh of another kind": ("render NEURAL -o OUT/a.png --mesh WALL", "not a mesh file"),
    "mesh of export": ("export NEURAL -o OUT/a.glb --mesh OUT/missing.glb", "no such file"),
    "mesh of make": ("make MAPS -o OUT/made --mesh OUT/missing.glb", "no such mesh file"),
    "probe": ("render NEURAL -o OUT/a.png --probe OUT/missing.exr", "no such probe file"),
    "probe of make": ("make MAPS -o OUT/made --probe OUT/missing.exr", "no such probe file"),
    "tone map of make": ("make MAPS -o OUT/made --tone-map filmic", "agx, aces, neutral"),
    "fit into a file's folder": ("fit MAPS -o WALL/a.neumat", "is a file"),
    "fit onto a folder": ("fit MAPS -o ROOM.neumat", "is a folder"),
    "make onto a file": ("make MAPS -o WALL", "is a file; name a folder"),
    "make below a file": ("make MAPS -o WALL/made/here", "is a file"),
    "compile onto a file": ("compile NEURAL -o WALL --targets cpp", "is a file; name a folder"),
    "compile below a file": ("compile NEURAL -o WALL/package --targets cpp", "cannot be written"),
    "render below a file": ("render NEURAL -o WALL/a.png", "is a file"),
    "render onto a folder": ("render NEURAL -o ROOM.png", "is a folder"),
    "export below a file": ("export NEURAL -o WALL/a.glb", "cannot be written"),
    "pictures onto a file": ("evaluate NEURAL --against MAPS --dump WALL", "is a file; name a folder"),
    "demo onto a file": ("demo -o WALL", "cannot be written"),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, small_folder: Path) -> dict[str, str]:
    root = tmp_path_factory.mktemp("places")
    (root / "wall").write_text("a file in the way")
    for name in ("out", "room", "room.neumat", "room.png"):
        (root / name).mkdir()
    save(small_material("hybrid", seed=1, size=(16, 16), hidden=(8,)), root / "a.neumat")
    return {
        "MAPS": str(small_folder), "NEURAL": str(root / "a.neumat"), "WALL": str(root / "wall"),
        "ROOM": str(root / "room"), "OUT": str(root / "out"),
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_in_one_line(
    neumat: Callable[..., Any], places: dict[str, str], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, words = CASES[case]
    for name, place in places.items():
        command = command.replace(name, place)
    # The demo looks for its examples where it is started.
    monkeypatch.chdir(places["OUT"])
    line = neumat(*command.split(" ")).refusal()
    assert words in line
    assert list(Path(places["OUT"]).iterdir()) == []
    assert Path(places["WALL"]).read_text() == "a file in the way"
    assert list(Path(places["ROOM"]).iterdir()) == []


def test_a_missing_device_is_refused(neumat: Callable[..., Any], small_folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    command = ("fit", small_folder, "-o", tmp_path / "a.neumat", "--device", "cuda", "--resolution", "16", "--quiet")
    assert "no CUDA device" in neumat(*command).refusal()
    assert list(tmp_path.iterdir()) == []


def test_a_fit_without_torch_names_the_extra(
    neumat: Callable[..., Any], small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    def found(name: str, package: str | None = None) -> Any:
        return None if name == "torch" else real(name, package)

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", found)
    for command, output in (("fit", "a.neumat"), ("make", "made")):
        assert "pip install 'neumat[fit]'" in neumat(command, small_folder, "-o", tmp_path / output).refusal()
    assert list(tmp_path.iterdir()) == []
