"""The geometry of an exported glTF file: one mesh in memory, or the scene of another glTF file kept as it is.

A kept scene keeps nodes, names, hierarchy, attributes, skins, morph targets, animations and cameras. Its materials
give way to ours, and extensions are dropped, except KHR_mesh_quantization, which is part of the geometry.
"""

from __future__ import annotations

from typing import Any

import pygltflib

from neumat.exporters.gltf_container import GltfFile
from neumat.exporters.gltf_document import GltfDocument
from neumat.exporters.gltf_primitive import PrimitiveCopier
from neumat.scene.mesh import Mesh

# Extensions that a kept file may require: the first is kept, the others belong to the materials that are dropped.
_QUANTIZATION = "KHR_mesh_quantization"
_DROPPED = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "MSFT_texture_", "NEUMAT_materials_")
_PATHS = ("translation", "rotation", "scale", "weights")


def add_mesh(document: GltfDocument, mesh: Mesh, material: int, name: str) -> None:
    """Append one mesh as a scene of one node.

    Args:
        document: receives the mesh.
        mesh: positions (V, 3), normals (V, 3), uvs (V, 2), tangents (V, 4), indices (F, 3).
        material: index of its material.
        name: of mesh and node.
    """
    corners = mesh.indices.reshape(-1)
    attributes = pygltflib.Attributes(
        POSITION=document.add_accessor(mesh.positions.astype("f4"), bounds=True),
        NORMAL=document.add_accessor(mesh.normals.astype("f4")),
        TANGENT=document.add_accessor(mesh.tangents.astype("f4")),
        TEXCOORD_0=document.add_accessor(mesh.uvs.astype("f4")),
    )
    primitive = pygltflib.Primitive(
        attributes=attributes, indices=document.add_indices(corners), material=material, mode=pygltflib.TRIANGLES
    )
    gltf = document.gltf
    gltf.meshes.append(pygltflib.Mesh(primitives=[primitive], name=name))
    gltf.nodes.append(pygltflib.Node(mesh=len(gltf.meshes) - 1, name=name))
    gltf.scenes.append(pygltflib.Scene(nodes=[len(gltf.nodes) - 1]))
    gltf.scene = 0


def keep_scene(document: GltfDocument, file: GltfFile, material: int) -> None:
    """Copy the scene of `file`, with `material` on every triangle of it.

    Raises:
        InputError: the file is compressed, has no mesh, a mesh without UVs, or is not sound.
    """
    for name in _names(file, "extensionsRequired"):
        if name == _QUANTIZATION:
            document.use_extension(name)
            document.gltf.extensionsRequired.append(name)
        elif not name.startswith(_DROPPED):
            raise file.fault(f"requires the extension {name[:60]!r}, which is not supported; export it without")
    copier = PrimitiveCopier(document, file, material)
    meshes = file.items("meshes")
    if not meshes:
        raise file.fault("has no mesh")
    gltf = document.gltf
    for index, mesh in enumerate(meshes):
        label = f"mesh {index}"
        primitives = file.mappings(mesh.get("primitives"), f"primitives of {label}")
        if not primitives:
            raise file.fault(f"{label} has no primitives")
        gltf.meshes.append(
            pygltflib.Mesh(
                primitives=[copier.primitive(item, f"{label}, primitive {i}") for i, item in enumerate(primitives)],
                weights=_floats(file, mesh, "weights"),
                name=_name(file, mesh),
                extras=_extras(mesh),
            )
        )
    gltf.nodes = [_node(file, node, f"node {index}") for index, node in enumerate(file.items("nodes"))]
    gltf.scenes = [
        pygltflib.Scene(nodes=_indices(file, scene, "nodes", "nodes"), name=_name(file, scene), extras=_extras(scene))
        for scene in file.items("scenes")
    ]
    if not gltf.scenes:
        inner = {child for node in gltf.nodes for child in node.children}
        gltf.scenes = [pygltflib.Scene(nodes=[i for i in range(len(gltf.nodes)) if i not in inner])]
    gltf.scene = file.integer(file.document.get("scene", 0), "scene", most=len(gltf.scenes) - 1)
    gltf.skins = [_skin(file, skin, copier) for skin in file.items("skins")]
    gltf.cameras = [_camera(file, camera) for camera in file.items("cameras")]
    for animation in file.items("animations"):
        _keep_animation(document, file, animation, copier)


def _node(file: GltfFile, node: dict[str, Any], label: str) -> Any:
    def numbers(key: str, count: int) -> list[float] | None:
        return file.numbers(node[key], f"{key} of {label}", count) if key in node else None

    return pygltflib.Node(
        mesh=_index(file, node, "mesh", "meshes"),
        skin=_index(file, node, "skin", "skins"),
        camera=_index(file, node, "camera", "cameras"),
        children=_indices(file, node, "children", "nodes"),
        rotation=numbers("rotation", 4),
        translation=numbers("translation", 3),
        scale=numbers("scale", 3),
        matrix=numbers("matrix", 16),
        name=_name(file, node),
        extras=_extras(node),
    )


def _skin(file: GltfFile, skin: dict[str, Any], copier: PrimitiveCopier) -> Any:
    matrices = skin.get("inverseBindMatrices")
    return pygltflib.Skin(
        inverseBindMatrices=None if matrices is None else copier.accessor(matrices),
        skeleton=_index(file, skin, "skeleton", "nodes"),
        joints=_indices(file, skin, "joints", "nodes"),
        name=_name(file, skin),
    )


def _camera(file: GltfFile, camera: dict[str, Any]) -> Any:
    kind = file.text(camera.get("type"), "type of a camera")
    kept: dict[str, Any] = {}
    for key, cls, fields in (
        ("perspective", pygltflib.Perspective, ("aspectRatio", "yfov", "zfar", "znear")),
        ("orthographic", pygltflib.Orthographic, ("xmag", "ymag", "zfar", "znear")),
    ):
        if key in camera:
            lens = file.mapping(camera[key], key)
            kept[key] = cls(**{name: file.number(lens[name], name) for name in fields if name in lens})
    return pygltflib.Camera(type=kind, name=_name(file, camera), **kept)


def _keep_animation(document: GltfDocument, file: GltfFile, animation: dict[str, Any], copier: PrimitiveCopier) -> None:
    samplers = [
        pygltflib.AnimationSampler(
            input=copier.accessor(item.get("input")),
            output=copier.accessor(item.get("output")),
            interpolation=file.text(item.get("interpolation", "LINEAR"), "interpolation"),
        )
        for item in file.mappings(animation.get("samplers"), "samplers of an animation")
    ]
    channels = []
    for item in file.mappings(animation.get("channels"), "channels of an animation"):
        target = file.mapping(item.get("target"), "target of a channel")
        # What points elsewhere (KHR_animation_pointer) goes with the extensions.
        if target.get("path") in _PATHS and "node" in target:
            node = _index(file, target, "node", "nodes")
            sampler = file.integer(item.get("sampler"), "sampler of a channel", most=max(len(samplers) - 1, 0))
            channels.append(
                pygltflib.AnimationChannel(
                    sampler=sampler, target=pygltflib.AnimationChannelTarget(node=node, path=target["path"])
                )
            )
    if channels and samplers:
        kept = pygltflib.Animation(name=_name(file, animation), channels=channels, samplers=samplers)
        document.gltf.animations.append(kept)


def _index(file: GltfFile, owner: dict[str, Any], key: str, into: str) -> int | None:
    if key not in owner:
        return None
    count = len(file.items(into))
    if not count:
        raise file.fault(f"{key} refers to {into} but the file has none")
    return file.integer(owner[key], key, most=count - 1)


def _indices(file: GltfFile, owner: dict[str, Any], key: str, into: str) -> list[int]:
    values = owner.get(key, [])
    if not isinstance(values, list):
        raise file.fault(f"{key} is not a list")
    return [file.integer(value, key, most=max(len(file.items(into)) - 1, 0)) for value in values]


def _floats(file: GltfFile, owner: dict[str, Any], key: str) -> list[float]:
    values = owner.get(key, [])
    if not isinstance(values, list):
        raise file.fault(f"{key} is not a list")
    return [file.number(value, key) for value in values]


def _names(file: GltfFile, key: str) -> list[str]:
    values = file.document.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise file.fault(f"{key} is not a list of names")
    return values


def _name(file: GltfFile, owner: dict[str, Any]) -> str | None:
    return file.text(owner["name"], "a name") if "name" in owner else None


def _extras(owner: dict[str, Any]) -> dict[str, Any]:
    extras = owner.get("extras")
    return extras if isinstance(extras, dict) else {}
