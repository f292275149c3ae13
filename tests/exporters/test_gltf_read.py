"""Reading PBR materials out of anybody's glTF files, and refusing what is broken."""

from __future__ import annotations

import base64
import io
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.exporters.gltf import export_gltf
from neumat.exporters.gltf_images import encode_png
from neumat.exporters.gltf_read import read_glb, read_golden
from neumat.materials.color import decode_srgb8
from neumat.materials.explicit import encode
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.synthetic import small_material, small_pbr


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def gltf(path: Path, material: dict[str, Any], pngs: list[bytes], **extra: Any) -> Path:
    """Write a .gltf whose images are data URIs and whose one material is `material`."""
    document = {
        "asset": {"version": "2.0", "copyright": "Somebody, CC0"},
        "materials": [material],
        "textures": [{"source": i, "sampler": 0} for i in range(len(pngs))],
        "images": [{"uri": "data:image/png;base64," + base64.b64encode(data).decode()} for data in pngs],
        "samplers": [{}],
        **extra,
    }
    path.write_text(json.dumps(document))
    return path


def read_pbr(path: Path, name: str | None = None) -> PbrMaterial:
    material = read_glb(path, name)
    assert isinstance(material, PbrMaterial)
    return material


def test_an_exported_pbr_material_comes_back_code_for_code(tmp_path: Path) -> None:
    occlusion = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    pbr = replace(small_pbr(seed=1, size=(8, 8)), occlusion=occlusion, tileable=False)
    back = read_pbr(export_gltf(pbr, tmp_path / "a.glb", mesh="plane"))
    before, after = encode(pbr), encode(back)
    for name in ("base_color", "orm", "normal"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert after.has_occlusion
    assert (back.name, back.tileable) == (pbr.name, False)
    assert (back.height == 0.5).all()
    assert back.height_scale == 0.0
    assert any(finding.what == "height" and finding.assumed for finding in back.findings)


def test_factors_scales_and_strength_are_applied(tmp_path: Path) -> None:
    base, packed, normal = noise(4, 4, 3), noise(4, 4, 3), np.full((4, 4, 3), (191, 128, 230), np.uint8)
    material = {
        "name": "Old oak",
        "pbrMetallicRoughness": {
            "baseColorFactor": [0.5, 0.25, 1.0, 0.5], "roughnessFactor": 0.5, "metallicFactor": 0.25,
            "baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1},
        },
        "normalTexture": {"index": 2, "scale": 2.0},
        "occlusionTexture": {"index": 1, "strength": 0.5},
        "emissiveFactor": [1, 0, 0], "alphaMode": "BLEND",
    }  # fmt: skip
    pbr = read_pbr(gltf(tmp_path / "a.gltf", material, [encode_png(x) for x in (base, packed, normal)]))
    assert pbr.name == "Old_oak"
    assert np.allclose(pbr.base_color, decode_srgb8(base) * np.float32([0.5, 0.25, 1.0]), atol=1e-6)
    assert np.allclose(pbr.roughness, packed[..., 1] / 255 * 0.5, atol=1e-6)
    assert np.allclose(pbr.metallic, packed[..., 2] / 255 * 0.25, atol=1e-6)
    assert pbr.occlusion is not None
    assert np.allclose(pbr.occlusion, 1 + 0.5 * (packed[..., 0] / 255 - 1), atol=1e-6)
    vector = np.array([191, 128, 230]) * 2 / 255 - 1
    expected = vector * [2, 2, 1] / np.linalg.norm(vector * [2, 2, 1])
    assert np.allclose(pbr.normal, expected, atol=1e-6)
    assert pbr.provenance == {"source": "a.gltf", "copyright": "Somebody, CC0"}
    assert {finding.what for finding in pbr.findings} == {"height", "emission", "alpha"}


def test_missing_maps_are_constant(tmp_path: Path) -> None:
    pbr = read_pbr(gltf(tmp_path / "a.gltf", {"pbrMetallicRoughness": {"metallicFactor": 0.0}}, []))
    assert pbr.shape == (1, 1)
    assert (pbr.base_color == 1).all()
    assert (pbr.roughness == 1).all()
    assert (pbr.metallic == 0).all()
    assert (pbr.normal == [0, 0, 1]).all()
    assert pbr.occlusion is None
    assert pbr.name == "a"


def test_maps_of_other_sizes_are_brought_to_the_largest(tmp_path: Path) -> None:
    flat = np.full((2, 2, 3), 100, np.uint8)
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1}}}
    pbr = read_pbr(gltf(tmp_path / "a.gltf", material, [encode_png(noise(8, 16, 3)), encode_png(flat)]))
    assert pbr.shape == (8, 16)
    assert np.allclose(pbr.roughness, 100 / 255, atol=1e-6)
    assert any("resized" in finding.how for finding in pbr.findings)


def test_jpeg_is_read(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow makes the JPEG")
    stream = io.BytesIO()
    pillow.fromarray(np.full((16, 16, 3), (200, 100, 50), np.uint8)).save(stream, "JPEG", quality=95)
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    pbr = read_pbr(gltf(tmp_path / "a.gltf", material, [stream.getvalue()]))
    expected = decode_srgb8(np.array([200, 100, 50], np.uint8))
    assert np.allclose(pbr.base_color, expected, atol=0.02)


@pytest.mark.parametrize("wrap", [33071, 33648])
def test_what_does_not_wrap_does_not_tile(tmp_path: Path, wrap: int) -> None:
    material = {"normalTexture": {"index": 0}}
    path = gltf(tmp_path / "a.gltf", material, [encode_png(noise(4, 4, 3))], samplers=[{"wrapT": wrap}])
    assert not read_pbr(path).tileable


def several(path: Path) -> Path:
    named = [{"name": n, "pbrMetallicRoughness": {"roughnessFactor": r}} for n, r in (("Wood", 0.25), ("Iron", 0.75))]
    meshes = [
        {"name": "Handle", "primitives": [{"attributes": {}, "material": 0}]},
        {"name": "Axe", "primitives": [{"attributes": {}, "material": 0}, {"attributes": {}, "material": 1}]},
    ]
    nodes = [{"name": "Grip", "mesh": 0}]
    return gltf(path, named[0], [], materials=named, meshes=meshes, nodes=nodes)


@pytest.mark.parametrize(("name", "roughness"), [("Iron", 0.75), ("Wood", 0.25), ("Handle", 0.25), ("Grip", 0.25)])
def test_a_material_is_chosen_by_material_mesh_or_node(tmp_path: Path, name: str, roughness: float) -> None:
    assert read_pbr(several(tmp_path / "a.gltf"), name).roughness == np.float32(roughness)


@pytest.mark.parametrize(
    ("name", "message"), [(None, "Wood, Iron"), ("Axe", "2 materials"), ("Sword", "its names: Axe")]
)
def test_an_unclear_choice_lists_the_names(tmp_path: Path, name: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_glb(several(tmp_path / "a.gltf"), name)


def test_the_one_neural_material_among_others_is_meant(tmp_path: Path) -> None:
    path = export_gltf(small_material("hybrid", seed=1, size=(4, 4)), tmp_path / "a.glb", mesh="plane")
    data = path.read_bytes()
    size = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + size])
    document["materials"].append({"name": "Other"})
    document["buffers"][0]["uri"] = "sub/a b.bin"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a b.bin").write_bytes(data[28 + size :])
    (tmp_path / "a.gltf").write_text(json.dumps(document).replace("sub/a b.bin", "sub/a%20b.bin"))
    assert isinstance(read_glb(tmp_path / "a.gltf"), NeuralMaterial)
    with pytest.raises(InputError, match="NEUMAT_materials_neural"):
        read_golden(tmp_path / "a.gltf", "Other")


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.png",
        "/etc/passwd",
        "sub/../../secret.png",
        "http://host/a.png",
        "..\\secret.png",
        "%2e%2e/secret.png",
        "file:///etc/passwd",
        "link.png",
    ],
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, uri: str) -> None:
    (tmp_path / "secret.png").write_bytes(encode_png(noise(2, 2, 3)))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "link.png").symlink_to(tmp_path / "secret.png")
    path = tmp_path / "inner" / "a.gltf"
    gltf(path, {"normalTexture": {"index": 0}}, [b""], images=[{"uri": uri}])
    with pytest.raises(InputError, match="outside the folder"):
        read_glb(path)


def test_an_image_beside_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "a.png").write_bytes(encode_png(np.full((2, 2, 3), 128, np.uint8)))
    material = {"pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 0}}}
    path = gltf(tmp_path / "a.gltf", material, [b""], images=[{"uri": "maps/a.png"}])
    assert np.allclose(read_pbr(path).roughness, 128 / 255, atol=1e-6)


def png_claiming(width: int, height: int) -> bytes:
    good = bytearray(encode_png(noise(4, 4, 3)))
    good[16:24] = struct.pack(">II", width, height)
    return bytes(good)


@pytest.mark.parametrize(
    "data",
    [png_claiming(20000, 20000), png_claiming(16000, 16000), png_claiming(0, 4), encode_png(noise(4, 4, 3))[:-30],
     b"", b"GIF89a", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0" + bytes(40)],
)  # fmt: skip
def test_broken_images_are_refused(tmp_path: Path, data: bytes) -> None:
    path = gltf(tmp_path / "a.gltf", {"normalTexture": {"index": 0}}, [data])
    with pytest.raises(InputError, match=r"a\.gltf: its normal texture") as caught:
        read_glb(path)
    assert "\n" not in str(caught.value)


def glb(*chunks: tuple[int, bytes], length: int | None = None) -> bytes:
    body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body) if length is None else length) + body


JSON = 0x4E4F534A
MINIMAL = b'{"asset":{"version":"2.0"},"materials":[{}]} '


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "JSON"),
        (b"glTF", "cut short"),
        (glb((JSON, MINIMAL))[:30], "cut short"),
        (glb((JSON, MINIMAL), length=1 << 31), "cut short"),
        (struct.pack("<III", 0x46546C67, 1, 20) + bytes(8), "version 1"),
        (struct.pack("<IIIII", 0x46546C67, 2, 20, 1 << 31, JSON), "past the end"),
        (glb((0x4E4942, MINIMAL)), "does not begin with a JSON"),
        (glb((JSON, b"{]")), "JSON"),
        (glb((JSON, b"[" * 200_000)), "JSON"),
        (glb((JSON, b"[]")), "not an object"),
        (glb((JSON, b'{"asset":{"version":"1.0"}}')), "version '1.0'"),
        (glb((JSON, b'{"asset":{"version":"2.0"}}')), "no material"),
        (glb((JSON, b'{"asset":{"version":"2.0"},"materials":[1]}')), "list of objects"),
    ],
)
def test_broken_containers_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "broken.glb"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_glb(path)
    assert str(caught.value).startswith(str(path))


def test_a_container_without_binary_chunk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "minimal.glb"
    path.write_bytes(glb((JSON, MINIMAL)))
    assert read_pbr(path).name == "minimal"


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.glb"):
        with pytest.raises(InputError, match="no such file"):
            read_glb(path)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_give_an_error_or_a_material(tmp_path: Path, seed: int) -> None:
    """Flip bits, overwrite JSON and cut, at seeded places: no other exception may come out."""
    random = np.random.default_rng(seed)
    form = ("hybrid", "neumip")[seed % 2]
    small = small_material(form, seed=1, size=(4, 8), hidden=(4,))  # type: ignore[arg-type]
    source = export_gltf(small, tmp_path / "a.glb", mesh="plane", repeats=2.0, evaluations=1).read_bytes()
    head = 20 + int.from_bytes(source[12:16], "little")
    flat = small_pbr(seed=1, size=(1, 1))
    path, refusals = tmp_path / "damaged.glb", list[str]()
    for turn in range(75):
        data = bytearray(source)
        for _ in range(random.integers(1, 4)):
            # Most places are in header and JSON, where a flip does most.
            place = random.integers(0, len(data) if turn % 3 == 0 else head)
            data[place] = data[place] ^ (1 << random.integers(8)) if turn % 2 else random.choice([*b'0919-e[]{}",:tn'])
        path.write_bytes(data[: random.integers(len(data))] if turn % 10 == 0 else data)
        for use in (lambda: read_glb(path), lambda: export_gltf(flat, tmp_path / "b.glb", mesh=path)):
            try:
                use()
            except InputError as error:
                refusals.append(str(error))
    assert 40 < len(refusals) < 150
    assert not any("\n" in message or len(message) > 500 for message in refusals)
