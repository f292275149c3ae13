from __future__ import annotations

import numpy as np

from neumat.scene.mesh import build_mesh, read_mesh
from neumat.scene.part import Part
from neumat.scene.tangents import compute_normals, compute_tangents, weld

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
SQUARE_UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
OUT = np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))


def bitangents(normals, tangents):
    return np.cross(normals, tangents[:, :3]) * tangents[:, 3:]


def test_square_has_u_to_the_right_and_image_up():
    tangents, source, faces = compute_tangents(SQUARE, OUT, SQUARE_UV, SQUARE_FACES)
    assert np.allclose(tangents, [1, 0, 0, 1])
    assert np.allclose(bitangents(OUT[source], tangents), [0, 1, 0])
    assert np.array_equal(source[faces], SQUARE_FACES)


def test_turned_uvs_turn_the_tangent():
    turned = np.stack([SQUARE_UV[:, 1], 1.0 - SQUARE_UV[:, 0]], axis=1).astype(np.float32)
    tangents, source, _ = compute_tangents(SQUARE, OUT, turned, SQUARE_FACES)
    assert np.allclose(tangents, [0, -1, 0, 1], atol=1e-6)  # v grew downwards, and is now u
    assert np.allclose(bitangents(OUT[source], tangents), [1, 0, 0], atol=1e-6)


def test_mirrored_uvs_flip_the_handedness_only():
    mirrored = SQUARE_UV * np.float32([-1, 1]) + np.float32([1, 0])
    tangents, source, _ = compute_tangents(SQUARE, OUT, mirrored, SQUARE_FACES)
    assert np.allclose(tangents, [-1, 0, 0, -1])
    assert np.allclose(bitangents(OUT[source], tangents), [0, 1, 0])  # image-up is where v decreases


def test_vertices_split_where_two_halves_mirror():
    positions = np.array([[-1, 0, 0], [0, 0, 0], [0, 1, 0], [-1, 1, 0], [1, 0, 0], [1, 1, 0]], np.float32)
    uvs = np.array([[1, 1], [0, 1], [0, 0], [1, 0], [1, 1], [1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]], np.int32)
    normals = np.tile(np.array([[0, 0, 1]], np.float32), (6, 1))
    tangents, source, indices = compute_tangents(positions, normals, uvs, faces)
    assert len(tangents) == 8
    hand = tangents[indices, 3]
    assert (hand == hand[:, :1]).all()
    assert hand[:, 0].tolist() == [-1, -1, 1, 1]
    assert np.allclose(tangents[:, 0], tangents[:, 3])
    assert np.array_equal(source[indices], faces)


def test_sphere_tangents_follow_the_parallels():
    mesh = read_mesh("sphere")
    off_pole = np.abs(mesh.normals[:, 1]) < 0.98
    n = mesh.normals[off_pole].astype(np.float64)
    east = np.stack([n[:, 2], np.zeros(len(n)), -n[:, 0]], axis=1)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    assert (mesh.tangents[off_pole, :3] * east).sum(axis=1).min() > 0.999
    north = bitangents(mesh.normals[off_pole], mesh.tangents[off_pole])
    assert (north[:, 1] > 0.0).all()


def test_equal_vertices_share_a_tangent_even_if_the_file_repeats_them():
    bent = SQUARE.copy()
    bent[2, 2] = 0.5
    shared, _, faces = compute_tangents(bent, OUT, SQUARE_UV, SQUARE_FACES)
    corners = SQUARE_FACES.reshape(-1)
    loose, _, loose_faces = compute_tangents(
        bent[corners], OUT[corners], SQUARE_UV[corners], np.arange(6, dtype=np.int32).reshape(2, 3)
    )
    assert np.allclose(shared[faces], loose[loose_faces], atol=1e-6)


def test_angle_weights_make_the_tangent_independent_of_triangulation():
    # A quad's corner cut in one or in two triangles: weights by angle add up to the same.
    bump = np.array([[0, 0, 0], [1, 0, 0.3], [1, 1, 0], [0, 1, 0.2]], np.float32)
    up = np.tile(np.array([[0, 0, 1]], np.float32), (5, 1))
    middle = np.concatenate([bump, [(bump[1] + bump[2]) / 2]]).astype(np.float32)
    uv = np.concatenate([SQUARE_UV, [(SQUARE_UV[1] + SQUARE_UV[2]) / 2]]).astype(np.float32)
    first, source, _ = compute_tangents(middle, up, uv, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    second, source2, _ = compute_tangents(middle, up, uv, np.array([[0, 1, 4], [0, 4, 2], [0, 2, 3]], np.int32))
    assert np.allclose(first[source == 0], second[source2 == 0], atol=1e-6)


def test_faces_without_uv_area_split_nothing_and_stay_finite():
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 1]], np.int32)
    mirrored = SQUARE_UV * np.float32([-1, 1])
    tangents, _, _ = compute_tangents(SQUARE, OUT, mirrored, faces)
    assert len(tangents) == 4
    flat, _, _ = compute_tangents(SQUARE, OUT, np.zeros((4, 2), np.float32), SQUARE_FACES)
    assert np.allclose(np.linalg.norm(flat[:, :3], axis=1), 1.0)
    assert np.abs((flat[:, :3] * OUT).sum(axis=1)).max() < 1e-6


def test_tangents_of_a_file_are_kept_and_bad_ones_replaced():
    slanted = np.tile(np.array([[0.6, 0.8, 0, 1]], np.float32), (4, 1))
    kept = build_mesh("k", [Part("k", SQUARE, SQUARE_FACES, OUT, SQUARE_UV, slanted)])
    assert np.allclose(kept.tangents, slanted)
    mixed = slanted.copy()
    mixed[0, 3] = -1.0
    replaced = build_mesh("r", [Part("r", SQUARE, SQUARE_FACES, OUT, SQUARE_UV, mixed)])
    assert np.allclose(replaced.tangents, [1, 0, 0, 1])
    assert "tangents" in replaced.notes[0]


def test_weld_tells_rows_apart_exactly():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, np.nextafter(np.float32(1), np.float32(2))]], np.float32)
    assert weld(rows)[0] == weld(rows)[1] != weld(rows)[2]


def test_normals_are_smooth_over_soft_edges_and_split_at_hard_ones():
    def folded(angle):
        rise, run = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        positions = np.array([[-1, 0, 0], [0, 0, 0], [0, 1, 0], [-1, 1, 0], [run, 0, rise], [run, 1, rise]], np.float32)
        return compute_normals(positions, np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]], np.int32))

    soft, source, _ = folded(20.0)
    assert len(soft) == 6
    edge = soft[source == 1][0]
    assert 0.0 < np.degrees(np.arctan2(-edge[0], edge[2])) < 20.0
    hard, _, faces = folded(80.0)
    assert len(hard) == 8
    assert np.allclose(hard[faces[:2]], [0, 0, 1], atol=1e-6)
