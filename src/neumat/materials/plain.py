"""A PBR material in the form of a hybrid whose layer does nothing: what renderers use for plain PBR."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.materials.explicit import encode
from neumat.materials.neural import FEATURES, HYBRID_INPUTS, LATENT_CHANNELS, Layer, Network, NeuralMaterial
from neumat.materials.pbr import PbrMaterial

_WIDTH = 32
_SATURATED = 40.0  # sigmoid(40) = 1 and softplus(−40) = 0 in float32


def plain(material: PbrMaterial) -> NeuralMaterial:
    """Wrap a PBR material as a hybrid with visibility 1 and residual 0.

    Its ``marched`` mode is the material's marched parallax with marched shadows.
    """
    inputs = sum(FEATURES[name] for name in HYBRID_INPUTS)
    idle = Network(HYBRID_INPUTS, (_zeros(inputs, _WIDTH), _zeros(_WIDTH, _WIDTH), _output()))
    explicit = encode(material)
    return NeuralMaterial(
        name=material.name,
        form="hybrid",
        explicit=explicit,
        latents={"latent": np.zeros((1, 1, LATENT_CHANNELS), np.float16)},
        networks={"decoder": idle},
        resolution=material.shape[1],
        height_scale=material.height_scale,
        height_range=height_range(explicit.height),
        tileable=material.tileable,
        physical_size=material.physical_size,
        provenance=dict(material.provenance),
    )


def height_range(height: npt.NDArray[np.uint16]) -> tuple[float, float]:
    """Lowest and highest value of a 16-bit height map, 0 to 1."""
    return float(height.min()) / 65535.0, float(height.max()) / 65535.0


def _zeros(inputs: int, outputs: int) -> Layer:
    return Layer(np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32))


def _output() -> Layer:
    bias = np.array([_SATURATED, -_SATURATED, -_SATURATED, -_SATURATED], np.float32)
    return Layer(np.zeros((4, _WIDTH), np.float32), bias)
