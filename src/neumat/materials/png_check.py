"""A look at a PNG file before the decoder sees it.

libpng writes what it dislikes to the standard error stream, and a decoder allocates by what the header claims. So
the chunks, their checksums and the length of the inflated data are checked first, in constant memory (PNG
specification, third edition, W3C 2025, sections 5 to 11).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = 1 << 18
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # colour type → bit depths
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column, first row, column step, row step of each pass
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class PngError(Exception):
    """What is wrong with a PNG file, in a few words."""


class _Stream:
    """The inflated image data: its length is counted and the filter byte of each row checked, nothing is kept."""

    def __init__(self, starts: npt.NDArray[np.int64], length: int) -> None:
        self._inflate = zlib.decompressobj()
        self._starts = starts
        self._length = length
        self._position = 0

    @property
    def complete(self) -> bool:
        return self._position >= self._length

    def feed(self, data: bytes) -> None:
        while data and not self.complete and not self._inflate.eof:
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error as error:
                raise PngError("its compressed data is damaged") from error
            data = self._inflate.unconsumed_tail
            first, last = np.searchsorted(self._starts, (self._position, self._position + len(piece)))
            if (np.frombuffer(piece, np.uint8)[self._starts[first:last] - self._position] > 4).any():
                raise PngError("its compressed data is damaged (unknown row filter)")
            self._position += len(piece)


def _rows(width: int, height: int, bits: int, interlaced: bool) -> tuple[npt.NDArray[np.int64], int]:
    """Offsets of the rows' filter bytes in the inflated data, and its length."""
    starts, position = [], 0
    for x, y, step_x, step_y in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        if columns <= 0 or rows <= 0:
            continue
        row_bytes = 1 + (columns * bits + 7) // 8
        starts.append(position + np.arange(rows, dtype=np.int64) * row_bytes)
        position += rows * row_bytes
    return np.concatenate(starts), position


def _header(data: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, colour type, bits a pixel, whether interlaced."""
    if len(data) != 13:
        raise PngError("its header is damaged")
    width, height, depth, color, compression, filtering, interlace = struct.unpack(">IIBBBBB", data)
    if width == 0 or height == 0:
        raise PngError("its header claims no pixels")
    if depth not in _DEPTHS.get(color, ()) or compression or filtering or interlace > 1:
        raise PngError("its header is damaged")
    return width, height, color, depth * _SAMPLES[color], bool(interlace)


def png_size(path: Path) -> tuple[int, int, int]:
    """Width, height and bits a pixel that the header of a PNG file claims.

    Raises:
        PngError: the header is cut off or damaged.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(33)
    if len(head) < 33 or not head.startswith(SIGNATURE) or head[12:16] != b"IHDR":
        raise PngError("it is cut off" if head.startswith(SIGNATURE) else "it is no PNG")
    width, height, _, bits, _ = _header(head[16:29])
    return width, height, bits


def check_png(path: Path) -> None:
    """Check every chunk that a picture needs, and that its data inflates to all of its pixels.

    Call `png_size` and check the claimed size before; memory stays below a megabyte.

    Raises:
        PngError: the file is cut off or damaged.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(8) != SIGNATURE:
            raise PngError("it is no PNG")
        kind, length = _chunk(file)
        header = _body(file, kind, length) if kind == b"IHDR" and length == 13 else b""
        width, height, color, bits, interlaced = _header(header)
        stream = _Stream(*_rows(width, height, bits, interlaced))
        palette = False
        while True:
            kind, length = _chunk(file)
            if kind == b"IDAT":
                if color == 3 and not palette:
                    raise PngError("its palette is missing")
                _feed(file, length, stream)
            elif kind == b"PLTE":
                if palette or length == 0 or length > 768 or length % 3:
                    raise PngError("its palette is damaged")
                palette = bool(_body(file, kind, length))
            elif kind == b"IEND":
                break
            elif not kind[0] & 0x20:
                raise PngError("it has an unknown chunk")
            else:  # of no use for the pixels; readers skip damaged ones
                file.seek(length + 4, 1)
        if not stream.complete:
            raise PngError("it is cut off")


def _chunk(file: BinaryIO) -> tuple[bytes, int]:
    head = file.read(8)
    if len(head) < 8:
        raise PngError("it is cut off")
    length, kind = struct.unpack(">I4s", head)
    if length > 0x7FFFFFFF or not kind.isalpha():
        raise PngError("it is damaged")
    return kind, length


def _body(file: BinaryIO, kind: bytes, length: int) -> bytes:
    data = file.read(length)
    _check_sum(file, zlib.crc32(data, zlib.crc32(kind)), cut=len(data) < length)
    return data


def _feed(file: BinaryIO, length: int, stream: _Stream) -> None:
    checksum = zlib.crc32(b"IDAT")
    while length > 0:
        data = file.read(min(length, _PIECE))
        if not data:
            break
        checksum = zlib.crc32(data, checksum)
        stream.feed(data)
        length -= len(data)
    _check_sum(file, checksum, cut=length > 0)


def _check_sum(file: BinaryIO, checksum: int, *, cut: bool) -> None:
    stored = file.read(4)
    if cut or len(stored) < 4:
        raise PngError("it is cut off")
    if checksum != struct.unpack(">I", stored)[0]:
        raise PngError("it is damaged (wrong checksum)")
