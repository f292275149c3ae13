from __future__ import annotations

import math

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.scene.camera import Camera, frame_mesh
from neumat.scene.mesh import read_mesh


def project(camera, points, aspect):
    right, top, forward = camera.axes()
    offset = points - np.asarray(camera.eye)
    depth = offset @ forward
    half = math.tan(camera.fov_y / 2)
    return offset @ right / (depth * half * aspect), offset @ top / (depth * half), depth


def test_rays_run_from_the_top_left():
    camera = Camera((0, 0, 5), (0, 0, 0), fov_y=math.radians(90))
    origins, directions = camera.rays(4, 2)
    assert np.allclose(origins, [0, 0, 5])
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-6)
    on_plane = directions / -directions[:, 2:]
    assert np.allclose(on_plane[0], [-1.5, 0.5, -1.0], atol=1e-6)
    assert np.allclose(on_plane[-1], [1.5, -0.5, -1.0], atol=1e-6)


def test_jitter_and_chosen_pixels():
    camera = Camera((0, 0, 5), (0, 0, 0), fov_y=math.radians(90))
    _, corner = camera.rays(4, 2, np.zeros((1, 2), np.float32), np.array([5]))
    assert np.allclose(corner[0] / -corner[0, 2], [-1.0, 0.0, -1.0], atol=1e-6)
    everything = camera.rays(4, 2)[1]
    assert np.array_equal(camera.rays(4, 2, None, np.array([6, 1]))[1], everything[[6, 1]])


@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.8])
@pytest.mark.parametrize("mesh", ["sphere", "plane"])
def test_framing_fills_the_picture_with_equal_margins(mesh, aspect):
    shape = read_mesh(mesh)
    camera = frame_mesh(shape, aspect=aspect, margin=0.05)
    x, y, depth = project(camera, shape.positions, aspect)
    assert (depth > 0).all()
    assert max(np.abs(x).max(), np.abs(y).max()) == pytest.approx(0.9, abs=0.01)
    assert x.max() == pytest.approx(-x.min(), abs=0.02)
    assert y.max() == pytest.approx(-y.min(), abs=0.02)


def test_framing_looks_from_above_and_from_the_right():
    camera = frame_mesh(read_mesh("sphere"))
    eye = np.asarray(camera.eye)
    assert eye[0] > 0.3 and eye[1] > 0.3 and eye[2] > 0.3  # noqa: PT018
    straight = frame_mesh(read_mesh("plane"), azimuth=0.0, elevation=0.0)
    assert np.allclose(np.asarray(straight.eye)[:2], 0.0, atol=1e-6)


def test_looking_straight_down_works():
    camera = frame_mesh(read_mesh("sphere"), elevation=math.pi / 2)
    right, top, forward = camera.axes()
    assert np.allclose(forward, [0, -1, 0], atol=1e-6)
    assert np.allclose([right @ top, right @ forward, top @ forward], 0.0, atol=1e-9)


def test_footprint_is_the_width_of_a_pixel_in_texture_widths():
    # A plane one texture wide that fills the height of the picture: a pixel is 1/height of the texture.
    plane = read_mesh("plane")
    camera = Camera((0, 0, 2), (0, 0, 0), fov_y=2 * math.atan(0.25))
    distance = np.array([2.0], np.float32)
    density = plane.uv_density[:1]
    assert camera.footprint(distance, density, 128)[0] == pytest.approx(1 / 128)
    assert camera.footprint(distance, density, 128, tile_repeats=3.0)[0] == pytest.approx(3 / 128)
    slanted = camera.footprint(distance, density, 128, cosine=np.array([0.25], np.float32))
    assert slanted[0] == pytest.approx(2 / 128)


@pytest.mark.parametrize(
    "arguments",
    [
        {"eye": (0, 0, 0), "target": (0, 0, 0)}, {"eye": (float("nan"), 0, 0), "target": (0, 0, 0)},
        {"eye": (1, 0, 0), "target": (0, 0, 0), "fov_y": 4.0},
    ],
)  # fmt: skip
def test_impossible_cameras_are_refused(arguments):
    with pytest.raises(InputError, match="camera"):
        Camera(**arguments)
