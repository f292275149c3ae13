"""neumat: real-time neural materials, from PBR maps to shaders, glTF and pictures.

The public functions are those of `__all__`. They are silent, typed, and take a progress callback; errors are
subclasses of `neumat.errors.NeumatError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from neumat.errors import NeumatError as NeumatError
    from neumat.exporters.gltf import export_gltf as export
    from neumat.materials.neumat_file import save as save
    from neumat.materials.neural import NeuralMaterial as NeuralMaterial
    from neumat.materials.pbr import PbrMaterial as PbrMaterial
    from neumat.pipelines.evaluate import evaluate_material as evaluate
    from neumat.pipelines.fit import fit as fit
    from neumat.pipelines.load import load as load
    from neumat.pipelines.make import make as make
    from neumat.pipelines.picture import render_picture as render
    from neumat.shading.package import compile_material as compile

#: Public name → where it is defined; resolved on first use, so that `import neumat` stays quick.
_PUBLIC = {
    "NeumatError": ("neumat.errors", "NeumatError"),
    "NeuralMaterial": ("neumat.materials.neural", "NeuralMaterial"),
    "PbrMaterial": ("neumat.materials.pbr", "PbrMaterial"),
    "compile": ("neumat.shading.package", "compile_material"),
    "evaluate": ("neumat.pipelines.evaluate", "evaluate_material"),
    "export": ("neumat.exporters.gltf", "export_gltf"),
    "fit": ("neumat.pipelines.fit", "fit"),
    "load": ("neumat.pipelines.load", "load"),
    "make": ("neumat.pipelines.make", "make"),
    "render": ("neumat.pipelines.picture", "render_picture"),
    "save": ("neumat.materials.neumat_file", "save"),
}

__all__ = [
    "NeumatError", "NeuralMaterial", "PbrMaterial", "__version__", "compile", "evaluate", "export", "fit", "load",
    "make", "render", "save",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'neumat' has no attribute {name!r}")
    import importlib

    module, attribute = _PUBLIC[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
