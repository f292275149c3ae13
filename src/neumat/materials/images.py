"""Pictures in and out, through OpenImageIO alone.

Files come from anywhere: what a header claims is held against limits and against the size of the file before any
pixel is allocated.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio  # noqa: N813 (the name of its own documentation)

from neumat.errors import InputError, OutputError
from neumat.files import replacing
from neumat.materials.png_check import SIGNATURE, PngError, check_png, png_size

MAX_SIDE = 16384
MAX_PIXELS = 64 << 20  # 8192 × 8192
MAX_CHANNELS = 64
READ_CHANNELS = 4
# Raw bytes for each byte of a file. Deflate shrinks at most 1032 to 1, a constant JPEG a little less; a constant EXR
# in blocks of DWAB reaches 8000.
_DENSEST = {"openexr": 1 << 14}
_DENSEST_OTHERS = 2000
_SLACK = 1 << 16
_MAGIC = {
    SIGNATURE: "png",
    b"\xff\xd8\xff": "jpeg",
    b"\x76\x2f\x31\x01": "openexr",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"#?RADIANCE": "hdr",
    b"#?RGBE": "hdr",
}
_KNOWN = "PNG, JPEG, EXR, TIFF or HDR"


@dataclass(frozen=True)
class Image:
    """A picture in memory as its file stores it: no colour space is applied.

    Attributes:
        pixels: (H, W, C) float32, C = 1 to 4, row 0 at the top. Integer formats are scaled to 0 to 1, half and
            float keep their values. Alpha is unassociated, except in EXR, whose alpha is associated by definition.
        bits: of a stored sample.
        channels: names, such as ("R", "G", "B") or ("Y",).
        format: "png", "jpeg", "openexr", "tiff" or "hdr".
        floating: whether samples are stored as half or float.
    """

    pixels: npt.NDArray[np.float32]
    bits: int
    channels: tuple[str, ...]
    format: str
    floating: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_image(path: str | Path) -> Image:
    """Read the first picture of a PNG, JPEG, EXR, TIFF or HDR file, at most its first four channels.

    Raises:
        InputError: the file is missing, no picture, cut off, damaged, or larger than the limits.
    """
    path = Path(path)
    kind, file_size = _kind(path)
    if kind == "png":
        try:
            width, height, bits = png_size(path)
            _check_size(path, kind, width, height, width * height * bits // 8, file_size)
            check_png(path)
        except PngError as fault:
            raise InputError(f"{path}: cannot be read as PNG: {fault}") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return _decode(path, kind, file_size)


def _kind(path: Path) -> tuple[str, int]:
    """The format by the file's first bytes, and its size in bytes."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is no regular file; a picture ({_KNOWN}) was expected")
        with open(path, "rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not head:
        raise InputError(f"{path}: is empty; a picture ({_KNOWN}) was expected")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind, status.st_size
    raise InputError(f"{path}: is no picture that can be read ({_KNOWN})")


def _check_size(path: Path, kind: str, width: int, height: int, raw_bytes: int, file_size: int) -> None:
    if width < 1 or height < 1:
        raise InputError(f"{path}: has no pixels ({width} x {height})")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: claims {width} x {height} pixels; at most {MAX_SIDE} a side and "
            f"{MAX_PIXELS >> 20} megapixels are read"
        )
    if raw_bytes > _DENSEST.get(kind, _DENSEST_OTHERS) * file_size + _SLACK:
        raise InputError(f"{path}: claims {width} x {height} pixels in {file_size} bytes; it is cut off or damaged")


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return "".join(c if c.isprintable() else "?" for c in (lines[0] if lines else "unknown fault"))[:160]


def _fault(path: Path, kind: str, message: str) -> InputError:
    reason = _first_line(message.replace(f'("{path}")', "").replace(f"({path})", ""))
    return InputError(f"{path}: cannot be read as {kind.upper()}, it is cut off or damaged ({reason})")


def _decode(path: Path, kind: str, file_size: int) -> Image:
    try:
        return _decoded(path, kind, file_size)
    except (UnicodeError, RuntimeError) as error:  # messages that quote bytes of the file, faults inside the decoder
        raise _fault(path, kind, type(error).__name__) from None
    except MemoryError:
        raise InputError(f"{path}: there is not enough memory to read it") from None


def _decoded(path: Path, kind: str, file_size: int) -> Image:
    hints = oiio.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)
    reader = oiio.ImageInput.open(str(path), hints)
    if reader is None:
        raise _fault(path, kind, oiio.geterror())
    try:
        spec = reader.spec()
        if spec.deep or spec.depth > 1:
            raise InputError(f"{path}: is a deep or volume picture; save it as a flat one")
        if not 1 <= spec.nchannels <= MAX_CHANNELS:
            raise InputError(f"{path}: has {spec.nchannels} channels; 1 to {MAX_CHANNELS} are read")
        raw_bytes = spec.width * spec.height * spec.nchannels * spec.format.size()
        _check_size(path, kind, spec.width, spec.height, raw_bytes, file_size)
        count = min(spec.nchannels, READ_CHANNELS)
        stored = reader.read_image(0, 0, 0, count, oiio.UNKNOWN)
        message = reader.geterror()
        # A JPEG that is cut off gives pixels and a message.
        if stored is None or message:
            raise _fault(path, kind, message)
        bits = spec.get_int_attribute("oiio:BitsPerSample", 8 * spec.format.size())
        channels = tuple(str(name) for name in spec.channelnames[:count])
    finally:
        reader.close()
    return _image(path, np.asarray(stored).reshape(spec.height, spec.width, count), bits, channels, kind)


def _image(path: Path, stored: npt.NDArray[Any], bits: int, channels: tuple[str, ...], kind: str) -> Image:
    if stored.dtype in (np.uint8, np.uint16):
        pixels = stored.astype(np.float32)
        pixels /= np.float32(np.iinfo(stored.dtype).max)
        return Image(pixels, bits, channels, kind, floating=False)
    if stored.dtype in (np.float16, np.float32, np.float64):
        with np.errstate(over="ignore"):
            pixels = stored.astype(np.float32)
        return Image(pixels, bits, channels, kind, floating=True)
    raise InputError(f"{path}: stores {stored.dtype} samples; save it with 8 or 16 bits, half or float")


_TYPES = {"uint8": "uint8", "uint16": "uint16", "float16": "half", "float32": "float"}


def _write(path: str | Path, pixels: npt.NDArray[Any], attributes: dict[str, str | int], what: str) -> None:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.size == 0:
        raise OutputError(f"{path}: a picture needs (H, W) or (H, W, 1 to 4) pixels, got {pixels.shape}")
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, _TYPES[pixels.dtype.name])
    for name, value in attributes.items():
        spec.attribute(name, value)
    with replacing(path) as temporary:
        writer = oiio.ImageOutput.create(what)
        if writer is None:
            raise OutputError(f"{path}: cannot be written ({_first_line(oiio.geterror())})")
        if not writer.open(str(temporary), spec):
            raise OutputError(f"{path}: cannot be written ({_first_line(writer.geterror())})")
        written = writer.write_image(np.ascontiguousarray(pixels))
        if not (writer.close() and written):
            raise OutputError(f"{path}: cannot be written ({_first_line(writer.geterror())})")


def write_png(path: str | Path, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write codes as they are to a PNG file: (H, W) or (H, W, 1 to 4) uint8 or uint16, alpha unassociated.

    Raises:
        OutputError: the array is of another type or shape, or the file cannot be written.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise OutputError(f"{path}: PNG takes uint8 or uint16 pixels, got {pixels.dtype}")
    _write(path, pixels, {"oiio:UnassociatedAlpha": 1}, "png")


def write_exr(path: str | Path, pixels: npt.NDArray[np.floating[Any]], *, half: bool = False) -> None:
    """Write linear pixels, (H, W) or (H, W, 1 to 4), to an EXR file as float, or as half.

    Raises:
        OutputError: the shape does not fit, or the file cannot be written.
    """
    with np.errstate(over="ignore"):
        stored = pixels.astype(np.float16 if half else np.float32)
    # The same pixels give the same bytes: no clock in the header.
    _write(path, stored, {"compression": "zip", "DateTime": "1970:01:01 00:00:00"}, "openexr")
