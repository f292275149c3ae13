from __future__ import annotations

import itertools

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.scene.probe import Probe, read_probe


def uneven(height=16):
    """A probe with a bright patch, a gradient and a black corner."""
    rng = np.random.default_rng(3)
    radiance = rng.random((height, 2 * height, 3)).astype(np.float32)
    radiance[height // 3, height // 2] = [40.0, 30.0, 20.0]
    radiance[-3:, :5] = 0.0
    return Probe("uneven", radiance)


def directions_of(probe, down=0.5, right=0.5):
    height, width, _ = probe.radiance.shape
    theta = (np.arange(height) + down) * np.pi / height
    phi = (np.arange(width) + right) * 2.0 * np.pi / width - np.pi
    across = np.sin(theta)[:, None]
    y = np.broadcast_to(np.cos(theta)[:, None], (height, width))
    return np.stack([across * np.cos(phi), y, across * np.sin(phi)], axis=-1).reshape(-1, 3).astype(np.float32)


def solid_angles(probe):
    height, width, _ = probe.radiance.shape
    edges = np.cos(np.linspace(0.0, np.pi, height + 1))
    return np.repeat((edges[:-1] - edges[1:]) * 2.0 * np.pi / width, width)


def grid(count):
    a = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(a, a, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float32)


@pytest.mark.parametrize("turn", [0.0, 1.1])
def test_pdf_integrates_to_one(turn):
    probe = uneven().rotated(turn)
    turned = directions_of(probe)
    c, s = np.cos(-turn), np.sin(-turn)
    turned = np.stack(
        [c * turned[:, 0] - s * turned[:, 2], turned[:, 1], s * turned[:, 0] + c * turned[:, 2]], axis=1
    ).astype(np.float32)
    assert (probe.pdf(turned) * solid_angles(probe)).sum() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("turn", [0.0, -0.7])
def test_samples_agree_with_pdf_and_look_up(turn):
    probe = uneven().rotated(turn)
    directions, radiance, pdf = probe.sample(grid(96))
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-5)
    # Single precision may put a direction on the wrong side of a texel's edge.
    assert (np.abs(probe.pdf(directions) - pdf) <= 1e-4 * pdf).mean() > 0.995
    assert (np.abs(probe.lookup(directions) - radiance).max(axis=1) < 1e-4).mean() > 0.995
    both = probe.radiance_and_pdf(directions)
    assert np.array_equal(both[0], probe.lookup(directions))
    assert np.array_equal(both[1], probe.pdf(directions))


def test_estimates_equal_the_direct_integral():
    probe = uneven()
    directions, radiance, pdf = probe.sample(np.random.default_rng(2).random((400_000, 2)).astype(np.float32))
    exact = (probe.radiance.reshape(-1, 3).astype(np.float64) * solid_angles(probe)[:, None]).sum(axis=0)
    assert np.allclose((radiance / pdf[:, None]).mean(axis=0, dtype=np.float64), exact, rtol=1e-2)
    luminance = np.array([0.2126, 0.7152, 0.0722])
    assert np.allclose(radiance @ luminance / pdf, exact @ luminance, rtol=1e-4)  # drawn in proportion to it
    assert np.allclose(probe.mean_radiance * 4.0 * np.pi, exact, rtol=1e-5)
    # A function of direction too: the irradiance on a tilted plane, by sub-dividing every texel.
    normal = np.array([0.6, 0.64, 0.48])
    estimate = (radiance * (np.maximum(directions @ normal, 0.0) / pdf)[:, None]).mean(axis=0, dtype=np.float64)
    direct = np.zeros(3)
    fine = (np.arange(8) + 0.5) / 8
    for down, right in itertools.product(fine, fine):
        every = directions_of(probe, down, right)
        solid = np.sqrt(1.0 - every[:, 1] ** 2) * (np.pi / 16) ** 2 / 64
        direct += (probe.radiance.reshape(-1, 3) * (np.maximum(every @ normal, 0.0) * solid)[:, None]).sum(axis=0)
    assert np.allclose(estimate, direct, rtol=1e-2)


def test_samples_pass_a_chi_squared_test_against_the_pdf():
    probe = uneven(8)
    count = 200_000
    directions, _, _ = probe.sample(np.random.default_rng(1).random((count, 2)).astype(np.float32))
    height, width, _ = probe.radiance.shape
    column = ((np.arctan2(directions[:, 2], directions[:, 0]) / (2 * np.pi) + 0.5) * width).astype(int) % width
    row = np.minimum((np.arccos(np.clip(directions[:, 1], -1, 1)) / np.pi * height).astype(int), height - 1)
    seen = np.bincount(row * width + column, minlength=height * width)
    expected = probe.pdf(directions_of(probe)) * solid_angles(probe) * count
    used = expected > 5.0
    statistic = ((seen - expected)[used] ** 2 / expected[used]).sum()
    freedom = used.sum() - 1
    assert statistic < freedom + 5.0 * np.sqrt(2.0 * freedom)
    assert seen[expected == 0.0].sum() == 0


def test_axes_are_those_of_three_js():
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[32, 64] = 1.0  # just below and right of the centre
    probe = Probe("dot", radiance)
    directions, _, _ = probe.sample(grid(4))
    assert np.allclose(directions.mean(axis=0), [1.0, -0.025, 0.025], atol=0.01)
    # A quarter turn counter-clockwise, seen from above, takes +X to −Z.
    turned, _, _ = probe.rotated(np.pi / 2).sample(grid(4))
    assert np.allclose(turned.mean(axis=0), [0.025, -0.025, -1.0], atol=0.01)


def test_smooth_look_up_meets_the_texels_and_wraps():
    probe = uneven()
    exact = probe.lookup(directions_of(probe), smooth=True)
    assert np.allclose(exact, probe.radiance.reshape(-1, 3), rtol=1e-2, atol=1e-2)
    seam = np.array([[-1.0, 0.01, 1e-4], [-1.0, 0.01, -1e-4]], np.float32)
    seam /= np.linalg.norm(seam, axis=1, keepdims=True)
    left, right = probe.lookup(seam, smooth=True)
    assert np.allclose(left, right, atol=5e-3)


def test_a_black_probe_is_dark_but_no_division_by_zero():
    directions, radiance, pdf = Probe("black", np.zeros((4, 8, 3), np.float32)).sample(grid(8))
    assert np.isfinite(directions).all()
    assert (radiance == 0.0).all()
    assert np.allclose(pdf, 1.0 / (4.0 * np.pi), rtol=1e-5)


@pytest.mark.parametrize("name", ["white", "sky", "softboxes"])
def test_built_in_probes(name):
    probe = read_probe(name)
    assert probe.radiance.shape[1] == 2 * probe.radiance.shape[0]
    assert 0.1 < probe.mean_radiance.mean() < 10.0
    assert probe.notes == ()


def write(path, pixels, dtype="float"):
    import OpenImageIO

    height, width, channels = pixels.shape
    out = OpenImageIO.ImageOutput.create(str(path))
    out.open(str(path), OpenImageIO.ImageSpec(width, height, channels, dtype))
    out.write_image(np.ascontiguousarray(pixels))
    out.close()


@pytest.mark.parametrize("suffix", ["exr", "hdr"])
def test_files_are_read(tmp_path, suffix):
    pixels = np.random.default_rng(0).random((8, 16, 3)).astype(np.float32) + 0.5
    write(tmp_path / f"room.{suffix}", pixels)
    probe = read_probe(tmp_path / f"room.{suffix}")
    assert probe.name == "room"
    assert np.allclose(probe.radiance, pixels, rtol=0.02)


def test_wide_files_are_averaged_down(tmp_path):
    pixels = np.zeros((1100, 2200, 3), np.float32)
    pixels[::2] = 2.0
    write(tmp_path / "wide.exr", pixels, "half")
    probe = read_probe(tmp_path / "wide.exr")
    assert probe.radiance.shape == (550, 1100, 3)
    assert (probe.radiance == 1.0).all()


def test_a_few_negative_texels_become_black_and_are_told(tmp_path):
    pixels = np.ones((8, 16, 3), np.float32)
    pixels[2, 3] = [-1.0, 0.5, 0.5]
    write(tmp_path / "ringing.exr", pixels)
    probe = read_probe(tmp_path / "ringing.exr")
    assert probe.radiance[2, 3].tolist() == [0.0, 0.5, 0.5]
    assert "negative" in probe.notes[0]


def bad_pixels():
    ones = np.ones((8, 16, 3), np.float32)
    nan, infinite = ones.copy(), ones.copy()
    nan[1, 1, 1], infinite[1, 1, 1] = np.nan, np.inf
    return {"nan": nan, "infinite": infinite, "negative": -ones, "square": ones[:, :8], "grey": ones[..., :1]}


@pytest.mark.parametrize("case", bad_pixels())
def test_unusable_pixels_are_refused(tmp_path, case):
    write(tmp_path / "bad.exr", bad_pixels()[case])
    with pytest.raises(InputError) as caught:
        read_probe(tmp_path / "bad.exr")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"text", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 120000\n",
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16 +X 32\n\x02\x02",
    ],
)  # fmt: skip
def test_broken_and_huge_files_are_refused(tmp_path, content):
    (tmp_path / "bad.hdr").write_bytes(content)
    with pytest.raises(InputError):
        read_probe(tmp_path / "bad.hdr")


def test_unknown_names_say_what_there_is():
    with pytest.raises(InputError, match="softboxes"):
        read_probe("sunset")
    with pytest.raises(InputError, match="no such probe"):
        read_probe("sunset.exr")
