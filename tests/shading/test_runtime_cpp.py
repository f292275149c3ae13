"""The emitted C++, in process, agrees with the float64 reference: both forms, all modes, and at the edges."""

from __future__ import annotations

import functools
import gc
from dataclasses import replace

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.neural import Layer, Network, NeuralMaterial
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_material
from neumat.shading.runtime_cpp import CompiledMaterial, Mode

TOLERANCE = 2e-4
N = 4000
DEFAULTS = {"hybrid": (32, 32), "neumip": (64,) * 4}


def directions(rng: np.random.Generator, n: int, lowest: float) -> np.ndarray:
    """(n, 3) float32 unit vectors with z from `lowest` to 1."""
    z = rng.uniform(lowest, 1.0, n)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1).astype(np.float32)


def queries(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """uv from −1.5 to 2.5, footprints of all levels and beyond, wo down to grazing, wi to below the horizon."""
    rng = np.random.default_rng(seed)
    uv = rng.uniform(-1.5, 2.5, (n, 2)).astype(np.float32)
    uv[: n // 2] %= 1.0
    footprint = np.exp2(rng.uniform(-9.0, 1.0, n)).astype(np.float32)
    return uv, footprint, directions(rng, n, 0.005), directions(rng, n, -0.3)


@functools.cache
def made(form: str, size: tuple[int, int], tileable: bool) -> tuple[NeuralMaterial, CompiledMaterial]:
    material = small_material(form, seed=7, size=size, tileable=tileable, hidden=DEFAULTS[form])  # type: ignore[arg-type]
    return material, CompiledMaterial(material, threads=1)


def expected(material: NeuralMaterial, mode: str, query: tuple[np.ndarray, ...]) -> np.ndarray:
    uv, footprint, wo, wi = (array.astype(np.float64) for array in query)
    reference = Reference(material)
    if mode == "neural":
        return reference.evaluate(reference.prepare(uv, footprint, wo), wi)
    if mode == "pbr":
        # Where a material does not tile, the runtime keeps uv inside the chart; so do the reference's look-ups.
        return reference.pbr(uv, footprint, wi, wo)
    return reference.marched(uv, footprint, wi, wo)


def without_ties(material: NeuralMaterial, query: tuple[np.ndarray, ...], mode: str) -> tuple[np.ndarray, ...]:
    """Leave out queries at which rounding alone decides: the level, the step of a march, or a hard shadow.

    A query is one of them where the reference itself jumps when uv, footprint and directions move by 3e-7.
    """
    rng = np.random.default_rng(0)
    first = expected(material, mode, query)
    stable = np.ones(len(first), np.bool_)
    for _ in range(6):
        moved = tuple(
            a + 3e-7 * rng.choice([-1.0, 1.0], a.shape) * (np.maximum(abs(a), 1.0) if a.ndim == 2 else a)
            for a in (array.astype(np.float64) for array in query)
        )
        change = np.abs(expected(material, mode, moved) - first).max(axis=1)
        stable &= change <= 0.5 * TOLERANCE * (1.0 + np.abs(first).max(axis=1))
    assert stable.mean() > 0.97
    return tuple(array[stable] for array in query)


def worst(found: np.ndarray, reference: np.ndarray) -> float:
    assert np.isfinite(found).all()
    return float((np.abs(found - reference) / (1.0 + np.abs(reference))).max())


@pytest.mark.parametrize("mode", ["neural", "pbr", "marched"])
@pytest.mark.parametrize("tileable", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (24, 40), (1, 1)])
@pytest.mark.parametrize("form", list(DEFAULTS))
def test_modes_agree_with_the_reference(form: str, size: tuple[int, int], tileable: bool, mode: Mode) -> None:
    material, compiled = made(form, size, tileable)
    query = without_ties(material, queries(1), mode)
    found = compiled.f(*query, mode=mode)
    reference = expected(material, mode, query)
    assert found.dtype == np.float32
    assert worst(found, reference) <= TOLERANCE
    assert (found[query[3][:, 2] <= 0.0] == 0.0).all()
    assert np.abs(found).max() > 0.01


def test_the_queries_reach_every_edge() -> None:
    uv, footprint, wo, wi = queries(1)
    material, _ = made("hybrid", (32, 32), True)
    levels = Reference(material).prepare(uv, footprint, wo).level
    assert set(levels.tolist()) == set(range(6))
    assert (uv.min(), uv.max()) < (0.0, 1.0) < (1.0, uv.max())
    assert ((wo[:, 2] < 0.1).sum() > 100) & ((wi[:, 2] <= 0.0).sum() > 100)
    assert ((wi[:, 2] > 0.0) & (wi[:, 2] < 0.1)).sum() > 100


@pytest.mark.parametrize("form", list(DEFAULTS))
@pytest.mark.parametrize("output", ["linear", "softplus", "exp"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_outputs_and_activations_agree(form: str, output: str, activation: str) -> None:
    material, _ = made(form, (16, 16), True)
    networks = {k: Network(n.inputs, n.layers, activation) for k, n in material.networks.items()}  # type: ignore[arg-type]
    material = replace(material, networks=networks, output=output)
    query = without_ties(material, queries(2, 1000), "neural")
    assert worst(CompiledMaterial(material, threads=1).f(*query), expected(material, "neural", query)) <= TOLERANCE


@pytest.mark.parametrize("bias", [-1e4, -200.0, 200.0, 1e4])
def test_what_overflows_saturates(bias: float) -> None:
    """exp of a large number is infinite on the way; sigmoid and softplus are finite all the same."""
    material, _ = made("hybrid", (16, 16), True)
    decoder = material.networks["decoder"]
    last = decoder.layers[-1]
    layers = (*decoder.layers[:-1], Layer(last.weight, np.full(4, bias, np.float32)))
    material = replace(material, networks={"decoder": Network(decoder.inputs, layers)})
    query = without_ties(material, queries(3, 1000), "neural")
    assert worst(CompiledMaterial(material, threads=1).f(*query), expected(material, "neural", query)) <= TOLERANCE


def test_offsets_saturate_at_the_range() -> None:
    material, _ = made("neumip", (16, 16), False)
    offset = material.networks["offset"]
    layers = (*offset.layers[:-1], Layer(offset.layers[-1].weight, np.array([1e4, -1e4], np.float32)))
    material = replace(material, networks={**material.networks, "offset": Network(offset.inputs, layers)})
    uv = np.array([[0.5, 0.5], [0.95, 0.02]], np.float32)
    up = np.array([[0.0, 0.0, 1.0]] * 2, np.float32)
    hit = CompiledMaterial(material).prepare(uv, np.full(2, 0.01, np.float32), up)[:, :2]
    np.testing.assert_allclose(hit, [[0.6, 0.4], [1.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("form", list(DEFAULTS))
def test_prepare_gives_hit_and_surface(form: str) -> None:
    material, compiled = made(form, (24, 40), True)
    uv, footprint, wo, _ = without_ties(material, queries(4, 1000), "neural")
    reference = Reference(material).prepare(uv, footprint, wo)
    prepared = compiled.prepare(uv, footprint, wo)
    assert prepared.shape == (len(uv), 24)
    assert worst(prepared[:, :2], reference.uv_hit) <= TOLERANCE
    assert worst(prepared[:, 2], reference.z_hit) <= TOLERANCE
    assert worst(prepared[:, 12:], reference.latent) <= 10 * TOLERANCE
    if form == "hybrid":
        assert (prepared[:, 3] == reference.level).all()
        assert worst(prepared[:, 4:7], reference.base_color) <= 10 * TOLERANCE
        assert worst(prepared[:, 8:11], reference.normal) <= 10 * TOLERANCE
        normal, roughness = compiled.lobe(uv, footprint, wo)
        np.testing.assert_array_equal(normal, prepared[:, 8:11])
        np.testing.assert_array_equal(roughness, prepared[:, 7])


@pytest.mark.parametrize("mode", ["neural", "pbr", "marched"])
@pytest.mark.parametrize("form", list(DEFAULTS))
def test_shade_is_the_sum_over_the_lights(form: str, mode: Mode) -> None:
    _, compiled = made(form, (32, 32), True)
    uv, footprint, wo, _ = queries(5, 700)
    rng = np.random.default_rng(6)
    wi = directions(rng, 700 * 5, -0.3).reshape(700, 5, 3)
    weight = rng.uniform(0.0, 2.0, (700, 5, 3)).astype(np.float32)
    weight[rng.random((700, 5)) < 0.3] = 0.0
    prepared = compiled.prepare(uv, footprint, wo, mode=mode)
    total = sum(
        compiled.evaluate(prepared, wo, wi[:, light], mode=mode).astype(np.float64) * weight[:, light]
        for light in range(5)
    )
    assert worst(compiled.shade(uv, footprint, wo, wi, weight, mode=mode), np.asarray(total)) <= 1e-6
    no_lights = compiled.shade(uv, footprint, wo, wi[:, :0], weight[:, :0], mode=mode)
    assert (no_lights == 0.0).all()


def test_a_light_of_weight_zero_is_not_evaluated() -> None:
    _, compiled = made("hybrid", (32, 32), True)
    uv, footprint, wo, wi = queries(5, 10)
    wi = np.full_like(wi, np.nan)[:, None]
    assert (compiled.shade(uv, footprint, wo, wi, np.zeros_like(wi)) == 0.0).all()


def test_features_are_those_of_the_fit() -> None:
    material, compiled = made("hybrid", (24, 40), True)
    uv, footprint, wo, wi = without_ties(material, queries(8, 1500), "marched")
    reference = Reference(material)
    prepared = reference.prepare(uv, footprint, wo)
    found = compiled.features(uv, footprint, wo, wi)
    assert found.shape == (len(uv), 12)
    assert worst(found[:, :2], prepared.uv_hit) <= TOLERANCE
    assert worst(found[:, 2], prepared.z_hit) <= TOLERANCE
    assert worst(found[:, 3:6], prepared.normal) <= 10 * TOLERANCE
    lit = wi[:, 2] > 0.0
    assert worst(found[lit, 6:9], reference.base(prepared, wi)[lit]) <= TOLERANCE
    # The second is a rise per height climbed: near the top both are rounding.
    march = reference.light_march(prepared, wi.astype(np.float64))
    climbs = reference.z_top - prepared.z_hit > 0.02 * reference.span
    assert climbs.mean() > 0.8
    assert worst(found[climbs, 9:11], march[climbs]) <= 10 * TOLERANCE
    assert worst(found[:, 11], (prepared.normal * wi).sum(axis=1)) <= 10 * TOLERANCE


@pytest.mark.parametrize("form", list(DEFAULTS))
def test_threads_give_identical_results(form: str) -> None:
    material, one = made(form, (32, 32), True)
    many = CompiledMaterial(material, threads=5)
    query = queries(9, 5000)
    for mode in ("neural", "pbr", "marched"):
        np.testing.assert_array_equal(many.f(*query, mode=mode), one.f(*query, mode=mode))
    uv, footprint, wo, wi = query
    weight = np.ones((5000, 1, 3), np.float32)
    np.testing.assert_array_equal(
        many.shade(uv, footprint, wo, wi[:, None], weight), one.shade(uv, footprint, wo, wi[:, None], weight)
    )
    np.testing.assert_array_equal(many.features(*query), one.features(*query))


def test_threads_are_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUMAT_THREADS", "3")
    material, _ = made("hybrid", (16, 16), True)
    assert CompiledMaterial(material).threads == 3


def test_other_number_types_and_strides_are_converted() -> None:
    _, compiled = made("hybrid", (32, 32), True)
    uv, footprint, wo, wi = queries(10, 64)
    wide = [np.asfortranarray(array.astype(np.float64)) for array in (uv, footprint, wo, wi)]
    np.testing.assert_array_equal(compiled.f(*wide), compiled.f(uv, footprint, wo, wi))  # type: ignore[arg-type]


def test_no_rows_are_fine() -> None:
    _, compiled = made("neumip", (32, 32), True)
    assert compiled.f(*queries(1, 0)).shape == (0, 3)


def test_the_arrays_live_as_long_as_the_material() -> None:
    material = small_material("hybrid", seed=21, hidden=(32, 32))
    query = queries(11, 200)
    compiled = CompiledMaterial(material, threads=1)
    first = compiled.f(*query)
    del material
    gc.collect()
    np.testing.assert_array_equal(compiled.f(*query), first)


@pytest.mark.parametrize(
    ("name", "position", "shape"),
    [("uv", 0, (8, 3)), ("footprint", 1, (8, 1)), ("footprint", 1, (7,)), ("wo", 2, (7, 3)), ("wo", 2, (8, 2))],
)
def test_wrong_shapes_are_refused(name: str, position: int, shape: tuple[int, ...]) -> None:
    _, compiled = made("hybrid", (32, 32), True)
    uv, footprint, wo, wi = queries(12, 8)
    arguments = [uv, footprint, wo]
    arguments[position] = np.zeros(shape, np.float32)
    with pytest.raises(InputError, match=rf"{name} has shape"):
        compiled.prepare(*arguments)
    with pytest.raises(InputError, match=rf"{name} has shape"):
        compiled.features(*arguments, wi)
    with pytest.raises(InputError, match=rf"{name} has shape"):
        compiled.shade(*arguments, wi[:, None], wi[:, None])


def test_wrong_shapes_of_lights_are_refused() -> None:
    _, compiled = made("hybrid", (32, 32), True)
    uv, footprint, wo, wi = queries(12, 8)
    prepared = compiled.prepare(uv, footprint, wo)
    with pytest.raises(InputError, match="wi has shape"):
        compiled.evaluate(prepared, wo, wi[:7])
    with pytest.raises(InputError, match="prepared has shape"):
        compiled.evaluate(prepared[:, :23], wo, wi)
    with pytest.raises(InputError, match="weight"):
        compiled.shade(uv, footprint, wo, wi[:, None], wi[:7, None])
    with pytest.raises(InputError, match="wi"):
        compiled.shade(uv, footprint, wo, wi, wi)
    with pytest.raises(InputError, match="wi"):
        compiled.shade(uv, footprint, wo, wi[:, None, :2], wi[:, None, :2])
