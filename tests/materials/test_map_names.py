from __future__ import annotations

import pytest

from neumat.materials.map_names import map_of

NAMES = {
    # Poly Haven
    "rock_wall_08_diff_2k.jpg": "base_color",
    "rock_wall_08_nor_gl_2k.exr": "normal_gl",
    "rock_wall_08_nor_dx_2k.png": "normal_dx",
    "rock_wall_08_rough_4k.jpg": "roughness",
    "rock_wall_08_disp_2k.png": "height",
    "rock_wall_08_arm_2k.jpg": "packed_orm",
    "rusty_metal_02_metal_1k.png": "metallic",
    "rock_wall_08_ao_2k.jpg": "occlusion",
    # ambientCG
    "Bricks01_2K_Color.jpg": "base_color",
    "Bricks01_2K-JPG_Color.jpg": "base_color",
    "Bricks01_1K-PNG_NormalGL.png": "normal_gl",
    "Bricks01_1K-PNG_NormalDX.png": "normal_dx",
    "Bricks01_1K-JPG_Roughness.jpg": "roughness",
    "Bricks01_1K-JPG_Displacement.jpg": "height",
    "Metal032_1K-JPG_Metalness.jpg": "metallic",
    "Bricks01_1K-JPG_AmbientOcclusion.jpg": "occlusion",
    # Substance
    "wall_baseColor.png": "base_color",
    "Wall_Base_Color.png": "base_color",
    "wall_normal.png": "normal",
    "Wall_Normal_OpenGL.png": "normal_gl",
    "Wall_Normal_DirectX.png": "normal_dx",
    "wall_metallic.tif": "metallic",
    "wall_height.exr": "height",
    "wall_glossiness.png": "gloss",
    # MatSynth
    "basecolor.png": "base_color",
    "normal.png": "normal",
    "displacement.png": "height",
    "diffuse.png": "base_color",
    # glTF
    "brick_occlusionRoughnessMetallic.png": "packed_orm",
    "T_Brick_ORM.png": "packed_orm",
    "brick_metallicRoughness.png": "packed_mr",
    "rust-normal-ogl.png": "normal_gl",
    "rust albedo.PNG": "base_color",
    "BRICK_BASECOLOR_4096.TIFF": "base_color",
    "brick-roughness-map.jpeg": "roughness",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_usual_sources(name: str) -> None:
    found = map_of(name)
    assert found is not None
    assert found.kind == NAMES[name]


@pytest.mark.parametrize(
    "name",
    [
        "Metal032.png",  # the preview of ambientCG, not a metallic map
        "Metal032_1K-JPG.png",
        "rough_concrete.png",
        "preview.png",
        "basecolor.txt",
        "basecolor",
        "colorful.png",
        "armour.png",
        ".png",
        "2k.png",
        "Ω.png",
        "rock_opacity.png",
    ],
)
def test_names_that_say_nothing(name: str) -> None:
    assert map_of(name) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rock_wall_08_diff_2k.jpg", "rock_wall_08_nor_gl_4k.exr"),
        ("Bricks01_2K-JPG_Color.jpg", "Bricks01_2K-JPG_NormalGL.jpg"),
        ("Wall_Base_Color.png", "wall_roughness.png"),
        ("basecolor.png", "height.png"),
    ],
)
def test_maps_of_one_set_share_a_prefix(one: str, other: str) -> None:
    first, second = map_of(one), map_of(other)
    assert first is not None
    assert second is not None
    assert first.prefix == second.prefix


def test_a_word_of_the_sets_name_is_no_map() -> None:
    found = map_of("rusty_metal_roughness_2k.png")  # not metallic, not packed
    assert found is not None
    assert (found.kind, found.prefix) == ("roughness", "rusty_metal")
