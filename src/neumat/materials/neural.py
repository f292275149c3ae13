"""A neural material in memory: explicit PBR channels, latent textures and small networks.

Two forms share this one class; `form` says which:

- ``hybrid``: a PBR material with a learned layer on top. View-dependent hit by marching the height channel, glTF
  BRDF at the hit, times a learned visibility, plus a learned residual.
- ``neumip``: an offset network and a reflectance network over two latent textures (Kuznetsov et al. 2021 as
  modified by Raghavan et al. 2025; VideoNeuMat section 4.1, equations 3 and 4).

What each form computes is defined in `neumat.materials.reference` and, for shaders, in ``shaders/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError

Form = Literal["hybrid", "neumip"]
Activation = Literal["relu", "leaky_relu"]
OutputTransform = Literal["linear", "softplus", "exp"]

LATENT_CHANNELS = 12
LEAKY_SLOPE = 0.01
#: Largest sides of the explicit maps and latents in texels, most layers of a network, widest layer.
MAX_TEXTURE_SIDE = 16384
MAX_LATENT_SIDE = 8192
MAX_LAYERS = 16
MAX_LAYER_WIDTH = 512
#: Heights are stored in 16 bits, so a range told in float may miss them by one step.
_HEIGHT_STEP = 1.0 / 65535.0
#: Number of values of each network input, by name. `wo` is clamped (see `reference.clamped_wo`).
FEATURES: dict[str, int] = {
    "latent": LATENT_CHANNELS, "wi": 3, "wo": 3, "half": 3, "cos_d": 1, "normal": 3, "light_march": 2, "n_dot_wi": 1,
}  # fmt: skip
HYBRID_INPUTS = ("latent", "wi", "wo", "half", "cos_d", "normal", "light_march", "n_dot_wi")
NEUMIP_OFFSET_INPUTS = ("latent", "wo")
NEUMIP_RGB_INPUTS = ("latent", "wi", "wo")
#: Names of the latent textures and of the networks, with their inputs and output counts, of each form.
LATENTS: dict[str, tuple[str, ...]] = {"hybrid": ("latent",), "neumip": ("offset", "rgb")}
NETWORKS: dict[str, dict[str, tuple[tuple[str, ...], int]]] = {
    "hybrid": {"decoder": (HYBRID_INPUTS, 4)},
    "neumip": {"offset": (NEUMIP_OFFSET_INPUTS, 2), "rgb": (NEUMIP_RGB_INPUTS, 3)},
}


@dataclass(frozen=True)
class Layer:
    """One dense layer: `weight` (out, in) and `bias` (out,), float32."""

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron: dense layers with `activation` between them, none after the last.

    `inputs` names the features in the order in which they enter the first layer (see `FEATURES`).

    Raises:
        InputError: widths do not chain or are out of bounds, an input is unknown, or a weight is not finite.
    """

    inputs: tuple[str, ...]
    layers: tuple[Layer, ...]
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        unknown = [name for name in self.inputs if name not in FEATURES]
        if unknown:
            raise InputError(f"network input {unknown[0]!r} is not known (known: {', '.join(FEATURES)})")
        if self.activation not in ("relu", "leaky_relu"):
            raise InputError(f"network activation {self.activation!r} is not known")
        width = self.input_width
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise InputError(f"a network has 1 to {MAX_LAYERS} layers, this one has {len(self.layers)}")
        for index, layer in enumerate(self.layers):
            if layer.weight.ndim != 2 or layer.weight.shape[1] != width:
                raise InputError(f"layer {index} has weights {layer.weight.shape} but receives {width} values")
            if layer.bias.shape != (layer.weight.shape[0],):
                raise InputError(f"layer {index} has {layer.weight.shape[0]} outputs but bias {layer.bias.shape}")
            if layer.weight.dtype != np.float32 or layer.bias.dtype != np.float32:
                raise InputError(f"layer {index} is {layer.weight.dtype} and {layer.bias.dtype}, expected float32")
            if not 1 <= layer.weight.shape[0] <= MAX_LAYER_WIDTH:
                raise InputError(f"layer {index} is {layer.weight.shape[0]} wide, allowed are 1 to {MAX_LAYER_WIDTH}")
            if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
                raise InputError(f"layer {index} has weights that are not finite")
            width = layer.weight.shape[0]

    @property
    def input_width(self) -> int:
        """Number of values that enter the first layer."""
        return sum(FEATURES[name] for name in self.inputs)

    @property
    def output_width(self) -> int:
        """Number of values that leave the last layer."""
        return int(self.layers[-1].weight.shape[0])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(int(layer.weight.shape[0]) for layer in self.layers[:-1])

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers)


def network_text(hidden: tuple[int, ...]) -> str:
    """Hidden widths as ``32x2``, or listed where they differ."""
    return f"{hidden[0]}x{len(hidden)}" if len(set(hidden)) == 1 else "-".join(map(str, hidden))


@dataclass(frozen=True)
class ExplicitMaps:
    """The PBR channels in glTF's encodings, at the resolution of the source.

    Attributes:
        base_color: (H, W, 3) uint8, sRGB.
        orm: (H, W, 3) uint8, linear: occlusion (255 where there is none), roughness, metallic.
        normal: (H, W, 3) uint8, n = 2·c/255 − 1, y = image-up.
        height: (H, W) uint16, value = h/65535.
        has_occlusion: whether the source had an occlusion map.
    """

    base_color: npt.NDArray[np.uint8]
    orm: npt.NDArray[np.uint8]
    normal: npt.NDArray[np.uint8]
    height: npt.NDArray[np.uint16]
    has_occlusion: bool = False

    def __post_init__(self) -> None:
        size = self.height.shape
        if self.height.ndim != 2 or self.height.dtype != np.uint16:
            raise InputError(f"height is {self.height.dtype} {size}, expected uint16 (H, W)")
        if min(size) < 1 or max(size) > MAX_TEXTURE_SIDE:
            raise InputError(f"maps are {size[1]}×{size[0]} texels, allowed are sides of 1 to {MAX_TEXTURE_SIDE}")
        for name in ("base_color", "orm", "normal"):
            value = getattr(self, name)
            if value.dtype != np.uint8 or value.shape != (*size, 3):
                raise InputError(f"{name} is {value.dtype} {value.shape}, expected uint8 {(*size, 3)}")


@dataclass(frozen=True)
class NeuralMaterial:
    """A neural material of either form.

    Attributes:
        name: safe name, [A-Za-z0-9_-].
        form: ``hybrid`` or ``neumip``.
        explicit: PBR channels; always there for ``hybrid``, the fallback (or None) for ``neumip``.
        latents: name → (h, w, 12) float16.
        networks: name → network.
        resolution: pixels across the texture that the layer was fitted for.
        height_scale: in texture widths.
        height_range: lowest and highest height value of the surface, 0 to 1.
        march_steps, secant_steps: towards the eye (``hybrid``).
        light_steps: towards the light (``hybrid``).
        offset_range: largest |Δu| in uv (``neumip``).
        output: transform of the reflectance (``neumip``) or of the residual (``hybrid``).
        tileable: wrap look-ups at the edges, else clamp.
        physical_size: width of the texture in metres.
        provenance: source, author, licence, generator, fit; JSON values only.
    """

    name: str
    form: Form
    explicit: ExplicitMaps | None
    latents: dict[str, npt.NDArray[np.float16]]
    networks: dict[str, Network]
    resolution: int
    height_scale: float = 0.05
    height_range: tuple[float, float] = (0.0, 1.0)
    march_steps: int = 16
    secant_steps: int = 2
    light_steps: int = 12
    offset_range: float = 0.25
    output: OutputTransform = "softplus"
    tileable: bool = True
    physical_size: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise InputError(f"name {self.name[:64]!r} is not 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
        if self.form not in NETWORKS:
            raise InputError(f"{self.name}: form {self.form!r} is not known (known: {', '.join(NETWORKS)})")
        if self.form == "hybrid" and self.explicit is None:
            raise InputError(f"{self.name}: a hybrid material needs its PBR channels")
        if set(self.latents) != set(LATENTS[self.form]):
            raise InputError(f"{self.name}: a {self.form} material has latents {LATENTS[self.form]}")
        for key, texture in self.latents.items():
            if texture.ndim != 3 or texture.shape[2] != LATENT_CHANNELS or texture.dtype != np.float16:
                raise InputError(
                    f"{self.name}: latent {key!r} is {texture.dtype} {texture.shape}, expected float16 (h, w, 12)"
                )
            if min(texture.shape[:2]) < 1 or max(texture.shape[:2]) > MAX_LATENT_SIDE:
                raise InputError(
                    f"{self.name}: latent {key!r} is {texture.shape[1]}×{texture.shape[0]} texels, allowed are sides "
                    f"of 1 to {MAX_LATENT_SIDE}"
                )
            if not np.isfinite(texture).all():
                raise InputError(f"{self.name}: latent {key!r} has values that are not finite")
        if set(self.networks) != set(NETWORKS[self.form]):
            raise InputError(f"{self.name}: a {self.form} material has networks {tuple(NETWORKS[self.form])}")
        for key, (inputs, outputs) in NETWORKS[self.form].items():
            network = self.networks[key]
            if network.inputs != inputs or network.output_width != outputs:
                raise InputError(
                    f"{self.name}: network {key!r} takes {network.inputs} and gives {network.output_width} values, "
                    f"expected {inputs} and {outputs}"
                )
        low, high = self.height_range
        if not (0.0 <= low <= high <= 1.0):
            raise InputError(f"{self.name}: height range {self.height_range} is not within 0 to 1")
        if self.explicit is not None:
            # A march starts at the top of the range: relief above it would be entered from inside.
            least, most = int(self.explicit.height.min()) / 65535.0, int(self.explicit.height.max()) / 65535.0
            if least < low - _HEIGHT_STEP or most > high + _HEIGHT_STEP:
                raise InputError(
                    f"{self.name}: heights from {least:.5f} to {most:.5f} leave the height range {self.height_range}"
                )
        for label, value, lowest, highest in (
            ("height scale", self.height_scale, 0.0, 1.0), ("march steps", self.march_steps, 1, 256),
            ("secant steps", self.secant_steps, 0, 16), ("light steps", self.light_steps, 1, 256),
            ("offset range", self.offset_range, 0.0, 1.0), ("resolution", self.resolution, 1, MAX_TEXTURE_SIDE),
            ("physical size", self.physical_size, 1e-6, 1e6),
        ):  # fmt: skip
            if not lowest <= value <= highest:
                raise InputError(f"{self.name}: {label} {value} is outside {lowest} to {highest}")
        if self.output not in ("linear", "softplus", "exp"):
            raise InputError(f"{self.name}: output transform {self.output!r} is not known")
