from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.color import linear_to_srgb, srgb_to_linear
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pyramid import Level
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_material
from neumat.shading.test_vectors import CASES, TOLERANCE, Vectors, make_vectors, read_vectors, vectors_to_json
from neumat.shading.textures import decoded_levels, explicit_levels


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return make_vectors(small_material("hybrid", seed=2))


def of(vectors: Vectors, case: str) -> np.ndarray:
    return np.array([name == case for name in vectors.case])


def test_every_edge_is_covered(vectors: Vectors) -> None:
    assert len(vectors.case) == sum(CASES.values()) == 64
    below, grazing = of(vectors, "light_below_surface"), of(vectors, "grazing_view")
    assert (vectors.wi[below, 2] <= 0.0).all()
    assert (vectors.f[below] == 0.0).all()
    assert (vectors.wo[grazing, 2] < 0.1).all()
    outside = vectors.uv[of(vectors, "uv_outside")]
    assert ((outside < 0.0) | (outside > 1.0)).any(axis=1).all()
    assert len(set(np.round(np.log2(vectors.footprint[of(vectors, "coarser_level")] * 32)))) >= 3
    assert set(vectors.footprint[of(vectors, "extreme_footprint")]) == {0.0, 10.0}
    assert np.allclose(np.linalg.norm(vectors.wo, axis=1), 1.0, atol=1e-6)


def test_lit_rows_are_not_black(vectors: Vectors) -> None:
    assert (vectors.f[~of(vectors, "light_below_surface")].max(axis=1) > 1e-3).all()


@pytest.mark.parametrize("form", ["hybrid", "neumip"])
def test_expected_values_come_from_the_levels_that_ship(form: str) -> None:
    material = small_material(form, seed=3, tileable=False)  # type: ignore[arg-type]
    levels = decoded_levels(explicit_levels(material.explicit))
    vectors = make_vectors(material, levels)
    reference = Reference(material)
    reference.levels = levels
    prepared = reference.prepare(*(value.astype(float) for value in (vectors.uv, vectors.footprint, vectors.wo)))
    assert np.array_equal(reference.evaluate(prepared, vectors.wi.astype(float)), vectors.f)
    assert np.array_equal(prepared.uv_hit, vectors.hit[:, :2])


def test_float32_inputs_a_hair_away_give_the_same_answer(vectors: Vectors) -> None:
    reference = Reference(small_material("hybrid", seed=2))
    prepared = reference.prepare(vectors.uv + 2e-7, vectors.footprint.astype(float), vectors.wo.astype(float))
    assert vectors.errors(reference.evaluate(prepared, vectors.wi.astype(float))).max() < 0.5


def test_errors_are_in_units_of_the_tolerance(vectors: Vectors) -> None:
    assert vectors.errors(vectors.f).max() == 0.0
    assert vectors.errors(vectors.f + TOLERANCE * (1.0 + vectors.f)) == pytest.approx(np.ones(64))
    broken = vectors.f.copy()
    broken[5, 1] = np.nan
    assert vectors.errors(broken)[5] == np.inf
    with pytest.raises(InputError, match="shape"):
        vectors.errors(vectors.f[:3])


def test_the_file_reads_back_exactly_and_is_written_the_same_twice(vectors: Vectors, tmp_path: Path) -> None:
    path = tmp_path / "test_vectors.json"
    path.write_text(vectors_to_json(vectors))
    found = read_vectors(path)
    for name in ("uv", "footprint", "wo", "wi"):
        assert np.array_equal(getattr(found, name), getattr(vectors, name))
    assert found.case == vectors.case
    assert np.allclose(found.f, vectors.f, rtol=1e-9, atol=0.0)
    assert vectors_to_json(make_vectors(small_material("hybrid", seed=2))) == path.read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"case": ["plain"], "uv": [[1]]}', "[" * 100_000])
def test_files_that_are_no_test_vectors_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        read_vectors(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_vectors(tmp_path / "missing.json")


def test_sRGB_slack_covers_what_the_decoding_may_round() -> None:  # noqa: N802
    material = small_material("hybrid", seed=2)
    levels = decoded_levels(explicit_levels(material.explicit))
    vectors = make_vectors(material, levels)
    rng = np.random.default_rng(1)
    shifted = []
    for level in levels:
        code = linear_to_srgb(level.base_color) + rng.choice([-0.5, 0.5], level.base_color.shape) / 255.0
        shifted.append(replace(level, base_color=srgb_to_linear(np.clip(code, 0.0, 1.0)).astype(np.float32)))
    f = make_port(material, tuple(shifted), vectors)
    assert vectors.errors(f).max() > 1.0
    assert vectors.errors(f, srgb_format=True).max() <= 1.0
    assert vectors.srgb_slack.max() < 0.01
    assert not make_vectors(small_material("neumip", seed=2)).srgb_slack.any()


def make_port(material: NeuralMaterial, levels: tuple[Level, ...], vectors: Vectors) -> np.ndarray:
    reference = Reference(material)
    reference.levels = levels
    prepared = reference.prepare(*(value.astype(float) for value in (vectors.uv, vectors.footprint, vectors.wo)))
    return reference.evaluate(prepared, vectors.wi.astype(float))
