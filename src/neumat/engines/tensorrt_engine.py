"""The networks of a neural material as TensorRT engines, built from their ONNX graphs.

TensorRT and TensorRT-RTX share one Python interface; whichever is installed builds. Both are strongly typed: the
precision is the graph's (float32), there are no precision flags. Building needs no GPU with TensorRT-RTX; running
an engine needs one, and is not done here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from neumat.engines.onnx_decoder import network_model
from neumat.errors import CompilerError, InputError, MissingExtra
from neumat.materials.neural import FEATURES, Network

#: In the order of preference.
MODULES = ("tensorrt", "tensorrt_rtx")
MOST_ROWS = 1 << 24


def tensorrt_module() -> ModuleType:
    """The installed TensorRT, or TensorRT-RTX.

    Raises:
        MissingExtra: neither can be imported (TensorRT without its libraries counts as missing).
    """
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except (ImportError, OSError):
            continue
    raise MissingExtra("building a TensorRT engine", "engines-cuda")


def network_engine(
    network: Network, *, name: str = "network", rows: tuple[int, int, int] = (1, 65536, 1 << 20)
) -> bytes:
    """Build the engine of a network.

    Args:
        network: any network of a material.
        name: of the graph.
        rows: least, usual and most rows of a call.

    Returns:
        The serialised engine, for this TensorRT's version; inputs and output as in `network_model`.

    Raises:
        InputError: `rows` do not rise from at least 1 to at most 2^24.
        MissingExtra: onnx or TensorRT is not installed.
        CompilerError: TensorRT refused the graph, with its first reason.
    """
    if not 1 <= rows[0] <= rows[1] <= rows[2] <= MOST_ROWS:
        raise InputError(f"rows {rows}: three rising numbers of 1 to {MOST_ROWS} are needed")
    trt = tensorrt_module()
    model = network_model(network, name=name)
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    definition = builder.create_network(0)
    parser = trt.OnnxParser(definition, trt.Logger(trt.Logger.ERROR))
    if not parser.parse(model.SerializeToString()):
        raise CompilerError(f"TensorRT cannot read the graph of {name}: {_first_reason(parser)}")
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for feature in network.inputs:
        profile.set_shape(feature, *((count, FEATURES[feature]) for count in rows))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise CompilerError(f"TensorRT could not build an engine of {name}")
    return bytes(plan)


def _first_reason(parser: Any) -> str:
    return str(parser.get_error(0).desc()) if parser.num_errors else "no reason was given"
