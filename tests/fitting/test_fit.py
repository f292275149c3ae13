from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from neumat.errors import InputError
from neumat.fitting.fit import FitOptions, fit_material
from neumat.fitting.samples import Samples, hemisphere, read_samples, truth_samples
from neumat.materials.brdf import gltf_brdf
from neumat.materials.neural import Form
from neumat.materials.pbr import PbrMaterial
from neumat.materials.synthetic import small_pbr
from neumat.pipelines.evaluate import evaluate_material
from neumat.procedural import family
from neumat.shading.runtime_cpp import CompiledMaterial
from neumat.truth.metrics import psnr
from neumat.truth.sampler import TruthSampler


@pytest.fixture(scope="module")
def brick() -> PbrMaterial:
    return family("brick").maps(resolution=64, seed=3)


def test_samples_are_truth_over_the_pixel(brick: PbrMaterial) -> None:
    sampler = TruthSampler(brick, resolution=32)
    samples = truth_samples(sampler, 2000, seed=1)
    assert len(samples) == 2000
    assert samples.wo[:, 2].min() >= 0.05 - 1e-6
    assert np.allclose(np.linalg.norm(samples.wi, axis=1), 1.0, atol=1e-5)
    again = truth_samples(sampler, 2000, seed=1)
    assert np.array_equal(samples.x, again.x)
    assert not np.array_equal(samples.x, truth_samples(sampler, 2000, seed=2).x)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "gain"), [("hybrid", 6.0), ("neumip", 1.0)])
def test_a_fit_beats_plain_pbr_on_held_out_views(brick: PbrMaterial, form: Form, gain: float) -> None:
    material = fit_material(brick, FitOptions(form=form, resolution=64, hidden=(16, 16)))
    quality = evaluate_material(material, brick).report["quality"]
    assert quality["neural"]["mean"] > quality["pbr"]["mean"] + gain
    assert quality["fallback"]["mean"] > quality["pbr"]["mean"] - 0.3


@pytest.mark.slow
def test_the_same_seed_gives_the_same_material() -> None:
    source = small_pbr(seed=5, size=(16, 16))
    options = FitOptions(resolution=16, seed=4)
    first, second = fit_material(source, options), fit_material(source, options)
    assert np.array_equal(first.latents["latent"], second.latents["latent"])
    for a, b in zip(first.networks["decoder"].layers, second.networks["decoder"].layers, strict=True):
        assert np.array_equal(a.weight, b.weight)
    assert first.explicit is not None
    assert second.explicit is not None
    assert np.array_equal(first.explicit.height, second.explicit.height)


def _flat_samples(count: int) -> Samples:
    """A flat red dielectric, whose f is known."""
    rng = np.random.default_rng(0)
    uv = rng.random((count, 2), dtype=np.float32)
    wo, wi = hemisphere(rng, count), hemisphere(rng, count)
    normal = np.array([0.0, 0.0, 1.0])
    f = gltf_brdf(np.array([0.6, 0.1, 0.1]), np.float64(0.7), np.float64(0.0), normal, wi, wo) * wi[:, 2:3]
    return Samples(uv, wo, wi, (np.pi * f).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(("form", "least"), [("hybrid", 27.0), ("neumip", 22.0)])
def test_samples_without_a_surface_are_fitted(form: Form, least: float, tmp_path: Path) -> None:
    samples = _flat_samples(200_000)
    path = tmp_path / "samples.npz"
    np.savez(path, uv=samples.uv, wi=samples.wi, wo=samples.wo, rgb=samples.x / np.pi)
    material = fit_material(read_samples(path), FitOptions(form=form, resolution=16, hidden=(16, 16)))
    held_out = _flat_samples(200_000 + 999)
    shader = CompiledMaterial(material)
    chosen = slice(200_000, None)
    f = shader.f(held_out.uv[chosen], np.full(999, 1 / 16, np.float32), held_out.wo[chosen], held_out.wi[chosen])
    assert psnr(np.pi * f, held_out.x[chosen]) > least


def test_broken_samples_files_are_refused_in_one_line(tmp_path: Path) -> None:
    good = {name: np.ones((8, width), np.float32) for name, width in (("uv", 2), ("wi", 3), ("wo", 3), ("rgb", 3))}
    cases = {
        "no_rgb": {k: v for k, v in good.items() if k != "rgb"},
        "shape": {**good, "wi": np.ones((8, 2), np.float32)},
        "rows": {**good, "uv": np.ones((7, 2), np.float32)},
        "nan": {**good, "rgb": np.full((8, 3), np.nan, np.float32)},
        "length": good,
        "pickle": {**good, "rgb": np.array([{}], dtype=object)},
    }
    for name, arrays in cases.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=name if name == "rgb" else str(path)):
            read_samples(path)
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(InputError, match="no samples file"):
        read_samples(tmp_path / "text.npz")


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        fit_material(_flat_samples(100), FitOptions(resolution=16))
