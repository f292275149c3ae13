from __future__ import annotations

import numpy as np
import pytest

from neumat.rendering.sampling import Lobe, cosine_hemisphere, cosine_pdf, hash_words, scrambled, sobol_2d


def sphere_rule(rings=200):
    edges = np.linspace(1.0, -1.0, rings + 1)
    z = 0.5 * (edges[:-1] + edges[1:])
    phi = (np.arange(2 * rings) + 0.5) * np.pi / rings
    zz, pp = np.meshgrid(z, phi, indexing="ij")
    across = np.sqrt(1.0 - zz**2)
    directions = np.stack([across * np.cos(pp), across * np.sin(pp), zz], axis=-1).reshape(-1, 3)
    return directions.astype(np.float32), 4.0 * np.pi / len(directions)


@pytest.mark.parametrize("scramble", [False, True])
def test_sobol_points_fall_once_into_every_elementary_interval(scramble):
    points = sobol_2d(64)
    unit = scrambled(points, np.array([1234]), seed=7)[0].astype(float) if scramble else points / 2.0**32
    for k in range(7):
        cells = np.floor(unit[:, 0] * 2**k) * 2 ** (6 - k) + np.floor(unit[:, 1] * 2 ** (6 - k))
        assert len(np.unique(cells)) == 64


def test_hash_spreads_neighbours_and_depends_on_the_seed():
    words = hash_words(np.arange(100_000), 0)
    assert len(np.unique(words)) > 99_990
    share = words / 2.0**32
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(share[:-1], share[1:])[0, 1]) < 0.02
    assert (words != hash_words(np.arange(100_000), 1)).mean() > 0.999


def test_cosine_samples_match_their_density():
    u = scrambled(sobol_2d(4096), np.array([3]), 0)[0]
    directions = cosine_hemisphere(u)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-6)
    assert (directions[:, 2] ** 2).mean() == pytest.approx(0.5, abs=1e-3)  # the mean of cos² under cos/π
    every, solid = sphere_rule()
    assert (cosine_pdf(every) * solid).sum() == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("roughness", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_lobe_samples_match_their_density(roughness, tilt):
    normal = np.array([[np.sin(tilt), 0.0, np.cos(tilt)]], np.float32)
    wo = np.array([[0.5, 0.3, 0.0]], np.float32)
    wo[0, 2] = np.sqrt(1.0 - (wo**2).sum())
    lobe = Lobe(normal, np.array([roughness], np.float32), wo)
    u = scrambled(sobol_2d(1 << 15), np.array([5]), 1)
    drawn = lobe.sample(u)
    assert np.allclose(np.linalg.norm(drawn, axis=-1), 1.0, atol=1e-5)
    # E[g] over the samples against ∫ g·pdf over the sphere, for a few smooth g.
    every, solid = sphere_rule(400)
    density = lobe.pdf(every[None])[0].astype(np.float64)
    for axis in np.eye(3, dtype=np.float32):
        for power in (1, 2):
            sampled = ((drawn[0] @ axis) ** power).mean(dtype=np.float64)
            assert sampled == pytest.approx(((every @ axis) ** power * density * solid).sum(), abs=0.01)
    assert (density * solid).sum() == pytest.approx(1.0, abs=0.01)
