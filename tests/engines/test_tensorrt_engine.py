from __future__ import annotations

import numpy as np
import pytest

from neumat.engines.tensorrt_engine import network_engine, tensorrt_module
from neumat.errors import InputError, MissingExtra
from neumat.materials.synthetic import small_material


def _installed() -> bool:
    try:
        tensorrt_module()
    except MissingExtra:
        return False
    return True


needs_tensorrt = pytest.mark.skipif(not _installed(), reason="neither tensorrt nor tensorrt_rtx can be imported")


def test_rows_must_rise() -> None:
    network = small_material("hybrid", seed=0).networks["decoder"]
    with pytest.raises(InputError, match="rising"):
        network_engine(network, rows=(8, 4, 16))


@pytest.mark.skipif(_installed(), reason="TensorRT is installed")
def test_a_missing_tensorrt_names_the_extra() -> None:
    pytest.importorskip("onnx")
    with pytest.raises(MissingExtra, match="engines-cuda"):
        network_engine(small_material("hybrid", seed=0).networks["decoder"])


@needs_tensorrt
def test_the_engine_holds_the_weights_and_builds_the_same_again() -> None:
    pytest.importorskip("onnx")
    network = small_material("hybrid", seed=0, hidden=(32, 32)).networks["decoder"]
    plan = network_engine(network, rows=(1, 64, 1024))
    assert plan == network_engine(network, rows=(1, 64, 1024))
    # Weights of the widest layer stand in the plan, in one order or the other.
    weight = network.layers[1].weight
    assert weight.tobytes() in plan or np.ascontiguousarray(weight.T).tobytes() in plan
