"""Kept scenes with all that geometry can have: strips, morph targets, skins, animations, cameras, quantisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pygltflib

from neumat.exporters.gltf import export_gltf
from neumat.exporters.gltf_container import open_gltf
from neumat.exporters.gltf_document import GltfDocument
from neumat.materials.synthetic import small_pbr

#: A strip of two quads along x; its UVs are mirrored in the second quad.
POSITIONS = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0]], np.float32)
UVS = np.array([[0, 1], [0, 0], [1, 1], [1, 0], [0, 1], [0, 0]], np.float32)


def attributes(**named: int) -> Any:
    result = pygltflib.Attributes()
    result.__dict__ = named
    return result


def rich_scene(path: Path) -> Path:
    """Write a strip with a morph target and a skin, animated, with a camera, points, and a sparse accessor."""
    document = GltfDocument("test")
    gltf = document.gltf
    add = document.add_accessor
    position = add(POSITIONS, bounds=True)
    named = attributes(
        POSITION=position,
        NORMAL=add(np.tile(np.float32([0, 0, 1]), (6, 1))),
        TEXCOORD_0=add(UVS),
        JOINTS_0=add(np.tile(np.uint8([0, 1, 0, 0]), (6, 1))),
        WEIGHTS_0=add(np.tile(np.float32([0.5, 0.5, 0, 0]), (6, 1))),
    )
    moves = add(POSITIONS * np.float32(0.1), bounds=True)
    gltf.accessors[moves].sparse = pygltflib.Sparse(
        count=1,
        indices=pygltflib.AccessorSparseIndices(
            bufferView=document.add_view(np.array([5], "<u2").tobytes()), componentType=5123
        ),
        values=pygltflib.AccessorSparseValues(bufferView=document.add_view(np.zeros(3, "<f4").tobytes())),
    )
    gltf.accessors[moves].min, gltf.accessors[moves].max = (
        [0.0, 0.0, 0.0],
        [float(np.float32(0.2)), float(np.float32(0.1)), 0.0],
    )
    points = pygltflib.Primitive(attributes=attributes(POSITION=position), mode=0)
    strip = pygltflib.Primitive(attributes=named, mode=5, targets=[attributes(POSITION=moves)])
    gltf.meshes.append(pygltflib.Mesh(primitives=[points], name="Points"))
    gltf.meshes.append(pygltflib.Mesh(primitives=[strip], name="Strip", weights=[0.5]))
    times = add(np.float32([[0], [1]]), bounds=True)
    gltf.accessors[times].type = "SCALAR"
    turns = add(np.float32([[0, 0, 0, 1], [0, 0, 1, 0]]))
    matrices = document.add_view(np.tile(np.eye(4, dtype="<f4"), (2, 1, 1)).tobytes())
    gltf.accessors.append(pygltflib.Accessor(bufferView=matrices, componentType=5126, count=2, type="MAT4"))
    for index in (times, turns):
        gltf.bufferViews[gltf.accessors[index].bufferView].target = None
    gltf.skins.append(pygltflib.Skin(joints=[1, 2], inverseBindMatrices=len(gltf.accessors) - 1))
    gltf.nodes = [
        pygltflib.Node(name="Skinned", mesh=1, skin=0),
        pygltflib.Node(name="Bone", children=[2]),
        pygltflib.Node(name="Tip"),
        pygltflib.Node(name="Eye", camera=0),
        pygltflib.Node(name="Dots", mesh=0),
    ]
    gltf.scenes = [pygltflib.Scene(nodes=[0, 1, 3, 4])]
    gltf.scene = 0
    gltf.cameras.append(
        pygltflib.Camera(type="perspective", perspective=pygltflib.Perspective(yfov=0.8, znear=0.1, aspectRatio=1.5))
    )
    gltf.animations.append(
        pygltflib.Animation(
            name="Turn",
            samplers=[pygltflib.AnimationSampler(input=times, output=turns)],
            channels=[
                pygltflib.AnimationChannel(sampler=0, target=pygltflib.AnimationChannelTarget(node=1, path="rotation"))
            ],
        )
    )
    document.write(path)
    return path


def test_a_rich_scene_is_kept(tmp_path: Path) -> None:
    source = rich_scene(tmp_path / "in.glb")
    kept = open_gltf(export_gltf(small_pbr(seed=1, size=(4, 4)), tmp_path / "out.glb", mesh=source))
    assert [node["name"] for node in kept.items("nodes")] == ["Skinned", "Bone", "Tip", "Eye", "Dots"]
    assert kept.items("cameras")[0]["perspective"]["yfov"] == 0.8
    (skin,) = kept.items("skins")
    assert skin["joints"] == [1, 2]
    assert kept.accessor(skin["inverseBindMatrices"], ("MAT4",)).shape == (2, 16)
    (animation,) = kept.items("animations")
    assert animation["channels"] == [{"sampler": 0, "target": {"node": 1, "path": "rotation"}}]
    assert kept.accessor(animation["samplers"][0]["output"], ("VEC4",))[1].tolist() == [0, 0, 1, 0]
    points, strip = (mesh["primitives"][0] for mesh in kept.items("meshes"))
    assert "material" not in points
    assert points["mode"] == 0
    assert (strip["material"], strip["mode"]) == (0, 4)


def test_vertices_split_where_handedness_changes_and_all_attributes_follow(tmp_path: Path) -> None:
    source = rich_scene(tmp_path / "in.glb")
    kept = open_gltf(export_gltf(small_pbr(seed=1, size=(4, 4)), tmp_path / "out.glb", mesh=source))
    (strip,) = kept.items("meshes")[1]["primitives"]
    named = strip["attributes"]
    read = {name: kept.accessor(i, ("VEC2", "VEC3", "VEC4"), raw=True) for name, i in named.items()}
    assert {len(values) for values in read.values()} == {8}, "the two vertices of the seam are there twice"
    assert read["JOINTS_0"].dtype == np.uint8
    assert (read["JOINTS_0"] == [0, 1, 0, 0]).all()
    (target,) = strip["targets"]
    moved = kept.accessor(target["POSITION"], ("VEC3",))
    replaced = (read["POSITION"] == [2, 1, 0]).all(axis=1)
    assert np.allclose(moved[~replaced], read["POSITION"][~replaced] * 0.1)
    assert (moved[replaced] == 0).all(), "the sparse value is in its place"
    faces = kept.accessor(strip["indices"], ("SCALAR",)).reshape(-1, 3)
    corner = read["POSITION"][faces]
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2]
    assert (area == -1).all(), "all triangles of the strip are wound the same way"
    left = corner[..., 0].mean(axis=1) < 1
    assert np.allclose(read["TANGENT"][faces[left], 0], 1.0)
    assert np.allclose(read["TANGENT"][faces[~left], 0], -1.0)
    assert (np.abs(read["TANGENT"][:, 3]) == 1).all()


def test_quantised_geometry_keeps_its_extension(tmp_path: Path) -> None:
    document = GltfDocument("test")
    gltf = document.gltf
    codes = (POSITIONS[:4] * 100).astype(np.int16)
    named = attributes(
        POSITION=document.add_accessor(codes, bounds=True),
        NORMAL=document.add_accessor(np.tile(np.int8([0, 0, 127]), (4, 1)), normalized=True),
        TEXCOORD_0=document.add_accessor((UVS[:4] * 65535).astype(np.uint16), normalized=True),
    )
    primitive = pygltflib.Primitive(
        attributes=named, mode=4, indices=document.add_indices(np.array([0, 2, 1, 1, 2, 3]))
    )
    gltf.meshes.append(pygltflib.Mesh(primitives=[primitive]))
    gltf.nodes.append(pygltflib.Node(mesh=0, scale=[0.01, 0.01, 0.01]))
    gltf.extensionsUsed = gltf.extensionsRequired = ["KHR_mesh_quantization"]
    document.write(tmp_path / "in.glb")
    kept = open_gltf(export_gltf(small_pbr(seed=1, size=(4, 4)), tmp_path / "out.glb", mesh=tmp_path / "in.glb"))
    assert kept.document["extensionsRequired"] == ["KHR_mesh_quantization"]
    (primitive_kept,) = kept.items("meshes")[0]["primitives"]
    found = primitive_kept["attributes"]
    assert (kept.accessor(found["POSITION"], ("VEC3",), raw=True) == codes).all()
    assert np.allclose(kept.accessor(found["TANGENT"], ("VEC4",)), [1, 0, 0, 1], atol=1e-6)
    assert kept.document["scenes"] == [{"nodes": [0]}], "a file without scenes shows its root nodes"
