"""Copying the primitives and accessors of a kept glTF scene, with the normals and tangents that they lack."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pygltflib

from neumat.exporters.gltf_container import TYPES, GltfFile
from neumat.exporters.gltf_document import GltfDocument
from neumat.scene.tangents import compute_normals, compute_tangents

_VECTORS = ("SCALAR", "VEC2", "VEC3", "VEC4")
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
# The tolerance of the Khronos validator on the length of a unit vector.
_UNIT_TOLERANCE = 0.005

Rows = npt.NDArray[Any]


class PrimitiveCopier:
    """Copies from one file into one document; what several primitives share is copied once."""

    def __init__(self, document: GltfDocument, file: GltfFile, material: int) -> None:
        self._document, self._file, self._material = document, file, material
        self._views: dict[int, int] = {}
        self._accessors: dict[int, int] = {}

    def accessor(self, index: object) -> int:
        """Copy an accessor as it is, with its buffer view, and return its new index."""
        file = self._file
        entry = file.item("accessors", index)
        key = file.integer(index, "index of an accessor")
        if key not in self._accessors:
            label = f"accessor {key}"
            kind = file.text(entry.get("type"), f"type of {label}")
            if kind not in TYPES:
                raise file.fault(f"{label} has a type that glTF does not know")
            kept = pygltflib.Accessor(
                componentType=file.integer(entry.get("componentType"), f"componentType of {label}"),
                count=file.integer(entry.get("count"), f"count of {label}", least=1),
                type=kind,
                normalized=file.flag(entry.get("normalized", False), f"normalized of {label}"),
                byteOffset=file.integer(entry.get("byteOffset", 0), f"byteOffset of {label}"),
                name=file.text(entry["name"], f"name of {label}") if "name" in entry else None,
                **{end: file.numbers(entry[end], end, TYPES[kind]) for end in ("min", "max") if end in entry},
            )
            if "bufferView" in entry:
                kept.bufferView = self._view(entry["bufferView"])
            if "sparse" in entry:
                kept.sparse = self._sparse(file.mapping(entry["sparse"], f"sparse of {label}"), label)
            self._document.gltf.accessors.append(kept)
            self._accessors[key] = len(self._document.gltf.accessors) - 1
        return self._accessors[key]

    def _view(self, index: object) -> int:
        file = self._file
        data = file.view(index)
        key = file.integer(index, "index of a buffer view")
        if key not in self._views:
            entry = file.item("bufferViews", index)
            stride = (
                file.integer(entry["byteStride"], "byteStride", least=4, most=252) if "byteStride" in entry else None
            )
            target = file.integer(entry["target"], "target") if "target" in entry else None
            self._views[key] = self._document.add_view(data, stride=stride, target=target)
        return self._views[key]

    def _sparse(self, sparse: dict[str, Any], label: str) -> Any:
        file = self._file
        parts = [file.mapping(sparse.get(name), f"{name} of sparse {label}") for name in ("indices", "values")]
        offsets = [file.integer(part.get("byteOffset", 0), f"byteOffset of sparse {label}") for part in parts]
        views = [self._view(part.get("bufferView")) for part in parts]
        code = file.integer(parts[0].get("componentType"), f"componentType of sparse {label}")
        return pygltflib.Sparse(
            count=file.integer(sparse.get("count"), f"count of sparse {label}", least=1),
            indices=pygltflib.AccessorSparseIndices(bufferView=views[0], byteOffset=offsets[0], componentType=code),
            values=pygltflib.AccessorSparseValues(bufferView=views[1], byteOffset=offsets[1]),
        )

    def primitive(self, entry: dict[str, Any], label: str) -> Any:
        """Copy a primitive; triangles receive the material, and normals and tangents where they lack them."""
        file = self._file
        if "KHR_draco_mesh_compression" in file.extensions(entry, label):
            raise file.fault(f"{label} is compressed (Draco); export the mesh without compression")
        attributes = dict(file.mapping(entry.get("attributes"), f"attributes of {label}"))
        targets = [dict(target) for target in file.mappings(entry.get("targets", []), f"targets of {label}")]
        mode = file.integer(entry.get("mode", _TRIANGLES), f"mode of {label}", most=6)
        if mode < _TRIANGLES:
            return self._as_is(entry, attributes, targets, mode, None)
        if "TEXCOORD_0" not in attributes:
            raise file.fault(f"{label} has no texture coordinates (TEXCOORD_0); unwrap the mesh first")
        if "POSITION" not in attributes:
            raise file.fault(f"{label} has no positions")
        positions = self._vertices(attributes["POSITION"], "VEC3", label)
        faces = self._faces(entry, mode, len(positions), label)
        new: dict[str, Rows] = {}
        source = np.arange(len(positions), dtype=np.int32)
        if "NORMAL" in attributes:
            normals = self._vertices(attributes["NORMAL"], "VEC3", label, len(positions))
            if file.item("accessors", attributes["NORMAL"]).get("componentType") == 5126 and not _is_unit(normals):
                normals = new["NORMAL"] = _unit(normals)
        else:
            normals, source, faces = compute_normals(positions, faces)
            new["NORMAL"] = normals
            attributes.pop("TANGENT", None)  # without normals it has no meaning
        if not self._good_tangents(attributes, label, len(positions)):
            attributes.pop("TANGENT", None)
            uvs = self._vertices(attributes["TEXCOORD_0"], "VEC2", label, len(positions))[source]
            tangents, chosen, faces = compute_tangents(positions[source], _unit(normals), uvs, faces)
            new = {name: rows[chosen] for name, rows in new.items()}
            source = source[chosen]
            new["TANGENT"] = tangents
        if not new:
            return self._as_is(entry, attributes, targets, mode, self._material)
        return self._rebuilt(entry, attributes, targets, new, source, faces, label)

    def _vertices(self, index: object, kind: str, label: str, count: int | None = None) -> npt.NDArray[np.float32]:
        rows = self._file.accessor(index, (kind,)).astype(np.float32)
        if count is not None and len(rows) != count:
            raise self._file.fault(f"{label} has attributes of different counts")
        if not np.isfinite(rows).all():
            raise self._file.fault(f"{label} has coordinates that are not finite")
        return rows

    def _good_tangents(self, attributes: dict[str, Any], label: str, count: int) -> bool:
        if "TANGENT" not in attributes:
            return False
        tangents = self._vertices(attributes["TANGENT"], "VEC4", label, count)
        return _is_unit(tangents[:, :3]) and bool((np.abs(tangents[:, 3]) == 1.0).all())

    def _faces(self, entry: dict[str, Any], mode: int, count: int, label: str) -> npt.NDArray[np.int32]:
        if "indices" in entry:
            corners = self._file.accessor(entry["indices"], ("SCALAR",))[:, 0]
            if corners.dtype.kind != "u" or corners.max() >= count:
                raise self._file.fault(f"{label} has an index past its {count} vertices")
            corners = corners.astype(np.int32)
        else:
            corners = np.arange(count, dtype=np.int32)
        if len(corners) < 3 or (mode == _TRIANGLES and len(corners) % 3):
            raise self._file.fault(f"{label} has {len(corners)} indices, which make no whole triangles")
        if mode == _TRIANGLES:
            return corners.reshape(-1, 3)
        first, second, third = corners[:-2].copy(), corners[1:-1].copy(), corners[2:]
        if mode == _FAN:
            return np.stack([second, third, np.full(len(third), corners[0], np.int32)], axis=1)
        # Every other triangle of a strip is wound the other way round.
        first[1::2], second[1::2] = second[1::2].copy(), first[1::2].copy()
        return np.stack([first, second, third], axis=1)

    def _as_is(
        self, entry: dict[str, Any], attributes: dict[str, Any], targets: list[dict[str, Any]], mode: int,
        material: int | None,
    ) -> Any:  # fmt: skip
        return pygltflib.Primitive(
            attributes=_attributes({name: self.accessor(index) for name, index in attributes.items()}),
            indices=self.accessor(entry["indices"]) if "indices" in entry else None,
            targets=[_attributes({name: self.accessor(index) for name, index in one.items()}) for one in targets],
            mode=mode,
            material=material,
        )

    def _rebuilt(
        self, entry: dict[str, Any], attributes: dict[str, Any], targets: list[dict[str, Any]],
        new: dict[str, Rows], source: npt.NDArray[np.int32], faces: npt.NDArray[np.int32], label: str,
    ) -> Any:  # fmt: skip
        count = self._file.integer(self._file.item("accessors", attributes["POSITION"]).get("count"), "count")
        moved = len(source) != count or bool((source != np.arange(count)).any())

        def gather(named: dict[str, Any]) -> dict[str, int]:
            return {name: self._gathered(name, i, source, count, label) if moved else self.accessor(i)
                    for name, i in named.items()}  # fmt: skip

        kept = gather({name: index for name, index in attributes.items() if name not in new})
        kept |= {name: self._document.add_accessor(rows.astype(np.float32)) for name, rows in new.items()}
        same = not moved and entry.get("mode", _TRIANGLES) == _TRIANGLES and "indices" in entry
        return pygltflib.Primitive(
            attributes=_attributes(kept),
            indices=self.accessor(entry["indices"]) if same else self._document.add_indices(faces.reshape(-1)),
            targets=[_attributes(gather(target)) for target in targets],
            mode=_TRIANGLES,
            material=self._material,
        )

    def _gathered(self, name: str, index: object, source: npt.NDArray[np.int32], count: int, label: str) -> int:
        rows = self._file.accessor(index, _VECTORS, raw=True)
        if len(rows) != count:
            raise self._file.fault(f"{label} has attributes of different counts")
        entry = self._file.item("accessors", index)
        return self._document.add_accessor(
            rows[source], bounds=name == "POSITION", normalized=entry.get("normalized", False) is True
        )


def _attributes(named: dict[str, int]) -> Any:
    result = pygltflib.Attributes()
    # Set whole: a name out of the file must not become an argument.
    result.__dict__ = dict(named)
    return result


def _is_unit(vectors: npt.NDArray[np.float32]) -> bool:
    length = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return bool((np.abs(length - 1.0) < _UNIT_TOLERANCE).all())


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    result = np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), [[0.0, 0.0, 1.0]])
    return result.astype(np.float32)
