"""Random but plausible neural materials, for tests and benchmarks; nothing here is fitted to anything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neumat.materials.explicit import encode
from neumat.materials.neural import (
    FEATURES,
    LATENT_CHANNELS,
    LATENTS,
    NETWORKS,
    Form,
    Layer,
    Network,
    NeuralMaterial,
)
from neumat.materials.pbr import PbrMaterial, normal_from_height

Array = npt.NDArray[np.float32]


def smooth_map(rng: np.random.Generator, size: tuple[int, int], channels: int = 1, waves: int = 3) -> Array:
    """Make a random smooth periodic map: cosines of up to `waves` periods across.

    Returns:
        (H, W, channels) float32, 0 to 1, both reached in every channel (0.5 throughout at size 1×1).
    """
    height, width = size
    v = (np.arange(height) + 0.5)[:, None, None] / height
    u = (np.arange(width) + 0.5)[None, :, None] / width
    total = np.zeros((height, width, channels))
    for fv in range(-waves, waves + 1):
        for fu in range(waves + 1):
            if (fu, fv) != (0, 0):
                amplitude = rng.normal(size=channels) / (1.0 + fu * fu + fv * fv)
                phase = rng.uniform(0.0, 2.0 * np.pi, channels)
                total += amplitude * np.cos(2.0 * np.pi * (fu * u + fv * v) + phase)
    low, high = total.min(axis=(0, 1)), total.max(axis=(0, 1))
    spread = np.where(high > low, high - low, 1.0)
    return np.where(high > low, (total - low) / spread, 0.5).astype(np.float32)


def small_pbr(*, seed: int, size: tuple[int, int] = (32, 32), height_scale: float = 0.08) -> PbrMaterial:
    """Make a random PBR material with relief.

    Args:
        seed: of the random generator.
        size: height and width in texels.
        height_scale: in texture widths.
    """
    rng = np.random.default_rng([seed, 1])
    height = smooth_map(rng, size)[..., 0]
    return PbrMaterial(
        name=f"synthetic_{seed}",
        base_color=(0.05 + 0.75 * smooth_map(rng, size, 3)).astype(np.float32),
        roughness=(0.15 + 0.75 * smooth_map(rng, size)[..., 0]).astype(np.float32),
        metallic=(smooth_map(rng, size)[..., 0] > 0.7).astype(np.float32),
        normal=normal_from_height(height, height_scale, tileable=True),
        height=height,
        height_scale=height_scale,
    )


def random_network(rng: np.random.Generator, inputs: tuple[str, ...], outputs: int, hidden: tuple[int, ...]) -> Network:
    """Make a perceptron with weights as an initialiser for ReLU would draw them, its last layer smaller."""
    widths = [sum(FEATURES[name] for name in inputs), *hidden, outputs]
    layers = []
    for index in range(len(widths) - 1):
        last = index == len(widths) - 2
        gain = 0.5 if last else np.sqrt(2.0)
        weight = rng.normal(0.0, gain / np.sqrt(widths[index]), (widths[index + 1], widths[index]))
        bias = rng.normal(0.0, 0.1, widths[index + 1])
        layers.append(Layer(weight.astype(np.float32), bias.astype(np.float32)))
    return Network(inputs, tuple(layers))


def small_material(
    form: Form,
    *,
    seed: int,
    size: tuple[int, int] = (32, 32),
    tileable: bool = True,
    hidden: tuple[int, ...] = (32, 32),
) -> NeuralMaterial:
    """Make a random neural material with relief, smooth latents and networks that give plausible reflectance.

    Latents are half as large as the explicit channels, so that the two grids cannot be mistaken for each other.

    Args:
        form: ``hybrid`` or ``neumip`` (with explicit channels as its fallback).
        seed: of the random generator; the same seed gives the same material.
        size: height and width of the explicit channels, in texels.
        tileable: the field of that name; the maps themselves are periodic.
        hidden: widths of the hidden layers of every network.
    """
    pbr = small_pbr(seed=seed, size=size)
    explicit = encode(pbr)
    rng = np.random.default_rng([seed, 2])
    latent_size = (max(1, size[0] // 2), max(1, size[1] // 2))
    latents = {
        name: (2.0 * smooth_map(rng, latent_size, LATENT_CHANNELS) - 1.0).astype(np.float16) for name in LATENTS[form]
    }
    networks = {
        name: random_network(rng, inputs, outputs, hidden) for name, (inputs, outputs) in NETWORKS[form].items()
    }
    if form == "hybrid":
        # Mostly visible, with little residual, as fitted ones are.
        networks["decoder"] = _with_last_bias(networks["decoder"], [1.5, -3.0, -3.0, -3.0])
    else:
        networks["rgb"] = _with_last_bias(networks["rgb"], [-0.5, -0.5, -0.5])
    codes = explicit.height.astype(np.float64) / 65535.0
    return NeuralMaterial(
        name=pbr.name,
        form=form,
        explicit=explicit,
        latents=latents,
        networks=networks,
        resolution=latent_size[1],
        height_scale=pbr.height_scale,
        height_range=(float(codes.min()), float(codes.max())),
        offset_range=0.1,
        tileable=tileable,
        provenance={"generator": "neumat.materials.synthetic", "seed": seed, "licence": "CC0-1.0"},
    )


def _with_last_bias(network: Network, bias: list[float]) -> Network:
    last = network.layers[-1]
    layers = (*network.layers[:-1], Layer(last.weight, last.bias + np.array(bias, np.float32)))
    return Network(network.inputs, layers, network.activation)
