"""Networks of a material outside shaders: ONNX graphs, run by onnxruntime or built into TensorRT engines.

Needs the extra ``engines`` or ``engines-cuda``; no torch.
"""

from neumat.engines.onnx_decoder import OnnxNetwork, material_models, network_model
from neumat.engines.tensorrt_engine import network_engine

__all__ = ["OnnxNetwork", "material_models", "network_engine", "network_model"]
