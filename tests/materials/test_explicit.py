from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neumat.materials.explicit import decode, decode_normal8, encode, encode_normal8, fallback
from neumat.materials.neural import ExplicitMaps
from neumat.materials.synthetic import small_material, small_pbr


def all_codes_maps(rng: np.random.Generator, *, occlusion: bool) -> ExplicitMaps:
    size = (256, 257)
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], size)
    normal = rng.normal(size=(*size, 3)) * [0.5, 0.5, 1.0]
    normal[..., 2] = np.abs(normal[..., 2])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    orm = np.stack([ramp if occlusion else np.full(size, 255, np.uint8), ramp[::-1], ramp], axis=-1)
    return ExplicitMaps(
        base_color=np.stack([ramp, ramp[::-1], np.roll(ramp, 9, 0)], axis=-1),
        orm=orm,
        normal=np.rint((normal * 0.5 + 0.5) * 255).astype(np.uint8),
        height=rng.integers(0, 65536, size, dtype=np.uint16),
        has_occlusion=occlusion,
    )


@pytest.mark.parametrize("occlusion", [False, True])
def test_codes_survive_decoding_and_encoding(occlusion):
    maps = all_codes_maps(np.random.default_rng(0), occlusion=occlusion)
    back = encode(decode(maps))
    for name in ("base_color", "orm", "normal", "height"):
        np.testing.assert_array_equal(getattr(back, name), getattr(maps, name), err_msg=name)
    assert back.has_occlusion is occlusion


def test_decoded_material_has_unit_normals_and_its_fields():
    maps = all_codes_maps(np.random.default_rng(1), occlusion=True)
    material = decode(
        maps, name="a b/c", height_scale=0.1, tileable=False, physical_size=2.0, provenance={"author": "x"}
    )
    np.testing.assert_allclose(np.linalg.norm(material.normal, axis=-1), 1.0, atol=1e-6)
    assert (material.name, material.height_scale, material.tileable, material.physical_size) == (
        "a_b_c",
        0.1,
        False,
        2.0,
    )
    assert material.provenance == {"author": "x"}
    assert material.roughness[0, 0] == 1.0
    assert material.roughness[255, 0] == 0.0
    assert decode(replace(maps, has_occlusion=False)).occlusion is None


def test_float_normals_are_rounded_to_the_nearest_code():
    normal = small_pbr(seed=4, size=(64, 64)).normal
    codes = encode_normal8(normal)
    expected = np.rint((normal.astype(np.float64) * 0.5 + 0.5) * 255)
    assert np.mean(codes != expected) < 1e-3
    assert np.abs(codes - expected).max() <= 1
    assert np.abs(decode_normal8(codes) - normal).max() < 1.01 / 255


def test_short_and_long_normals_keep_their_codes():
    codes = np.array([[140, 100, 240], [128, 128, 255], [127, 127, 255], [200, 60, 225], [128, 128, 250]], np.uint8)
    normal = decode_normal8(codes)
    unit = (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype(np.float32)
    np.testing.assert_array_equal(encode_normal8(unit), codes)


def test_values_are_clipped_and_occlusion_defaults_to_white():
    pbr = small_pbr(seed=2, size=(4, 4))
    maps = encode(
        replace(pbr, base_color=pbr.base_color * 4 - 1, roughness=pbr.roughness * 3 - 1, height=pbr.height * 2)
    )
    assert maps.base_color.max() == 255
    assert maps.base_color.min() == 0
    assert maps.orm[..., 0].min() == 255
    assert not maps.has_occlusion
    assert maps.height.max() == 65535


def test_fallback_gives_the_pbr_material_back():
    pbr = small_pbr(seed=7)
    material = small_material("hybrid", seed=7)
    back = fallback(material)
    assert back is not None
    assert back.height_scale == pbr.height_scale
    assert np.abs(back.base_color - pbr.base_color).max() < 1 / 255 * 2.4
    assert np.abs(back.height - pbr.height).max() <= 0.5 / 65535 + 1e-7
    assert fallback(replace(small_material("neumip", seed=1), explicit=None)) is None
