"""Reading materials out of glTF files: our own, bit for bit, and the PBR materials of anybody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.exporters.extension import NAME, Evaluations, find_extension, read_evaluations, read_extension
from neumat.exporters.gltf_container import GltfFile, open_gltf
from neumat.exporters.gltf_images import codes8, decode_image, rgb
from neumat.materials.color import srgb_to_linear
from neumat.materials.images import Image
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import Finding, PbrMaterial
from neumat.materials.resize import resize
from neumat.names import safe_name
from neumat.scene.part import printable

_REPEAT = 10497

Array = npt.NDArray[np.float32]


def read_glb(path: str | Path, primitive: str | None = None) -> NeuralMaterial | PbrMaterial:
    """Read one material of a ``.glb`` or ``.gltf`` file.

    A material with the extension ``NEUMAT_materials_neural`` comes back as it was exported, every array and setting
    equal. Another comes back as PBR: factors applied, colours linear, maps brought to the size of the largest. It
    has no height (0.5 throughout, scale 0); emission and alpha are left out; `PbrMaterial.findings` says so.

    Args:
        path: the file; images may lie beside it or below its folder, nowhere else.
        primitive: name of the node, the mesh or the material to read; needed where the file has several materials.

    Raises:
        VersionError: the extension was written by a newer neumat.
        InputError: the file is missing or broken, an image is too large, or it is not clear which material is meant.
    """
    file = open_gltf(path)
    material = _choose(file, primitive)
    entry = find_extension(file, material)
    textures = _Textures(file)
    name = _name(file, material)
    if entry is None:
        return _read_pbr(textures, material, name)
    if entry.get("explicit") is None:
        return read_extension(file, entry, name, None)
    codes = [textures.codes(info, what) for info, what in _explicit_textures(file, material)]
    found = [pixels for pixels in codes if pixels is not None]
    return read_extension(file, entry, name, tuple(found) if len(found) == 3 else None)


def read_golden(path: str | Path, primitive: str | None = None) -> Evaluations:
    """Read the reference evaluations that an exported neural material carries.

    Raises:
        InputError: as `read_glb`, or the material has no neural layer.
    """
    file = open_gltf(path)
    entry = find_extension(file, _choose(file, primitive))
    if entry is None:
        raise file.fault(f"its material has no {NAME}")
    return read_evaluations(file, entry)


def _name(file: GltfFile, material: dict[str, Any]) -> str:
    return file.text(material["name"], "name of a material") if material.get("name") else file.path.stem


def _choose(file: GltfFile, wanted: str | None) -> dict[str, Any]:
    """Find the material that is meant; see `read_glb`."""
    materials = file.items("materials")
    if not materials:
        raise file.fault("has no material")
    if wanted is None:
        candidates = list(range(len(materials)))
        neural = [index for index in candidates if find_extension(file, materials[index]) is not None]
        if len(neural) == 1:
            candidates = neural
    else:
        candidates = _named(file, wanted)
    if len(candidates) != 1:
        names = ", ".join(printable(_name(file, materials[index]), 40) for index in candidates[:12])
        what = f"{wanted[:40]!r} has" if wanted is not None else "has"
        raise file.fault(f"{what} {len(candidates)} materials ({names}); name one of them")
    return materials[candidates[0]]


def _named(file: GltfFile, wanted: str) -> list[int]:
    materials, meshes = file.items("materials"), file.items("meshes")
    found = [index for index, material in enumerate(materials) if material.get("name") == wanted]
    if found:
        return found[:1]
    owners = {index for index, mesh in enumerate(meshes) if mesh.get("name") == wanted}
    for node in file.items("nodes"):
        if node.get("name") == wanted and "mesh" in node:
            owners.add(file.integer(node["mesh"], "mesh of a node", most=max(len(meshes) - 1, 0)))
    used = set()
    for owner in owners & set(range(len(meshes))):
        for item in file.mappings(meshes[owner].get("primitives"), "primitives of a mesh"):
            if "material" in item:
                used.add(file.integer(item["material"], "material of a primitive", most=len(materials) - 1))
    if not used:
        things = [thing for key in ("nodes", "meshes", "materials") for thing in file.items(key)]
        names = sorted({printable(str(thing["name"]), 40) for thing in things if thing.get("name")})
        raise file.fault(
            f"has no material under the name {wanted[:40]!r}; its names: {', '.join(names[:12]) or 'none'}"
        )
    return sorted(used)


def _explicit_textures(file: GltfFile, material: dict[str, Any]) -> list[tuple[object, str]]:
    pbr = file.mapping(material.get("pbrMetallicRoughness", {}), "pbrMetallicRoughness")
    return [
        (pbr.get("baseColorTexture"), "base colour texture"),
        (pbr.get("metallicRoughnessTexture"), "metallic-roughness texture"),
        (material.get("normalTexture"), "normal texture"),
    ]


@dataclass
class _Textures:
    """The textures of one file, decoded once each, and what was found out about them."""

    file: GltfFile
    findings: list[Finding] = field(default_factory=list)
    wraps: bool = True
    _decoded: dict[int, Image] = field(default_factory=dict)

    def image(self, info: object, what: str) -> Image | None:
        """Decode what a texture info refers to, None where there is none."""
        if info is None:
            return None
        file = self.file
        described = file.mapping(info, what)
        texture = file.item("textures", described.get("index"))
        if "source" not in texture:
            raise file.fault(f"its {what} is in a format that is not read (PNG and JPEG are); convert it")
        if file.integer(described.get("texCoord", 0), f"texCoord of its {what}", most=64):
            self._note(what, "second set of UVs", "the set is not kept: maps are read as images")
        if "KHR_texture_transform" in file.extensions(described, what):
            self._note(what, "has a texture transform", "not applied: maps are read as images")
        if "sampler" in texture:
            sampler = file.item("samplers", texture["sampler"])
            self.wraps &= all(sampler.get(key, _REPEAT) == _REPEAT for key in ("wrapS", "wrapT"))
        source = file.integer(texture["source"], f"source of its {what}")
        if source not in self._decoded:
            self._decoded[source] = decode_image(file.image(source), f"{file.path}: its {what}")
        return self._decoded[source]

    def codes(self, info: object, what: str) -> npt.NDArray[np.uint8] | None:
        """Return the 8-bit codes of a texture, (H, W, 3)."""
        image = self.image(info, what)
        if image is not None and image.bits != 8:
            raise self.file.fault(f"its {what} has {image.bits} bits, the neural material expects 8")
        return None if image is None else codes8(image)

    def values(self, info: object, what: str) -> Array | None:
        """Return the stored values of a texture, (H, W, 3) float32, 0 to 1."""
        image = self.image(info, what)
        return None if image is None else rgb(image)

    def _note(self, what: str, value: str, how: str) -> None:
        self.findings.append(Finding(what, value, how, assumed=True))


def _read_pbr(textures: _Textures, material: dict[str, Any], name: str) -> PbrMaterial:
    file = textures.file
    pbr = file.mapping(material.get("pbrMetallicRoughness", {}), "pbrMetallicRoughness")
    color = _factors(file, pbr.get("baseColorFactor", [1.0, 1.0, 1.0, 1.0]), "baseColorFactor", 4)
    roughness = _factors(file, [pbr.get("roughnessFactor", 1.0)], "roughnessFactor", 1)
    metallic = _factors(file, [pbr.get("metallicFactor", 1.0)], "metallicFactor", 1)
    (base_info, base), (packed_info, packed), (normal_info, normal) = _explicit_textures(file, material)
    maps = {
        "base": textures.values(base_info, base),
        "packed": textures.values(packed_info, packed),
        "normal": textures.values(normal_info, normal),
        "occlusion": textures.values(material.get("occlusionTexture"), "occlusion texture"),
    }
    shape = max((m.shape[:2] for m in maps.values() if m is not None), key=lambda s: s[0] * s[1], default=(1, 1))
    if maps["base"] is not None:
        maps["base"] = srgb_to_linear(maps["base"])
    if maps["normal"] is not None:
        scale = file.number(file.mapping(normal_info, normal).get("scale", 1.0), "scale of the normal texture")
        maps["normal"] = (maps["normal"] * 2.0 - 1.0) * np.array([scale, scale, 1.0], np.float32)

    def sized(key: str, constant: tuple[float, float, float]) -> Array:
        pixels = maps[key]
        if pixels is None:
            return np.broadcast_to(np.array(constant, np.float32), (*shape, 3))
        if pixels.shape[:2] != shape:
            textures.findings.append(Finding(key, f"{pixels.shape[1]}x{pixels.shape[0]}", "resized to the largest map"))
            pixels = resize(pixels, shape, wrap=textures.wraps)
        return pixels

    arm = sized("packed", (1.0, 1.0, 1.0))
    occlusion = None
    if maps["occlusion"] is not None:
        info = file.mapping(material["occlusionTexture"], "occlusionTexture")
        strength = file.number(info.get("strength", 1.0), "strength of the occlusion texture")
        occlusion = _clipped(1.0 + strength * (sized("occlusion", (1.0, 1.0, 1.0))[..., 0] - 1.0))
    findings = [*textures.findings, *_omissions(file, material)]
    try:
        return PbrMaterial(
            name=safe_name(name),
            base_color=_clipped(sized("base", (1.0, 1.0, 1.0)) * np.array(color[:3], np.float32)),
            roughness=_clipped(arm[..., 1] * np.float32(roughness[0])),
            metallic=_clipped(arm[..., 2] * np.float32(metallic[0])),
            normal=_unit(sized("normal", (0.0, 0.0, 1.0))),
            height=np.full(shape, 0.5, np.float32),
            height_scale=0.0,
            occlusion=occlusion,
            tileable=textures.wraps,
            provenance=_provenance(file),
            findings=tuple(findings),
        )
    except InputError as error:
        raise file.fault(str(error)) from error


def _factors(file: GltfFile, value: object, label: str, count: int) -> list[float]:
    factors = file.numbers(value, label, count)
    if not all(0.0 <= factor <= 1.0 for factor in factors):
        raise file.fault(f"{label} is outside 0 to 1")
    return factors


def _omissions(file: GltfFile, material: dict[str, Any]) -> list[Finding]:
    found = [Finding("height", "0.5 throughout, scale 0", "glTF has no height maps", assumed=True)]
    if material.get("alphaMode", "OPAQUE") != "OPAQUE":
        found.append(Finding("alpha", "left out", "the material is taken as opaque", assumed=True))
    if material.get("emissiveTexture") is not None or material.get("emissiveFactor", [0, 0, 0]) not in (
        [0, 0, 0],
        None,
    ):
        found.append(Finding("emission", "left out", "neural materials reflect only", assumed=True))
    found += [
        Finding("extension", printable(name, 60), "not read: the metallic-roughness channels are", assumed=True)
        for name in sorted(file.extensions(material, "the material"))
    ]
    return found


def _provenance(file: GltfFile) -> dict[str, Any]:
    asset = file.mapping(file.document["asset"], "asset")
    provenance: dict[str, Any] = {"source": file.path.name}
    if isinstance(asset.get("copyright"), str):
        provenance["copyright"] = asset["copyright"]
    return provenance


def _clipped(values: npt.NDArray[Any]) -> Array:
    return np.ascontiguousarray(np.clip(values, 0.0, 1.0), np.float32)


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    normal = np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), [0.0, 0.0, 1.0])
    return normal.astype(np.float32)
