"""What an exported GLB holds: structure, textures, tangents, and the scene of a GLB that was kept."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest

from neumat.errors import InputError, OutputError
from neumat.exporters.gltf import export_gltf
from neumat.exporters.gltf_container import GltfFile, open_gltf
from neumat.exporters.gltf_document import GltfDocument
from neumat.exporters.gltf_images import encode_png
from neumat.materials.explicit import encode
from neumat.materials.synthetic import small_material, small_pbr
from neumat.scene.mesh import read_mesh

SIZE = (8, 16)
SQUARE = (8, 8)


def png_codes(data: bytes) -> np.ndarray:
    """Decode an 8-bit RGB PNG by the specification alone, so that the encoder is not its own witness."""
    width, height = struct.unpack(">II", data[16:24])
    assert data[24:29] == bytes([8, 2, 0, 0, 0]), "8 bits, RGB, not interlaced"
    position, packed = 8, b""
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"IDAT":
            packed += data[position + 8 : position + 8 + length]
        position += 12 + length
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width).astype(int)
    rows = np.zeros((height, 3 * width), int)
    for y in range(height):
        above = rows[y - 1] if y else np.zeros(3 * width, int)
        for x in range(3 * width):
            left, corner = (rows[y, x - 3], above[x - 3]) if x >= 3 else (0, 0)
            near = min((left, above[x], corner), key=lambda p: abs(left + above[x] - corner - p))
            guess = [0, left, above[x], (left + above[x]) // 2, near][raw[y, 0]]
            rows[y, x] = (raw[y, 1 + x] + guess) % 256
    return rows.reshape(height, width, 3).astype(np.uint8)


def texture_bytes(file: GltfFile, info: dict[str, Any]) -> bytes:
    return file.image(file.item("textures", info["index"])["source"])


def test_textures_are_the_codes_of_the_maps(tmp_path: Path) -> None:
    pbr = replace(small_pbr(seed=1, size=SIZE), tileable=False)
    maps = encode(pbr)
    file = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane"))
    (material,) = file.items("materials")
    shading = material["pbrMetallicRoughness"]
    assert (png_codes(texture_bytes(file, shading["baseColorTexture"])) == maps.base_color).all()
    packed = png_codes(texture_bytes(file, shading["metallicRoughnessTexture"]))
    assert (packed == maps.orm).all()
    assert (packed[..., 0] == 255).all()
    assert (np.abs(packed[..., 1] / 255.0 - pbr.roughness) < 0.002 + 1e-6).all()
    assert (png_codes(texture_bytes(file, material["normalTexture"])) == maps.normal).all()
    assert "occlusionTexture" not in material
    assert "extensions" not in material
    assert "extensionsUsed" not in file.document


def test_png_has_no_chunk_that_changes_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    data = encode_png(pixels)
    names, position = [], 8
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        names.append(name)
        position += 12 + length
    assert set(names) == {b"IHDR", b"IDAT", b"IEND"}
    assert (png_codes(data) == pixels).all()


def test_occlusion_is_referred_to_where_the_source_has_it(tmp_path: Path) -> None:
    occlusion = np.linspace(0, 1, 128, dtype=np.float32).reshape(SIZE)
    pbr = replace(small_pbr(seed=1, size=SIZE), occlusion=occlusion)
    file = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane"))
    (material,) = file.items("materials")
    assert (
        material["occlusionTexture"]["index"] == material["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"]
    )
    packed = png_codes(texture_bytes(file, material["occlusionTexture"]))
    assert (np.abs(packed[..., 0] / 255.0 - occlusion) < 0.002).all()


@pytest.mark.parametrize(("tileable", "wrap"), [(True, 10497), (False, 33071)])
def test_sampler_wraps_what_tiles(tmp_path: Path, tileable: bool, wrap: int) -> None:
    pbr = replace(small_pbr(seed=1, size=SIZE), tileable=tileable)
    (sampler,) = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane")).items("samplers")
    assert (sampler["wrapS"], sampler["wrapT"]) == (wrap, wrap)
    assert (sampler["magFilter"], sampler["minFilter"]) == (9729, 9987)


@pytest.mark.parametrize(
    ("size", "tileable", "repeats", "scale"),
    [((8, 8), True, 2.5, [2.5, 2.5]), ((8, 16), True, 2.5, [2.5, 5.0]), ((8, 16), False, 2.5, [2.5, 2.5]),
     ((8, 16), True, 1.0, [1.0, 2.0])],
)  # fmt: skip
def test_repeats_become_a_texture_transform_on_every_texture(
    tmp_path: Path, size: tuple[int, int], tileable: bool, repeats: float, scale: list[float]
) -> None:
    pbr = replace(small_pbr(seed=1, size=size), occlusion=np.ones(size, np.float32), tileable=tileable)
    file = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane", repeats=repeats))
    assert file.document["extensionsUsed"] == ["KHR_texture_transform"]
    assert "extensionsRequired" not in file.document
    (material,) = file.items("materials")
    infos = [*material["pbrMetallicRoughness"].values(), material["normalTexture"], material["occlusionTexture"]]
    scales = [i["extensions"]["KHR_texture_transform"]["scale"] for i in infos if isinstance(i, dict)]
    assert scales == [scale] * 4


@pytest.mark.parametrize(("size", "tileable"), [((8, 8), True), ((8, 16), False)])
def test_one_repeat_declares_no_transform(tmp_path: Path, size: tuple[int, int], tileable: bool) -> None:
    pbr = replace(small_pbr(seed=1, size=size), tileable=tileable)
    file = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane"))
    assert "extensionsUsed" not in file.document


def test_tile_size_sets_the_repeats(tmp_path: Path) -> None:
    # The built-in plane is 1 m wide and has one UV unit across.
    file = open_gltf(export_gltf(small_pbr(seed=1, size=(8, 8)), tmp_path / "a.glb", mesh="plane", tile_size=0.25))
    transform = file.items("materials")[0]["normalTexture"]["extensions"]["KHR_texture_transform"]
    assert transform["scale"] == pytest.approx([4.0, 4.0])


def test_copyright_names_author_and_licence(tmp_path: Path) -> None:
    pbr = replace(small_pbr(seed=1, size=SIZE), provenance={"author": "A. Mason", "licence": "CC0-1.0"})
    asset = open_gltf(export_gltf(pbr, tmp_path / "a.glb", mesh="plane")).document["asset"]
    assert asset["copyright"] == "A. Mason, CC0-1.0"
    assert asset["generator"].startswith("neumat ")


def test_default_mesh_is_a_sphere_with_unit_tangents_along_u(tmp_path: Path) -> None:
    file = open_gltf(export_gltf(small_pbr(seed=1, size=SIZE), tmp_path / "a.glb"))
    attributes = file.items("meshes")[0]["primitives"][0]["attributes"]
    position, normal, tangent = (
        file.accessor(attributes[name], ("VEC3", "VEC4")).astype(float) for name in ("POSITION", "NORMAL", "TANGENT")
    )
    assert np.allclose(np.linalg.norm(position, axis=1), 0.5, atol=1e-6)
    assert np.allclose(np.linalg.norm(tangent[:, :3], axis=1), 1.0, atol=1e-5)
    assert (tangent[:, 3] == 1.0).all()
    # Away from the poles +U runs around the axis, counter-clockwise seen from +Y, and image-up runs towards +Y.
    inside = np.abs(normal[:, 1]) < 0.9
    around = np.cross([0.0, 1.0, 0.0], normal[inside])
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    assert (np.sum(around * tangent[inside, :3], axis=1) > 0.99).all()
    up = np.cross(normal, tangent[:, :3]) * tangent[:, 3:]
    assert (up[inside, 1] > 0).all()


def test_pygltflib_loads_what_was_written(tmp_path: Path) -> None:
    path = export_gltf(small_material("hybrid", seed=1, size=SIZE), tmp_path / "a.glb", mesh="plane")
    loaded = pygltflib.GLTF2().load(str(path))
    assert loaded.materials[0].extensions["NEUMAT_materials_neural"]["form"] == "hybrid"
    assert loaded.buffers[0].byteLength == len(loaded.binary_blob())


def test_neural_extension_is_used_and_never_required(tmp_path: Path) -> None:
    document = open_gltf(export_gltf(small_material("neumip", seed=1, size=SQUARE), tmp_path / "a.glb")).document
    assert document["extensionsUsed"] == ["NEUMAT_materials_neural"]
    assert "extensionsRequired" not in document


def test_same_material_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [export_gltf(small_material("hybrid", seed=1, size=SIZE), tmp_path / f"{i}.glb") for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "a.gltf"}, "name it .glb"),
        ({"repeats": 0.0}, "repeats"),
        ({"repeats": float("nan")}, "repeats"),
        ({"tile_size": -1.0}, "tile size"),
        ({"evaluations": -1}, "evaluations"),
        ({"mesh": "missing.glb"}, "missing.glb"),
        ({"mesh": "missing.obj"}, "missing.obj"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    path = tmp_path / arguments.pop("path", "a.glb")
    with pytest.raises(InputError, match=message):
        export_gltf(small_pbr(seed=1, size=SIZE), path, **arguments)
    assert not path.exists()


def test_provenance_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    material = replace(small_material("hybrid", seed=1, size=SIZE), provenance={"loss": float("nan")})
    with pytest.raises(InputError, match="JSON"):
        export_gltf(material, tmp_path / "a.glb", mesh="plane")


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        export_gltf(small_pbr(seed=1, size=SIZE), tmp_path / "file" / "a.glb", mesh="plane")


# Kept scenes


def source_scene(path: Path, *, normals: bool = True, uvs: bool = True, mirrored: bool = False) -> Path:
    """Write a small glTF scene: a node with a child, a quad with colours, extras, and extensions to drop."""
    document = GltfDocument("test")
    gltf = document.gltf
    quad = read_mesh("plane")
    u = quad.uvs.copy()
    if mirrored:
        u[:, 0] = 1.0 - u[:, 0]
    named: dict[str, int] = {"POSITION": document.add_accessor(quad.positions, bounds=True)}
    if normals:
        named["NORMAL"] = document.add_accessor(quad.normals)
    if uvs:
        named["TEXCOORD_0"] = document.add_accessor(u)
    named["COLOR_0"] = document.add_accessor(np.arange(12, dtype=np.uint8).reshape(4, 3) * 20, normalized=True)
    named["_AGE"] = document.add_accessor(np.arange(4, dtype=np.float32).reshape(4, 1))
    attributes = pygltflib.Attributes()
    attributes.__dict__ = named
    primitive = pygltflib.Primitive(
        attributes=attributes, indices=document.add_indices(quad.indices.reshape(-1)), material=0, mode=4,
        extensions={"FB_ngon_encoding": {}},
    )  # fmt: skip
    gltf.meshes.append(pygltflib.Mesh(primitives=[primitive], name="Quad", extras={"kept": True}))
    gltf.materials.append(pygltflib.Material(name="Old"))
    gltf.nodes = [
        pygltflib.Node(name="Root", children=[1], rotation=[0.0, 1.0, 0.0, 0.0]),
        pygltflib.Node(name="Leaf", mesh=0, translation=[1.0, 2.0, 3.0]),
    ]
    gltf.scenes = [pygltflib.Scene(nodes=[0], name="Main")]
    gltf.scene = 0
    gltf.extensionsUsed = ["FB_ngon_encoding", "KHR_materials_ior"]
    document.write(path)
    return path


def test_a_kept_scene_keeps_hierarchy_and_attributes(tmp_path: Path) -> None:
    source = open_gltf(source_scene(tmp_path / "in.glb"))
    kept = open_gltf(export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "out.glb", mesh=tmp_path / "in.glb"))
    assert [node["name"] for node in kept.items("nodes")] == ["Root", "Leaf"]
    assert kept.items("nodes")[0]["children"] == [1]
    assert kept.items("nodes")[0]["rotation"] == [0.0, 1.0, 0.0, 0.0]
    assert kept.items("nodes")[1]["translation"] == [1.0, 2.0, 3.0]
    assert kept.items("scenes") == [{"name": "Main", "nodes": [0]}]
    (mesh,) = kept.items("meshes")
    assert (mesh["name"], mesh["extras"]) == ("Quad", {"kept": True})
    (primitive,) = mesh["primitives"]
    before = source.items("meshes")[0]["primitives"][0]["attributes"]
    assert set(primitive["attributes"]) == {*before, "TANGENT"}
    kinds = ("SCALAR", "VEC2", "VEC3")
    for name, index in before.items():
        old, new = (
            source.accessor(index, kinds, raw=True),
            kept.accessor(primitive["attributes"][name], kinds, raw=True),
        )
        assert old.dtype == new.dtype
        assert (old == new).all()
    assert [m["name"] for m in kept.items("materials")] == ["synthetic_2"]
    assert "extensionsUsed" not in kept.document
    assert "extensions" not in primitive


def test_normals_and_tangents_are_added_where_they_lack(tmp_path: Path) -> None:
    source_scene(tmp_path / "in.glb", normals=False, mirrored=True)
    kept = open_gltf(export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "out.glb", mesh=tmp_path / "in.glb"))
    attributes = kept.items("meshes")[0]["primitives"][0]["attributes"]
    assert np.allclose(kept.accessor(attributes["NORMAL"], ("VEC3",)), [0, 0, 1])
    assert np.allclose(kept.accessor(attributes["TANGENT"], ("VEC4",)), [-1, 0, 0, -1], atol=1e-6)


def test_a_mesh_without_uvs_is_refused(tmp_path: Path) -> None:
    source_scene(tmp_path / "in.glb", uvs=False)
    with pytest.raises(InputError, match=r"in\.glb.*TEXCOORD_0"):
        export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "out.glb", mesh=tmp_path / "in.glb")


def test_exporting_onto_an_export_replaces_its_material(tmp_path: Path) -> None:
    first = export_gltf(small_material("hybrid", seed=1, size=SQUARE), tmp_path / "a.glb", mesh="plane")
    second = export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "b.glb", mesh=first)
    direct = export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "c.glb", mesh="plane")
    assert second.stat().st_size == direct.stat().st_size, "nothing of the old material is left"
    assert second.read_bytes() == direct.read_bytes()


def test_compressed_meshes_are_refused(tmp_path: Path) -> None:
    path = source_scene(tmp_path / "in.glb")
    file = open_gltf(path)
    file.document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    assert file.binary is not None
    (tmp_path / "in.bin").write_bytes(file.binary)
    file.document["buffers"][0]["uri"] = "in.bin"
    (tmp_path / "in.gltf").write_text(json.dumps(file.document))
    with pytest.raises(InputError, match="KHR_draco_mesh_compression"):
        export_gltf(small_pbr(seed=2, size=SQUARE), tmp_path / "out.glb", mesh=tmp_path / "in.gltf")


def test_a_gltf_with_a_separate_buffer_is_kept_too(tmp_path: Path) -> None:
    file = open_gltf(source_scene(tmp_path / "in.glb"))
    assert file.binary is not None
    (tmp_path / "in.bin").write_bytes(file.binary)
    file.document["buffers"][0]["uri"] = "in.bin"
    (tmp_path / "in.gltf").write_text(json.dumps(file.document))
    pbr = small_pbr(seed=2, size=SQUARE)
    from_glb = export_gltf(pbr, tmp_path / "a.glb", mesh=tmp_path / "in.glb")
    from_gltf = export_gltf(pbr, tmp_path / "b.glb", mesh=tmp_path / "in.gltf")
    assert from_glb.read_bytes() == from_gltf.read_bytes()
