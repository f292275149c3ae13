"""The main job: PBR maps in, everything that ships out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from neumat.compiler import TARGETS
from neumat.exporters.gltf import export_gltf
from neumat.files import check_target, write_text
from neumat.materials.neumat_file import save
from neumat.materials.neural import Form
from neumat.materials.pbr import PbrMaterial
from neumat.pipelines.evaluate import evaluate_material
from neumat.pipelines.fit import check_options, fit
from neumat.pipelines.load import Reading, load_pbr
from neumat.pipelines.picture import PictureOptions, Scene, render_comparison, render_picture
from neumat.pipelines.report import markdown
from neumat.progress import Progress, silent
from neumat.shading.package import compile_material

#: The papers' form is fitted beside the hybrid at up to this resolution: its 64×4 networks cost thirteen times more.
NEUMIP_RESOLUTION = 128
Announce = Callable[[str], None]


@dataclass(frozen=True)
class MakeOptions:
    """Options of the main job.

    Attributes:
        form: of the material that is saved, exported and pictured.
        network, resolution, budget, steps, seed, device: of the fit (see `fit`).
        both_forms: also fit and compile the other form, for comparison.
        targets: shading languages; all if None.
        picture: mesh, probe and size of the pictures.
    """

    form: Form = "hybrid"
    network: str | None = None
    resolution: int = 256
    budget: float | None = None
    steps: str = "16+12"
    seed: int = 0
    device: str = "auto"
    both_forms: bool = True
    targets: tuple[str, ...] | None = None
    picture: PictureOptions = field(default_factory=PictureOptions)

    def __post_init__(self) -> None:
        """Refuse options that no fit could run with (see `neumat.pipelines.fit.check_options`)."""
        check_options(
            form=self.form, network=self.network, resolution=self.resolution, budget=self.budget, steps=self.steps,
            seed=self.seed, device=self.device,
        )  # fmt: skip


def make(
    source: str | Path | PbrMaterial,
    folder: str | Path,
    options: MakeOptions,
    *,
    reading: Reading | None = None,
    progress: Progress = silent,
    announce: Announce = lambda text: None,
) -> dict[str, Any]:
    """Run the main job and return its report.

    Leaves in `folder`: ``NAME.neumat``, ``NAME.glb``, ``shaders/FORM/``, ``preview.png``, ``compare.png``,
    ``report.json`` and ``report.md``. Each is moved in place when it is whole; an earlier one is kept until then.

    Args:
        source: folder of maps, ``.glb``, or maps.
        folder: where results go.
        options: see MakeOptions.
        reading: how to read a folder of maps.
        progress: called with the stage and its share.
        announce: called with a line about each result.

    Raises:
        NeumatError: whatever a stage raises.
    """
    out = Path(folder)
    # Whatever can be refused is refused before the work starts.
    check_target(out, folder=True)
    scene = Scene(options.picture)
    maps = source if isinstance(source, PbrMaterial) else load_pbr(source, reading)
    material = fit(
        maps, form=options.form, network=options.network, resolution=options.resolution, budget=options.budget,
        steps=options.steps, seed=options.seed, device=options.device, reading=reading, progress=progress,
    )  # fmt: skip
    save(material, out / f"{maps.name}.neumat")
    announce(f"{out / maps.name}.neumat  fitted in {material.provenance['fit']['seconds']:.0f} s")
    report = evaluate_material(material, maps, progress=progress).report
    gain = report["quality"]["neural"]["mean"] - report["quality"]["pbr"]["mean"]
    announce(f"{report['quality']['neural']['mean']:.1f} dB against the truth, {gain:+.1f} dB over plain PBR")
    forms = {material.form: material}
    if options.both_forms:
        other, found = _other_form(maps, options, reading, progress)
        forms[other.form] = other
        report[other.form] = found
    targets = options.targets or tuple(TARGETS)
    for form, compiled in forms.items():
        compile_material(compiled, out / "shaders" / form, targets=targets, progress=progress)
        announce(f"{out / 'shaders' / form}/  shader package")
    export_gltf(
        material, out / f"{maps.name}.glb", mesh=options.picture.mesh, repeats=options.picture.repeats,
        tile_size=options.picture.tile_size, progress=progress,
    )  # fmt: skip
    announce(f"{out / maps.name}.glb  PBR and neural layer on the mesh")
    picture = render_picture(material, out / "preview.png", scene, progress=progress)
    compared = render_comparison(material, out / "compare.png", scene, progress=progress)
    announce(f"{out / 'preview.png'}, {out / 'compare.png'}")
    report["picture"] = {"psnr_pbr_against_neural": None if compared.psnr is None else round(compared.psnr, 2)}
    report["notes"] = list(picture.notes)
    report["findings"] = [asdict(finding) for finding in maps.findings]
    report["files"] = [
        f"{maps.name}.neumat", f"{maps.name}.glb", *(f"shaders/{form}/" for form in forms), "preview.png",
        "compare.png", "report.json", "report.md",
    ]  # fmt: skip
    write_text(out / "report.json", json.dumps(report, indent=2) + "\n")
    write_text(out / "report.md", markdown(report))
    announce(f"{out / 'report.md'}, {out / 'report.json'}")
    return report


def _other_form(maps: PbrMaterial, options: MakeOptions, reading: Reading | None, progress: Progress) -> Any:
    other: Form = "neumip" if options.form == "hybrid" else "hybrid"
    settings = replace(options, form=other, resolution=min(options.resolution, NEUMIP_RESOLUTION))
    material = fit(
        maps, form=other, resolution=settings.resolution, budget=settings.budget, steps=settings.steps,
        seed=settings.seed, device=settings.device, reading=reading, progress=progress,
    )  # fmt: skip
    return material, evaluate_material(material, maps, progress=progress).report
