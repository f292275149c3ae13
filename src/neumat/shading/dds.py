"""DDS files without compression: a header of 148 bytes, then the levels, largest first, row by row without gaps."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Values of DXGI_FORMAT and bytes of a texel.
_DXGI = {"rgba8_srgb": (29, 4), "rgba8": (28, 4), "r16": (56, 2), "rgba16f": (10, 8), "rgba32f": (2, 16)}
HEADER_BYTES = 148
_CAPS, _HEIGHT, _WIDTH, _PITCH, _PIXELFORMAT, _MIPMAPCOUNT = 0x1, 0x2, 0x4, 0x8, 0x1000, 0x20000
_TEXTURE, _MIPMAP, _COMPLEX = 0x1000, 0x400000, 0x8
_FOURCC = 0x4
_DIMENSION_2D = 3
_ALPHA_OPAQUE = 3


def dds_bytes(levels: Sequence[npt.NDArray[Any]], texel_format: str) -> bytes:
    """Encode a 2-D texture with the DX10 header.

    Args:
        levels: (h, w) or (h, w, 4) arrays, largest first; each half as large as the one before.
        texel_format: a key of `neumat.shading.textures.FORMATS`.
    """
    height, width = levels[0].shape[:2]
    dxgi, texel_bytes = _DXGI[texel_format]
    flags = _CAPS | _HEIGHT | _WIDTH | _PITCH | _PIXELFORMAT
    caps = _TEXTURE
    if len(levels) > 1:
        flags |= _MIPMAPCOUNT
        caps |= _MIPMAP | _COMPLEX
    header = struct.pack("<4s7I44x", b"DDS ", 124, flags, height, width, width * texel_bytes, 0, len(levels))
    header += struct.pack("<2I4s5I", 32, _FOURCC, b"DX10", 0, 0, 0, 0, 0)
    header += struct.pack("<4I4x", caps, 0, 0, 0)
    opaque = _ALPHA_OPAQUE if texel_format.startswith("rgba8") else 0
    header += struct.pack("<5I", dxgi, _DIMENSION_2D, 0, 1, opaque)
    assert len(header) == HEADER_BYTES
    bodies = [np.ascontiguousarray(level, dtype=level.dtype.newbyteorder("<")).tobytes() for level in levels]
    return header + b"".join(bodies)
