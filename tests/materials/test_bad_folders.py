from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.folder import read_folder
from neumat.materials.images import write_exr, write_png


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def solid(width: int, height: int) -> bytes:
    return png(width, height, (b"\0" + b"\x80\x60\x40" * width) * height)


GOOD = solid(8, 8)
REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "empty": ({}, "has no base colour"),
    "no base colour": ({"roughness.png": GOOD}, "basecolor, base_color, albedo"),
    "text": ({"basecolor.png": b"hello, I am text\n" * 20}, "no picture"),
    "zero length": ({"basecolor.png": b""}, "is empty"),
    "huge header": ({"basecolor.png": png(40000, 40000, b"\0" * 10)}, "40000 x 40000"),
    "large header": ({"basecolor.png": png(8192, 8192, b"\0" * 10)}, "cut off or damaged"),
    "truncated": ({"basecolor.png": solid(64, 64)[:90]}, "cut off"),
    "no pixels": ({"basecolor.png": png(0, 0, b"")}, "no pixels"),
    "aspect": ({"basecolor.png": solid(64, 64), "roughness.png": solid(64, 16)}, "one aspect"),
    "broken second map": ({"basecolor.png": GOOD, "normal.png": GOOD[:50]}, "normal.png"),
    "json is text": ({"basecolor.png": GOOD, "material.json": b"hello"}, "no JSON"),
    "json is bytes": ({"basecolor.png": GOOD, "material.json": b"\xff\xfe\x00"}, "no JSON"),
    "json is deep": ({"basecolor.png": GOOD, "material.json": b"[" * 60000}, "no JSON"),
    "json is a list": ({"basecolor.png": GOOD, "material.json": b"[]"}, "must hold an object"),
    "json is large": ({"basecolor.png": GOOD, "material.json": b" " * (1 << 17)}, "larger than 64 KiB"),
    "json scale": ({"basecolor.png": GOOD, "material.json": b'{"height_scale": 7}'}, "height_scale"),
    "json scale text": ({"basecolor.png": GOOD, "material.json": b'{"height_scale": "0.1"}'}, "height_scale"),
    "json scale nan": ({"basecolor.png": GOOD, "material.json": b'{"height_scale": NaN}'}, "NaN"),
    "json scale true": ({"basecolor.png": GOOD, "material.json": b'{"height_scale": true}'}, "height_scale"),
    "json huge number": ({"basecolor.png": GOOD, "material.json": b'{"physical_size": 1e999}'}, "physical_size"),
    "json digits": ({"basecolor.png": GOOD, "material.json": b'{"physical_size": 1' + b"0" * 5000 + b"}"}, "JSON"),
    "json tileable": ({"basecolor.png": GOOD, "material.json": b'{"tileable": 1}'}, "tileable"),
    "json format": ({"basecolor.png": GOOD, "material.json": b'{"normal_format": "vulkan"}'}, "normal_format"),
    "json name": ({"basecolor.png": GOOD, "material.json": b'{"name": ["a"]}'}, "name"),
}


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def refusal(folder: Path, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_folder(folder, **more)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line_and_nothing_on_stderr(
    tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files, words = REFUSED[case]
    message = refusal(fill(tmp_path / "folder", files))
    assert str(tmp_path / "folder") in message
    assert words in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs the peak memory of a process")
@pytest.mark.parametrize("case", ["huge header", "large header"])
def test_a_header_alone_takes_no_memory(tmp_path: Path, case: str) -> None:
    fill(tmp_path / "folder", REFUSED[case][0])
    script = (
        "import resource, sys\n"
        "from neumat.errors import InputError\n"
        "from neumat.materials.folder import read_folder\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_folder(sys.argv[1])\n"
        "except InputError: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "folder")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(run.stdout) * unit < 16 << 20


def test_no_folder_and_no_folder_at_all(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "missing")
    (tmp_path / "wall.png").write_bytes(GOOD)
    assert "is a file" in refusal(tmp_path / "wall.png")
    assert "cannot be read" in refusal(Path("a\0b"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder", {"basecolor.png": GOOD})
    folder.chmod(0)
    try:
        assert "cannot be read" in refusal(folder)
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("name", ["basecolor.png", "roughness.png", "material.json"])
def test_links_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = fill(tmp_path / "folder", {"basecolor.png": GOOD, "metallic.png": GOOD})
    outside = fill(tmp_path / "outside", {"secret": b"{}" if name.endswith("json") else GOOD})
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside / "secret")
    assert "leaves its folder" in refusal(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("../outside/secret")
    assert "leaves its folder" in refusal(folder)


def test_a_linked_textures_folder_is_refused_too(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", {"basecolor.png": GOOD})
    folder = fill(tmp_path / "folder", {})
    (folder / "textures").symlink_to(outside)
    assert "leaves its folder" in refusal(folder)


def test_dead_and_circular_links(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder", {"basecolor.png": GOOD})
    (folder / "normal.png").symlink_to("nothing.png")
    assert "normal.png" in refusal(folder)
    (folder / "normal.png").unlink()
    (folder / "normal.png").symlink_to("normal.png")
    assert "normal.png" in refusal(folder)


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder", {})
    (folder / "basecolor.png").mkdir()
    assert "no regular file" in refusal(folder)
    (folder / "basecolor.png").rmdir()
    os.mkfifo(folder / "basecolor.png")  # opening it would wait for ever
    assert "no regular file" in refusal(folder)


def test_names_that_would_break_a_message_are_left_out(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder", {"basecolor.png": GOOD})
    try:
        (folder / "x\n\x1b[31m_normal.png").write_bytes(b"nothing")
        (folder / os.fsdecode(b"\xff_height.png")).write_bytes(b"nothing")
    except OSError:
        pytest.skip("the file system has no such names")
    for finding in read_folder(folder).findings:
        assert finding.value.isprintable()


def test_too_many_files(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder", {f"{k}.txt": b"" for k in range(4100)})
    assert "more than 4096" in refusal(folder)


@pytest.mark.parametrize("name", ["basecolor", "normal", "height", "roughness", "metallic", "ao"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, name: str, value: float) -> None:
    write_png(tmp_path / "color.png", np.zeros((8, 8, 3), np.uint8))
    pixels = np.full((8, 8, 3), 0.5, np.float32)
    pixels[3, 4] = value
    write_exr(tmp_path / f"{name}.exr", pixels)
    assert "not finite" in refusal(tmp_path)


def test_packed_and_normal_maps_need_their_channels(tmp_path: Path) -> None:
    write_png(tmp_path / "color.png", np.zeros((8, 8, 3), np.uint8))
    write_png(tmp_path / "arm.png", np.zeros((8, 8), np.uint8))
    assert "three" in refusal(tmp_path)
    (tmp_path / "arm.png").unlink()
    write_png(tmp_path / "normal.png", np.zeros((8, 8), np.uint8))
    assert "one channel" in refusal(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {"height_scale": -0.1}, {"height_scale": 1.5}, {"height_scale": float("nan")}, {"normal_format": "vulkan"},
        {"physical_size": 0.0}, {"physical_size": float("inf")},
    ],
)  # fmt: skip
def test_arguments_out_of_range(tmp_path: Path, more: dict[str, Any]) -> None:
    refusal(fill(tmp_path / "folder", {"basecolor.png": GOOD}), **more)
