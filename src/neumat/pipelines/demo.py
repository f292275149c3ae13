"""What the demonstration starts from."""

from __future__ import annotations

from pathlib import Path

from neumat.procedural import family, save_folder

_MATERIAL = Path("examples/materials/cobblestone")
_MESH = Path("examples/meshes/shaderball.glb")
_PROBE = Path("examples/probes/studio.exr")


def demo_sources(output: Path) -> tuple[Path, str, str]:
    """Material, mesh and probe: the examples of a checkout, else a cobblestone made now, a sphere and softboxes."""
    if _MATERIAL.is_dir() and _MESH.is_file() and _PROBE.is_file():
        return _MATERIAL, str(_MESH), str(_PROBE)
    folder = output / "source" / "cobblestone"
    save_folder(family("cobblestone").maps(resolution=512, seed=7), folder)
    return folder, "sphere", "softboxes"
