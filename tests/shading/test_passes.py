from __future__ import annotations

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.neural import HYBRID_INPUTS, Layer, Network
from neumat.materials.synthetic import small_material
from neumat.shading.passes import input_float4s, pack_network, rows_of_network
from neumat.shading.program import shader_program, verify


def test_rows_hold_the_outputs_of_one_input_and_end_with_the_biases() -> None:
    rng = np.random.default_rng(0)
    layers = (
        Layer(rng.normal(size=(8, 28)).astype(np.float32), rng.normal(size=8).astype(np.float32)),
        Layer(rng.normal(size=(3, 8)).astype(np.float32), rng.normal(size=3).astype(np.float32)),
    )
    packed = pack_network(Network(HYBRID_INPUTS, layers))
    assert packed.shape == (rows_of_network(input_float4s(HYBRID_INPUTS), 2, 1), 4)
    assert np.array_equal(packed[0], layers[0].weight[:4, 0])
    assert np.array_equal(packed[1], layers[0].weight[4:, 0])
    assert np.array_equal(packed[56], layers[0].bias[:4])
    assert packed[58].tolist() == [*layers[1].weight[:, 0].tolist(), 0.0]
    assert packed[-1].tolist() == [*layers[1].bias.tolist(), 0.0]


@pytest.mark.parametrize("form", ["hybrid", "neumip"])
def test_programs_verify_and_damaged_ones_do_not(form: str) -> None:
    from dataclasses import replace

    program = shader_program(small_material(form, seed=1))  # type: ignore[arg-type]
    assert program.shape.form == form
    with pytest.raises(InputError, match="packed weights"):
        verify(replace(program, weights=program.weights[:-1]))
    with pytest.raises(InputError, match="not finite"):
        verify(replace(program, latents=np.full_like(program.latents, np.nan)))


def test_networks_of_odd_width_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        shader_program(small_material("hybrid", seed=1, hidden=(30, 30)))
    with pytest.raises(InputError, match="one width"):
        shader_program(small_material("hybrid", seed=1, hidden=(32, 16)))
