from __future__ import annotations

import numpy as np

from neumat.materials.packing import pack_levels
from neumat.materials.plain import height_range, plain
from neumat.materials.pyramid import pyramid
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_pbr


def test_the_idle_layer_leaves_marched_parallax_without_shadow() -> None:
    material = plain(small_pbr(seed=2, size=(24, 24)))
    reference = Reference(material)
    rng = np.random.default_rng(1)
    uv = rng.random((200, 2))
    directions = rng.normal(size=(2, 200, 3))
    directions[..., 2] = np.abs(directions[..., 2]) + 0.2
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    wo, wi = directions
    prepared = reference.prepare(uv, np.full(200, 1 / 24), wo)
    assert np.allclose(reference.evaluate(prepared, wi), reference.base(prepared, wi), atol=1e-12)


def test_height_range_is_in_values() -> None:
    assert height_range(np.array([[0, 65535]], np.uint16)) == (0.0, 1.0)


def test_levels_stand_one_after_the_other() -> None:
    levels = pyramid(plain(small_pbr(seed=2, size=(8, 16))).explicit)  # type: ignore[arg-type]
    packed = pack_levels(levels)
    assert packed.sizes[:3] == ((16, 8), (8, 4), (4, 2))
    assert packed.offsets[:3] == (0, 128, 160)
    texel = packed.surfaces[packed.offsets[1] + 2 * 8 + 3]
    assert np.array_equal(texel[0, :3], levels[1].base_color[2, 3])
    assert texel[1, 3] == levels[1].metallic[2, 3]
