"""A glTF document under construction: pygltflib's objects and the one binary chunk."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pygltflib

from neumat.errors import InputError, OutputError
from neumat.exporters.gltf_container import BIN_CHUNK, COMPONENTS, JSON_CHUNK, MAGIC
from neumat.files import write_bytes

_CODES = {dtype: code for code, dtype in COMPONENTS.items()}
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class GltfDocument:
    """A glTF file in the making.

    Attributes:
        gltf: the structure, as pygltflib's objects.
        material_extensions: extensions of materials, by index of the material. They are merged into the JSON last,
            because pygltflib removes empty and null values inside the objects that it writes.
    """

    def __init__(self, generator: str) -> None:
        self.gltf: Any = pygltflib.GLTF2(asset=pygltflib.Asset(generator=generator, version="2.0"))
        self.material_extensions: dict[int, dict[str, Any]] = {}
        self._blob = bytearray()

    def add_view(self, data: bytes | memoryview, *, target: int | None = None, stride: int | None = None) -> int:
        """Append bytes, aligned to 4, as a buffer view, and return its index."""
        self._blob.extend(bytes(-len(self._blob) % 4))
        view = pygltflib.BufferView(
            buffer=0, byteOffset=len(self._blob), byteLength=len(data), byteStride=stride, target=target
        )
        self._blob.extend(data)
        self.gltf.bufferViews.append(view)
        return len(self.gltf.bufferViews) - 1

    def add_array(self, array: npt.NDArray[Any]) -> int:
        """Append a row-major array, little-endian, as a plain buffer view, and return its index."""
        return self.add_view(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())

    def add_accessor(self, array: npt.NDArray[Any], *, bounds: bool = False, normalized: bool = False) -> int:
        """Append a vertex attribute as an accessor of its own, and return its index.

        Args:
            array: (count, 1 to 4) of a component type that glTF knows.
            bounds: write `min` and `max`, as POSITION needs.
            normalized: whether integers stand for 0 to 1 or −1 to 1.
        """
        rows = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        count, width = rows.shape
        size = rows.dtype.itemsize * width
        stride = size + -size % 4  # vertex attributes start at multiples of 4
        packed = np.zeros((count, stride), np.uint8)
        packed[:, :size] = rows.view(np.uint8).reshape(count, size)
        target = pygltflib.ARRAY_BUFFER
        view = self.add_view(packed.tobytes(), target=target, stride=None if stride == size else stride)
        return self._accessor(rows, view, _KINDS[width], bounds=bounds, normalized=normalized)

    def add_indices(self, corners: npt.NDArray[Any]) -> int:
        """Append the indices of triangles, (3·F,), as an accessor of its own, and return its index."""
        # The largest value of a type restarts a primitive, so it is no index.
        dtype = "<u2" if corners.max(initial=0) < 65535 else "<u4"
        rows = np.ascontiguousarray(corners.reshape(-1, 1), dtype)
        view = self.add_view(rows.tobytes(), target=pygltflib.ELEMENT_ARRAY_BUFFER)
        return self._accessor(rows, view, "SCALAR", bounds=False, normalized=False)

    def _accessor(self, rows: npt.NDArray[Any], view: int, kind: str, *, bounds: bool, normalized: bool) -> int:
        accessor = pygltflib.Accessor(
            bufferView=view,
            componentType=_CODES[rows.dtype.newbyteorder("<")],
            count=len(rows),
            type=kind,
            normalized=normalized,
            min=rows.min(axis=0).tolist() if bounds else [],
            max=rows.max(axis=0).tolist() if bounds else [],
        )
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1

    def add_png(self, png: bytes, name: str, sampler: int) -> int:
        """Append a PNG as image and texture, and return the index of the texture."""
        image = pygltflib.Image(bufferView=self.add_view(png), mimeType="image/png", name=name)
        self.gltf.images.append(image)
        self.gltf.textures.append(pygltflib.Texture(source=len(self.gltf.images) - 1, sampler=sampler, name=name))
        return len(self.gltf.textures) - 1

    def use_extension(self, name: str) -> None:
        """List an extension among those used."""
        if name not in self.gltf.extensionsUsed:
            self.gltf.extensionsUsed.append(name)

    def to_bytes(self) -> bytes:
        """Return the whole ``.glb`` file.

        Raises:
            InputError: a value has no JSON form (not a number, or of a foreign type).
            OutputError: the file would pass the 4 GiB that the container can hold.
        """
        self._blob.extend(bytes(-len(self._blob) % 4))
        self.gltf.buffers = [pygltflib.Buffer(byteLength=len(self._blob))] if self._blob else []
        try:
            document = json.loads(self.gltf.gltf_to_json(indent=None))
            for index, extensions in self.material_extensions.items():
                document["materials"][index].setdefault("extensions", {}).update(extensions)
            text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"the material has a value that JSON cannot hold ({error})") from error
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + (8 + len(self._blob) if self._blob else 0)
        if length >= 1 << 32:
            raise OutputError(f"the file would have {length} bytes; a .glb holds less than 4 GiB")
        parts = [struct.pack("<III", MAGIC, 2, length), struct.pack("<II", len(text), JSON_CHUNK), text]
        if self._blob:
            parts += [struct.pack("<II", len(self._blob), BIN_CHUNK), bytes(self._blob)]
        return b"".join(parts)

    def write(self, path: str | Path) -> None:
        """Write the ``.glb`` file in one step."""
        write_bytes(path, self.to_bytes())
