from __future__ import annotations

import json
import os
import random
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from neumat.errors import InputError, OutputError, VersionError
from neumat.materials.brdf import normalize
from neumat.materials.neumat_file import decoder_hash, describe, load, save
from neumat.materials.neural import Layer, Network, NeuralMaterial
from neumat.materials.reference import Reference
from neumat.materials.synthetic import small_material

GOLDEN = Path(__file__).parents[1] / "golden"


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, dtypes and orders of names included."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def split(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(header: dict[str, Any], payload: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + payload


def described(path: Path, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with a changed description."""
    header, payload = split(path)
    description = json.loads(header["__metadata__"]["neumat"])
    change(description)
    header["__metadata__"]["neumat"] = json.dumps(description)
    return join(header, payload)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.neumat"
    save(small_material("hybrid", seed=1, size=(8, 8), hidden=(8,)), path)
    return path


def variants() -> list[NeuralMaterial]:
    hybrid = small_material("hybrid", seed=3, size=(5, 9), hidden=(16, 8))
    assert hybrid.explicit is not None
    decoder = replace(hybrid.networks["decoder"], activation="leaky_relu")
    return [
        hybrid,
        replace(hybrid, explicit=replace(hybrid.explicit, has_occlusion=True), networks={"decoder": decoder}),
        small_material("neumip", seed=4, size=(6, 6), hidden=(8, 8, 8)),
        replace(small_material("neumip", seed=5, size=(6, 4), tileable=False), explicit=None, output="exp"),
        replace(
            hybrid, provenance={"author": "Łukasz 漢", "fit": {"steps": 3, "loss": [0.1, None]}}, physical_size=2.5
        ),
    ]


@pytest.mark.parametrize("index", range(5))
def test_round_trip_is_exact(tmp_path, index):
    material = variants()[index]
    save(material, tmp_path / "m.neumat")
    back = load(tmp_path / "m.neumat")
    assert same(material, back)
    save(back, tmp_path / "again.neumat")
    assert (tmp_path / "again.neumat").read_bytes() == (tmp_path / "m.neumat").read_bytes()


def test_safetensors_reads_the_tensors(good):
    tensors = load_file(good)
    material = load(good)
    assert material.explicit is not None
    np.testing.assert_array_equal(tensors["height"], material.explicit.height)
    np.testing.assert_array_equal(tensors["latent.latent"], material.latents["latent"])
    np.testing.assert_array_equal(tensors["network.decoder.0.weight"], material.networks["decoder"].layers[0].weight)
    header, _ = split(good)
    starts = {name: entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
    (length,) = struct.unpack("<Q", good.read_bytes()[:8])
    for name, start in starts.items():
        assert (8 + length + start) % tensors[name].dtype.itemsize == 0, name


def test_describe_reads_no_tensors(good):
    description = describe(good)
    assert description["form"] == "hybrid"
    assert description["explicit"] == {"size": [8, 8], "has_occlusion": False}
    assert description["networks"]["decoder"]["widths"] == [28, 8, 4]
    assert description["decoder"] == decoder_hash(load(good))


def test_decoder_hash_follows_the_weights_alone():
    material = small_material("hybrid", seed=1)
    assert decoder_hash(material) == decoder_hash(replace(material, name="other", height_scale=0.0))
    network = material.networks["decoder"]
    nudged = Layer(network.layers[0].weight + np.float32(1e-3), network.layers[0].bias)
    changed = Network(network.inputs, (nudged, *network.layers[1:]))
    assert decoder_hash(replace(material, networks={"decoder": changed})) != decoder_hash(material)


@pytest.mark.parametrize("form", ["hybrid", "neumip"])
def test_golden_file_of_format_1_gives_its_numbers(form):
    expected = json.loads((GOLDEN / f"format1_{form}.json").read_text())
    path = GOLDEN / f"format1_{form}.neumat"
    assert path.stat().st_size < 20_000
    reference = Reference(load(path))
    uv, footprint = np.array(expected["uv"]), np.array(expected["footprint"])
    wi, wo = normalize(expected["wi"]), normalize(expected["wo"])
    prepared = reference.prepare(uv, footprint, wo)
    np.testing.assert_allclose(prepared.uv_hit, expected["uv_hit"], atol=1e-9)
    np.testing.assert_allclose(prepared.z_hit, expected["z_hit"], atol=1e-9)
    np.testing.assert_allclose(reference.evaluate(prepared, wi), expected["f"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(reference.pbr(uv, footprint, wi, wo), expected["pbr"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(reference.marched(uv, footprint, wi, wo), expected["marched"], rtol=1e-6, atol=1e-9)


# --- files that are not what they should be ---------------------------------------------------------------------


def refused(path: Path, data: bytes, match: str, error: type[InputError] = InputError) -> None:
    path.write_bytes(data)
    with pytest.raises(error, match=match) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) - len(str(path)) < 250


def test_foreign_files(tmp_path, good):
    data = good.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    path = tmp_path / "bad.neumat"
    refused(path, b"", "empty")
    refused(path, b"abc", "too few")
    refused(path, b"not a material", "not a .neumat file")
    refused(path, struct.pack("<Q", 1 << 40) + b"{}", "not a .neumat file")
    refused(path, struct.pack("<Q", 2**64 - 1) + b"{}", "not a .neumat file")
    refused(path, struct.pack("<Q", 0) + b"{}", "not a .neumat file")
    refused(path, b"\x80\x04cos\nsystem\n(S'echo owned'\ntR.", "not a .neumat file")
    refused(path, data[: len(data) // 2], "truncated")
    refused(path, data[:-1], "truncated")
    refused(path, data[: 8 + length], "truncated")
    refused(path, data[: 8 + length // 2], "truncated")
    refused(path, data + b"\0", "after its end")
    refused(path, data[:8] + b"[" + data[9:], "no JSON header")
    refused(path, data[:9] + b"}" + data[10:], "not valid JSON")
    deep = b'{"a":' + b"[" * 400_000
    refused(path, struct.pack("<Q", len(deep)) + deep, "nested too deeply")
    digits = b'{"a":' + b"1" * 100_000 + b"}"
    refused(path, struct.pack("<Q", len(digits)) + digits, "not valid JSON")
    twice = b'{"a":1,"a":2}'
    refused(path, struct.pack("<Q", len(twice)) + twice, "twice")
    refused(path, join({}, b""), "not a .neumat file")
    refused(path, join({"__metadata__": {"neumat": "[1]"}}, b""), "no format number")
    refused(path, join({"__metadata__": {"neumat": "{"}}, b""), "not valid JSON")
    refused(path, join({"__metadata__": ["neumat"]}, b""), "table of strings")


def test_no_file_folder_pipe(tmp_path):
    for path, match in ((tmp_path / "none.neumat", "No such file"), (tmp_path, "not a file")):
        with pytest.raises(InputError, match=match):
            load(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.neumat")
        with pytest.raises(InputError, match="not a file"):
            load(tmp_path / "pipe.neumat")


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"shape": [8, 8, 4]}, "needs 256 bytes"),
        ({"shape": [2**39, 2**39, 3]}, "needs"),
        ({"shape": [-8, -8, 3]}, "shape"),
        ({"shape": [8, 8, 3.0]}, "shape"),
        ({"shape": [True, 64, 3]}, "shape"),
        ({"shape": [1] * 40}, "shape"),
        ({"shape": [24, 8]}, "description says"),
        ({"dtype": "I8"}, "dtype"),
        ({"dtype": ["U8"]}, "dtype"),
        ({"data_offsets": [0]}, "offsets"),
        ({"data_offsets": [10, 202]}, "begins at byte"),
        ({"data_offsets": [0, 192]}, "begins at byte"),
        ({"extra": 1}, "proper entry"),
    ],
)
def test_tensor_table(tmp_path, good, entry, match):
    header, payload = split(good)
    header["base_color"].update(entry)
    refused(tmp_path / "bad.neumat", join(header, payload), match)


def test_unknown_and_missing_tensors(tmp_path, good):
    header, payload = split(good)
    end = len(payload)
    extra = {**header, "x" * 5000: {"dtype": "U8", "shape": [1], "data_offsets": [end, end + 1]}}
    refused(tmp_path / "a.neumat", join(extra, payload + b"\0"), "unknown tensor 'xxx")
    renamed = dict(header)
    renamed["latent.other"] = renamed.pop("latent.latent")
    refused(tmp_path / "b.neumat", join(renamed, payload), "unknown tensor")
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"][1])
    entry = header.pop(last)
    refused(tmp_path / "c.neumat", join(header, payload[: entry["data_offsets"][0]]), "lacks the tensor")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 0}, "format number"),
        ({"format": True}, "format number"),
        ({"format": "1"}, "format number"),
        ({"form": "other"}, "form"),
        ({"form": ["hybrid"]}, "form"),
        ({"form": "neumip"}, "latents"),
        ({"name": "../../etc"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 3}, "name"),
        ({"height_scale": -1}, "height scale"),
        ({"height_scale": "0.1"}, "height_scale"),
        ({"height_scale": 10**400}, "not valid JSON|height_scale"),
        ({"height_range": [0.4, 0.6]}, "leave the height range"),
        ({"height_range": [1, 0]}, "height range"),
        ({"height_range": [0]}, "height_range"),
        ({"march_steps": 1 << 30}, "march steps"),
        ({"light_steps": 0}, "light steps"),
        ({"secant_steps": 1.5}, "secant_steps"),
        ({"physical_size": 0}, "physical size"),
        ({"output": "tanh"}, "output"),
        ({"tileable": 1}, "tileable"),
        ({"color_space": "aces"}, "color_space"),
        ({"encodings": {}}, "encodings"),
        ({"explicit": None}, "explicit"),
        ({"explicit": {"size": [8, 16], "has_occlusion": False}}, "description says"),
        ({"explicit": {"size": [1 << 20, 8], "has_occlusion": False}}, "explicit"),
        ({"explicit": {"size": [8, 8], "has_occlusion": 1}}, "explicit"),
        ({"latents": {"latent": {"size": [9000, 9000]}}}, "latents"),
        ({"latents": []}, "latents"),
        ({"networks": {"decoder": {"inputs": ["wi"], "activation": "relu", "widths": [3, 4]}}}, "lacks|unknown|says"),
        ({"networks": {"decoder": {"inputs": ["x"], "activation": "relu", "widths": [28, 8, 4]}}}, "networks"),
        ({"networks": {"decoder": {"inputs": [], "activation": "relu", "widths": [28] * 30}}}, "networks"),
        ({"networks": {"decoder": {"inputs": [], "activation": "relu", "widths": [28, 8000, 4]}}}, "networks"),
        ({"networks": {"decoder": {"inputs": [], "activation": 0, "widths": [28, 8, 4]}}}, "networks"),
        ({"decoder": "0" * 64}, "hash"),
        ({"provenance": []}, "provenance"),
        ({"provenance": {"a": "\ud800"}}, "not valid JSON"),
        ({"later": 1}, "unknown field 'later'"),
    ],
)
def test_description(tmp_path, good, change, match):
    refused(tmp_path / "bad.neumat", described(good, lambda d: d.update(change)), match)


def test_missing_field_and_activation(tmp_path, good):
    refused(tmp_path / "a.neumat", described(good, lambda d: d.pop("tileable")), "lacks 'tileable'")
    swap = described(good, lambda d: d["networks"]["decoder"].update(activation="gelu"))
    refused(tmp_path / "b.neumat", swap, "activation")
    swap = described(good, lambda d: d["networks"]["decoder"]["inputs"].reverse())
    refused(tmp_path / "c.neumat", swap, "network 'decoder' takes")
    nan = described(good, lambda d: d.update(height_scale=float("nan")))
    refused(tmp_path / "d.neumat", nan, "NaN is not a number")


def test_newer_formats_name_the_version_they_need(tmp_path, good):
    path = tmp_path / "newer.neumat"
    newer = described(good, lambda d: d.update(format=2, reader="1.4.0", anything="else"))
    refused(path, newer, r"format 2 needs neumat 1\.4\.0 or newer", VersionError)
    odd = described(good, lambda d: d.update(format=3, reader="\x1b[31m; rm -rf"))
    refused(path, odd, "format 3 needs a newer neumat", VersionError)


@pytest.mark.parametrize(("tensor", "match"), [("latent.latent", "not finite"), ("network.decoder.0.weight", "finite")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, good, tensor, match, value):
    header, payload = split(good)
    begin, end = header[tensor]["data_offsets"]
    kind = {"F16": "<f2", "F32": "<f4"}[header[tensor]["dtype"]]
    changed = bytearray(payload)
    changed[end - np.dtype(kind).itemsize : end] = np.array(value, kind).tobytes()
    refused(tmp_path / "bad.neumat", join(header, bytes(changed)), match)
    assert begin < end


def test_flipped_bits_give_an_error_or_a_material(tmp_path, good):
    data = good.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    rng = random.Random(5)
    path = tmp_path / "flipped.neumat"
    outcomes = {"refused": 0, "loaded": 0}
    for round_ in range(1200):
        changed = bytearray(data)
        last = (8, 8 + length, len(data))[round_ % 3]
        for _ in range(rng.choice((1, 1, 2, 4))):
            changed[rng.randrange(last)] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(changed))
        try:
            material = load(path)
        except InputError:
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1
            save(material, tmp_path / "saved.neumat")
    assert outcomes["refused"] > 600
    assert outcomes["loaded"] > 0


def test_lies_about_size_cost_no_memory(tmp_path, good):
    header, payload = split(good)
    side = 16384
    header["height"]["shape"] = [side, side]
    begin = header["height"]["data_offsets"][0]
    header["height"]["data_offsets"] = [begin, begin + 2 * side * side]
    path = tmp_path / "big.neumat"
    path.write_bytes(join(header, payload))
    tracemalloc.start()
    with pytest.raises(InputError):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


# --- saving -----------------------------------------------------------------------------------------------------


def test_saving_refuses_what_cannot_be_read_back(tmp_path):
    material = small_material("hybrid", seed=1, size=(4, 4), hidden=(4,))
    path = tmp_path / "m.neumat"
    for provenance in ({"a": object()}, {"a": float("nan")}, {"a": "\ud800"}, {"a": "x" * 1_100_000}):
        with pytest.raises(InputError):
            save(replace(material, provenance=provenance), path)
        assert not path.exists()
    with pytest.raises(OutputError):
        save(material, tmp_path / "file" / "m.neumat") if (tmp_path / "file").write_text("x") else None
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_saving_takes_views(tmp_path):
    material = small_material("hybrid", seed=1, size=(8, 8), hidden=(4,))
    assert material.explicit is not None
    flipped = replace(material, explicit=replace(material.explicit, height=material.explicit.height[::-1, ::-1]))
    save(flipped, tmp_path / "m.neumat")
    assert same(load(tmp_path / "m.neumat"), flipped)


def test_a_failed_save_keeps_the_old_file(good, monkeypatch):
    before = good.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        save(small_material("hybrid", seed=2, size=(4, 4)), good)
    assert good.read_bytes() == before
    assert len(list(good.parent.iterdir())) == 1


def test_copies_load_alike(tmp_path, good):
    shutil.copy(good, tmp_path / "copy.neumat")
    assert same(load(good), load(tmp_path / "copy.neumat"))
