from __future__ import annotations

import base64
import json
import random
import struct

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.scene.mesh import read_mesh

POSITIONS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
UVS = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
INDICES = np.array([0, 1, 2, 0, 2, 3], np.uint16)


def document(**changes):
    result = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "Board", "mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 32},
            {"buffer": 0, "byteOffset": 80, "byteLength": 12},
        ],
        "buffers": [{"byteLength": 92}],
    }
    return result | changes


def payload():
    return POSITIONS.tobytes() + UVS.tobytes() + INDICES.tobytes()


def glb(content, binary=None):
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    binary = payload() if binary is None else binary
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def read(tmp_path, content):
    path = tmp_path / "m.glb"
    path.write_bytes(content if isinstance(content, bytes) else glb(content))
    return read_mesh(path)


def test_a_plain_board(tmp_path):
    mesh = read(tmp_path, document())
    assert mesh.primitive_names == ("Board",)
    assert np.array_equal(mesh.positions[mesh.indices].reshape(-1, 3), POSITIONS[INDICES])
    assert np.array_equal(mesh.uvs[mesh.indices].reshape(-1, 2), UVS[INDICES])
    assert np.allclose(mesh.normals, [0, 0, 1])
    assert np.allclose(mesh.tangents, [1, 0, 0, 1])


def test_node_transforms_multiply_down_the_tree(tmp_path):
    half = float(np.sqrt(0.5))
    nodes = [
        {"children": [1], "translation": [0, 0, 5]},
        {"name": "turned", "mesh": 0, "rotation": [0, half, 0, half], "scale": [2, 3, 1]},
    ]
    mesh = read(tmp_path, document(nodes=nodes))
    low, high = mesh.bounds
    assert np.allclose(low, [0, 0, 3], atol=1e-6)  # a quarter turn about +Y takes +X to −Z
    assert np.allclose(high, [0, 3, 5], atol=1e-6)
    assert np.allclose(mesh.normals, [1, 0, 0], atol=1e-6)
    assert np.allclose(mesh.tangents, [0, 0, -1, 1], atol=1e-6)


def test_a_mirrored_node_stays_outside_out(tmp_path):
    normals = np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))
    tangents = np.tile(np.array([[1, 0, 0, 1]], np.float32), (4, 1))
    changed = document(nodes=[{"mesh": 0, "scale": [-1, 1, 1]}], buffers=[{"byteLength": 204}])
    changed["accessors"] += [
        {"bufferView": 3, "componentType": 5126, "count": 4, "type": "VEC3"},
        {"bufferView": 4, "componentType": 5126, "count": 4, "type": "VEC4"},
    ]
    changed["bufferViews"] += [
        {"buffer": 0, "byteOffset": 92, "byteLength": 48},
        {"buffer": 0, "byteOffset": 140, "byteLength": 64},
    ]
    changed["meshes"][0]["primitives"][0]["attributes"] |= {"NORMAL": 3, "TANGENT": 4}
    mesh = read(tmp_path, glb(changed, payload() + normals.tobytes() + tangents.tobytes()))
    a, b, c = (mesh.positions[mesh.indices[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert np.allclose(mesh.normals, [0, 0, 1])
    # +U now runs along −X; image-up is still +Y, which takes the other handedness.
    assert np.allclose(mesh.tangents, [-1, 0, 0, -1])
    assert np.allclose(np.cross(mesh.normals, mesh.tangents[:, :3]) * mesh.tangents[:, 3:], [0, 1, 0])


def test_strips_and_fans_are_triangles(tmp_path):
    for mode, order in ((5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])):
        changed = document()
        changed["meshes"][0]["primitives"][0]["mode"] = mode
        changed["accessors"][2]["count"] = 4
        mesh = read(
            tmp_path,
            glb(changed, POSITIONS.tobytes() + UVS.tobytes() + np.array(order, np.uint16).tobytes() + b"\0" * 4),
        )
        assert len(mesh.indices) == 2
        assert np.allclose(mesh.normals, [0, 0, 1])


def test_interleaved_and_normalised_accessors(tmp_path):
    row = np.zeros(4, np.dtype([("p", "<f4", 3), ("t", "<u2", 2)]))
    row["p"], row["t"] = POSITIONS, UVS * 65535
    changed = document(buffers=[{"byteLength": 76}])
    changed["bufferViews"] = [
        {"buffer": 0, "byteLength": 64, "byteStride": 16}, {"buffer": 0, "byteOffset": 64, "byteLength": 12},
    ]  # fmt: skip
    changed["accessors"][1] = {
        "bufferView": 0, "byteOffset": 12, "componentType": 5123, "normalized": True, "count": 4, "type": "VEC2",
    }  # fmt: skip
    changed["accessors"][2]["bufferView"] = 1
    mesh = read(tmp_path, glb(changed, row.tobytes() + INDICES.tobytes()))
    assert np.allclose(mesh.uvs[mesh.indices].reshape(-1, 2), UVS[INDICES])


def test_data_uris_and_neighbouring_files(tmp_path):
    embedded = document(
        buffers=[
            {"byteLength": 92, "uri": "data:application/octet-stream;base64," + base64.b64encode(payload()).decode()}
        ]
    )
    (tmp_path / "a.gltf").write_text(json.dumps(embedded))
    (tmp_path / "b.gltf").write_text(json.dumps(document(buffers=[{"byteLength": 92, "uri": "my%20data.bin"}])))
    (tmp_path / "my data.bin").write_bytes(payload())
    for name in ("a.gltf", "b.gltf"):
        assert len(read_mesh(tmp_path / name).indices) == 2


@pytest.mark.parametrize("uri", ["../out.bin", "/etc/hostname", "file:///etc/hostname", "sub/../../out.bin"])
def test_buffers_outside_the_folder_are_refused(tmp_path, uri):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "out.bin").write_bytes(payload())
    (inner / "a.gltf").write_text(json.dumps(document(buffers=[{"byteLength": 92, "uri": uri}])))
    with pytest.raises(InputError, match="not beside the file"):
        read_mesh(inner / "a.gltf")


def wrong_cases():
    def accessor(index, **values):
        changed = document()
        changed["accessors"][index] |= values
        return changed

    def view(index, **values):
        changed = document()
        changed["bufferViews"][index] |= values
        return changed

    nested = document(nodes=[{"children": [1]}, {"children": [0], "mesh": 0}])
    return {
        "count beyond the view": accessor(0, count=5),
        "huge count": accessor(0, count=1 << 40),
        "negative count": accessor(0, count=-1),
        "boolean count": accessor(0, count=True),
        "text count": accessor(0, count="4"),
        "unknown type": accessor(0, type="VEC9"),
        "type of the wrong kind": accessor(0, type=["VEC3"]),
        "unknown component": accessor(0, componentType=1),
        "offset outside": accessor(0, byteOffset=1 << 33),
        "no such view": accessor(0, bufferView=9),
        "sparse": accessor(0, sparse={}),
        "float indices": accessor(2, componentType=5126, count=3),
        "view outside": view(0, byteOffset=80, byteLength=48),
        "view of no buffer": view(0, buffer=4),
        "narrow stride": view(0, byteStride=4),
        "cycle of nodes": nested,
        "scene that is none": document(scene=3),
        "nodes that are no list": document(nodes={"a": 1}),
        "mesh that is none": document(nodes=[{"mesh": 7}]),
        "no positions": document(meshes=[{"primitives": [{"attributes": {}}]}]),
        "no triangles": document(meshes=[{"primitives": []}]),
        "matrix of text": document(nodes=[{"mesh": 0, "matrix": ["x"] * 16}]),
        "infinite matrix": document(nodes=[{"mesh": 0, "matrix": [float("inf")] * 16}]),
        "short rotation": document(nodes=[{"mesh": 0, "rotation": [1, 0]}]),
        "draco": document(extensionsRequired=["KHR_draco_mesh_compression"]),
        "buffer longer than the file": document(buffers=[{"byteLength": 1 << 20}]),
    }


@pytest.mark.parametrize("case", wrong_cases())
def test_wrong_documents_are_refused_in_one_line(tmp_path, case):
    with pytest.raises(InputError) as caught:
        read(tmp_path, wrong_cases()[case])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_wrong_containers_are_refused(tmp_path):
    good = glb(document())
    for content in (
        b"", b"glTF", good[:-20], b"glTF" + struct.pack("<II", 2, 1 << 31) + b"\0" * 40,
        good[:4] + struct.pack("<I", 1) + good[8:], b"glTF" + struct.pack("<IIII", 2, 20, 0, 0x4E4F534A),
        glb([1, 2]), good.replace(b'"asset"', b'"ass\xff\xfe'),
        b"glTF" + struct.pack("<IIII", 2, 20 + 200000, 200000, 0x4E4F534A) + b"[" * 200000,
    ):  # fmt: skip
        with pytest.raises(InputError):
            read(tmp_path, content)


def test_flipped_bytes_never_raise_anything_else(tmp_path):
    good = glb(document())
    chance = random.Random(5)
    for _ in range(300):
        broken = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        try:
            mesh = read(tmp_path, bytes(broken))
        except InputError:
            continue
        assert np.isfinite(mesh.positions[mesh.indices]).all()
