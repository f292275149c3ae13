"""PBR maps to glTF's encodings and back: what a neural material carries as its explicit channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.materials.color import decode_srgb8, encode_srgb8
from neumat.materials.neural import ExplicitMaps, NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.names import safe_name

Codes = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]

# Lengths of 8-bit normals that are recovered: real maps hold some that are far from unit length.
_SHORTEST, _LONGEST = 0.8, 1.25
# In codes ×2: well above the rounding of float32 unit vectors (4e-5), far below the lattice (2).
_LATTICE_TOLERANCE = 2e-4
_SAMPLE = 4096


def encode_unorm8(values: npt.ArrayLike) -> Codes:
    """Round values of 0 to 1 (clipped) to uint8 c, meaning c/255."""
    scaled = np.asarray(values, np.float64) * 255.0
    return np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)


def decode_unorm8(codes: Codes) -> Array:
    """Return c/255 as float32."""
    return (codes.astype(np.float64) / 255.0).astype(np.float32)


def encode_height16(height: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """Round heights of 0 to 1 (clipped) to uint16 h, meaning h/65535."""
    scaled = np.asarray(height, np.float64) * 65535.0
    return np.rint(np.clip(scaled, 0.0, 65535.0)).astype(np.uint16)


def decode_height16(codes: npt.NDArray[np.uint16]) -> Array:
    """Return h/65535 as float32."""
    return (codes.astype(np.float64) / 65535.0).astype(np.float32)


def decode_normal8(codes: Codes) -> Array:
    """Return 2·c/255 − 1 as float32, not normalised: look-ups filter first and normalise after."""
    return (codes.astype(np.float64) * (2.0 / 255.0) - 1.0).astype(np.float32)


def encode_normal8(normal: Array) -> Codes:
    """Encode normals (..., 3) as c = round((n·0.5 + 0.5)·255).

    Normals that came from 8 bits and were normalised since get their codes back exactly (for codes whose length
    is within 5 % of 1; beyond, up to 25 %, some codes share their direction with others and one of those is given).
    """
    flat = np.asarray(normal, np.float32).reshape(-1, 3)
    codes = encode_unorm8(flat.astype(np.float64) * 0.5 + 0.5)
    sample = flat[:: max(1, len(flat) // _SAMPLE)]
    if len(sample) and np.mean(_lattice_codes(sample)[1]) > 0.9:
        recovered, found = _lattice_codes(flat)
        codes[found] = recovered[found]
    return codes.reshape(np.shape(normal))


def _lattice_codes(normal: Array) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Find the 8-bit normals (vectors of odd integers 2·c − 255) that lie exactly along `normal` (N, 3)."""
    scaled = normal.astype(np.float64) * 255.0
    axis = np.argmax(np.abs(scaled), axis=1)
    major = np.take_along_axis(scaled, axis[:, None], axis=1)[:, 0]
    nearest = 2.0 * np.floor(np.abs(major) * 0.5) + 1.0
    codes = np.zeros(normal.shape, np.uint8)
    open_rows = np.flatnonzero(np.abs(major) > 1.0)
    found = np.zeros(len(normal), np.bool_)
    steps = round(255 * (_LONGEST - 1.0) / 2)
    for step in sorted(range(-steps, steps + 1), key=abs):
        if not len(open_rows):
            break
        length = (nearest[open_rows] + 2.0 * step) / np.abs(major[open_rows])
        candidate = scaled[open_rows] * length[:, None]
        odd = 2.0 * np.rint((candidate - 1.0) * 0.5) + 1.0
        hit = (
            (np.abs(candidate - odd).max(axis=1) < _LATTICE_TOLERANCE)
            & (np.abs(odd).max(axis=1) <= 255.0)
            & (length >= _SHORTEST)
            & (length <= _LONGEST)
        )
        rows = open_rows[hit]
        codes[rows] = ((odd[hit] + 255.0) * 0.5).astype(np.uint8)
        found[rows] = True
        open_rows = open_rows[~hit]
    return codes, found


def encode(material: PbrMaterial) -> ExplicitMaps:
    """Encode a PBR material's maps as glTF does.

    Maps that came from 8 bits (16 for height) keep their codes exactly. Values outside 0 to 1 are clipped.

    Returns:
        base colour as 8-bit sRGB; occlusion (255 where there is none), roughness, metallic as 8-bit linear;
        normals as (n·0.5 + 0.5)·255; height as 16-bit linear.
    """
    occlusion = np.float32(1.0) if material.occlusion is None else material.occlusion
    orm = np.empty((*material.shape, 3), np.uint8)
    for channel, values in enumerate((occlusion, material.roughness, material.metallic)):
        orm[..., channel] = encode_unorm8(values)
    return ExplicitMaps(
        base_color=encode_srgb8(material.base_color),
        orm=orm,
        normal=encode_normal8(material.normal),
        height=encode_height16(material.height),
        has_occlusion=material.occlusion is not None,
    )


def decode(
    maps: ExplicitMaps,
    *,
    name: str = "material",
    height_scale: float = 0.05,
    tileable: bool = True,
    physical_size: float = 1.0,
    provenance: dict[str, Any] | None = None,
) -> PbrMaterial:
    """Decode explicit channels to a PBR material: linear float32 maps, unit normals.

    `encode(decode(maps))` gives `maps` back (see `encode_normal8` on normals far from unit length).

    Args:
        maps: the channels.
        name: reduced to [A-Za-z0-9_-].
        height_scale: in texture widths.
        tileable: whether opposite edges meet.
        physical_size: width of the texture in metres.
        provenance: taken over as it is.
    """
    normal = decode_normal8(maps.normal).astype(np.float64)
    # Codes are odd multiples of 1/255, so no vector has length 0.
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return PbrMaterial(
        name=safe_name(name),
        base_color=decode_srgb8(maps.base_color),
        roughness=decode_unorm8(maps.orm[..., 1]),
        metallic=decode_unorm8(maps.orm[..., 2]),
        normal=normal.astype(np.float32),
        height=decode_height16(maps.height),
        height_scale=height_scale,
        occlusion=decode_unorm8(maps.orm[..., 0]) if maps.has_occlusion else None,
        tileable=tileable,
        physical_size=physical_size,
        provenance=dict(provenance or {}),
    )


def fallback(material: NeuralMaterial) -> PbrMaterial | None:
    """Return the PBR material that a neural one carries, None for one without explicit channels."""
    if material.explicit is None:
        return None
    return decode(
        material.explicit,
        name=material.name,
        height_scale=material.height_scale,
        tileable=material.tileable,
        physical_size=material.physical_size,
        provenance=material.provenance,
    )
