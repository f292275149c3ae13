"""The maps and latents of a material as textures with their levels of detail, in the encodings that ship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.materials.color import decode_srgb8, encode_srgb8
from neumat.materials.explicit import (
    decode_height16,
    decode_normal8,
    decode_unorm8,
    encode_height16,
    encode_normal8,
    encode_unorm8,
)
from neumat.materials.neural import LATENT_CHANNELS, ExplicitMaps, NeuralMaterial
from neumat.materials.pyramid import Level, halve, pyramid

Codes = npt.NDArray[Any]
#: Float4s in a row of the weights' texture; a power of two, so that a shader splits an index by bits.
WEIGHTS_WIDTH = 256
#: Names of each texel format. `webgpu` formats of sixteen normalised bits are optional there; see docs/compile.md.
FORMATS: dict[str, dict[str, str]] = {
    "rgba8_srgb": {
        "dxgi": "R8G8B8A8_UNORM_SRGB", "vulkan": "VK_FORMAT_R8G8B8A8_SRGB", "gl": "GL_SRGB8_ALPHA8",
        "webgpu": "rgba8unorm-srgb", "metal": "RGBA8Unorm_sRGB",
    },
    "rgba8": {
        "dxgi": "R8G8B8A8_UNORM", "vulkan": "VK_FORMAT_R8G8B8A8_UNORM", "gl": "GL_RGBA8",
        "webgpu": "rgba8unorm", "metal": "RGBA8Unorm",
    },
    "r16": {
        "dxgi": "R16_UNORM", "vulkan": "VK_FORMAT_R16_UNORM", "gl": "GL_R16", "webgpu": "r16unorm",
        "metal": "R16Unorm",
    },
    "rgba16f": {
        "dxgi": "R16G16B16A16_FLOAT", "vulkan": "VK_FORMAT_R16G16B16A16_SFLOAT", "gl": "GL_RGBA16F",
        "webgpu": "rgba16float", "metal": "RGBA16Float",
    },
    "rgba32f": {
        "dxgi": "R32G32B32A32_FLOAT", "vulkan": "VK_FORMAT_R32G32B32A32_SFLOAT", "gl": "GL_RGBA32F",
        "webgpu": "rgba32float", "metal": "RGBA32Float",
    },
}  # fmt: skip
#: Latent textures as the shader numbers them, of each form; see `latent_name`.
LATENT_ORDER = {"hybrid": ("latent",), "neumip": ("rgb", "offset")}


@dataclass(frozen=True)
class Texture:
    """A texture as it ships: `levels` are (h, w, 4) or (h, w) arrays of uint8, uint16 or float16, largest first."""

    name: str
    format: str
    levels: tuple[Codes, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the largest level."""
        return self.levels[0].shape[1], self.levels[0].shape[0]


def explicit_levels(explicit: ExplicitMaps) -> tuple[ExplicitMaps, ...]:
    """Make all levels of detail in the encodings of level 0, which is passed through untouched.

    Levels are averaged in linear space (`pyramid`) and rounded once, each from values that were not rounded.
    """
    levels = [explicit]
    occlusion = decode_unorm8(explicit.orm[..., 0])
    for level in pyramid(explicit)[1:]:
        occlusion = halve(occlusion)
        orm = np.stack([encode_unorm8(value) for value in (occlusion, level.roughness, level.metallic)], axis=-1)
        levels.append(
            ExplicitMaps(
                encode_srgb8(level.base_color), orm, encode_normal8(level.normal), encode_height16(level.height),
                explicit.has_occlusion,
            )
        )  # fmt: skip
    return tuple(levels)


def decoded_levels(levels: tuple[ExplicitMaps, ...]) -> tuple[Level, ...]:
    """Decode shipped levels to what shaders read, for `neumat.materials.reference.Reference.levels`."""
    return tuple(
        Level(
            base_color=decode_srgb8(maps.base_color),
            roughness=decode_unorm8(maps.orm[..., 1]),
            metallic=decode_unorm8(maps.orm[..., 2]),
            normal=decode_normal8(maps.normal),
            height=decode_height16(maps.height),
            normal_length=np.ones(maps.height.shape, np.float32),
        )
        for maps in levels
    )


def latent_name(form: str, texture: str, part: int) -> str:
    """Name of one of the three RGBA textures that hold the twelve channels of a latent texture."""
    return f"latent{part}" if form == "hybrid" else f"{texture}_latent{part}"


def textures(material: NeuralMaterial, levels: tuple[ExplicitMaps, ...]) -> tuple[Texture, ...]:
    """All textures that the shader of a material reads, in the order of its bindings.

    Args:
        material: of either form.
        levels: of `explicit_levels`; not read for ``neumip``, whose shader needs no explicit maps.
    """
    found = []
    if material.form == "hybrid":
        found += [
            Texture("base_color", "rgba8_srgb", tuple(_opaque(maps.base_color) for maps in levels)),
            Texture("orm", "rgba8", tuple(_opaque(maps.orm) for maps in levels)),
            Texture("normal", "rgba8", tuple(_opaque(maps.normal) for maps in levels)),
            Texture("height", "r16", tuple(maps.height for maps in levels)),
        ]
    for name in LATENT_ORDER[material.form]:
        for part in range(LATENT_CHANNELS // 4):
            channels = np.ascontiguousarray(material.latents[name][..., 4 * part : 4 * part + 4])
            found.append(Texture(latent_name(material.form, name, part), "rgba16f", (channels,)))
    return tuple(found)


def _opaque(maps: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.concatenate([maps, np.full((*maps.shape[:2], 1), 255, np.uint8)], axis=-1)


def storage_texels(levels: tuple[ExplicitMaps, ...]) -> npt.NDArray[np.uint32]:
    """Pack the maps for codes.slang: (texels, 2) words, all levels one after the other.

    The first word holds sRGB red, green, blue and roughness from its lowest byte up, the second x, y, z of the
    normal and metallic.
    """
    rows = []
    for maps in levels:
        roughness, metallic = maps.orm[..., 1:2], maps.orm[..., 2:3]
        texel = np.concatenate([maps.base_color, roughness, maps.normal, metallic], axis=-1)
        rows.append(np.ascontiguousarray(texel.reshape(-1, 8)).view("<u4"))
    return np.concatenate(rows)


def storage_heights(levels: tuple[ExplicitMaps, ...]) -> npt.NDArray[np.uint32]:
    """Pack the heights of all levels one after the other, two a word, the first in the low half."""
    heights = np.concatenate([maps.height.ravel() for maps in levels])
    padded = np.concatenate([heights, np.zeros(len(heights) % 2, np.uint16)])
    return padded.astype("<u2").view("<u4")


def storage_latents(material: NeuralMaterial) -> npt.NDArray[np.uint32]:
    """Pack the latent textures one after the other: (texels·3, 2) words of two half floats each."""
    stacked = np.concatenate([material.latents[name].reshape(-1, 4) for name in LATENT_ORDER[material.form]])
    return np.ascontiguousarray(stacked, dtype="<f2").view("<u4")


def weights_texture(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pad packed weights (n, 4) with zeros to whole rows of a texture: (rows, `WEIGHTS_WIDTH`, 4)."""
    rows = -(-len(weights) // WEIGHTS_WIDTH)
    padded = np.zeros((rows * WEIGHTS_WIDTH, 4), np.float32)
    padded[: len(weights)] = weights
    return padded.reshape(rows, WEIGHTS_WIDTH, 4)
