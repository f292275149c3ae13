from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from neumat.errors import InputError
from neumat.materials.color import decode_srgb8, srgb_to_linear
from neumat.materials.folder import read_folder
from neumat.materials.images import write_exr, write_png
from neumat.materials.pbr import PbrMaterial, normal_from_height

SIZE = 32


def bumps(size: int = SIZE, seed: int = 3) -> np.ndarray:
    frequency = np.fft.fftfreq(size) * size
    radius = np.maximum(np.hypot(*np.meshgrid(frequency, frequency)), 2.0)
    noise = np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).standard_normal((size, size))) * radius**-1.8).real
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def codes(size: int = SIZE, channels: int = 3, seed: int = 0) -> np.ndarray:
    wave = np.stack([bumps(size, seed + k) for k in range(channels)], axis=-1)
    return np.round(wave * 255).astype(np.uint8)


def eight(values: np.ndarray) -> np.ndarray:
    return np.round(values * 255).astype(np.uint8)


def normal_codes(normal: np.ndarray) -> np.ndarray:
    return eight(normal * 0.5 + 0.5)


def jpeg(path: Path, pixels: np.ndarray) -> None:
    writer = oiio.ImageOutput.create("jpeg")
    assert writer.open(str(path), oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "uint8"))
    assert writer.write_image(pixels)
    writer.close()


def told(material: PbrMaterial, what: str) -> str:
    return "; ".join(f"{f.value} ({f.how})" for f in material.findings if f.what == what)


def assumed(material: PbrMaterial) -> set[str]:
    return {f.what for f in material.findings if f.assumed}


def test_a_full_set_is_read_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "Stone wall №1"
    height = bumps()
    normal = normal_from_height(height, 0.06, tileable=True)
    base, rough, metal = codes(), codes(channels=1, seed=5), codes(channels=1, seed=6)
    write_png(folder / "basecolor.png", base)
    write_png(folder / "normal.png", normal_codes(normal))
    write_png(folder / "height.png", np.round(height * 65535).astype(np.uint16))
    write_png(folder / "roughness.png", rough)
    write_png(folder / "metallic.png", metal)
    write_png(folder / "ao.png", codes(channels=1, seed=7))
    material = read_folder(folder)
    assert material.name == "Stone_wall_1"
    assert material.shape == (SIZE, SIZE)
    np.testing.assert_array_equal(material.base_color, decode_srgb8(base))
    np.testing.assert_array_equal(eight(material.roughness), rough[..., 0])
    np.testing.assert_array_equal(eight(material.metallic), metal[..., 0])
    np.testing.assert_allclose(material.normal, normal, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(material.normal, axis=-1), 1.0, atol=1e-6)
    np.testing.assert_allclose(material.height, height, atol=1e-5)
    np.testing.assert_array_equal(eight(material.occlusion), codes(channels=1, seed=7)[..., 0])  # type: ignore[arg-type]
    assert material.height_scale == pytest.approx(0.06, rel=0.1)
    assert material.tileable
    assert material.provenance == {"source": "Stone wall №1"}
    assert told(material, "base colour") == "basecolor.png, 32 x 32, 8 bits, sRGB (by its name)"
    assert "16 bits" in told(material, "height")
    assert assumed(material) == {"physical size"}


def test_base_colour_alone_is_enough(tmp_path: Path) -> None:
    write_png(tmp_path / "rock_diff_2k.png", codes())
    material = read_folder(tmp_path)
    assert material.height_scale == 0.0
    np.testing.assert_array_equal(material.metallic, np.zeros((SIZE, SIZE)))
    np.testing.assert_array_equal(material.normal, np.broadcast_to(np.float32([0, 0, 1]), (SIZE, SIZE, 3)))
    assert material.occlusion is None
    assert assumed(material) == {"roughness", "metallic", "normal", "height scale", "physical size"}


def test_grey_base_colour_is_repeated_and_alpha_left_out(tmp_path: Path) -> None:
    grey = codes(channels=2)
    write_png(tmp_path / "albedo.png", grey)
    material = read_folder(tmp_path)
    np.testing.assert_array_equal(material.base_color, np.repeat(decode_srgb8(grey[..., :1]), 3, axis=-1))
    assert "alpha is ignored" in told(material, "base colour")


def test_alpha_does_not_darken_the_colour(tmp_path: Path) -> None:
    rgba = codes(channels=4)
    write_png(tmp_path / "albedo.png", rgba)
    np.testing.assert_array_equal(read_folder(tmp_path).base_color, decode_srgb8(rgba[..., :3]))


def test_colour_spaces_of_sixteen_bits_and_exr(tmp_path: Path) -> None:
    base = np.random.default_rng(0).integers(0, 65536, (8, 8, 3)).astype(np.uint16)
    write_png(tmp_path / "png" / "color.png", base)
    np.testing.assert_allclose(read_folder(tmp_path / "png").base_color, srgb_to_linear(base / 65535), atol=1e-6)
    linear = np.random.default_rng(1).random((8, 8, 3)).astype(np.float32)
    linear[0, 0] = 3.0
    write_exr(tmp_path / "exr" / "color.exr", linear)
    material = read_folder(tmp_path / "exr")
    np.testing.assert_array_equal(material.base_color, np.minimum(linear, 1.0))
    assert "linear" in told(material, "base colour")
    assert "clipped" in told(material, "base colour")


def test_glossiness_becomes_roughness(tmp_path: Path) -> None:
    gloss = codes(channels=1)
    write_png(tmp_path / "wall_basecolor.png", codes())
    write_png(tmp_path / "wall_glossiness.png", gloss)
    material = read_folder(tmp_path)
    np.testing.assert_array_equal(eight(material.roughness), 255 - gloss[..., 0])
    assert "1 - glossiness" in told(material, "roughness")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("rock_arm_2k.png", ("occlusion", "roughness", "metallic")),
        ("rock_ORM.png", ("occlusion", "roughness", "metallic")),
        ("rock_occlusionRoughnessMetallic.png", ("occlusion", "roughness", "metallic")),
        ("rock_metallicRoughness.png", (None, "roughness", "metallic")),
        ("rock_rma.png", ("roughness", "metallic", "occlusion")),
    ],
)
def test_packed_maps(tmp_path: Path, name: str, order: tuple[str | None, ...]) -> None:
    packed = codes(seed=9)
    write_png(tmp_path / "rock_diff.png", codes())
    write_png(tmp_path / name, packed)
    material = read_folder(tmp_path)
    for channel, target in enumerate(order):
        if target is not None:
            np.testing.assert_array_equal(eight(getattr(material, target)), packed[..., channel])
            assert ("red", "green", "blue")[channel] in told(material, target)
    assert (material.occlusion is None) == (None in order)


def test_a_map_of_its_own_is_preferred_to_a_packed_one(tmp_path: Path) -> None:
    rough = codes(channels=1, seed=4)
    write_png(tmp_path / "rock_diff.png", codes())
    write_png(tmp_path / "rock_arm.png", codes(seed=9))
    write_png(tmp_path / "rock_rough.png", rough)
    material = read_folder(tmp_path)
    np.testing.assert_array_equal(eight(material.roughness), rough[..., 0])
    np.testing.assert_array_equal(eight(material.metallic), codes(seed=9)[..., 2])


def test_the_better_file_is_chosen_and_the_others_told(tmp_path: Path) -> None:
    normal = normal_from_height(bumps(), 0.05, tileable=True)
    flipped = normal * np.float32([1, -1, 1])
    jpeg(tmp_path / "rock_diff_1k.jpg", codes())
    write_png(tmp_path / "rock_diff_1k.png", codes())
    write_png(tmp_path / "rock_nor_dx_1k.png", normal_codes(flipped))
    write_png(tmp_path / "rock_nor_gl_1k.png", normal_codes(normal))
    write_exr(tmp_path / "rock_nor_gl_1k.exr", normal * 0.5 + 0.5, half=False)
    (tmp_path / "readme.txt").write_text("hello")
    material = read_folder(tmp_path)
    assert told(material, "base colour").startswith("rock_diff_1k.png")
    assert told(material, "normal").startswith("rock_nor_gl_1k.exr")
    assert told(material, "not used").startswith("rock_diff_1k.jpg, rock_nor_dx_1k.png, rock_nor_gl_1k.png (")
    assert told(material, "ignored").startswith("readme.txt")
    assert "file's name" in told(material, "normal convention")
    np.testing.assert_allclose(material.normal, normal, atol=1e-5)


def test_base_colour_is_preferred_to_diffuse(tmp_path: Path) -> None:
    write_exr(tmp_path / "diffuse.exr", np.zeros((8, 8, 3), np.float32))
    write_png(tmp_path / "basecolor.png", codes(8))
    assert told(read_folder(tmp_path), "base colour").startswith("basecolor.png")


def test_directx_normals_are_turned(tmp_path: Path) -> None:
    normal = normal_from_height(bumps(), 0.05, tileable=True)
    write_png(tmp_path / "Rock_1K_Color.png", codes())
    write_png(tmp_path / "Rock_1K_NormalDX.png", normal_codes(normal * np.float32([1, -1, 1])))
    by_name = read_folder(tmp_path)
    np.testing.assert_allclose(by_name.normal, normal, atol=0.01)
    assert told(by_name, "normal convention").startswith("DirectX")
    as_told = read_folder(tmp_path, normal_format="opengl")
    np.testing.assert_allclose(as_told.normal, normal * np.float32([1, -1, 1]), atol=0.01)


def test_normals_of_other_storage(tmp_path: Path) -> None:
    normal = normal_from_height(bumps(), 0.05, tileable=True)
    write_png(tmp_path / "color.png", codes())
    write_exr(tmp_path / "normal.exr", normal)  # -1 to 1
    material = read_folder(tmp_path)
    np.testing.assert_allclose(material.normal, normal, atol=1e-6)
    assert "-1 to 1" in told(material, "normal")
    (tmp_path / "normal.exr").unlink()
    empty_blue = normal_codes(normal)
    empty_blue[..., 2] = 0
    write_png(tmp_path / "normal.png", empty_blue)
    material = read_folder(tmp_path)
    np.testing.assert_allclose(material.normal, normal, atol=0.01)
    assert "z rebuilt" in told(material, "normal")


def test_height_outside_the_range_keeps_its_amplitude(tmp_path: Path) -> None:
    metres = (bumps() - 0.5) * 3.0
    write_png(tmp_path / "color.png", codes())
    write_exr(tmp_path / "height.exr", metres)
    material = read_folder(tmp_path, height_scale=0.02)
    assert material.height_scale == pytest.approx(0.06, rel=1e-5)
    assert material.height.min() == 0.0
    assert material.height.max() == 1.0
    surface = material.height * material.height_scale
    np.testing.assert_allclose(surface - surface.mean(), 0.02 * (metres - metres.mean()), atol=1e-6)
    assert "moved" in told(material, "height")


def test_a_told_height_scale_moves_the_slopes(tmp_path: Path) -> None:
    height = bumps()
    write_png(tmp_path / "color.png", codes())
    write_png(tmp_path / "height.png", np.round(height * 65535).astype(np.uint16))
    write_png(tmp_path / "normal.png", normal_codes(normal_from_height(height, 0.05, tileable=True)))
    material = read_folder(tmp_path, height_scale=0.1)
    assert material.height_scale == 0.1
    np.testing.assert_allclose(material.normal, normal_from_height(height, 0.1, tileable=True), atol=0.05)


def test_sizes_of_one_aspect_are_brought_together(tmp_path: Path) -> None:
    write_png(tmp_path / "color.png", codes(32))
    write_png(tmp_path / "height.png", codes(64, 1))
    write_png(tmp_path / "normal.png", normal_codes(normal_from_height(bumps(16), 0.05, tileable=True)))
    write_png(tmp_path / "metallic.png", np.full((1, 1), 255, np.uint8))  # a constant fits every size
    material = read_folder(tmp_path)
    assert material.shape == (64, 64)
    np.testing.assert_array_equal(eight(material.height), codes(64, 1)[..., 0])
    np.testing.assert_allclose(material.base_color.mean(), decode_srgb8(codes(32)).mean(), rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(material.normal, axis=-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(material.metallic, np.ones((64, 64)))
    assert told(material, "base colour size") == "64 x 64 (resized from 32 x 32)"


def test_single_texel_maps(tmp_path: Path) -> None:
    for name in ("color", "height", "normal", "roughness"):
        write_png(tmp_path / f"{name}.png", np.full((1, 1, 3), 128, np.uint8))
    material = read_folder(tmp_path)
    assert material.shape == (1, 1)
    assert material.height_scale == 0.0
    assert material.tileable


def test_tiling_is_measured_and_can_be_told(tmp_path: Path) -> None:
    write_png(tmp_path / "tiles" / "color.png", codes(64))
    write_png(tmp_path / "crop" / "color.png", codes(96)[:64, :64])
    assert read_folder(tmp_path / "tiles").tileable
    crop = read_folder(tmp_path / "crop")
    assert not crop.tileable
    assert "seam error" in told(crop, "tileable")
    assert read_folder(tmp_path / "crop", tileable=True).tileable


def test_material_json_tells_what_no_map_does(tmp_path: Path) -> None:
    write_png(tmp_path / "color.png", codes())
    write_png(tmp_path / "height.png", codes(channels=1))
    settings = {
        "height_scale": 0.125, "physical_size": 2.5, "tileable": False, "name": "Old <wall>", "author": "A. Person",
        "licence": "CC0-1.0", "shininess": 3,
    }  # fmt: skip
    (tmp_path / "material.json").write_text(json.dumps(settings))
    material = read_folder(tmp_path)
    assert material.name == "Old_wall"
    assert (material.height_scale, material.physical_size, material.tileable) == (0.125, 2.5, False)
    assert material.provenance == {
        "source": tmp_path.name, "title": "Old <wall>", "author": "A. Person", "licence": "CC0-1.0",
    }  # fmt: skip
    assert "shininess" in told(material, "material.json")
    overruled = read_folder(tmp_path, height_scale=0.01, physical_size=1.5, tileable=True)
    assert (overruled.height_scale, overruled.physical_size, overruled.tileable) == (0.01, 1.5, True)


def test_maps_in_the_textures_folder_of_an_archive(tmp_path: Path) -> None:
    write_png(tmp_path / "textures" / "rock_diff_1k.png", codes())
    write_png(tmp_path / "textures" / "rock_rough_1k.png", codes(channels=1))
    (tmp_path / "rock_1k.blend").write_bytes(b"BLENDER")
    material = read_folder(tmp_path)
    np.testing.assert_array_equal(eight(material.roughness), codes(channels=1)[..., 0])


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    write_png(tmp_path / "color.png", codes())
    write_png(tmp_path / "grey.png", codes(channels=1))
    (tmp_path / "roughness.png").symlink_to("grey.png")
    np.testing.assert_array_equal(eight(read_folder(tmp_path).roughness), codes(channels=1)[..., 0])


def test_several_sets_in_a_folder_are_refused(tmp_path: Path) -> None:
    for name in ("brick", "rock"):
        write_png(tmp_path / f"{name}_diff.png", codes(8))
        write_png(tmp_path / f"{name}_rough.png", codes(8, 1))
    with pytest.raises(InputError, match=r"several materials \(brick, rock\)"):
        read_folder(tmp_path)
