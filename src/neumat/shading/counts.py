"""What one shading evaluation costs, counted from the shape of the program.

An FMA is 2 FLOP, a transcendental (exp, log, sqrt, division, tanh) 8, hardware filtering 0; a fetch is one filtered
read of up to four channels. `prepare` and `evaluate` are counted apart and summed at 1 and 4 lights.
"""

from __future__ import annotations

from typing import Any

from neumat.materials.neural import NETWORKS, NeuralMaterial
from neumat.shading.passes import input_float4s

_TRANSCENDENTAL = 8
_NORMALIZE = 5 + _TRANSCENDENTAL + 3
# One step of a march: position (2 FMA), height (FMA), clearance, comparison.
_MARCH_STEP = 2 * 2 + 2 + 2
_SECANT_STEP = _MARCH_STEP + 5 + _TRANSCENDENTAL
_LIGHT_STEP = _MARCH_STEP + 3 + 2 * _TRANSCENDENTAL
_LEVEL = _TRANSCENDENTAL + 4
# gltfBrdf: half vector, three dot products and a cross product, Fresnel of three channels, D, V, the sum.
_BRDF = _NORMALIZE + 4 * 5 + 9 + 4 + 3 * 4 + (8 + _TRANSCENDENTAL) + (10 + 3 * _TRANSCENDENTAL) + 3 * 7 + 4
_SOFTPLUS = 2 * _TRANSCENDENTAL + 4
_SIGMOID = 2 * _TRANSCENDENTAL + 1
_EXPLICIT_FETCHES = 3  # base colour; occlusion, roughness, metallic; normal
_LATENT_FETCHES = 3


def network_flops(inputs: int, width: int, hidden: int, outputs: int = 4) -> int:
    """FLOP of one network: `inputs`, `width` and `outputs` in neurons, leaky ReLU at 2 FLOP a neuron."""
    dense = inputs * width + (hidden - 1) * width * width + width * outputs
    return 2 * dense + 2 * width * hidden


def count(material: NeuralMaterial) -> dict[str, Any]:
    """Count the cost of a material.

    Returns:
        ``parameters`` (weights and biases), ``flops`` and ``fetches`` of prepare + one evaluate, ``bytes`` (all
        textures and weights as they ship, without mips), and the parts: ``prepare``, ``evaluate``, ``lights_4``,
        ``bytes_explicit``, ``bytes_latents``, ``bytes_weights``.
    """
    sizes = {
        name: (4 * input_float4s(inputs), material.networks[name].hidden) for name, (inputs, _) in
        NETWORKS[material.form].items()
    }  # fmt: skip
    flops = {
        name: network_flops(inputs, hidden[0], len(hidden)) for name, (inputs, hidden) in sizes.items()
    }
    if material.form == "hybrid":
        prepare = {
            "flops": _LEVEL + _NORMALIZE * 2 + (material.march_steps + 1) * _MARCH_STEP
            + material.secant_steps * _SECANT_STEP + 3 + _TRANSCENDENTAL,
            "fetches": material.march_steps + 1 + material.secant_steps + _EXPLICIT_FETCHES + _LATENT_FETCHES,
        }  # fmt: skip
        evaluate = {
            "flops": _BRDF + material.light_steps * _LIGHT_STEP + _NORMALIZE + 10 + flops["decoder"] + _SIGMOID
            + 3 * _SOFTPLUS + 9,
            "fetches": material.light_steps,
        }  # fmt: skip
    else:
        prepare = {
            "flops": _NORMALIZE + flops["offset"] + 2 * (_TRANSCENDENTAL + 2),
            "fetches": 2 * _LATENT_FETCHES,
        }
        evaluate = {"flops": flops["rgb"] + 3 * _SOFTPLUS + 5, "fetches": 0}
    explicit = 0 if material.explicit is None else _explicit_bytes(material)
    latents = sum(int(texture.nbytes) for texture in material.latents.values())
    parameters = sum(network.parameters for network in material.networks.values())
    return {
        "parameters": parameters,
        "flops": prepare["flops"] + evaluate["flops"],
        "fetches": prepare["fetches"] + evaluate["fetches"],
        "bytes": explicit + latents + 4 * parameters,
        "prepare": prepare,
        "evaluate": evaluate,
        "lights_4": {key: prepare[key] + 4 * evaluate[key] for key in prepare},
        "bytes_explicit": explicit,
        "bytes_latents": latents,
        "bytes_weights": 4 * parameters,
    }


def _explicit_bytes(material: NeuralMaterial) -> int:
    assert material.explicit is not None
    maps = material.explicit
    return int(maps.base_color.nbytes + maps.orm.nbytes + maps.normal.nbytes + maps.height.nbytes)
