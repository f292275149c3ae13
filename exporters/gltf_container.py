"""glTF files from outside, opened with care: every length and index is checked before it is used.

Reads ``.glb`` (glTF 2.0, section 4.4) and ``.gltf`` with data URIs or files of its own folder. pygltflib is used for
writing only: it trusts the lengths it reads and drops properties that it does not know.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError

MAGIC = 0x46546C67
JSON_CHUNK = 0x4E4F534A
BIN_CHUNK = 0x004E4942
#: Largest file that is opened, in bytes.
MAX_FILE_BYTES = 2 << 30
MAX_JSON_BYTES = 64 << 20
#: Most elements of an accessor without a buffer view, which stands for zeros.
MAX_ZEROS = 5_000_000

COMPONENTS: dict[int, np.dtype[Any]] = {
    5120: np.dtype("<i1"), 5121: np.dtype("<u1"), 5122: np.dtype("<i2"), 5123: np.dtype("<u2"),
    5125: np.dtype("<u4"), 5126: np.dtype("<f4"),
}  # fmt: skip
TYPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


@dataclass
class GltfFile:
    """An opened file: its JSON document, and its bytes on demand.

    Every method raises InputError, in one line that starts with the path, when the file is at fault.
    """

    path: Path
    document: dict[str, Any]
    binary: bytes | None = None
    _buffers: dict[int, bytes] = field(default_factory=dict)

    def fault(self, what: str) -> InputError:
        """Build the error that says `what` is wrong with this file."""
        return InputError(f"{self.path}: {what}")

    def items(self, key: str) -> list[dict[str, Any]]:
        """Return the top-level array `key` (materials, meshes, …), empty when there is none."""
        return self.mappings(self.document.get(key, []), key)

    def mappings(self, value: object, label: str) -> list[dict[str, Any]]:
        """Check that `value` is a list of objects."""
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fault(f"{label} is not a list of objects")
        return value

    def mapping(self, value: object, label: str) -> dict[str, Any]:
        """Check that `value` is an object."""
        if not isinstance(value, dict):
            raise self.fault(f"{label} is not an object")
        return value

    def integer(self, value: object, label: str, *, least: int = 0, most: int = (1 << 53)) -> int:
        """Check that `value` is a whole number from `least` to `most`."""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(f"{label} is {_shown(value)}, expected a whole number from {least} to {most}")
        return value

    def number(self, value: object, label: str) -> float:
        """Check that `value` is a finite number."""
        # The bound keeps whole numbers that no float holds away from float().
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
            raise self.fault(f"{label} is {_shown(value)}, expected a number")
        return float(value)

    def numbers(self, value: object, label: str, count: int) -> list[float]:
        """Check that `value` is a list of `count` finite numbers."""
        if not isinstance(value, list) or len(value) != count:
            raise self.fault(f"{label} is not a list of {count} numbers")
        return [self.number(item, label) for item in value]

    def text(self, value: object, label: str) -> str:
        """Check that `value` is a string."""
        if not isinstance(value, str):
            raise self.fault(f"{label} is {_shown(value)}, expected a string")
        return value

    def flag(self, value: object, label: str) -> bool:
        """Check that `value` is true or false."""
        if not isinstance(value, bool):
            raise self.fault(f"{label} is {_shown(value)}, expected true or false")
        return value

    def item(self, key: str, index: object) -> dict[str, Any]:
        """Return entry `index` of the top-level array `key`."""
        entries = self.items(key)
        if not entries:
            raise self.fault(f"refers to {key} but has none")
        return entries[self.integer(index, f"index into {key}", most=len(entries) - 1)]

    def extensions(self, owner: dict[str, Any], label: str) -> dict[str, Any]:
        """Return the extensions of an object, empty when there are none."""
        return self.mapping(owner.get("extensions", {}), f"extensions of {label}")

    def buffer(self, index: int) -> bytes:
        """Return the bytes of a buffer, at least as many as it declares."""
        if index not in self._buffers:
            entry = self.item("buffers", index)
            length = self.integer(entry.get("byteLength"), f"byteLength of buffer {index}", most=MAX_FILE_BYTES)
            if "uri" in entry:
                data = self.resource(entry["uri"], f"buffer {index}")
            elif self.binary is not None and index == 0:
                data = self.binary
            else:
                raise self.fault(f"buffer {index} has no data")
            if len(data) < length:
                raise self.fault(f"buffer {index} declares {length} bytes but has {len(data)}")
            self._buffers[index] = data
        return self._buffers[index]

    def view(self, index: object) -> memoryview:
        """Return the bytes of a buffer view."""
        entry = self.item("bufferViews", index)
        label = f"bufferView {index}"
        if "EXT_meshopt_compression" in self.extensions(entry, label):
            raise self.fault(f"{label} is compressed (EXT_meshopt_compression); decompress the file first")
        data = self.buffer(self.integer(entry.get("buffer"), f"buffer of {label}"))
        offset = self.integer(entry.get("byteOffset", 0), f"byteOffset of {label}")
        length = self.integer(entry.get("byteLength"), f"byteLength of {label}", least=1)
        if offset + length > len(data):
            raise self.fault(f"{label} ends at byte {offset + length} of a buffer of {len(data)}")
        return memoryview(data)[offset : offset + length]

    def array(self, index: object, dtype: str, shape: tuple[int, ...], label: str) -> npt.NDArray[Any]:
        """Read a buffer view that holds exactly one row-major array of `dtype` (little-endian) and `shape`."""
        data = self.view(index)
        expected = math.prod(shape) * np.dtype(dtype).itemsize
        if len(data) != expected:
            raise self.fault(f"{label} has {len(data)} bytes, expected {expected} for {shape}")
        return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape).astype(dtype)

    def accessor(self, index: object, types: Iterable[str], *, raw: bool = False) -> npt.NDArray[Any]:
        """Read an accessor as (count, components); integers that are `normalized` become float32, unless `raw`."""
        entry = self.item("accessors", index)
        label = f"accessor {index}"
        kind = self.text(entry.get("type"), f"type of {label}")
        if kind not in types or kind not in TYPES:
            raise self.fault(f"{label} is {_shown(kind)}, expected {' or '.join(types)}")
        code = self.integer(entry.get("componentType"), f"componentType of {label}")
        if code not in COMPONENTS:
            raise self.fault(f"{label} has component type {code}, which glTF does not know")
        dtype, width = COMPONENTS[code], TYPES[kind]
        # Where no buffer view backs the count, nothing else bounds what is allocated.
        most = MAX_FILE_BYTES if "bufferView" in entry else MAX_ZEROS
        count = self.integer(entry.get("count"), f"count of {label}", least=1, most=most)
        if "bufferView" in entry:
            values = self._strided(entry, entry["bufferView"], dtype, (count, width), label).copy()
        else:
            values = np.zeros((count, width), dtype)
        if "sparse" in entry:
            self._substitute(values, self.mapping(entry["sparse"], f"sparse of {label}"), label)
        normalized = self.flag(entry.get("normalized", False), f"normalized of {label}")
        if normalized and code != 5126 and not raw:
            return np.maximum(values.astype(np.float32) / np.iinfo(dtype).max, -1.0).astype(np.float32)
        return values

    def _strided(
        self, owner: dict[str, Any], view: object, dtype: np.dtype[Any], shape: tuple[int, int], label: str
    ) -> npt.NDArray[Any]:
        count, width = shape
        offset = self.integer(owner.get("byteOffset", 0), f"byteOffset of {label}")
        data = self.view(view)
        size = dtype.itemsize * width
        stride = self.item("bufferViews", view).get("byteStride", size)
        stride = self.integer(stride, f"byteStride of {label}", least=1, most=1 << 16)
        if stride < size or offset + stride * (count - 1) + size > len(data):
            raise self.fault(f"{label} reads past the end of its buffer view")
        return np.ndarray(shape, dtype, data, offset, (stride, dtype.itemsize))

    def _substitute(self, values: npt.NDArray[Any], sparse: dict[str, Any], label: str) -> None:
        label = f"sparse {label}"
        where, what = (self.mapping(sparse.get(name), f"{name} of {label}") for name in ("indices", "values"))
        count = self.integer(sparse.get("count"), f"count of {label}", least=1, most=len(values))
        code = self.integer(where.get("componentType"), f"componentType of {label}")
        if code not in (5121, 5123, 5125):
            raise self.fault(f"{label} has indices of component type {code}")
        rows = self._strided(where, where.get("bufferView"), COMPONENTS[code], (count, 1), label)[:, 0]
        if int(rows.max()) >= len(values):
            raise self.fault(f"{label} has an index past its {len(values)} elements")
        values[rows] = self._strided(what, what.get("bufferView"), values.dtype, (count, values.shape[1]), label)

    def image(self, index: object) -> bytes:
        """Return the encoded bytes of an image."""
        entry = self.item("images", index)
        if "bufferView" in entry:
            return bytes(self.view(entry["bufferView"]))
        if "uri" in entry:
            return self.resource(entry["uri"], f"image {index}")
        raise self.fault(f"image {index} has no data")

    def resource(self, uri: object, label: str) -> bytes:
        """Read what a URI refers to: a data URI, or a file in the folder of this one or below it."""
        text = self.text(uri, f"uri of {label}")
        if text.startswith("data:"):
            head, comma, body = text.partition(",")
            if not comma or not head.endswith(";base64"):
                raise self.fault(f"{label} has a data URI that is not base64")
            try:
                return base64.b64decode(body, validate=True)
            except (binascii.Error, ValueError) as error:
                raise self.fault(f"{label} has a data URI that is not base64") from error
        name = unquote(text)
        folder = self.path.parent.resolve()
        try:
            target = (folder / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise self.fault(f"{label} refers to {_shown(name)}, which is not a file name") from error
        if ":" in name or "\\" in name or not target.is_relative_to(folder):
            raise self.fault(f"{label} refers to {_shown(name)}, outside the folder of the file")
        return read_bytes(target, MAX_FILE_BYTES)


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        InputError: it is missing, not a file, or larger.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        size = path.stat().st_size
        if size > limit:
            raise InputError(f"{path}: has {size} bytes, more than the {limit} that are read")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def open_gltf(path: str | Path) -> GltfFile:
    """Open a ``.glb`` or ``.gltf`` file.

    Raises:
        InputError: it is missing, cut short, not glTF 2.0, or its JSON is not sound.
    """
    path = Path(path)
    data = read_bytes(path, MAX_FILE_BYTES)
    if data[:4] == b"glTF":
        text, binary = _chunks(path, data)
    else:
        text, binary = data, None
    if len(text) > MAX_JSON_BYTES:
        raise InputError(f"{path}: its JSON has {len(text)} bytes, more than the {MAX_JSON_BYTES} that are read")
    try:
        document = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not glTF (its JSON cannot be read)") from error
    file = GltfFile(path, {}, binary)
    file.document = file.mapping(document, "the document")
    version = file.mapping(file.document.get("asset"), "asset").get("version")
    if not isinstance(version, str) or not version.startswith("2."):
        raise file.fault(f"is glTF of version {_shown(version)}, expected 2.0")
    return file


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes | None]:
    if len(data) < 20:
        raise InputError(f"{path}: is cut short ({len(data)} bytes)")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise InputError(f"{path}: is a binary glTF of version {version}, expected 2")
    if length > len(data):
        raise InputError(f"{path}: is cut short ({len(data)} of {length} bytes)")
    found: dict[int, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = struct.unpack_from("<II", data, position)
        position += 8
        if position + size > length:
            raise InputError(f"{path}: a chunk of {size} bytes reaches past the end of the file")
        if position == 20 and kind != JSON_CHUNK:
            raise InputError(f"{path}: does not begin with a JSON chunk")
        found.setdefault(kind, data[position : position + size])
        position += size
    if JSON_CHUNK not in found:
        raise InputError(f"{path}: has no JSON chunk")
    return found[JSON_CHUNK], found.get(BIN_CHUNK)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _shown(value: object) -> str:
    """Show a value of the file in a message: one line, not long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
