"""Damaged and hostile files: one line and exit code 2 from every command that reads them, and no memory taken."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumat.exporters.gltf import export_gltf
from neumat.materials.neumat_file import load, save
from neumat.materials.synthetic import small_material, small_pbr


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def grey(width: int, height: int) -> bytes:
    return png(width, height, (b"\0" + b"\x80\x80\x80" * width) * height)


def with_header(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A .neumat file with another header in front of the same tensors."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def glb(document: bytes, *, length: int | None = None) -> bytes:
    document += b" " * (-len(document) % 4)
    total = 20 + len(document) if length is None else length
    return struct.pack("<4sIIII", b"glTF", 2, total, len(document), 0x4E4F534A) + document


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "a.neumat"
    save(small_material("hybrid", seed=3, size=(16, 16), hidden=(8,)), path)
    return path.read_bytes()


FOLDERS: dict[str, dict[str, bytes]] = {
    "empty": {},
    "no_base": {"roughness.png": grey(8, 8)},
    "text": {"basecolor.png": b"this is no picture\n" * 9},
    "bomb": {"basecolor.png": png(50000, 50000, b"\0" * 64)},
    "cut": {"basecolor.png": grey(48, 48)[:70]},
    "aspects": {"basecolor.png": grey(32, 32), "metallic.png": grey(32, 8)},
    "no_exr": {"basecolor.exr": b"\x76\x2f\x31\x01" + b"\xff" * 60},
    "link": {"basecolor.png": b"->"},
}
FILES: dict[str, bytes] = {
    "text.neumat": b"nothing of the kind",
    "empty.neumat": b"",
    "one_byte.neumat": b"\x01",
    "endless.neumat": struct.pack("<Q", 1 << 60) + b"{}",
    "long_header.neumat": struct.pack("<Q", 1 << 28) + b"{" * 64,
    "deep.neumat": struct.pack("<Q", 40000) + b"[" * 40000,
    "pickle.neumat": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    "text.glb": b"nothing of the kind",
    "empty.glb": b"",
    "endless.glb": glb(b"{}", length=1 << 31),
    "list.glb": glb(b"[]"),
    "deep.glb": glb(b"[" * 40000),
    "no_material.glb": glb(b'{"asset": {"version": "2.0"}}'),
    "negative.glb": glb(
        b'{"asset":{"version":"2.0"},"materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":-1}}}]}'
    ),
    "far_index.glb": glb(
        b'{"asset":{"version":"2.0"},"materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":99}}}]}'
    ),
    "outside.gltf": (
        b'{"asset":{"version":"2.0"},"materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":0}}}],'
        b'"textures":[{"source":0}],"images":[{"uri":"../../../../../../etc/passwd"}]}'
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders(neumat: Callable[..., Any], tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file, data in FOLDERS[name].items():
        if data == b"->":
            (folder / file).symlink_to(folder / file)
        else:
            (folder / file).write_bytes(data)
    assert name in neumat("info", folder).refusal()
    neumat("fit", folder, "-o", tmp_path / "a.neumat").refusal()
    assert not (tmp_path / "a.neumat").exists()


@pytest.mark.parametrize("name", FILES)
def test_files(neumat: Callable[..., Any], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert name in neumat("info", path).refusal()
    neumat("compile", path, "-o", tmp_path / "package").refusal()
    neumat("render", path, "-o", tmp_path / "a.png").refusal()
    assert [left.name for left in tmp_path.iterdir()] == [name]


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "no metadata": lambda header: header.pop("__metadata__"),
    "metadata is a list": lambda header: header.update(__metadata__=[]),
    "a tensor of a terabyte": lambda header: _tensor(header).update(shape=[1 << 20, 1 << 20]),
    "a negative shape": lambda header: _tensor(header).update(shape=[-1]),
    "offsets outside": lambda header: _tensor(header).update(data_offsets=[0, 1 << 40]),
    "offsets backwards": lambda header: _tensor(header).update(data_offsets=[64, 0]),
    "another type": lambda header: _tensor(header).update(dtype="F8_E4M3"),
    "a tensor less": lambda header: header.pop(_name(header)),
    "a tensor more": lambda header: header.update(more={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}),
}


def _name(header: dict[str, Any]) -> str:
    return next(name for name in header if name != "__metadata__")


def _tensor(header: dict[str, Any]) -> dict[str, Any]:
    found = header[_name(header)]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_changed_headers(neumat: Callable[..., Any], tmp_path: Path, good: bytes, name: str) -> None:
    path = tmp_path / "a.neumat"
    path.write_bytes(with_header(good, CHANGES[name]))
    assert "a.neumat" in neumat("info", path).refusal()


@pytest.mark.parametrize("keep", [7, 8, 200, 0.5, 0.999])
def test_cut_off(neumat: Callable[..., Any], tmp_path: Path, good: bytes, keep: float) -> None:
    path = tmp_path / "a.neumat"
    path.write_bytes(good[: int(keep if keep >= 1 else keep * len(good))])
    assert "a.neumat" in neumat("info", path).refusal()


def test_flipped_bits_are_refused_or_read(neumat: Callable[..., Any], tmp_path: Path, good: bytes) -> None:
    (length,) = struct.unpack("<Q", good[:8])
    path = tmp_path / "a.neumat"
    chance = random.Random(5)
    refused = 0
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(0, 8 + length)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        done = neumat("info", path)
        if done.code:
            done.refusal()
            refused += 1
        else:
            assert done.err == ""
    assert refused > 100


def test_flipped_bits_of_a_glb(neumat: Callable[..., Any], tmp_path: Path) -> None:
    whole = export_gltf(small_pbr(seed=4, size=(8, 8)), tmp_path / "a.glb", mesh="plane").read_bytes()
    (length,) = struct.unpack("<I", whole[12:16])
    chance = random.Random(6)
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(0, 20 + length)] ^= 1 << chance.randrange(8)
        (tmp_path / "a.glb").write_bytes(data)
        done = neumat("info", tmp_path / "a.glb")
        if done.code:
            done.refusal()
            refused += 1
        else:
            assert done.err == ""
    assert refused > 20


@pytest.mark.parametrize(
    "provenance",
    [
        {"reading": {"height_scale": "high", "tileable": 3, "normal_format": 7, "physical_size": [1]}},
        {"reading": [1, 2]},
        {"reading": {"height_scale": True, "unknown": 1}, "fit": "yesterday"},
        {"fit": ["a"], "author": {"name": "x" * 999}, "licence": 3},
    ],
)
def test_provenance_may_hold_anything(
    neumat: Callable[..., Any], tmp_path: Path, provenance: dict[str, Any], small_folder: Path
) -> None:
    from dataclasses import replace

    path = tmp_path / "a.neumat"
    save(replace(small_material("hybrid", seed=1, size=(16, 16), hidden=(8,)), provenance=provenance), path)
    assert load(path).provenance == provenance
    assert neumat("info", path).code == 0
    done = neumat("evaluate", path, "--against", small_folder, "--json")
    assert done.code == 0, done.err
    assert isinstance(json.loads(done.out)["fit"], dict)


ARRAYS = {
    "missing": {"uv": np.zeros((5000, 2)), "wi": np.zeros((5000, 3)), "wo": np.zeros((5000, 3))},
    "shape": {name: np.zeros((5000, 2)) for name in ("uv", "wi", "wo", "rgb")},
    "few": {"uv": np.zeros((3, 2)), **{name: np.eye(3) for name in ("wi", "wo", "rgb")}},
    "unequal": {"uv": np.zeros((4, 2)), **{name: np.eye(3) for name in ("wi", "wo", "rgb")}},
    "nan": {"uv": np.full((3, 2), np.nan), **{name: np.eye(3) for name in ("wi", "wo", "rgb")}},
    "objects": {name: np.array([["a", {}]], dtype=object) for name in ("uv", "wi", "wo", "rgb")},
}


@pytest.mark.parametrize("name", [*ARRAYS, "text", "empty"])
def test_samples_files(neumat: Callable[..., Any], tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    path = tmp_path / f"{name}.npz"
    if name in ARRAYS:
        np.savez(path, **ARRAYS[name])  # type: ignore[arg-type]
    else:
        path.write_bytes(b"" if name == "empty" else b"no archive")
    assert name in neumat("fit", path, "-o", tmp_path / "a.neumat", "--resolution", "16").refusal()


FRAMES = {
    "text": b"no JSON",
    "list": b"[]",
    "none": b'{"frames": []}',
    "outside": b'{"frames": [{"file": "../../secret.png", "camera": [0, 0, 1], "light": [0, 0, 1]}]}',
    "missing": b'{"frames": [{"file": "000.png", "camera": [0, 0, 1], "light": [0, 0, 1]}]}',
    "below": b'{"frames": [{"file": "grey.png", "camera": [0, 0, -1], "light": [0, 0, 1]}]}',
    "words": b'{"frames": [{"file": "grey.png", "camera": "up", "light": [0, 0, 1]}]}',
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(neumat: Callable[..., Any], tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/grey.png").write_bytes(grey(8, 8))
    (tmp_path / "frames/frames.json").write_bytes(FRAMES[name])
    assert "frames" in neumat("fit", tmp_path / "frames", "-o", tmp_path / "a.neumat").refusal()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a child from the kernel")
def test_hostile_sizes_take_no_memory(tmp_path: Path, good: bytes) -> None:
    (tmp_path / "bomb").mkdir()
    (tmp_path / "bomb/basecolor.png").write_bytes(FOLDERS["bomb"]["basecolor.png"])
    (tmp_path / "endless.neumat").write_bytes(FILES["endless.neumat"])
    (tmp_path / "wide.neumat").write_bytes(with_header(good, CHANGES["a tensor of a terabyte"]))
    (tmp_path / "endless.glb").write_bytes(FILES["endless.glb"])
    # By way of a small process: a child starts with the peak of the one that it was forked from.
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'neumat.cli', 'info', sys.argv[1]], stdout=subprocess.DEVNULL)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    for path in sorted(tmp_path.iterdir()):
        run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
        code, kilobytes = map(int, run.stdout.split())
        assert code == 2, path
        assert len(run.stderr.splitlines()) == 1, run.stderr
        assert kilobytes < 400 * 1024, path
