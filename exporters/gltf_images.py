"""The images inside glTF files: PNG written without any colour chunk, PNG and JPEG read within limits."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.images import Image, read_image, write_png

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
# What a decoder needs; all else (gAMA, iCCP, sRGB, time, text) could change colours or differ between runs.
_KEPT_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 as PNG; the codes are stored as they are.

    Raises:
        OutputError: the encoder failed.
    """
    with tempfile.TemporaryDirectory(prefix="neumat-") as folder:
        path = Path(folder) / "image.png"
        write_png(path, pixels)
        return _essential(path.read_bytes())


def _essential(png: bytes) -> bytes:
    parts = [png[:8]]
    position = 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        end = position + 12 + length
        if png[position + 4 : position + 8] in _KEPT_CHUNKS:
            parts.append(png[position:end])
        position = end
    return b"".join(parts)


def decode_image(data: bytes, label: str) -> Image:
    """Decode PNG or JPEG; sizes are checked against limits before anything is allocated.

    Args:
        data: the encoded bytes.
        label: what the image is, for messages.

    Raises:
        InputError: neither PNG nor JPEG, damaged, or larger than the limits of `neumat.materials.images`.
    """
    kind = next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)
    if kind is None:
        raise InputError(f"{label} is neither PNG nor JPEG; convert it to PNG")
    with tempfile.TemporaryDirectory(prefix="neumat-") as folder:
        path = Path(folder) / f"image.{kind}"
        path.write_bytes(data)
        try:
            return read_image(path)
        except InputError as error:
            raise InputError(str(error).replace(str(path), label)) from error


def rgb(image: Image) -> npt.NDArray[np.float32]:
    """Return the colour channels, (H, W, 3), 0 to 1; grey is repeated, alpha left out."""
    colors = image.pixels[..., :3] if image.pixels.shape[2] >= 3 else image.pixels[..., :1]
    return np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))


def codes8(image: Image) -> npt.NDArray[np.uint8]:
    """Return the 8-bit codes of the colour channels, (H, W, 3), as they are stored in an 8-bit image."""
    codes: npt.NDArray[np.uint8] = np.rint(rgb(image) * np.float32(255.0)).astype(np.uint8)
    return codes
