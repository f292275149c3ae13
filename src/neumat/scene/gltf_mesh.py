"""Reading the triangles of a glTF or GLB file, checked before anything is allocated.

Read here rather than through a general loader because UVs of primitives without a material, tangents and node
transforms all have to survive. Formats: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.scene.part import MAX_FACES, MAX_VERTICES, Array, Part, printable, unit

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_KNOWN_REQUIRED = {"KHR_mesh_quantization", "KHR_texture_transform", "KHR_materials_unlit"}
_MAX_DEPTH = 64
_MAX_JSON = 64 << 20
_MAX_BUFFER = 1 << 31


class GltfFile:
    """The JSON and the buffers of one file, with look-ups that raise `InputError` instead of trusting it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = _read(path, path, _MAX_BUFFER)
        self._embedded: bytes | None = None
        if path.suffix.lower() == ".glb" or data[:4] == b"glTF":
            text, self._embedded = self._chunks(data)
        else:
            text = data
        try:
            document = json.loads(text[:_MAX_JSON])
        except (ValueError, RecursionError) as error:
            raise self.wrong("its JSON cannot be read") from error
        if not isinstance(document, dict):
            raise self.wrong("its JSON is not an object")
        self.document: dict[str, Any] = document
        self._buffers: dict[int, bytes] = {}
        for name in self.array(document, "extensionsRequired"):
            if name not in _KNOWN_REQUIRED and not str(name).startswith("KHR_materials_"):
                raise self.wrong(f"it requires {printable(str(name))}, which is not supported; export it uncompressed")

    def wrong(self, what: str) -> InputError:
        """Build the error that names this file."""
        return InputError(f"{self.path}: not a usable glTF file: {what}")

    def _chunks(self, data: bytes) -> tuple[bytes, bytes | None]:
        if len(data) < 20 or data[:4] != b"glTF":
            raise self.wrong("it is too short or lacks the GLB header")
        version, length = struct.unpack_from("<II", data, 4)
        if version != 2:
            raise self.wrong(f"GLB version {version}, expected 2")
        if length > len(data):
            raise self.wrong(f"its header promises {length} bytes, the file has {len(data)} (truncated?)")
        text: bytes | None = None
        binary: bytes | None = None
        at = 12
        while at + 8 <= length:
            size, kind = struct.unpack_from("<II", data, at)
            if at + 8 + size > length:
                raise self.wrong("a chunk runs past the end of the file (truncated?)")
            chunk = data[at + 8 : at + 8 + size]
            if kind == 0x4E4F534A and text is None:
                text = chunk
            elif kind == 0x004E4942 and binary is None:
                binary = chunk
            at += 8 + size
        if not text:
            raise self.wrong("it has no JSON chunk")
        return text, binary

    def array(self, owner: dict[str, Any], key: str) -> list[Any]:
        """Return the list at `key`, empty if absent."""
        value = owner.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(f"{key} is not a list")
        return value

    def number(self, owner: dict[str, Any], key: str, default: int | None, high: int) -> int:
        """Return the integer at `key`, 0 to `high`."""
        value = owner.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
            raise self.wrong(f"{key} is {printable(str(value), 20)}, expected 0 to {high}")
        return value

    def item(self, key: str, index: Any) -> dict[str, Any]:
        """Return object `index` of the top-level list `key`."""
        items = self.array(self.document, key)
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(items):
            raise self.wrong(f"{key} has no number {printable(str(index), 20)}")
        if not isinstance(items[index], dict):
            raise self.wrong(f"{key}[{index}] is not an object")
        found: dict[str, Any] = items[index]
        return found

    def buffer(self, index: int) -> bytes:
        """Return the bytes of buffer `index`: embedded, a data URI, or a file beside this one."""
        if index not in self._buffers:
            self._buffers[index] = self._load_buffer(index)
        return self._buffers[index]

    def _load_buffer(self, index: int) -> bytes:
        entry = self.item("buffers", index)
        length = self.number(entry, "byteLength", None, _MAX_BUFFER)
        uri = entry.get("uri")
        if uri is None:
            data = self._embedded if index == 0 and self._embedded is not None else b""
        elif not isinstance(uri, str):
            raise self.wrong("a buffer's uri is not text")
        elif uri.startswith("data:"):
            try:
                data = base64.b64decode(uri.partition(",")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise self.wrong("a data URI is not base64") from error
        else:
            relative = Path(unquote(uri))
            # A file must not make us open what lies outside its own folder.
            if relative.is_absolute() or ".." in relative.parts or ":" in uri:
                raise self.wrong(f"buffer {printable(uri)} is not beside the file")
            data = _read(self.path.parent / relative, self.path, _MAX_BUFFER)
        if len(data) < length:
            raise self.wrong(f"buffer {index} has {len(data)} bytes, {length} were promised (truncated?)")
        return data

    def accessor(self, index: Any, kinds: tuple[str, ...]) -> npt.NDArray[Any]:
        """Return accessor `index` as (count, width), normalised integers as float32."""
        entry = self.item("accessors", index)
        if "sparse" in entry:
            raise self.wrong("sparse accessors are not supported")
        kind = entry.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            raise self.wrong(f"accessor {index} is {printable(str(kind), 20)}, expected {' or '.join(kinds)}")
        code = entry.get("componentType")
        if not isinstance(code, int) or code not in _COMPONENTS:
            raise self.wrong(f"accessor {index} has component type {printable(str(code), 20)}")
        dtype, width = np.dtype(_COMPONENTS[code]), _WIDTHS[kind]
        count = self.number(entry, "count", None, 3 * MAX_FACES)
        view = self.item("bufferViews", entry.get("bufferView"))
        data = self.buffer(self.number(view, "buffer", None, 1 << 16))
        start = self.number(view, "byteOffset", 0, len(data))
        end = start + self.number(view, "byteLength", None, len(data) - start)
        first = start + self.number(entry, "byteOffset", 0, end - start)
        tight = dtype.itemsize * width
        stride = self.number(view, "byteStride", tight, 252) or tight
        if stride < tight or (count and first + (count - 1) * stride + tight > end):
            raise self.wrong(f"accessor {index} runs past its buffer view")
        if count == 0:
            return np.zeros((0, width), dtype)
        values = np.ndarray((count, width), dtype, data, first, (stride, dtype.itemsize)).copy()
        if entry.get("normalized") is True and dtype.kind != "f":
            values = np.maximum(values.astype(np.float32) / np.float32(np.iinfo(dtype).max), np.float32(-1.0))
        return values


def _read(path: Path, shown: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise InputError(f"{shown}: larger than {limit >> 20} MiB, too large to read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason})") from error


def read_gltf(path: Path) -> tuple[list[Part], list[str]]:
    """Read every triangle primitive of the default scene, node transforms applied.

    Returns:
        The primitives, and notes on what was left out.

    Raises:
        InputError: the file is missing, truncated, malformed, or needs an unsupported extension.
    """
    file = GltfFile(path)
    parts: list[Part] = []
    notes: list[str] = []
    faces = vertices = 0
    for name, matrix, mesh in _instances(file):
        primitives = file.array(mesh, "primitives")
        for number, primitive in enumerate(primitives):
            if not isinstance(primitive, dict):
                raise file.wrong("a primitive is not an object")
            label = name if len(primitives) == 1 else f"{name}.{number}"
            part = _part(file, primitive, label, matrix, notes)
            if part is None:
                continue
            faces += len(part.indices)
            vertices += len(part.positions)
            if faces > MAX_FACES or vertices > MAX_VERTICES:
                raise file.wrong(f"more than {MAX_FACES} triangles or {MAX_VERTICES} vertices")
            parts.append(part)
    return parts, notes


def _instances(file: GltfFile) -> list[tuple[str, npt.NDArray[np.float64], dict[str, Any]]]:
    document = file.document
    scenes = file.array(document, "scenes")
    nodes = file.array(document, "nodes")
    if scenes:
        roots = file.array(file.item("scenes", document.get("scene", 0)), "nodes")
    else:
        roots = list(range(len(nodes)))
        for node in nodes:
            if isinstance(node, dict):
                children = file.array(node, "children")
                roots = [r for r in roots if r not in children]
    found = []
    visited = 0
    stack = [(index, np.eye(4), 0) for index in reversed(roots)]
    while stack:
        index, parent, depth = stack.pop()
        visited += 1
        # Each node has one parent at most, so more visits than nodes mean a cycle or a shared child.
        if depth > _MAX_DEPTH or visited > len(nodes):
            raise file.wrong("its nodes form a cycle or are nested too deeply")
        node = file.item("nodes", index)
        matrix = parent @ _local(file, node)
        if "mesh" in node:
            mesh = file.item("meshes", node["mesh"])
            name = node.get("name") or mesh.get("name") or f"node{index}"
            found.append((printable(str(name)), matrix, mesh))
        stack += [(child, matrix, depth + 1) for child in reversed(file.array(node, "children"))]
    return found


def _local(file: GltfFile, node: dict[str, Any]) -> npt.NDArray[np.float64]:
    if "matrix" in node:
        return _floats(file, node, "matrix", 16).reshape(4, 4).T
    matrix = np.eye(4)
    if "rotation" in node:
        x, y, z, w = _floats(file, node, "rotation", 4)
        norm = math.hypot(x, y, z, w)
        if norm < 1e-6:
            raise file.wrong("a node's rotation has no length")
        x, y, z, w = x / norm, y / norm, z / norm, w / norm
        matrix[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    if "scale" in node:
        matrix[:3, :3] *= _floats(file, node, "scale", 3)
    if "translation" in node:
        matrix[:3, 3] = _floats(file, node, "translation", 3)
    return matrix


def _floats(file: GltfFile, node: dict[str, Any], key: str, count: int) -> npt.NDArray[np.float64]:
    values = file.array(node, key)
    if len(values) != count or not all(isinstance(v, (int, float)) and abs(v) < 1e12 for v in values):
        raise file.wrong(f"a node's {key} is not {count} finite numbers")
    return np.array(values, np.float64)


def _part(
    file: GltfFile, primitive: dict[str, Any], name: str, matrix: npt.NDArray[np.float64], notes: list[str]
) -> Part | None:
    mode = primitive.get("mode", 4)
    if mode not in {4, 5, 6}:
        notes.append(f"{name}: points or lines left out")
        return None
    attributes = primitive.get("attributes")
    if not isinstance(attributes, dict) or "POSITION" not in attributes:
        raise file.wrong(f"primitive {name} has no positions")
    positions = file.accessor(attributes["POSITION"], ("VEC3",)).astype(np.float64)
    if len(positions) > MAX_VERTICES:
        raise file.wrong(f"primitive {name} has more than {MAX_VERTICES} vertices")

    def optional(key: str, kind: str) -> Array | None:
        if key not in attributes:
            return None
        values = file.accessor(attributes[key], (kind,)).astype(np.float32)
        if len(values) != len(positions):
            raise file.wrong(f"{key} of {name} has {len(values)} entries for {len(positions)} positions")
        return values

    if "indices" in primitive:
        corners = file.accessor(primitive["indices"], ("SCALAR",))
        if corners.dtype.kind != "u":
            raise file.wrong(f"indices of {name} are not unsigned integers")
        corners = corners[:, 0].astype(np.int64)
    else:
        corners = np.arange(len(positions))
    if corners.size and corners.max() >= len(positions):
        raise file.wrong(f"{name} has an index {corners.max()} for {len(positions)} vertices")
    normals, uvs, tangents = optional("NORMAL", "VEC3"), optional("TEXCOORD_0", "VEC2"), optional("TANGENT", "VEC4")
    linear = matrix[:3, :3]
    mirrored = bool(np.linalg.det(linear) < 0.0)
    faces = _triangles(corners, mode)
    if normals is not None:
        # The cofactor matrix keeps normals perpendicular and exists for flat (singular) transforms too.
        cofactor = np.stack([np.cross(linear[(i + 1) % 3], linear[(i + 2) % 3]) for i in range(3)])
        turned = unit(normals.astype(np.float64) @ cofactor.T)
        normals = (-turned if mirrored else turned).astype(np.float32)
    if tangents is not None:
        xyz = unit(tangents[:, :3].astype(np.float64) @ linear.T, (0.0, 0.0, 0.0))
        hand = np.where(tangents[:, 3:] < 0.0, -1.0, 1.0) * (-1.0 if mirrored else 1.0)
        tangents = np.concatenate([xyz, hand], axis=1).astype(np.float32)
    if mirrored:
        faces = faces[:, ::-1]
    world = (positions @ linear.T + matrix[:3, 3]).astype(np.float32)
    return Part(name, world, np.ascontiguousarray(faces, np.int32), normals, uvs, tangents)


def _triangles(corners: npt.NDArray[np.int64], mode: int) -> npt.NDArray[np.int64]:
    if mode == 4:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    count = max(len(corners) - 2, 0)
    i = np.arange(count)
    if mode == 6:
        return np.stack([corners[i + 1], corners[i + 2], np.repeat(corners[:1], count)], axis=1)
    odd = i % 2
    return np.stack([corners[i], corners[i + 1 + odd], corners[i + 2 - odd]], axis=1)
