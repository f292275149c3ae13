"""Networks of a material outside shaders: as ONNX graphs, run by onnxruntime. Needs the extra ``engines``; no torch."""

from neumat.engines.onnx_decoder import OnnxNetwork, material_models, network_model

__all__ = ["OnnxNetwork", "material_models", "network_model"]
