"""The networks of a neural material as ONNX graphs, built from their weights, and run by onnxruntime on the CPU.

A graph has one input for each named feature of the network and gives what `neumat.materials.reference.run_network`
gives: the last layer's numbers, before the output transform. Look-ups, marching and the BRDF stay outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neumat.compiler.native import thread_count
from neumat.errors import DeviceError, InputError, MissingExtra
from neumat.materials.neural import FEATURES, LEAKY_SLOPE, Network, NeuralMaterial

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[np.float32]

OPSET = 20
#: The oldest container format that has this opset, so that older runtimes read the file.
IR_VERSION = 9
OUTPUT = "y"
CPU_PROVIDER = "CPUExecutionProvider"
#: Rows a call of the session: hidden layers of 64 neurons then stay in a core's cache.
BLOCK = 4096


def _onnx() -> ModuleType:
    try:
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtra("building an ONNX graph", "engines") from error
    return onnx


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("running an ONNX graph", "engines") from error
    return onnxruntime


def network_model(network: Network, *, name: str = "network") -> onnx.ModelProto:
    """Build the ONNX graph of a network.

    Args:
        network: any network of a material.
        name: of the graph.

    Returns:
        A checked model, opset `OPSET`, with inputs named after ``network.inputs``, each (rows, k) float32 with a free
        number of rows, and the output ``y``, (rows, outputs) float32. The same network gives the same bytes.

    Raises:
        MissingExtra: onnx is not installed.
    """
    onnx = _onnx()
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    nodes, weights = [], []
    value = "features"
    nodes.append(helper.make_node("Concat", list(network.inputs), [value], name="concat", axis=1))
    last = len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        names = [f"weight{index}", f"bias{index}"]
        weights += [onnx.numpy_helper.from_array(np.ascontiguousarray(array), text)
                    for array, text in zip((layer.weight, layer.bias), names, strict=True)]  # fmt: skip
        dense = OUTPUT if index == last else f"dense{index}"
        nodes.append(helper.make_node("Gemm", [value, *names], [dense], name=f"layer{index}", transB=1))
        if index == last:
            break
        value = f"active{index}"
        if network.activation == "leaky_relu":
            node = helper.make_node("LeakyRelu", [dense], [value], name=f"activation{index}", alpha=LEAKY_SLOPE)
        else:
            node = helper.make_node("Relu", [dense], [value], name=f"activation{index}")
        nodes.append(node)
    inputs = [helper.make_tensor_value_info(text, floats, ["rows", FEATURES[text]]) for text in network.inputs]
    output = helper.make_tensor_value_info(OUTPUT, floats, ["rows", network.output_width])
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, [output], weights),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="neumat",
    )  # fmt: skip
    onnx.checker.check_model(model, full_check=True)
    return model  # type: ignore[no-any-return,unused-ignore]


def material_models(material: NeuralMaterial) -> dict[str, onnx.ModelProto]:
    """Build the ONNX graph of each network of a material, by the network's name.

    Raises:
        MissingExtra: onnx is not installed.
    """
    return {name: network_model(network, name=name) for name, network in material.networks.items()}


class OnnxNetwork:
    """A network that runs in onnxruntime.

    Args:
        network: any network of a material.
        threads: None for all cores that this process may use.
        provider: the execution provider that must take the graph; nothing falls back to another one.

    Attributes:
        session: the onnxruntime.InferenceSession.

    Raises:
        MissingExtra: onnx or onnxruntime is not installed.
        DeviceError: onnxruntime does not have the provider, or did not use it.
    """

    def __init__(self, network: Network, *, threads: int | None = None, provider: str = CPU_PROVIDER) -> None:
        runtime = _onnxruntime()
        available = runtime.get_available_providers()
        if provider not in available:
            raise DeviceError(f"onnxruntime has no {provider} here; it has {', '.join(available)}")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or thread_count()
        options.inter_op_num_threads = 1
        # Idle threads would spin between calls and be counted as work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.network = network
        self.session = runtime.InferenceSession(
            network_model(network).SerializeToString(), sess_options=options, providers=[provider]
        )
        # onnxruntime goes on with the CPU, in silence, where a provider cannot start.
        used = self.session.get_providers()
        if used[0] != provider:
            raise DeviceError(f"onnxruntime could not start {provider} and would use {used[0]}")

    def __call__(self, features: Mapping[str, npt.ArrayLike], *, block: int = BLOCK) -> Array:
        """Evaluate on named features, each (n, k) and converted to float32; others are ignored.

        Returns:
            (n, outputs) float32, before the output transform.

        Raises:
            InputError: a feature is missing or has another shape.
        """
        arrays = self._features(features)
        rows = len(next(iter(arrays.values())))
        result = np.empty((rows, self.network.output_width), np.float32)
        for begin in range(0, rows, block):
            part = {name: array[begin : begin + block] for name, array in arrays.items()}
            result[begin : begin + block] = self.session.run([OUTPUT], part)[0]
        return result

    def _features(self, features: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        missing = [name for name in self.network.inputs if name not in features]
        if missing:
            raise InputError(f"the network needs the feature {missing[0]!r} (given: {', '.join(features) or 'none'})")
        arrays = {name: np.ascontiguousarray(features[name], np.float32) for name in self.network.inputs}
        rows = max(len(array) if array.ndim else 0 for array in arrays.values())
        for name, array in arrays.items():
            if array.shape != (rows, FEATURES[name]):
                raise InputError(f"feature {name!r} has shape {array.shape}, expected {(rows, FEATURES[name])}")
        return arrays
