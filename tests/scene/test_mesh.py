from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.scene.mesh import build_mesh, read_mesh, repeats_from_tile_size
from neumat.scene.part import Part

QUAD_OBJ = """
o board
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
f 1/1 2/2 3/3
f 1/1 3/3 4/4
"""

CUBE_OBJ = """
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 0 0 1
v 1 0 1
v 1 1 1
v 0 1 1
f 5 6 7 8
f 2 1 4 3
f 6 2 3 7
f 1 5 8 4
f 8 7 3 4
f 1 2 6 5
"""


def face_normals(mesh):
    a, b, c = (mesh.positions[mesh.indices[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["sphere", "plane"])
def test_built_in_meshes_are_consistent(name):
    mesh = read_mesh(name)
    agree = (face_normals(mesh)[:, None] * mesh.normals[mesh.indices]).sum(axis=-1)
    assert agree.min() > 0.99
    assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)
    assert np.allclose(np.linalg.norm(mesh.tangents[:, :3], axis=1), 1.0, atol=1e-5)
    assert np.abs((mesh.tangents[:, :3] * mesh.normals).sum(axis=1)).max() < 1e-5
    assert (mesh.tangents[:, 3] == 1.0).all()
    assert mesh.notes == ()


def test_front_of_the_sphere_shows_one_texture_the_right_way_up():
    mesh = read_mesh("sphere")
    nearest = np.linalg.norm(mesh.positions - [0.0, 0.0, 0.5], axis=1).argmin()
    assert np.allclose(mesh.uvs[nearest], [0.5, 0.5])
    right = np.linalg.norm(mesh.positions - [0.5, 0.0, 0.0], axis=1).argmin()
    assert np.allclose(mesh.uvs[right], [1.0, 0.5])
    assert mesh.uvs[mesh.positions[:, 1].argmax(), 1] == 0.0


def test_obj_flips_v_and_keeps_the_texture_upright(tmp_path):
    (tmp_path / "board.obj").write_text(QUAD_OBJ)
    mesh = read_mesh(tmp_path / "board.obj")
    top = mesh.positions[:, 1] == 1.0
    assert (mesh.uvs[top, 1] == 0.0).all()
    assert (mesh.uvs[~top, 1] == 1.0).all()
    assert np.allclose(mesh.tangents, [1.0, 0.0, 0.0, 1.0])
    assert mesh.notes == ()


def test_obj_opens_no_other_file(tmp_path):
    (tmp_path / "board.obj").write_text("mtllib ../secret.mtl\nusemtl paint\n" + QUAD_OBJ)
    assert len(read_mesh(tmp_path / "board.obj").indices) == 2


def test_mesh_without_uvs_is_projected_in_metres_and_says_so(tmp_path):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    mesh = read_mesh(tmp_path / "cube.obj")
    assert len(mesh.notes) == 1
    assert "box projection" in mesh.notes[0]
    assert np.allclose(mesh.uv_density, 1.0)
    # Creases stay sharp, nothing is mirrored, and image-up is up on every wall.
    assert np.allclose(mesh.normals[mesh.indices], face_normals(mesh)[:, None], atol=1e-6)
    assert (mesh.tangents[:, 3] == 1.0).all()
    wall = np.abs(mesh.normals[:, 1]) < 0.5
    up = np.cross(mesh.normals[wall], mesh.tangents[wall, :3])
    assert np.allclose(up, [0.0, 1.0, 0.0], atol=1e-6)


def test_ply_and_stl_read_alike(tmp_path):
    import trimesh

    ball = trimesh.creation.icosphere(2, radius=2.0)
    for suffix in ("ply", "stl"):
        ball.export(tmp_path / f"ball.{suffix}")
        mesh = read_mesh(tmp_path / f"ball.{suffix}")
        assert len(mesh.indices) == len(ball.faces)
        outwards = mesh.positions / np.linalg.norm(mesh.positions, axis=1, keepdims=True)
        assert (mesh.normals * outwards).sum(axis=1).min() > 0.98


def test_tile_size_follows_the_real_size():
    plane = Part(
        "p",
        np.array([[0, 0, 0], [3, 0, 0], [3, 3, 0], [0, 3, 0]], np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        uvs=np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32),
    )
    assert repeats_from_tile_size(build_mesh("p", [plane]), 0.5) == pytest.approx(6.0)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_tile_size_must_be_a_length(size):
    with pytest.raises(InputError, match="tile size"):
        repeats_from_tile_size(read_mesh("plane"), size)


def test_parts_keep_their_names_and_can_be_chosen():
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    mesh = build_mesh("pair", [Part("left", triangle, faces), Part("right", triangle + np.float32(5.0), faces)])
    assert mesh.primitive_names == ("left", "right")
    assert mesh.only({"right"}).bounds[0].tolist() == [5.0, 5.0, 5.0]
    with pytest.raises(InputError, match="no primitive middle"):
        mesh.only({"middle"})


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (Part("p", np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]], np.int32)), "not finite"),
        (Part("p", np.zeros((3, 3), np.float32), np.array([[0, 1, 7]], np.int32)), "outside"),
        (Part("p", np.zeros((3, 3), np.float32), np.zeros((0, 3), np.int32)), "no triangles"),
    ],
)
def test_wrong_parts_are_refused(part, what):
    with pytest.raises(InputError, match=what):
        build_mesh("m", [part])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no.obj", b"hello"), ("no.ply", b"ply\nformat ascii 1.0\nelement vertex 999999999999\nend_header\n"),
        ("no.stl", b"\0" * 200), ("no.glb", b""), ("no.fbx", b"x"),
    ],
)  # fmt: skip
def test_broken_files_are_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_mesh(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name.partition(".")[0] in str(caught.value)


def test_missing_file_is_said():
    with pytest.raises(InputError, match="no such mesh"):
        read_mesh("nowhere/at_all.glb")


def test_degenerate_triangles_do_no_harm():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], np.float32)
    mesh = build_mesh("d", [Part("d", points, np.array([[0, 1, 2], [0, 1, 3], [0, 0, 0]], np.int32))])
    for values in (mesh.normals, mesh.tangents, mesh.uvs, mesh.uv_density):
        assert np.isfinite(values).all()
