"""The container of a .neumat file: safetensors, written deterministically and read with suspicion.

Eight bytes (little-endian) give the length of a JSON header, which gives dtype, shape and place of each tensor in
the rest of the file. Everything that the header promises is checked against the file before a tensor is read.
"""

from __future__ import annotations

import json
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.files import replacing

#: Most bytes of the JSON header.
MAX_HEADER = 1_000_000
_MAX_DIMENSIONS = 4
_DTYPES = {"U8": "<u1", "U16": "<u2", "F16": "<f2", "F32": "<f4"}


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor stands: dtype as safetensors names it, shape, first byte after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int


@dataclass(frozen=True)
class Header:
    """A header that agrees with its file.

    Attributes:
        metadata: the string pairs of ``__metadata__``.
        tensors: entries by name; together they fill the file without a gap or an overlap.
        start: position of the first tensor's first byte in the file.
    """

    metadata: dict[str, str]
    tensors: dict[str, TensorEntry]
    start: int


def shown(text: object) -> str:
    """Quote something from a file for a message: short, in ASCII, on one line."""
    quoted = ascii(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}..."


def parse_json(data: bytes | str, what: str) -> Any:
    """Parse JSON from an untrusted file.

    Raises:
        InputError: it is not JSON, has a name twice, NaN, infinity or broken Unicode, or is nested too deeply.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constants)
        # Lone surrogates cannot be written again.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is not valid JSON ({_reason(error)})") from None
    return value


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "broken Unicode"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:80]


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def _no_constants(text: str) -> float:
    raise ValueError(f"{text} is not a number")


@contextmanager
def open_container(path: str | Path) -> Iterator[tuple[BinaryIO, Header]]:
    """Open a file and check its header; the stream stays open for `read_tensor`.

    Raises:
        InputError: the file cannot be opened or is not a sound container. Errors of this kind that are raised
            inside the block, too, get the path put in front.
    """
    try:
        # A pipe would block and a device has no end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError("is not a file but a folder or device")
        with open(path, "rb") as stream:
            yield stream, _read_header(stream)
    except InputError as error:
        raise type(error)(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_header(stream: BinaryIO) -> Header:
    size = os.fstat(stream.fileno()).st_size
    if size == 0:
        raise InputError("the file is empty")
    prefix = stream.read(8)
    if len(prefix) < 8:
        raise InputError(f"is not a .neumat file ({size} bytes are too few)")
    (length,) = struct.unpack("<Q", prefix)
    if not 2 <= length <= MAX_HEADER:
        raise InputError(f"is not a .neumat file (its header would have {length} bytes)")
    if 8 + length > size:
        raise InputError(f"is truncated: the header has {length} bytes, the file {size}")
    data = stream.read(length)
    if not data.startswith(b"{"):
        raise InputError("is not a .neumat file (no JSON header)")
    header = parse_json(data, "its header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError("its metadata is not a table of strings")
    tensors: dict[str, TensorEntry] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        tensors[name], end = _entry(name, entry)
        spans.append((tensors[name].begin, end, name))
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            raise InputError(f"tensor {shown(name)} begins at byte {begin} of the data, expected {position}")
        position = end
    if 8 + length + position != size:
        verb = "is truncated" if 8 + length + position > size else "has bytes after its end"
        raise InputError(f"{verb}: the header promises {8 + length + position} bytes, the file has {size}")
    return Header(metadata, tensors, 8 + length)


def _entry(name: str, entry: Any) -> tuple[TensorEntry, int]:
    label = f"tensor {shown(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{label} has no proper entry in the header")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise InputError(f"{label} has dtype {shown(dtype)}, allowed are {', '.join(_DTYPES)}")
    if not _whole_numbers(shape) or len(shape) > _MAX_DIMENSIONS:
        raise InputError(f"{label} has shape {shown(shape)}")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise InputError(f"{label} has offsets {shown(offsets)}")
    begin, end = offsets
    expected = prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if end - begin != expected:
        raise InputError(f"{label} of shape {shown(shape)} needs {expected} bytes, its place has {end - begin}")
    return TensorEntry(dtype, tuple(shape), begin), end


def _whole_numbers(value: Any) -> bool:
    # bool is an int in Python; 2**40 keeps products and sums small.
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**40 for item in value)


def read_tensor(stream: BinaryIO, header: Header, name: str) -> npt.NDArray[Any]:
    """Read one tensor; what it may be is the caller's to check in `header` first.

    Raises:
        InputError: the file ended early.
    """
    entry = header.tensors[name]
    values = np.empty(entry.shape, np.dtype(_DTYPES[entry.dtype]))
    stream.seek(header.start + entry.begin)
    view = values.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(view):
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise InputError(f"ended while tensor {shown(name)} was read")
        done += count
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def write_container(path: str | Path, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata; equal content gives equal bytes.

    Tensors stand in the order of their item size (largest first: all are aligned), then of their names.

    Raises:
        InputError: the header would be longer than `MAX_HEADER`, or a dtype cannot be stored.
        OutputError: the file cannot be written.
    """
    names = {np.dtype(code): name for name, code in _DTYPES.items()}
    entries: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    position = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in names:
            raise InputError(f"tensor {name!r} is {tensor.dtype}, which a .neumat file cannot hold")
        entries[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + tensor.nbytes],
        }
        position += tensor.nbytes
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=True).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise InputError(f"its header would have {len(header)} bytes, at most {MAX_HEADER} are allowed")
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        stream.write(struct.pack("<Q", len(header)))
        stream.write(header)
        for name in order:
            values = np.ascontiguousarray(tensors[name])
            stream.write(values.astype(values.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data)
