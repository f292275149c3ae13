from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from neumat.errors import InputError
from neumat.materials.images import read_image
from neumat.materials.pbr import PbrMaterial, normal_from_height
from neumat.materials.tiling import seam_error
from neumat.procedural import FAMILIES, family, save_folder

NAMES = sorted(FAMILIES)
MAPS = ("base_color", "roughness", "metallic", "height")


@cache
def _made(name: str, resolution: int = 128, seed: int = 7) -> PbrMaterial:
    return family(name).maps({}, resolution, seed)


def _averaged(values: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    step = values.shape[0] // size
    result: npt.NDArray[np.float32] = values.reshape(size, step, size, step, *values.shape[2:]).mean(axis=(1, 3))
    return result


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_in_range_and_describe_one_surface(name: str) -> None:
    made = _made(name)
    assert made.shape == (128, 128)
    assert made.tileable
    for label in MAPS:
        values = getattr(made, label)
        assert values.min() >= 0.0
        assert values.max() <= 1.0
    np.testing.assert_allclose(
        made.normal, normal_from_height(made.height, made.height_scale, tileable=True), atol=1e-6
    )
    # Heights use the range without being cut off at its ends.
    assert made.height.max() - made.height.min() > 0.5
    assert np.isin(made.height, (0.0, 1.0)).mean() < 0.001
    assert made.occlusion is not None
    assert made.occlusion.min() < 0.9 < made.occlusion.max() <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_edges_meet(name: str) -> None:
    made = _made(name)
    for label in (*MAPS, "normal"):
        assert seam_error(getattr(made, label)) < 1.2, label


@pytest.mark.parametrize("name", NAMES)
def test_two_resolutions_show_the_same_material(name: str) -> None:
    coarse, fine = _made(name, 192), _made(name, 384)
    assert coarse.height_scale == fine.height_scale
    assert coarse.physical_size == fine.physical_size
    for label in MAPS:
        # The finer one has grain that the coarser can't hold; what is larger than a few texels is the same.
        one, two = _averaged(getattr(coarse, label), 32), _averaged(getattr(fine, label), 32)
        assert float(np.sqrt(((one - two) ** 2).mean())) <= 0.15 * float(one.std()), label


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_chooses_the_sample_and_nothing_else_does(name: str) -> None:
    made = family(name).maps({}, 64, 3)
    again, other = family(name).maps({}, 64, 3), family(name).maps({}, 64, 4)
    for label in MAPS:
        np.testing.assert_array_equal(getattr(made, label), getattr(again, label))
    assert float(np.abs(made.height - other.height).mean()) > 0.002
    assert float(np.abs(made.base_color - other.base_color).mean()) > 0.005


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_every_parameter_holds_at_the_ends_of_its_range(name: str, end: str) -> None:
    chosen = family(name)
    for parameter in chosen.parameters:
        made = chosen.maps({parameter.name: getattr(parameter, end)}, 32, 1)
        assert np.isfinite(made.base_color).all()
    extreme = {parameter.name: getattr(parameter, end) for parameter in chosen.parameters}
    made = chosen.maps(extreme, 64, 1)
    assert seam_error(made.height) < 1.5
    assert float(made.height.std()) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_palettes_change_the_colour_and_leave_the_shape(name: str) -> None:
    chosen = family(name)
    made = [chosen.maps({"palette": palette.name}, 32, 2) for palette in chosen.palettes]
    means = np.array([one.base_color.mean(axis=(0, 1)) for one in made])
    for k in range(len(made)):
        np.testing.assert_array_equal(made[k].height, made[0].height)
        others = np.delete(means, k, axis=0)
        assert np.abs(others - means[k]).max(axis=1).min() > 0.01


def test_wetness_lowers_roughness_and_darkens() -> None:
    dry, wet = (family("cobblestone").maps({"wetness": value}, 128, 1) for value in (0.0, 1.0))
    assert dry.roughness.min() > 0.4
    assert wet.roughness.mean() < 0.6 * dry.roughness.mean()
    assert wet.base_color.mean() < 0.85 * dry.base_color.mean()


def test_rust_turns_metal_into_a_rough_dielectric() -> None:
    clean, rusty = (family("tread_plate").maps({"rust": value, "grime": 0}, 128, 1) for value in (0.0, 0.9))
    assert clean.metallic.min() > 0.99
    eaten = rusty.metallic < 0.1
    assert eaten.mean() > 0.3
    assert rusty.roughness[eaten].mean() > 0.7
    red, green, blue = rusty.base_color[eaten].mean(axis=0)
    assert red > 1.5 * green > 1.5 * blue


def test_a_recess_deepens_the_joints_of_brick() -> None:
    flush, raked = (family("brick").maps({"recess": value}, 128, 1) for value in (0.1, 1.0))
    assert np.quantile(flush.height, 0.02) > np.quantile(raked.height, 0.02) + 0.3
    assert abs(float(np.median(flush.height) - np.median(raked.height))) < 0.05


def test_relief_is_the_height_scale() -> None:
    made = family("brick").maps({"relief": 0.04}, 32, 0)
    assert made.height_scale == 0.04


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"wetness": 1.5}, "wetness 1.5 is outside 0 to 1"),
        ({"wetness": float("nan")}, "wetness nan is outside"),
        ({"wetness": "very"}, "not a number"),
        ({"moisture": 0.5}, "no parameter 'moisture'; there are .*wetness"),
        ({"palette": "pink"}, "no palette 'pink'; there are granite"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, float | str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        family("cobblestone").maps(parameters, 32, 0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="seed -1"):
        family("brick").maps({}, 32, -1)


def test_families_are_found_by_name_and_near_misses_are_told() -> None:
    assert family(" Tread Plate ") is FAMILIES["tread_plate"]
    with pytest.raises(InputError, match="did you mean cobblestone"):
        family("cobble-stones")
    with pytest.raises(InputError, match=r"there are brick, cobblestone, tread_plate"):
        family("xylophone")


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_valid_and_captions_say_what_stands_out(name: str) -> None:
    chosen = family(name)
    for seed in range(20):
        values = chosen.complete(chosen.sample(seed))
        caption = chosen.caption(values, seed)
        assert any(caption.endswith(noun) for noun in chosen.nouns)
    assert len({chosen.caption(chosen.sample(seed), seed) for seed in range(20)}) > 8


def test_captions_name_the_extremes_first() -> None:
    assert family("cobblestone").caption({"wetness": 1.0, "moss": 0.7}).startswith("wet mossy ")
    assert "chipped" in family("brick").caption({"chipping": 1.0})
    assert "rust" not in family("tread_plate").caption({})


def test_a_folder_holds_maps_and_what_no_picture_tells(tmp_path: Path) -> None:
    made = _made("tread_plate")
    save_folder(made, tmp_path / "plate")
    files = sorted(path.name for path in (tmp_path / "plate").iterdir())
    assert files == sorted(
        ["basecolor.png", "height.png", "material.json", "metallic.png", "normal.png", "occlusion.png", "roughness.png"]
    )
    told = json.loads((tmp_path / "plate" / "material.json").read_text())
    assert told["height_scale"] == 0.03
    assert told["tileable"] is True
    assert told["licence"] == "CC0-1.0"
    assert told["parameters"]["palette"] == "steel"
    height = read_image(tmp_path / "plate" / "height.png")
    assert height.bits == 16
    np.testing.assert_allclose(height.pixels[..., 0], made.height, atol=1e-5)
    again = family(told["family"]).maps(told["parameters"], 128, told["seed"])
    np.testing.assert_array_equal(again.height, made.height)
