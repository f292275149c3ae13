"""Where materials come in: one function for every kind of source."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from neumat.errors import InputError
from neumat.exporters.gltf_read import read_glb
from neumat.materials.folder import read_folder
from neumat.materials.neumat_file import load as load_neumat
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial


@dataclass(frozen=True)
class Reading:
    """What the user told about a folder of maps; None and ``auto`` leave it to the reader.

    A fit stores it in the material's provenance, so that `evaluate` reads the source the same way.
    """

    height_scale: float | None = None
    normal_format: Literal["auto", "opengl", "directx"] = "auto"
    tileable: bool | None = None
    physical_size: float | None = None

    def stored(self) -> dict[str, Any]:
        """The options as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, material: NeuralMaterial) -> Reading:
        """The options that `material` was fitted with."""
        told = material.provenance.get("reading")
        if not isinstance(told, dict):
            return cls()
        # The file may come from anywhere: values of another type are as good as none.
        number = (int, float)
        kinds = {"height_scale": number, "normal_format": (str,), "tileable": (bool,), "physical_size": number}
        return cls(**{key: told[key] for key, kind in kinds.items() if type(told.get(key)) in kind})


def load(path: str | Path, reading: Reading | None = None) -> PbrMaterial | NeuralMaterial:
    """Load a material from a folder of maps, a ``.glb``/``.gltf`` or a ``.neumat`` file.

    Args:
        path: what to read.
        reading: of a folder of maps; ignored for files, which say it themselves.

    Raises:
        InputError: there is nothing there, or it cannot be used; in one line.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if source.is_dir():
        return read_folder(source, **(reading or Reading()).stored())
    if not source.exists():
        raise InputError(f"{source}: there is no such file or folder")
    if suffix == ".neumat":
        return load_neumat(source)
    if suffix in (".glb", ".gltf"):
        return read_glb(source)
    raise InputError(f"{source}: is no material; give a folder of maps, a .glb or a .neumat file")


def load_pbr(path: str | Path, reading: Reading | None = None) -> PbrMaterial:
    """Load the PBR maps that a fit starts from.

    Raises:
        InputError: the source is a neural material already, or cannot be used.
    """
    material = load(path, reading)
    if isinstance(material, NeuralMaterial):
        raise InputError(f"{path}: is a neural material already; give the folder of maps or the .glb that it came from")
    if reading is not None and reading.height_scale is not None and not Path(path).is_dir():
        return material.with_height_scale(reading.height_scale)
    return material


def with_reading(material: NeuralMaterial, reading: Reading) -> NeuralMaterial:
    """Store how the source was read."""
    return replace(material, provenance={**material.provenance, "reading": reading.stored()})
