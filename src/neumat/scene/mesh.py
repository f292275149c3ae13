"""Triangle meshes with everything that shading needs: normals, UVs and tangents, filled in where a file lacks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.scene.gltf_mesh import read_gltf
from neumat.scene.part import MAX_FACES, MAX_VERTICES, Array, Ints, Part, printable, unit
from neumat.scene.shapes import box_projection, plane, sphere
from neumat.scene.tangents import compute_normals, compute_tangents

_MAX_FILE = 1 << 30
_BUILT_IN: dict[str, Callable[[], Part]] = {"sphere": sphere, "plane": plane}
_SUFFIXES = {".glb", ".gltf", ".obj", ".ply", ".stl"}


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh in world space: metres, right-handed, +Y up, as in glTF.

    Attributes:
        name: file stem or built-in name.
        positions: (V, 3) float32.
        normals: (V, 3) float32, unit.
        uvs: (V, 2) float32; glTF's convention, v down, row 0 of an image at v = 0.
        indices: (F, 3) int32, counter-clockwise seen from outside.
        tangents: (V, 4) float32; xyz unit along +U, w = ±1, cross(normal, tangent)·w is image-up (−V). All
            vertices of a face have the same w.
        primitive: (F,) int32, which of `primitive_names` a face belongs to.
        primitive_names: names of nodes (glTF) or groups, printable characters only.
        notes: what the reader assumed or filled in, for the caller to show.
    """

    name: str
    positions: Array
    normals: Array
    uvs: Array
    indices: Ints
    tangents: Array
    primitive: Ints
    primitive_names: tuple[str, ...] = ("mesh",)
    notes: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The lowest and the highest corner, (3,) each, in metres."""
        used = self.positions[self.indices.reshape(-1)]
        return used.min(axis=0), used.max(axis=0)

    @cached_property
    def face_areas(self) -> npt.NDArray[np.float64]:
        """World area of each face, (F,), square metres."""
        a, b, c = (self.positions[self.indices[:, k]].astype(np.float64) for k in range(3))
        area: npt.NDArray[np.float64] = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        return area

    @cached_property
    def face_uv_areas(self) -> npt.NDArray[np.float64]:
        """Area of each face in UV space, (F,), at least 0."""
        a, b, c = (self.uvs[self.indices[:, k]].astype(np.float64) for k in range(3))
        x, y = b - a, c - a
        return 0.5 * np.abs(x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0])

    @cached_property
    def uv_density(self) -> Array:
        """Texture widths per metre on each face, (F,) float32: sqrt(UV area / world area)."""
        world = np.maximum(self.face_areas, 1e-30)
        return np.sqrt(self.face_uv_areas / world).astype(np.float32)

    def only(self, names: set[str]) -> Mesh:
        """Keep the faces of the named primitives.

        Raises:
            InputError: a name is none of `primitive_names`.
        """
        missing = names - set(self.primitive_names)
        if missing:
            known = ", ".join(self.primitive_names)
            raise InputError(f"{self.name}: has no primitive {', '.join(sorted(missing))}; it has {known}")
        wanted = np.array([name in names for name in self.primitive_names])
        keep = wanted[self.primitive]
        return Mesh(
            self.name, self.positions, self.normals, self.uvs, self.indices[keep], self.tangents,
            self.primitive[keep], self.primitive_names, self.notes,
        )  # fmt: skip


def repeats_from_tile_size(mesh: Mesh, tile_size: float) -> float:
    """How often a texture repeats per UV unit so that one tile is `tile_size` metres wide on the mesh.

    Raises:
        InputError: `tile_size` is not a positive length, or the mesh's UVs have no area.
    """
    if not (np.isfinite(tile_size) and tile_size > 0.0):
        raise InputError(f"tile size {tile_size} is not a length in metres; give a number above 0")
    mapped = mesh.face_uv_areas > 0.0
    uv_area = float(mesh.face_uv_areas[mapped].sum())
    if uv_area <= 0.0:
        raise InputError(f"{mesh.name}: its UVs have no area, so a tile size means nothing on it")
    return float(np.sqrt(mesh.face_areas[mapped].sum() / uv_area) / tile_size)


def read_mesh(source: str | Path) -> Mesh:
    """Read a mesh file, or make a built-in mesh: 'sphere' (1 m across) or 'plane' (1 m, facing +Z).

    glTF and GLB keep names, tangents and node transforms; OBJ and PLY have their v flipped to glTF's. Missing
    normals become smooth with creases at 40°, missing UVs a box projection of one texture per metre, missing
    tangents MikkTSpace-like; `Mesh.notes` says so.

    Raises:
        InputError: the file is missing, truncated, malformed, of an unknown kind, or has no triangles.
    """
    if str(source) in _BUILT_IN:
        return build_mesh(str(source), [_BUILT_IN[str(source)]()])
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{path}: not a mesh file neumat knows; use {', '.join(sorted(_SUFFIXES))}, sphere or plane")
    if not path.is_file():
        raise InputError(f"{path}: no such mesh file")
    notes: list[str] = []
    if suffix in {".glb", ".gltf"}:
        parts, notes = read_gltf(path)
    else:
        parts = _read_other(path, suffix)
    return build_mesh(path.stem, parts, notes)


def _read_other(path: Path, suffix: str) -> list[Part]:
    import trimesh  # slow to import, and glTF doesn't need it

    if path.stat().st_size > _MAX_FILE:
        raise InputError(f"{path}: larger than {_MAX_FILE >> 20} MiB, too large to read")
    try:
        # An open file and no materials: nothing outside this file is opened on its behalf.
        with path.open("rb") as stream:
            scene: Any = trimesh.load_scene(
                stream, file_type=suffix[1:], process=False, maintain_order=True, skip_materials=True
            )
        geometries = list(scene.geometry.items())
    except Exception as error:  # whatever a parser of a broken file raises
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise InputError(f"{path}: not a usable {suffix[1:].upper()} file ({reason})") from error
    parts = []
    for name, geometry in geometries:
        faces = np.asarray(getattr(geometry, "faces", np.zeros((0, 3))))
        if not isinstance(geometry, trimesh.Trimesh) or len(faces) == 0:
            continue
        uvs = getattr(geometry.visual, "uv", None)
        # Only normals that came with the file: trimesh's own would split at UV seams.
        normals = geometry.vertex_normals if "vertex_normals" in geometry._cache else None
        if suffix == ".stl" or (normals is not None and len(normals) != len(geometry.vertices)):
            normals = None
        if uvs is not None and len(uvs) == len(geometry.vertices):
            uvs = np.stack([uvs[:, 0], 1.0 - uvs[:, 1]], axis=1).astype(np.float32)
        else:
            uvs = None
        normals = None if normals is None else np.asarray(normals, np.float32)
        vertices = np.asarray(geometry.vertices, np.float32)
        parts.append(Part(printable(str(name)), vertices, faces.astype(np.int32), normals, uvs))
    return parts


def build_mesh(name: str, parts: list[Part], notes: list[str] | tuple[str, ...] = ()) -> Mesh:
    """Check primitives, fill in what they lack and join them into one mesh.

    Raises:
        InputError: no triangle is left, an index or a size is wrong, or a position or UV is not finite.
    """
    remarks = list(notes)
    finished = [_finish(name, part, remarks) for part in parts if len(part.indices)]
    if not finished:
        raise InputError(f"{name}: has no triangles")
    offsets = np.cumsum([0] + [len(part.positions) for part in finished[:-1]])
    counts = [len(part.indices) for part in finished]

    def joined(attribute: str) -> Array:
        return np.concatenate([getattr(part, attribute) for part in finished])

    return Mesh(
        name=name,
        positions=joined("positions"),
        normals=joined("normals"),
        uvs=joined("uvs"),
        indices=np.concatenate([p.indices + o for p, o in zip(finished, offsets, strict=True)]).astype(np.int32),
        tangents=joined("tangents"),
        primitive=np.repeat(np.arange(len(finished)), counts).astype(np.int32),
        primitive_names=tuple(part.name for part in finished),
        notes=tuple(remarks),
    )


def _finish(mesh: str, part: Part, notes: list[str]) -> Part:
    positions, indices, normals, uvs, tangents = part.positions, part.indices, part.normals, part.uvs, part.tangents
    if len(positions) > MAX_VERTICES or len(indices) > MAX_FACES:
        raise InputError(f"{mesh}: more than {MAX_FACES} triangles or {MAX_VERTICES} vertices")
    if indices.min() < 0 or indices.max() >= len(positions):
        raise InputError(f"{mesh}: {part.name} has an index outside its {len(positions)} vertices")
    for what, values in (("position", positions), ("UV", uvs)):
        if values is not None and not (np.abs(values[indices]) < 1e15).all():
            raise InputError(f"{mesh}: {part.name} has a {what} that is not finite")
    if normals is not None and not np.isfinite(normals[indices]).all():
        notes.append(f"{part.name}: normals that are not finite were computed anew")
        normals = None
    if normals is None:
        normals, source, indices = compute_normals(positions, indices)
        positions, tangents = positions[source], None
        uvs = None if uvs is None else uvs[source]
    else:
        flat = np.linalg.norm(normals, axis=1) < 1e-6
        normals = unit(normals.astype(np.float64), (0.0, 1.0, 0.0)).astype(np.float32)
        if flat.any():
            normals[flat] = _averaged(positions, indices)[flat]
    if uvs is None:
        notes.append(f"{part.name}: has no UVs; box projection, one texture per metre (seams show)")
        uvs, source, indices = box_projection(positions, normals, indices)
        positions, normals, tangents = positions[source], normals[source], None
    if tangents is not None and not _usable(tangents, indices):
        notes.append(f"{part.name}: tangents in the file are unusable and were computed anew")
        tangents = None
    if tangents is None:
        tangents, source, indices = compute_tangents(positions, normals, uvs, indices)
        positions, normals, uvs = positions[source], normals[source], uvs[source]
    return Part(part.name, positions, indices, normals, uvs, tangents)


def _averaged(positions: Array, indices: Ints) -> Array:
    p = positions.astype(np.float64)
    a, b, c = (p[indices[:, k]] for k in range(3))
    total = np.zeros_like(p)
    for k in range(3):
        np.add.at(total, indices[:, k], np.cross(b - a, c - a))
    return unit(total, (0.0, 1.0, 0.0)).astype(np.float32)


def _usable(tangents: Array, indices: Ints) -> bool:
    used = tangents[indices]
    hand = used[..., 3]
    return bool(
        np.isfinite(used).all()
        and (np.linalg.norm(used[..., :3], axis=-1) > 1e-3).all()
        and (hand == hand[:, :1]).all()
    )
