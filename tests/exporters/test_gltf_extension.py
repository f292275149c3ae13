"""The vendor extension: schema, buffer layouts, decoder identity, reference evaluations, and reading back."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import jsonschema
import numpy as np
import pytest

from neumat.errors import InputError, VersionError
from neumat.exporters.extension import NAME, schema
from neumat.exporters.gltf import export_gltf
from neumat.exporters.gltf_container import open_gltf
from neumat.exporters.gltf_read import read_glb, read_golden
from neumat.materials.neumat_file import decoder_hash
from neumat.materials.neural import Form, NeuralMaterial
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_material

SIZE = (12, 16)
FORMS: tuple[Form, Form] = ("hybrid", "neumip")
Edit = Callable[[dict[str, Any]], object]


def unusual(form: Form) -> NeuralMaterial:
    """A material none of whose settings is a default."""
    material = small_material(form, seed=5, size=SIZE, tileable=False, hidden=(9, 7))
    networks = {name: replace(network, activation="leaky_relu") for name, network in material.networks.items()}
    assert material.explicit is not None
    height = (material.explicit.height // 2 + 10000).astype(np.uint16)
    explicit = replace(material.explicit, height=height)
    return replace(
        material,
        explicit=explicit,
        name="Wet-stone_2",
        networks=networks,
        resolution=77,
        height_scale=0.1 / 3,
        height_range=(0.125, 2 / 3),
        march_steps=9,
        secant_steps=0,
        light_steps=5,
        offset_range=1 / 7,
        output="exp",
        physical_size=0.3,
        provenance={"author": "Jörg", "licence": None, "fit": {"steps": 12, "losses": [0.5], "empty": {}}, "x": []},
    )


def assert_same(a: NeuralMaterial, b: NeuralMaterial) -> None:
    for entry in fields(NeuralMaterial):
        if entry.name not in ("explicit", "latents", "networks"):
            assert getattr(a, entry.name) == getattr(b, entry.name), entry.name
    assert (a.explicit is None) == (b.explicit is None)
    if a.explicit is not None and b.explicit is not None:
        assert a.explicit.has_occlusion == b.explicit.has_occlusion
        for name in ("base_color", "orm", "normal", "height"):
            assert getattr(a.explicit, name).dtype == getattr(b.explicit, name).dtype
            assert np.array_equal(getattr(a.explicit, name), getattr(b.explicit, name)), name
    assert list(a.latents) == list(b.latents)
    for name in a.latents:
        assert a.latents[name].tobytes() == b.latents[name].tobytes()
        assert a.latents[name].shape == b.latents[name].shape
    assert list(a.networks) == list(b.networks)
    for name, network in a.networks.items():
        other = b.networks[name]
        assert (network.inputs, network.activation) == (other.inputs, other.activation)
        for one, two in zip(network.layers, other.layers, strict=True):
            assert one.weight.shape == two.weight.shape
            assert one.weight.tobytes() == two.weight.tobytes()
            assert one.bias.tobytes() == two.bias.tobytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("repeats", [1.0, 3.0])
def test_a_material_comes_back_bit_for_bit(tmp_path: Path, form: Form, repeats: float) -> None:
    material = unusual(form)
    path = export_gltf(material, tmp_path / "a.glb", mesh="plane", repeats=repeats)
    assert_same(material, cast(NeuralMaterial, read_glb(path)))


def test_occlusion_comes_back(tmp_path: Path) -> None:
    material = unusual("hybrid")
    assert material.explicit is not None
    orm = material.explicit.orm.copy()
    orm[..., 0] = np.random.default_rng(0).integers(0, 256, SIZE)
    material = replace(material, explicit=replace(material.explicit, orm=orm, has_occlusion=True))
    assert_same(material, cast(NeuralMaterial, read_glb(export_gltf(material, tmp_path / "a.glb", mesh="plane"))))


def test_neumip_without_channels_has_a_flat_colour_and_comes_back(tmp_path: Path) -> None:
    material = replace(unusual("neumip"), explicit=None)
    path = export_gltf(material, tmp_path / "a.glb", mesh="plane")
    assert_same(material, cast(NeuralMaterial, read_glb(path)))
    (shown,) = open_gltf(path).items("materials")
    color = shown["pbrMetallicRoughness"]["baseColorFactor"]
    assert shown["pbrMetallicRoughness"]["metallicFactor"] == 0.0
    assert 0.0 < min(color[:3]) <= max(color[:3]) <= 1.0
    assert "textures" not in open_gltf(path).document


@pytest.mark.parametrize("form", FORMS)
def test_the_object_follows_its_schema(tmp_path: Path, form: Form) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    check = jsonschema.Draft202012Validator(schema())
    entry = extension_of(export_gltf(unusual(form), tmp_path / "a.glb", mesh="plane"))
    assert list(check.iter_errors(entry)) == []
    for broken in (
        {**entry, "version": 2}, {**entry, "form": "other"}, {**entry, "latents": []}, {**entry, "unknown": 1},
        {key: value for key, value in entry.items() if key != "networks"},
        {**entry, "form": "neumip" if form == "hybrid" else "hybrid"},
    ):  # fmt: skip
        assert not check.is_valid(broken)


def test_the_example_of_the_specification_follows_the_schema() -> None:
    text = (Path(__file__).parents[2] / "docs" / "extension" / f"{NAME}.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json")[1].split("```")[0])
    entry = example["materials"][0]["extensions"][NAME]
    jsonschema.validate(entry, schema(), jsonschema.Draft202012Validator)
    for name in schema()["properties"]:
        assert f"`{name}`" in text, f"{name} is not described"


def test_buffers_have_the_layout_of_the_specification(tmp_path: Path) -> None:
    material = unusual("hybrid")
    path = export_gltf(material, tmp_path / "a.glb", mesh="plane")
    file, entry = open_gltf(path), extension_of(path)
    assert material.explicit is not None

    def view(index: int) -> bytes:
        described = file.item("bufferViews", index)
        assert described["byteOffset"] % 4 == 0
        assert "target" not in described
        assert "byteStride" not in described
        return bytes(file.view(index))

    assert view(entry["explicit"]["heightMap"]["bufferView"]) == material.explicit.height.astype("<u2").tobytes()
    (latent,) = entry["latents"]
    assert (latent["height"], latent["width"], latent["channels"]) == material.latents["latent"].shape
    assert view(latent["bufferView"]) == material.latents["latent"].astype("<f2").tobytes()
    digest = hashlib.sha256()
    for described, layer in zip(entry["networks"][0]["layers"], material.networks["decoder"].layers, strict=True):
        packed = np.frombuffer(view(described["bufferView"]), "<f4")
        count = described["inputs"] * described["outputs"]
        assert np.array_equal(packed[:count].reshape(described["outputs"], described["inputs"]), layer.weight)
        assert np.array_equal(packed[count:], layer.bias)
        digest.update(packed.tobytes())
    assert entry["weightsSha256"] == digest.hexdigest() == decoder_hash(material)


@pytest.mark.parametrize("form", FORMS)
def test_evaluations_are_those_of_the_material_that_is_read(tmp_path: Path, form: Form) -> None:
    path = export_gltf(small_material(form, seed=3, size=SIZE), tmp_path / "a.glb", mesh="plane", evaluations=16)
    golden = read_golden(path)
    assert golden.rgb.shape == (16, 3)
    for name in ("uv", "footprint", "wo", "wi"):
        value = getattr(golden, name)
        assert np.array_equal(value, value.astype(np.float32).astype(np.float64)), f"{name} is not float32"
    assert np.allclose(np.linalg.norm(golden.wo, axis=1), 1.0, atol=1e-6)
    assert (golden.wi[:, 2] < 0).sum() == 2
    assert (golden.rgb[golden.wi[:, 2] < 0] == 0).all()
    assert (golden.rgb[golden.wi[:, 2] > 0] > 0).all()
    reference = Reference(cast(NeuralMaterial, read_glb(path)))
    again = reference.evaluate(reference.prepare(golden.uv, golden.footprint, golden.wo), golden.wi)
    assert np.allclose(again, golden.rgb, rtol=1e-12, atol=0)


def extension_of(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = open_gltf(path).items("materials")[0]["extensions"][NAME]
    return entry


def edited(path: Path, edit: Edit) -> Path:
    """Apply `edit` to the extension's object in a GLB."""
    file = open_gltf(path)
    edit(file.items("materials")[0]["extensions"][NAME])
    text = json.dumps(file.document).encode()
    text += b" " * (-len(text) % 4)
    assert file.binary is not None
    chunks = (
        struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(file.binary), 0x4E4942) + file.binary
    )
    path.write_bytes(struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks)
    return path


FAULTS: list[tuple[str, Edit]] = [
    ("form", lambda e: e.update(form="other")),
    ("heightRange", lambda e: e.update(heightRange=[0.5])),
    ("height range", lambda e: e.update(heightRange=[0.9, 0.1])),
    ("march steps 1000", lambda e: e.update(marchSteps=1000)),
    ("JSON", lambda e: e.update(heightScale=float("inf"))),
    ("heightScale", lambda e: e.update(heightScale=10**400)),
    ("output transform", lambda e: e.update(output="cubic")),
    ("SHA-256", lambda e: e.update(weightsSha256="0" * 64)),
    ("receives 28", lambda e: e["networks"][0]["layers"].reverse()),
    ("bytes, expected", lambda e: e["latents"][0].update(width=5)),
    ("bytes, expected", lambda e: e["latents"][0].update(width=8192, height=8192)),
    ("width of latent", lambda e: e["latents"][0].update(width=1 << 40)),
    ("bytes, expected", lambda e: e["networks"][0]["layers"][0].update(outputs=512)),
    ("index into bufferViews", lambda e: e["latents"][0].update(bufferView=999)),
    ("index into bufferViews", lambda e: e["latents"][0].update(bufferView=-1)),
    ("index into bufferViews", lambda e: e["latents"][0].update(bufferView=True)),
    ("latents is not a list", lambda e: e.update(latents={})),
    ("has latents", lambda e: e.update(latents=[])),
    ("not known", lambda e: e["networks"][0].update(inputs=["wind"])),
    ("receives", lambda e: e["networks"][0].update(inputs=["latent"])),
    ("activation", lambda e: e["networks"][0].update(activation="tanh")),
    ("the neural material expects", lambda e: e["explicit"].update(width=8)),
    ("needs its PBR channels", lambda e: e.pop("explicit")),
]


@pytest.mark.parametrize(("message", "edit"), FAULTS)
def test_faults_are_named_in_one_line(tmp_path: Path, message: str, edit: Edit) -> None:
    path = export_gltf(small_material("hybrid", seed=1, size=(4, 6), hidden=(5,)), tmp_path / "bad.glb", mesh="plane")
    with pytest.raises(InputError, match=message) as caught:
        read_glb(edited(path, edit))
    assert "bad.glb" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_newer_version_is_refused_and_named(tmp_path: Path) -> None:
    path = export_gltf(small_material("hybrid", seed=1, size=(4, 6)), tmp_path / "new.glb", mesh="plane")
    with pytest.raises(VersionError, match="version 2"):
        read_glb(edited(path, lambda entry: entry.update(version=2)))


def test_neumip_without_its_fallback_textures_says_so(tmp_path: Path) -> None:
    path = export_gltf(small_material("neumip", seed=1, size=(4, 6)), tmp_path / "a.glb", mesh="plane")
    file = open_gltf(path)
    del file.document["materials"][0]["normalTexture"]
    assert file.binary is not None
    file.document["buffers"][0]["uri"] = "a.bin"
    (tmp_path / "a.bin").write_bytes(file.binary)
    (tmp_path / "a.gltf").write_text(json.dumps(file.document))
    with pytest.raises(InputError, match="PBR textures"):
        read_glb(tmp_path / "a.gltf")
