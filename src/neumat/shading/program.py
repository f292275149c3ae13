"""A neural material as a shader sees it: shapes that the code is specialised by, and packed data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.neural import LATENTS, LEAKY_SLOPE, NETWORKS, NeuralMaterial
from neumat.materials.packing import pack_levels
from neumat.materials.pyramid import pyramid
from neumat.shading.passes import (
    input_float4s,
    pack_latents,
    pack_network,
    rows_of_network,
)

Float4s = npt.NDArray[np.float32]
#: Values of OUTPUT in output.slang.
OUTPUT_CODES = {"linear": 0, "softplus": 1, "exp": 2}
#: The library's maximum: levels of a texture of 32768 texels.
MAX_LEVELS = 16


@dataclass(frozen=True)
class ProgramShape:
    """What the code of a shader is specialised by; programs of one shape share one compiled library.

    Attributes:
        form: ``hybrid`` or ``neumip``.
        width: float4s in a hidden layer.
        hidden: number of hidden layers.
        output: value of OUTPUT in output.slang.
        march_steps, secant_steps, light_steps: as in NeuralMaterial.
    """

    form: str
    width: int
    hidden: int
    output: int
    march_steps: int
    secant_steps: int
    light_steps: int


@dataclass(frozen=True)
class ShaderProgram:
    """Shape, constants and packed data of one material.

    Attributes:
        name: safe name of the material.
        shape: what the code depends on.
        weights: (n, 4) float32, the networks one after the other, in the order of `networks`.
        heights: (t,) float32, height values 0 to 1, all levels one after the other.
        surfaces: (t, 2, 4) float32: linear base colour, roughness; normal, metallic.
        latents: (textures, h, w, 12) float32; for ``neumip`` the reflectance latents first.
        level_sizes: (width, height) of each level.
        level_offsets: first texel of each level.
        aspect: width over height of level 0.
    """

    name: str
    shape: ProgramShape
    weights: Float4s
    heights: npt.NDArray[np.float32]
    surfaces: Float4s
    latents: npt.NDArray[np.float32]
    level_sizes: tuple[tuple[int, int], ...]
    level_offsets: tuple[int, ...]
    aspect: float
    height_scale: float
    height_top: float
    height_bottom: float
    offset_range: float
    activation_slope: float
    tileable: bool

    @property
    def latent_size(self) -> tuple[int, int]:
        """Width and height of the latent textures."""
        return self.latents.shape[2], self.latents.shape[1]


def shader_program(material: NeuralMaterial) -> ShaderProgram:
    """Lower a material to a shader program, and verify it.

    Raises:
        InputError: the networks of the material differ in width or depth, or a width is not a multiple of four.
    """
    order = ("decoder",) if material.form == "hybrid" else ("offset", "rgb")
    networks = [material.networks[name] for name in order]
    hidden = networks[0].hidden
    for network in networks:
        if network.hidden != hidden or len(set(network.hidden)) != 1:
            raise InputError(f"{material.name}: a shader needs hidden layers of one width, not {network.hidden}")
        if network.activation != networks[0].activation:
            raise InputError(f"{material.name}: a shader needs one activation in all networks")
    if hidden[0] % 4:
        raise InputError(f"{material.name}: a shader needs layer widths that are multiples of 4, not {hidden[0]}")
    width = hidden[0] // 4
    textures = ("latent",) if material.form == "hybrid" else ("rgb", "offset")
    sizes = {material.latents[name].shape for name in LATENTS[material.form]}
    if len(sizes) != 1:
        raise InputError(f"{material.name}: a shader needs latent textures of one size")
    levels = pack_levels(() if material.explicit is None else pyramid(material.explicit))
    low, high = material.height_range
    program = ShaderProgram(
        name=material.name,
        shape=ProgramShape(
            form=material.form,
            width=width,
            hidden=len(hidden),
            output=OUTPUT_CODES[material.output],
            march_steps=material.march_steps,
            secant_steps=material.secant_steps,
            light_steps=material.light_steps,
        ),
        weights=np.concatenate([pack_network(network) for network in networks]),
        heights=levels.heights,
        surfaces=levels.surfaces,
        latents=pack_latents([material.latents[name] for name in textures]),
        level_sizes=levels.sizes,
        level_offsets=levels.offsets,
        aspect=levels.sizes[0][0] / levels.sizes[0][1],
        height_scale=material.height_scale,
        height_top=(high - 0.5) * material.height_scale,
        height_bottom=(low - 0.5) * material.height_scale,
        offset_range=material.offset_range,
        activation_slope=LEAKY_SLOPE if networks[0].activation == "leaky_relu" else 0.0,
        tileable=material.tileable,
    )
    verify(program)
    return program


def verify(program: ShaderProgram) -> None:
    """Check that sizes chain and that all data is finite; called between lowering and emission.

    Raises:
        InputError: naming what does not fit.
    """
    shape = program.shape
    rows = sum(
        rows_of_network(input_float4s(inputs), shape.width, shape.hidden)
        for inputs, _ in NETWORKS[shape.form].values()
    )
    if program.weights.shape != (rows, 4):
        raise InputError(f"{program.name}: packed weights are {program.weights.shape}, the shader reads {(rows, 4)}")
    texels = sum(w * h for w, h in program.level_sizes)
    if len(program.heights) != texels or program.surfaces.shape != (texels, 2, 4):
        raise InputError(f"{program.name}: packed texels do not match the {texels} of the levels")
    if len(program.level_sizes) > MAX_LEVELS:
        raise InputError(f"{program.name}: {len(program.level_sizes)} levels, at most {MAX_LEVELS} are possible")
    for label in ("weights", "heights", "surfaces", "latents"):
        if not np.isfinite(getattr(program, label)).all():
            raise InputError(f"{program.name}: {label} have values that are not finite")
