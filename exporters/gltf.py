"""Export to glTF: one ``.glb`` that any viewer shows as PBR, with the neural material beside it as an extension.

The neural layer is the vendor extension ``NEUMAT_materials_neural`` (see `neumat.exporters.extension`), listed in
extensionsUsed and never in extensionsRequired. Formats: glTF 2.0, KHR_texture_transform.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib

from neumat import __version__
from neumat.errors import InputError
from neumat.exporters.extension import NAME, mean_color, write_extension
from neumat.exporters.gltf_container import open_gltf
from neumat.exporters.gltf_document import GltfDocument
from neumat.exporters.gltf_images import encode_png
from neumat.exporters.gltf_scene import add_mesh, keep_scene
from neumat.materials.explicit import encode
from neumat.materials.neural import ExplicitMaps, NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.progress import Progress, silent
from neumat.scene.mesh import Mesh, read_mesh, repeats_from_tile_size

TRANSFORM = "KHR_texture_transform"


def export_gltf(
    material: NeuralMaterial | PbrMaterial,
    path: str | Path,
    *,
    mesh: str | Path | Mesh | None = None,
    repeats: float = 1.0,
    tile_size: float | None = None,
    evaluations: int = 12,
    progress: Progress = silent,
) -> Path:
    """Write `material` on a mesh as one ``.glb`` file.

    A glTF mesh keeps its nodes, names, hierarchy, UVs and other attributes; its materials give way to this one.
    Missing normals and tangents are computed. Other meshes (OBJ, PLY, STL) become one node.

    Args:
        material: a PBR material gives plain glTF; a neural one also carries the extension. A ``neumip`` material
            without PBR channels gets a flat colour, the average of its evaluations, as what other viewers show.
        path: ends in ``.glb``.
        mesh: a file (GLB, glTF, OBJ, PLY, STL), ``sphere`` (when None), ``plane``, or a mesh in memory.
        repeats: how often the texture repeats per unit of the mesh's UVs (KHR_texture_transform's scale). In v a
            tileable texture repeats W/H times as often, so that its texels stay square.
        tile_size: width of one tile on the mesh in metres; sets `repeats` by the mesh's average texel density.
        evaluations: how many reference evaluations a neural material carries for checking other implementations.
        progress: called with the stage and its share done.

    Returns:
        The path that was written.

    Raises:
        InputError: the path has another ending, `repeats` is not positive, or the mesh cannot be used.
        OutputError: the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".glb":
        raise InputError(f"{target}: glTF is written as one binary file; name it .glb")
    if tile_size is not None:
        mesh = mesh if isinstance(mesh, Mesh) else _source(mesh)
        repeats = repeats_from_tile_size(mesh if isinstance(mesh, Mesh) else read_mesh(mesh), tile_size)
    if not (math.isfinite(repeats) and repeats > 0.0):
        raise InputError(f"the number of repeats is {repeats}; give a number above 0")
    if not 0 <= evaluations <= 1024:
        raise InputError(f"the number of evaluations is {evaluations}; give 0 to 1024")
    document = GltfDocument(f"neumat {__version__}")
    document.gltf.asset.copyright = _copyright(material.provenance)
    progress("geometry", 0.0)
    _add_geometry(document, mesh if isinstance(mesh, Mesh) else _source(mesh))
    progress("textures", 0.3)
    _add_material(document, material, float(repeats))
    progress("neural layer", 0.7)
    if isinstance(material, NeuralMaterial):
        document.use_extension(NAME)
        entry = write_extension(document, material, evaluations=evaluations)
        document.material_extensions[0] = {NAME: entry}
    document.write(target)
    progress("written", 1.0)
    return target


def _source(mesh: str | Path | None) -> str | Path:
    return "sphere" if mesh is None else mesh


def _add_geometry(document: GltfDocument, mesh: str | Path | Mesh) -> None:
    if not isinstance(mesh, Mesh) and str(mesh).lower().endswith((".glb", ".gltf")):
        keep_scene(document, open_gltf(mesh), 0)
        return
    built = mesh if isinstance(mesh, Mesh) else read_mesh(mesh)
    add_mesh(document, built, 0, built.name)


def _copyright(provenance: dict[str, Any]) -> str | None:
    """Author and licence of the source as glTF's asset.copyright, or that of the file it was read from."""
    parts = [str(provenance[key]) for key in ("author", "licence") if provenance.get(key)]
    return ", ".join(parts) or str(provenance.get("copyright") or "") or None


def _add_material(document: GltfDocument, material: NeuralMaterial | PbrMaterial, repeats: float) -> None:
    """Append material 0: the PBR channels, or a flat colour where there are none."""
    maps = material.explicit if isinstance(material, NeuralMaterial) else encode(material)
    if maps is not None:
        document.gltf.materials.append(_textured(document, material.name, maps, material.tileable, repeats))
        return
    assert isinstance(material, NeuralMaterial)
    document.gltf.materials.append(
        pygltflib.Material(
            name=material.name,
            pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(
                baseColorFactor=[*mean_color(material), 1.0], metallicFactor=0.0, roughnessFactor=1.0
            ),
        )
    )


def _textured(document: GltfDocument, name: str, maps: ExplicitMaps, tileable: bool, repeats: float) -> Any:
    wrap = pygltflib.REPEAT if tileable else pygltflib.CLAMP_TO_EDGE
    document.gltf.samplers.append(
        pygltflib.Sampler(magFilter=pygltflib.LINEAR, minFilter=pygltflib.LINEAR_MIPMAP_LINEAR, wrapS=wrap, wrapT=wrap)
    )
    height, width = maps.height.shape
    # What does not tile was made for the UVs of its mesh, which hold the whole image.
    scale = [repeats, repeats * width / height if tileable else repeats]
    extensions: dict[str, Any] = {}
    if scale != [1.0, 1.0]:
        document.use_extension(TRANSFORM)
        extensions = {TRANSFORM: {"scale": scale}}

    def texture(label: str, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
        return document.add_png(encode_png(pixels), f"{name}_{label}", 0)

    base_color, orm, normal = (
        texture("base_color", maps.base_color), texture("orm", maps.orm), texture("normal", maps.normal)
    )  # fmt: skip
    occlusion = pygltflib.OcclusionTextureInfo(index=orm, extensions=dict(extensions)) if maps.has_occlusion else None
    return pygltflib.Material(
        name=name,
        pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(
            baseColorTexture=pygltflib.TextureInfo(index=base_color, extensions=dict(extensions)),
            metallicRoughnessTexture=pygltflib.TextureInfo(index=orm, extensions=dict(extensions)),
        ),
        normalTexture=pygltflib.NormalMaterialTexture(index=normal, extensions=dict(extensions)),
        occlusionTexture=occlusion,
    )
