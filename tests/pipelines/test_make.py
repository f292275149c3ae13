"""The main job as a function: progress, options, and refusing before it works."""

from __future__ import annotations

from pathlib import Path

import pytest

import neumat
from neumat.errors import InputError, OutputError
from neumat.pipelines.demo import demo_sources
from neumat.pipelines.load import load_pbr
from neumat.pipelines.make import MakeOptions, make
from neumat.pipelines.picture import PictureOptions

pytest.importorskip("torch")
PICTURE = PictureOptions(mesh="plane", probe="white", width=16, height=16, samples=4)
QUICK = MakeOptions(
    network="8x1", resolution=16, budget=0.05, steps="4+2", both_forms=False, targets=("cpp",), picture=PICTURE
)


def test_the_job_reports_its_stages_and_prints_nothing(
    small_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages: dict[str, list[float]] = {}
    lines: list[str] = []
    report = make(
        load_pbr(small_folder), tmp_path / "out", QUICK,
        progress=lambda stage, fraction: stages.setdefault(stage, []).append(fraction), announce=lines.append,
    )  # fmt: skip
    assert {"truth", "fit"} <= set(stages)
    for fractions in stages.values():
        assert all(0.0 <= fraction <= 1.0 for fraction in fractions)
    assert any("over plain PBR" in line for line in lines)
    assert capfd.readouterr() == ("", "")
    assert "neumip" not in report
    assert [path.name for path in (tmp_path / "out/shaders").iterdir()] == ["hybrid"]
    loaded = neumat.load(tmp_path / "out" / f"{report['name']}.neumat")
    again = neumat.load(tmp_path / "out" / f"{report['name']}.glb")
    assert isinstance(loaded, neumat.NeuralMaterial)
    assert isinstance(again, neumat.NeuralMaterial)
    assert (loaded.latents["latent"] == again.latents["latent"]).all()


def test_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="resolution"):
        MakeOptions(resolution=1)
    (tmp_path / "wall").write_text("")
    with pytest.raises(OutputError, match="name a folder"):
        make(tmp_path / "missing", tmp_path / "wall", QUICK)
    with pytest.raises(InputError, match="no such probe"):
        make(
            tmp_path / "missing", tmp_path / "out",
            MakeOptions(picture=PictureOptions(probe=str(tmp_path / "missing.exr"))),
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["wall"]


def test_the_demo_starts_from_the_examples_or_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    source, mesh, probe = demo_sources(tmp_path)
    assert source == Path("examples/materials/cobblestone")
    assert Path(mesh).is_file()
    assert Path(probe).is_file()
    monkeypatch.chdir(tmp_path)
    source, mesh, probe = demo_sources(tmp_path / "out")
    assert (mesh, probe) == ("sphere", "softboxes")
    assert load_pbr(source).name == "cobblestone"
