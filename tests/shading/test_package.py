from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from neumat.compiler import compile_slang
from neumat.errors import InputError
from neumat.materials.images import read_image
from neumat.materials.neural import Layer, Network, NeuralMaterial
from neumat.materials.synthetic import small_material
from neumat.shading.dds import HEADER_BYTES
from neumat.shading.manifest import manifest_schema, read_manifest
from neumat.shading.package import compile_material
from neumat.shading.textures import decoded_levels, explicit_levels

FORMS = {"hybrid": (32, 32), "neumip": (64,) * 4}
SCRIPT = Path(__file__).parents[2] / "examples" / "check_port.py"


def material(form: str) -> NeuralMaterial:
    made = small_material(form, seed=5, hidden=FORMS[form], size=(24, 32))  # type: ignore[arg-type]
    return replace(made, name=f"7-{form}")


@pytest.fixture(scope="module", params=list(FORMS))
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[NeuralMaterial, Path]:
    made = material(request.param)
    return made, compile_material(made, tmp_path_factory.mktemp("package") / request.param)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_keeps_its_schema_and_its_promises(package: tuple[NeuralMaterial, Path]) -> None:
    made, folder = package
    manifest = read_manifest(folder)
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    jsonschema.validate(manifest, manifest_schema())
    files = tree(folder)
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    for name, entry in manifest["files"].items():
        assert entry == {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
    assert manifest["counts"]["parameters"] == sum(network.parameters for network in made.networks.values())
    assert manifest["provenance"] == made.provenance
    for target in manifest["targets"].values():
        assert files[target["file"]]
        for binding in target["bindings"]:
            assert binding["resource"] in manifest["resources"]


def test_the_schema_refuses_what_a_manifest_must_not_say(package: tuple[NeuralMaterial, Path]) -> None:
    manifest = read_manifest(package[1])
    for change in ({"form": "oil"}, {"surprise": 1}, {"prefix": "7x"}, {"targets": {"pascal": {}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**manifest, **change}, manifest_schema())


def test_the_emitted_cpp_ran_and_agrees_with_the_reference(package: tuple[NeuralMaterial, Path]) -> None:
    cpp = read_manifest(package[1])["targets"]["cpp"]
    assert cpp["status"] == "ran"
    assert cpp["error"] <= 1.0


def test_statuses_claim_no_more_than_was_done(package: tuple[NeuralMaterial, Path]) -> None:
    targets = read_manifest(package[1])["targets"]
    assert len(targets) == 7
    assert targets["spirv"]["status"] == "checked"
    assert targets["metal"]["status"] == targets["wgsl"]["status"] == "compiled"
    for entry in targets.values():
        assert (entry["checked_by"] is None) == (entry["status"] == "compiled")


def test_the_same_material_gives_the_same_bytes_and_replaces_what_was_there(tmp_path: Path) -> None:
    made = small_material("hybrid", seed=6, hidden=(8,), size=(16, 16))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old.txt").write_text("old")
    compile_material(made, tmp_path / "a", targets=("hlsl", "cuda"), check=False)
    compile_material(made, tmp_path / "b", targets=("cuda", "hlsl"), check=False)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert "old.txt" not in tree(tmp_path / "a")


def test_a_failed_compile_leaves_the_old_package(tmp_path: Path) -> None:
    made = small_material("neumip", seed=6, hidden=(64,) * 4, size=(16, 16))
    folder = compile_material(made, tmp_path / "a", targets=("hlsl",), check=False)
    before = tree(folder)
    for bad in ({"weights": "constant"}, {"targets": ("hlsl", "pascal")}, {"targets": ()}):
        with pytest.raises(InputError):
            compile_material(made, folder, **bad)  # type: ignore[arg-type]
    assert tree(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_only_what_the_chosen_targets_read_is_written(tmp_path: Path) -> None:
    made = small_material("hybrid", seed=6, hidden=(8,), size=(16, 16))
    for target, absent in (("cpp", "textures"), ("wgsl", "buffers")):
        folder = compile_material(made, tmp_path / target, targets=(target,), check=False)
        jsonschema.validate(read_manifest(folder), manifest_schema())
        assert not (folder / absent).exists()


def test_the_package_compiles_on_its_own(package: tuple[NeuralMaterial, Path]) -> None:
    _, folder = package
    manifest = read_manifest(folder)
    entry = manifest["targets"]["wgsl"]
    source = (folder / "material.slang").read_text()
    code = compile_slang(source, target="wgsl", include=[folder / "slang"], defines=entry["defines"])
    assert f"fn {manifest['prefix']}_evaluate(" in code.decode()


def test_weights_lie_where_the_manifest_says(package: tuple[NeuralMaterial, Path]) -> None:
    made, folder = package
    manifest = read_manifest(folder)
    weights = np.fromfile(folder / "weights.bin", "<f4").reshape(-1, 4)
    resource = manifest["resources"]["weights"]
    assert len(weights) == resource["width"] * resource["height"]
    for entry in manifest["networks"]:
        for layer, at in zip(made.networks[entry["name"]].layers, entry["layers"], strict=True):
            rows, row = at["rows"], at["row_float4s"]
            block = weights[at["first"] : at["first"] + (rows + 1) * row].reshape(rows + 1, 4 * row)
            assert np.array_equal(block[: at["inputs"], : at["outputs"]].T, layer.weight)
            assert np.array_equal(block[rows, : at["outputs"]], layer.bias)


def test_maps_are_the_source_byte_for_byte(package: tuple[NeuralMaterial, Path]) -> None:
    made, folder = package
    assert made.explicit is not None
    for name, depth in (("base_color", 255), ("orm", 255), ("normal", 255), ("height", 65535)):
        pixels = np.rint(read_image(folder / "maps" / f"{name}.png").pixels * depth)
        assert np.array_equal(pixels.squeeze(), getattr(made.explicit, name))


def test_textures_hold_all_levels_and_other_readers_open_them(tmp_path: Path) -> None:
    made = small_material("hybrid", seed=6, hidden=(8,), size=(12, 16))
    folder = compile_material(made, tmp_path / "p", targets=("hlsl",), check=False)
    levels = explicit_levels(made.explicit)
    data = (folder / "textures" / "base_color.dds").read_bytes()[HEADER_BYTES:]
    for level in levels:
        texels = np.frombuffer(data[: 4 * level.height.size], np.uint8).reshape(*level.height.shape, 4)
        assert np.array_equal(texels[..., :3], level.base_color)
        data = data[4 * level.height.size :]
    assert not data
    opened = oiio.ImageInput.open(str(folder / "textures" / "base_color.dds"))
    assert opened is not None
    assert np.array_equal(np.asarray(opened.read_image(oiio.UINT8))[..., :3], made.explicit.base_color)
    latents = (folder / "textures" / "latent1.dds").read_bytes()[HEADER_BYTES:]
    assert np.array_equal(np.frombuffer(latents, "<f2").reshape(6, 8, 4), made.latents["latent"][..., 4:8])


def test_levels_keep_level_0_and_are_rounded_once() -> None:
    made = small_material("hybrid", seed=6, size=(16, 32))
    assert made.explicit is not None
    levels = explicit_levels(made.explicit)
    assert levels[0] is made.explicit
    assert levels[-1].height.shape == (1, 1)
    mean = made.explicit.height.astype(float).mean()
    assert abs(float(levels[-1].height[0, 0]) - mean) <= 0.51
    assert decoded_levels(levels)[1].normal.shape == (8, 16, 3)


@pytest.mark.parametrize(("activation", "output"), [("leaky_relu", "exp"), ("relu", "linear")])
def test_other_activations_and_outputs_agree_with_the_reference(tmp_path: Path, activation: str, output: str) -> None:
    made = small_material("hybrid", seed=8, hidden=(16, 16, 16), tileable=False, size=(16, 48))
    networks = {
        name: Network(network.inputs, tuple(Layer(x.weight, x.bias) for x in network.layers), activation)  # type: ignore[arg-type]
        for name, network in made.networks.items()
    }
    made = replace(made, networks=networks, output=output, march_steps=7, light_steps=3, secant_steps=0)  # type: ignore[arg-type]
    folder = compile_material(made, tmp_path / "p", targets=("cpp",))
    assert read_manifest(folder)["targets"]["cpp"]["error"] <= 1.0


def test_a_neumip_without_maps_compiles(tmp_path: Path) -> None:
    made = replace(small_material("neumip", seed=9, hidden=(16, 16)), explicit=None)
    folder = compile_material(made, tmp_path / "p", targets=("cpp", "glsl"))
    manifest = read_manifest(folder)
    jsonschema.validate(manifest, manifest_schema())
    assert manifest["maps"] == {}
    assert manifest["targets"]["cpp"]["status"] == "ran"


def test_the_example_checks_a_port(package: tuple[NeuralMaterial, Path], tmp_path: Path) -> None:
    _, folder = package
    expected = json.loads((folder / "test_vectors.json").read_text())["f"]

    def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False
        )

    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(expected))
    bad.write_text(json.dumps([[2.0 * value + 0.1 for value in row] for row in expected]))
    assert check(folder, good).returncode == 0
    wrong = check(folder, bad)
    assert wrong.returncode == 1
    assert "does not agree" in wrong.stdout
    own = check(folder)
    assert own.returncode == 0, own.stderr
    assert "agrees" in own.stdout


@pytest.mark.parametrize("text", ["", "[]", '{"manifest": 2}', "[" * 100_000])
def test_folders_that_are_no_package_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path / "missing")
