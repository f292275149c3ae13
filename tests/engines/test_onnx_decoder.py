"""ONNX graphs of a material's networks agree with the reference in float64."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from neumat.engines import OnnxNetwork, material_models, network_model
from neumat.errors import DeviceError, InputError, MissingExtra
from neumat.materials.neural import FEATURES, Network
from neumat.materials.reference import run_network
from neumat.materials.synthetic import random_network, small_material

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def features(network: Network, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(rows, FEATURES[name])) for name in network.inputs}


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("hidden", [(), (32, 32), (64,) * 4, (7, 20)])
@pytest.mark.parametrize(("form", "name"), [("hybrid", "decoder"), ("neumip", "offset"), ("neumip", "rgb")])
def test_networks_agree_with_the_reference(form: str, name: str, hidden: tuple[int, ...], activation: str) -> None:
    material = small_material(form, seed=5, hidden=(8,))  # type: ignore[arg-type]
    like = material.networks[name]
    made = random_network(np.random.default_rng(3), like.inputs, like.output_width, hidden)
    network = Network(made.inputs, made.layers, activation)  # type: ignore[arg-type]
    given = features(network, 100)
    expected = run_network(network, given)
    found = OnnxNetwork(network, threads=1)(given, block=33)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 2e-6 * (1.0 + np.abs(expected).max())


def test_a_material_has_one_graph_a_network() -> None:
    models = material_models(small_material("neumip", seed=1))
    assert sorted(models) == ["offset", "rgb"]
    inputs = [value.name for value in models["rgb"].graph.input]
    assert inputs == ["latent", "wi", "wo"]
    shape = models["rgb"].graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == "rows"
    assert shape[1].dim_value == 12


def test_graphs_agree_with_onnx_own_evaluator() -> None:
    from onnx.reference import ReferenceEvaluator

    network = small_material("hybrid", seed=2).networks["decoder"]
    given = features(network, 9)
    single = {name: array.astype(np.float32) for name, array in given.items()}
    (found,) = ReferenceEvaluator(network_model(network)).run(None, single)
    np.testing.assert_allclose(found, run_network(network, given), rtol=0, atol=1e-5)


def test_the_same_network_gives_the_same_bytes() -> None:
    network = small_material("hybrid", seed=2).networks["decoder"]
    assert network_model(network).SerializeToString() == network_model(network).SerializeToString()


def test_threads_and_blocks_do_not_change_the_result() -> None:
    network = small_material("neumip", seed=4, hidden=(64,) * 4).networks["rgb"]
    given = features(network, 1000)
    one = OnnxNetwork(network, threads=1)(given)
    np.testing.assert_allclose(OnnxNetwork(network, threads=2)(given, block=128), one, rtol=0, atol=1e-6)
    assert OnnxNetwork(network)({name: array[:0] for name, array in given.items()}).shape == (0, 3)


def test_wrong_features_are_refused() -> None:
    network = small_material("neumip", seed=4).networks["offset"]
    run = OnnxNetwork(network, threads=1)
    given = features(network, 5)
    with pytest.raises(InputError, match="'wo'"):
        run({"latent": given["latent"]})
    with pytest.raises(InputError, match=r"'wo' has shape \(4, 3\), expected \(5, 3\)"):
        run({**given, "wo": given["wo"][:4]})
    with pytest.raises(InputError, match="'latent' has shape"):
        run({**given, "latent": given["latent"][:, :11]})


def test_a_provider_that_is_not_there_is_an_error() -> None:
    network = small_material("neumip", seed=4).networks["offset"]
    with pytest.raises(DeviceError, match=r"NoSuchExecutionProvider.*CPUExecutionProvider"):
        OnnxNetwork(network, provider="NoSuchExecutionProvider")
    assert OnnxNetwork(network).session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"neumat\[engines\]"):
        OnnxNetwork(small_material("neumip", seed=4).networks["offset"])


def test_engines_import_neither_torch_nor_onnx() -> None:
    code = "import sys, neumat.engines; print([m for m in ('torch', 'onnx', 'onnxruntime') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
