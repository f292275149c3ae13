from __future__ import annotations

import numpy as np
import pytest

from neumat.materials.tiling import SEAM_LIMIT, seam_error


def periodic_noise(size: int, seed: int, slope: float = 1.5) -> np.ndarray:
    """Noise with a falling spectrum, which tiles because it is made by a Fourier transform."""
    frequency = np.fft.fftfreq(size) * size
    radius = np.maximum(np.hypot(*np.meshgrid(frequency, frequency)), 1.0)
    phase = np.fft.fft2(np.random.default_rng(seed).standard_normal((size, size)))
    noise = np.fft.ifft2(phase * radius**-slope).real
    noise = (noise - noise.min()) / np.ptp(noise)
    return noise.astype(np.float32)


def bricks(size: int, row: int, joint: int) -> np.ndarray:
    """Bricks, whose joints lie on the edges of the map."""
    y, x = np.mgrid[:size, :size]
    shifted = (x + (y // row % 2) * row) % (2 * row)
    wall = (y % row >= joint) & (shifted >= joint)
    return (0.2 + 0.6 * wall + 0.02 * np.random.default_rng(0).random((size, size))).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("slope", [1.3, 1.6, 2.0])
def test_noise_tiles_and_its_crops_do_not(seed: int, slope: float) -> None:
    noise = periodic_noise(192, seed, slope)
    assert seam_error(noise) < SEAM_LIMIT
    assert seam_error(noise[:130, :140]) > SEAM_LIMIT
    assert seam_error(noise[:, :140]) > SEAM_LIMIT  # one axis is enough
    assert seam_error(noise[:130]) > SEAM_LIMIT


def test_a_joint_on_the_edge_is_no_seam() -> None:
    wall = bricks(256, 32, 6)
    assert seam_error(np.roll(wall, (-3, -3), (0, 1))) < SEAM_LIMIT  # half of the joint on either side
    assert seam_error(wall) < SEAM_LIMIT  # all of it on one side: the edge of a brick lies on the seam
    assert seam_error(wall[10:236, 9:215]) > SEAM_LIMIT  # cut through bricks


def test_a_ramp_does_not_tile() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    assert seam_error(ramp) > 10
    assert seam_error(ramp.T) > 10


def test_constant_and_tiny_maps_tile() -> None:
    assert seam_error(np.full((64, 64, 3), 0.3, np.float32)) == 0.0
    assert seam_error(np.zeros((1, 1, 3), np.float32)) == 0.0
    assert seam_error(np.random.default_rng(0).random((4, 4), np.float32)) == 0.0


def test_rounding_of_eight_bits_is_no_seam() -> None:
    nearly = np.full((64, 64), 100 / 255, np.float32)
    nearly[0] += 1 / 255
    assert seam_error(nearly) < SEAM_LIMIT


def test_colour_and_scale_do_not_matter() -> None:
    noise = periodic_noise(128, 1)
    color = np.stack([noise, noise * 0.5, noise * 0.1], axis=-1)
    assert seam_error(color) == pytest.approx(seam_error(noise), rel=0.1)
