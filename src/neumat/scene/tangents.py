"""Tangents and normals of meshes that lack them.

Tangents follow the rules of MikkTSpace (Mikkelsen 2008, "Simulation of Wrinkled Surfaces Revisited"), the basis
that glTF asks for: per corner, projected onto the plane of the vertex normal, weighted by the corner's angle, and
averaged over equal vertices (position, normal and UV) of one handedness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.scene.part import Array, Ints, unit

_Doubles = npt.NDArray[np.float64]
_CREASE = np.cos(np.radians(40.0))
_MAX_PAIRS = 20_000_000


def weld(rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Number the rows (V, K) so that equal rows, and only those, share a number; returns (V,)."""
    keys = np.ascontiguousarray(rows, np.float32) + np.float32(0.0)  # turns −0 into +0
    view = keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1])))[:, 0]
    _, inverse = np.unique(view, return_inverse=True)
    return inverse.reshape(-1)


def _corner_angles(edges_a: _Doubles, edges_b: _Doubles) -> _Doubles:
    a, b = unit(edges_a, (0.0, 0.0, 0.0)), unit(edges_b, (0.0, 0.0, 0.0))
    return np.asarray(np.arccos(np.clip((a * b).sum(axis=1), -1.0, 1.0)))


def _sum_by(groups: npt.NDArray[np.int64], values: _Doubles, count: int) -> _Doubles:
    return np.stack([np.bincount(groups, values[:, k], count) for k in range(3)], axis=1)


def compute_normals(positions: Array, indices: Ints) -> tuple[Array, Ints, Ints]:
    """Smooth normals, split at creases sharper than 40°.

    Args:
        positions: (V, 3); equal positions count as one vertex.
        indices: (F, 3).

    Returns:
        normals (N, 3) unit; source (N,), the old vertex of each new one; indices (F, 3) into the new ones.
    """
    p = positions.astype(np.float64)
    point = weld(positions)
    corners = indices.reshape(-1)
    face_of_corner = np.repeat(np.arange(len(indices)), 3)
    a, b, c = (p[indices[:, k]] for k in range(3))
    flat = unit(np.cross(b - a, c - a), (0.0, 0.0, 0.0))
    angles = np.stack([_corner_angles(b - a, c - a), _corner_angles(c - b, a - b), _corner_angles(a - c, b - c)], 1)
    weighted = flat[face_of_corner] * angles.reshape(-1, 1)
    group = point[corners]
    counts = np.bincount(group)
    if int((counts.astype(np.int64) ** 2).sum()) > _MAX_PAIRS:  # smooth everywhere rather than run out of memory
        summed = _sum_by(group, weighted, len(counts))[group]
    else:
        # All pairs of corners that meet at one point; those whose faces lie within the crease angle add up.
        order = np.argsort(group, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        size = counts[group[order]]
        first = np.repeat(np.arange(len(order)), size)
        run = np.concatenate([[0], np.cumsum(size)[:-1]])
        second = starts[group[order]].repeat(size) + np.arange(len(first)) - run.repeat(size)
        mine, other = order[first], order[second]
        near = (flat[face_of_corner[mine]] * flat[face_of_corner[other]]).sum(axis=1) > _CREASE
        summed = _sum_by(mine[near], weighted[other[near]], len(corners))
    normals = unit(np.where(np.abs(summed).sum(1, keepdims=True) > 0, summed, flat[face_of_corner]), (0.0, 1.0, 0.0))
    # One new vertex for each pair of old vertex and normal.
    key = corners.astype(np.int64) * (len(corners) + 1) + weld(np.round(normals, 4))
    _, chosen, inverse = np.unique(key, return_index=True, return_inverse=True)
    return (
        normals[chosen].astype(np.float32), corners[chosen].astype(np.int32),
        inverse.reshape(-1, 3).astype(np.int32),
    )  # fmt: skip


def compute_tangents(positions: Array, normals: Array, uvs: Array, indices: Ints) -> tuple[Array, Ints, Ints]:
    """Tangents by MikkTSpace's rules; vertices split where the handedness of their faces differs.

    Args:
        positions: (V, 3).
        normals: (V, 3) unit.
        uvs: (V, 2), v down.
        indices: (F, 3).

    Returns:
        tangents (N, 4), xyz unit along +U, w = ±1 so that cross(normal, tangent)·w points to decreasing v;
        source (N,), the old vertex of each new one; indices (F, 3) into the new ones.
    """
    p, n, t = (x.astype(np.float64) for x in (positions, normals, uvs))
    corners = indices.reshape(-1)
    a, b, c = (p[indices[:, k]] for k in range(3))
    ta, tb, tc = (t[indices[:, k]] for k in range(3))
    du1, dv1, du2, dv2 = tb[:, 0] - ta[:, 0], tb[:, 1] - ta[:, 1], tc[:, 0] - ta[:, 0], tc[:, 1] - ta[:, 1]
    area = du1 * dv2 - du2 * dv1
    along_u = unit(((b - a) * dv2[:, None] - (c - a) * dv1[:, None]) * np.sign(area)[:, None], (0.0, 0.0, 0.0))
    geometric = np.cross(b - a, c - a)
    inwards = (geometric * (n[indices].sum(axis=1))).sum(axis=1) < 0.0  # wound the other way round
    good = (np.abs(area) > 1e-14) & (np.abs(along_u).sum(axis=1) > 0.0) & (np.abs(geometric).sum(axis=1) > 0.0)
    # With v down, unmirrored faces have a negative area.
    hand = np.where((area < 0.0) != inwards, 1, -1)
    same = weld(np.concatenate([positions, normals, uvs], axis=1))
    hand = _follow_neighbours(hand, good, same[indices])

    # Per corner: the face's tangent in the vertex's plane, weighted by the angle between the projected edges.
    corner_normal = n[corners]

    def flatten(v: _Doubles) -> _Doubles:
        return np.asarray(v - corner_normal * (v * corner_normal).sum(axis=1, keepdims=True))

    def interleave(x: _Doubles, y: _Doubles, z: _Doubles) -> _Doubles:
        return np.stack([x, y, z], axis=1).reshape(-1, 3)

    angle = _corner_angles(flatten(interleave(b - a, c - b, a - c)), flatten(interleave(c - a, a - b, b - c)))
    weight = angle * np.repeat(good, 3)
    value = unit(flatten(np.repeat(along_u, 3, axis=0)), (0.0, 0.0, 0.0)) * weight[:, None]
    corner_hand = np.repeat(hand, 3)
    group = same[corners] * 2 + (corner_hand > 0)
    summed = _sum_by(group, value, int(group.max()) + 1)[group] if len(group) else np.zeros((0, 3))
    tangent = unit(flatten(summed), (0.0, 0.0, 0.0))
    lost = np.abs(tangent).sum(axis=1) < 0.5
    tangent[lost] = any_perpendicular(corner_normal[lost])

    key = corners.astype(np.int64) * 2 + (corner_hand > 0)
    _, chosen, inverse = np.unique(key, return_index=True, return_inverse=True)
    tangents = np.concatenate([tangent[chosen], corner_hand[chosen, None]], axis=1).astype(np.float32)
    return tangents, corners[chosen].astype(np.int32), inverse.reshape(-1, 3).astype(np.int32)


def _follow_neighbours(hand: npt.NDArray[Any], good: npt.NDArray[np.bool_], vertex: npt.NDArray[Any]) -> Ints:
    """Give faces without a UV area the handedness of a vertex they touch, so that they split nothing."""
    if good.all():
        return hand.astype(np.int32)
    seen = np.zeros(int(vertex.max()) + 1, np.int64)
    np.add.at(seen, vertex[good].reshape(-1), np.repeat(hand[good], 3))
    borrowed = np.where(seen[vertex].sum(axis=1) < 0, -1, 1)
    return np.where(good, hand, borrowed).astype(np.int32)


def any_perpendicular(normals: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Some unit vector perpendicular to each of the (N, 3) normals."""
    axis = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    return unit(axis - normals * (axis * normals).sum(axis=1, keepdims=True), (1.0, 0.0, 0.0))
