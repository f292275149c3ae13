from __future__ import annotations

import math

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.brdf import gltf_brdf
from neumat.rendering.integrator import coverage, render
from neumat.rendering.lighting import LightPlan
from neumat.rendering.raycast import Raycaster
from neumat.rendering.surface import surface_points
from neumat.scene.camera import Camera, frame_mesh
from neumat.scene.mesh import build_mesh, read_mesh
from neumat.scene.probe import Probe, read_probe
from neumat.scene.shapes import plane, sphere

FRONT = Camera((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), fov_y=2.0 * math.atan(0.125))  # frames the unit plane exactly
WHITE = read_probe("white")


def spot(direction, height=32, level=1000.0):
    """A black probe with one bright texel towards `direction`."""
    probe = Probe("spot", np.zeros((height, 2 * height, 3), np.float32))
    where = np.asarray([direction], np.float32) / np.float32(np.linalg.norm(direction))
    probe.radiance.reshape(-1, 3)[probe._texels(where)] = level
    return Probe("spot", probe.radiance)


def texels(probe):
    height, width, _ = probe.radiance.shape
    edges = np.cos(np.linspace(0.0, np.pi, height + 1))
    y = 0.5 * (edges[:-1] + edges[1:])
    phi = (np.arange(width) + 0.5) * 2.0 * np.pi / width - np.pi
    across = np.sqrt(1.0 - y**2)[:, None]
    directions = np.stack(
        [across * np.cos(phi), np.broadcast_to(y[:, None], (height, width)), across * np.sin(phi)], axis=-1
    )
    solid = np.broadcast_to((edges[:-1] - edges[1:])[:, None] * 2.0 * np.pi / width, (height, width))
    return directions.reshape(-1, 3), solid.reshape(-1), probe.radiance.reshape(-1, 3).astype(np.float64)


def test_white_furnace_has_no_acne_and_no_seams(lambert):
    # A convex white body under uniform light of 1 is 1 everywhere: any self-shadow would show as a darker pixel.
    mesh = read_mesh("sphere")
    camera = frame_mesh(mesh)
    image = render(mesh, lambert, WHITE, camera, width=48, height=48, samples=64, spp=1, background=(0.0, 0.0, 0.0))
    inside = coverage(mesh, camera, 48, 48)
    assert np.isfinite(image).all()
    assert image[inside].mean() == pytest.approx(1.0, abs=0.01)
    assert image[inside].min() > 0.85
    assert (image[~inside] == 0.0).all()


def test_coarse_smooth_bodies_show_no_facets(lambert):
    mesh = build_mesh("coarse", [sphere(8, 12)])
    camera = frame_mesh(mesh)
    image = render(mesh, lambert, WHITE, camera, width=40, height=40, samples=64, spp=1, background=(1.0, 1.0, 1.0))
    assert image.min() > 0.75


def test_irradiance_equals_the_sum_over_texels(lambert):
    probe = read_probe("softboxes")
    directions, solid, radiance = texels(probe)
    expected = (radiance * (np.maximum(directions[:, 2], 0.0) * solid)[:, None]).sum(axis=0) / np.pi
    image = render(read_mesh("plane"), lambert, probe, FRONT, width=24, height=24, samples=64)
    assert np.allclose(image.mean(axis=(0, 1)), expected, rtol=0.01)


@pytest.mark.parametrize(("roughness", "metallic"), [(0.3, 1.0), (0.5, 0.0)])
@pytest.mark.parametrize("kind", ["pbr", "telling"])
def test_pictures_equal_quadrature_of_the_gltf_brdf(request, kind, roughness, metallic):
    # All three sampling techniques and their weights against a plain sum in float64.
    probe = read_probe("softboxes")
    color = np.array([0.9, 0.6, 0.3])
    shader = request.getfixturevalue(kind)(color, roughness, metallic)
    camera = Camera((2.0, 1.0, 3.0), (0.0, 0.0, 0.0), fov_y=math.radians(1.0))
    wo = np.asarray(camera.eye) / np.linalg.norm(camera.eye)
    directions, solid, radiance = texels(probe)
    lit = directions[:, 2] > 0.0
    f = gltf_brdf(color, roughness, metallic, [0.0, 0.0, 1.0], directions[lit], wo) * directions[lit][:, 2:]
    expected = (f * radiance[lit] * solid[lit][:, None]).sum(axis=0)
    image = render(read_mesh("plane"), shader, probe, camera, width=40, height=40, samples=64)
    assert np.allclose(image.mean(axis=(0, 1)), expected, rtol=0.02)


def test_sampling_plan_does_not_change_the_mean(telling):
    shader = telling((0.7, 0.7, 0.7), 0.35, 1.0)
    camera = Camera((1.0, 1.0, 3.0), (0.0, 0.0, 0.0), fov_y=math.radians(1.0))
    means = [
        render(read_mesh("plane"), shader, read_probe("sky"), camera, width=32, height=32, samples=s, spp=p).mean()
        for s, p in ((64, 4), (64, 1), (96, 32))
    ]
    assert np.allclose(means, means[0], rtol=0.02)
    for lights in range(1, 40):
        for share in (0.0, 0.25, 0.375):
            plan = LightPlan.split(lights, lobe_share=share)
            assert min(plan.probe, plan.cosine) >= 1
            assert plan.total <= 1.5 * lights + 1


@pytest.mark.parametrize(
    ("light", "brighter"),
    [((1, 0, 0.6), "right"), ((-1, 0, 0.6), "left"), ((0, 1, 0.6), "top"), ((0, -1, 0.6), "bottom")],
)
@pytest.mark.parametrize("shape", ["normal map", "geometry"])
def test_a_dome_is_bright_where_the_light_comes_from(pbr, light, brighter, shape):
    # A dome in a normal map bumps outwards exactly as a real one does.
    def dome(uv):
        x, y = uv[:, 0] * 2.0 - 1.0, 1.0 - uv[:, 1] * 2.0
        inside = x * x + y * y < 0.8
        x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
        return np.stack([x, y, np.sqrt(1.0 - x * x - y * y)], axis=1).astype(np.float32)

    if shape == "normal map":
        mesh, shader = read_mesh("plane"), pbr(roughness=1.0, normal=dome)
    else:
        mesh, shader = read_mesh("sphere"), pbr(roughness=1.0)
    image = render(
        mesh, shader, spot(light), FRONT, width=32, height=32, samples=16, spp=1, background=(0.0, 0.0, 0.0)
    ).mean(axis=2)
    sides = {
        "top": image[4:10, 14:18].mean(), "bottom": image[22:28, 14:18].mean(),
        "left": image[14:18, 4:10].mean(), "right": image[14:18, 22:28].mean(),
    }  # fmt: skip
    opposite = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}[brighter]
    assert max(sides, key=sides.__getitem__) == brighter
    assert sides[brighter] > 3.0 * sides[opposite]


def test_something_between_surface_and_light_casts_a_shadow(lambert):
    low = plane(4.0)
    board = plane(0.5)
    high = type(board)("board", board.positions + np.float32([0, 0, 1]), board.indices, board.normals, board.uvs)
    both = build_mesh("pair", [low, high])
    camera = Camera((3.0, 0.0, 3.0), (0.0, 0.0, 0.0), fov_y=math.radians(2.0))  # sees the floor under the board
    light = spot((0.02, 0.02, 1.0))
    open_floor = render(build_mesh("low", [low]), lambert, light, camera, width=8, height=8, samples=16)
    shaded = render(both, lambert, light, camera, width=8, height=8, samples=16)
    assert open_floor.min() > 0.1
    assert shaded.max() == 0.0


def test_light_from_behind_and_below_gives_nothing(lambert):
    image = render(read_mesh("plane"), lambert, spot((0.3, 0.2, -1.0)), FRONT, width=8, height=8, samples=16)
    assert (image == 0.0).all()


def test_the_back_of_a_face_is_lit_from_its_own_side(lambert):
    behind = Camera((0.0, 0.0, -4.0), (0.0, 0.0, 0.0), fov_y=0.1)
    assert render(read_mesh("plane"), lambert, spot((0, 0, -1)), behind, width=4, height=4, samples=16).min() > 0.1
    assert render(read_mesh("plane"), lambert, spot((0, 0, 1)), behind, width=4, height=4, samples=16).max() == 0.0


def test_same_seed_same_picture_with_any_threads(pbr):
    mesh = read_mesh("sphere")
    camera = frame_mesh(mesh, aspect=150 / 70)

    def picture(**more):
        return render(mesh, pbr(), read_probe("sky"), camera, width=150, height=70, samples=16, ground=True, **more)

    first = picture(threads=1, seed=3)
    assert first.dtype == np.float32
    assert first.shape == (70, 150, 3)
    assert np.array_equal(first, picture(threads=3, seed=3))
    assert not np.array_equal(first, picture(threads=3, seed=4))


def test_what_the_shader_is_given(pbr):
    shader = pbr()
    render(
        read_mesh("plane"), shader, WHITE, FRONT, width=32, height=32, samples=32, spp=4, mode="marched",
        tile_repeats=3.0, threads=1,
    )  # fmt: skip
    mode, uv, footprint, wo, wi, weight = shader.calls[0]
    assert mode == "marched"
    assert all(x.dtype == np.float32 for x in (uv, footprint, wo, wi, weight))
    assert wi.shape == weight.shape == (len(uv), LightPlan.split(8, lobe_share=0.25).total, 3)
    # 32 pixels over one texture width, repeated three times; half a pixel for each of the four camera rays.
    assert np.allclose(footprint, 3.0 / 32.0 / 2.0, rtol=0.03)
    assert uv.min() >= -1e-5
    assert uv.max() <= 3.0 + 1e-5
    assert np.allclose(np.linalg.norm(wi, axis=-1), 1.0, atol=1e-5)
    assert np.allclose(np.linalg.norm(wo, axis=-1), 1.0, atol=1e-5)
    # Row by row: u grows to the right and v down the picture.
    assert np.allclose(uv[:, 0] / 3.0, (np.arange(1024) % 32 + 0.5) / 32, atol=0.02)
    assert np.allclose(uv[:, 1] / 3.0, (np.arange(1024) // 32 + 0.5) / 32, atol=0.02)
    assert (weight[wi[..., 2] <= 0.0] == 0.0).all()


def test_frames_are_orthonormal_and_follow_mirrored_uvs():
    part = plane()
    mirrored = build_mesh(
        "m", [type(part)("m", part.positions, part.indices, part.normals, 1.0 - part.uvs * np.float32([1, -1]))]
    )
    mirrored_uv = mirrored.uvs
    assert mirrored.tangents[0, 3] == -1.0
    origins, directions = FRONT.rays(8, 8)
    points = surface_points(mirrored, Raycaster(mirrored).closest(origins, directions), directions, (1.0, 1.0))
    identity = points.frame @ points.frame.transpose(0, 2, 1)
    assert np.allclose(identity, np.eye(3), atol=1e-5)
    assert np.allclose(points.frame[:, 0], [-1, 0, 0], atol=1e-6)
    up = mirrored.positions[mirrored_uv[:, 1].argmin()][1]
    assert np.allclose(points.frame[:, 1], [0, np.sign(up), 0], atol=1e-6)
    local = points.to_tangent(-directions[:, None, :])
    assert np.allclose(points.to_world(local)[:, 0], -directions, atol=1e-5)
    assert np.allclose(local[:, 0], points.wo, atol=1e-5)


def test_raycaster_keeps_its_digits_far_from_the_origin():
    part = sphere()
    moved = build_mesh("far", [type(part)("far", part.positions * np.float32(1e-3) + np.float32(100.0), part.indices)])
    centre = np.float32([[100.0, 100.0, 100.0]])
    caster = Raycaster(moved)
    hits = caster.closest(centre + np.float32([[0, 0, 0.5]]), np.float32([[0, 0, -1]]))
    assert hits.face[0] >= 0
    assert hits.distance[0] == pytest.approx(0.4995, abs=2e-5)
    assert hits.barycentric.sum() == pytest.approx(1.0, abs=1e-6)
    assert caster.occluded(centre + np.float32([[0, 0, 0.5]]), np.float32([[0, 0, 1]])).tolist() == [False]


def test_background_is_the_probe_or_a_colour(lambert):
    mesh = read_mesh("sphere")
    camera = frame_mesh(mesh)
    probe = read_probe("softboxes")
    corner = camera.rays(32, 32)[1][:1]
    lit = render(mesh, lambert, probe, camera, width=32, height=32, samples=16, spp=1)
    assert np.allclose(lit[0, 0], probe.lookup(corner, smooth=True)[0])
    flat = render(mesh, lambert, probe, camera, width=32, height=32, samples=16, spp=1, background=(0.1, 0.2, 0.3))
    assert np.allclose(flat[0, 0], [0.1, 0.2, 0.3])


def test_ground_darkens_under_the_body_only(lambert):
    mesh = read_mesh("sphere")
    camera = frame_mesh(mesh, margin=0.2)

    def picture(ground):
        return render(
            mesh, lambert, WHITE, camera, width=48, height=48, samples=64, background=(1.0, 1.0, 1.0), ground=ground
        ).mean(axis=2)

    inside = coverage(mesh, camera, 48, 48)
    change = (picture(True) - picture(False))[~inside]
    assert change.max() < 0.05
    assert change.min() < -0.3
    assert np.abs((picture(True) - picture(False))[:8]).max() < 0.05


def test_progress_rises_to_one_and_errors_come_through(lambert):
    seen = []
    arguments = {"width": 90, "height": 90, "samples": 64, "spp": 1}
    render(read_mesh("plane"), lambert, WHITE, FRONT, **arguments, progress=lambda stage, share: seen.append(share))
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    assert len(seen) > 2

    class Failing:
        def shade(self, *_, mode):
            raise ZeroDivisionError("in the shader")

    with pytest.raises(ZeroDivisionError, match="in the shader"):
        render(read_mesh("plane"), Failing(), WHITE, FRONT, **arguments)


@pytest.mark.parametrize(
    "wrong",
    [{"width": 0}, {"height": 100000}, {"samples": 2}, {"spp": 0}, {"tile_repeats": 0.0}, {"tile_repeats": math.nan}],
)
def test_sizes_out_of_range_are_refused(lambert, wrong):
    arguments = {"width": 8, "height": 8, "samples": 16} | wrong
    with pytest.raises(InputError):
        render(read_mesh("plane"), lambert, WHITE, FRONT, **arguments)
