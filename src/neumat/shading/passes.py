"""Passes from a material's arrays to what shaders read: padding and packing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neumat.materials.neural import FEATURES, Network

Array = npt.NDArray[np.float32]


def input_float4s(inputs: Sequence[str]) -> int:
    """Number of float4s that hold the named inputs."""
    return -(-sum(FEATURES[name] for name in inputs) // 4)


def rows_of_network(inputs: int, width: int, hidden: int) -> int:
    """Number of float4s of a packed network: `inputs` and `width` in float4s, `hidden` layers, one float4 out."""
    return (4 * inputs + 1) * width + (hidden - 1) * (4 * width + 1) * width + 4 * width + 1


def pack_network(network: Network) -> Array:
    """Pack a network for mlp.slang.

    For each layer the rows of its inputs (padded with rows of zeros to a multiple of four), then the row of its
    biases; a row holds the outputs, padded with zeros to a multiple of four.

    Returns:
        (n, 4) float32.
    """
    rows = []
    for layer in network.layers:
        outputs, inputs = layer.weight.shape
        packed = np.zeros((-(-inputs // 4) * 4 + 1, -(-outputs // 4) * 4), np.float32)
        packed[:inputs, :outputs] = layer.weight.T
        packed[-1, :outputs] = layer.bias
        rows.append(packed.reshape(-1, 4))
    return np.concatenate(rows)


def pack_latents(textures: Sequence[npt.NDArray[np.float16]]) -> Array:
    """Stack latent textures (h, w, 12) to (textures, h, w, 12) float32."""
    return np.ascontiguousarray(np.stack(textures), dtype=np.float32)
