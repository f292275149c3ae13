from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from neumat.errors import InputError, OutputError
from neumat.materials.images import MAX_SIDE, read_image, write_exr, write_png

RNG = np.random.default_rng(5)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(  # a file by hand, for what no writer would write
    size: tuple[int, int], rows: bytes, *, depth: int = 8, color: int = 0, extra: bytes = b"", interlace: int = 0
) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlace))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + data + chunk(b"IEND", b"")


def save(path: Path, pixels: np.ndarray, kind: str, **attributes: Any) -> Path:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    writer = oiio.ImageOutput.create(str(path))
    assert writer.open(str(path), spec), writer.geterror()
    assert writer.write_image(pixels), writer.geterror()
    assert writer.close()
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_round_trip_keeps_every_code(tmp_path: Path, dtype: Any, channels: int) -> None:
    most = np.iinfo(dtype).max
    codes = RNG.integers(0, most + 1, (5, 7, channels)).astype(dtype)
    codes[0, 0, -1] = 0  # colour under transparent alpha must survive: alpha is not multiplied in
    write_png(tmp_path / "a.png", codes)
    image = read_image(tmp_path / "a.png")
    assert image.pixels.dtype == np.float32
    assert image.size == (7, 5)
    assert (image.bits, image.format, image.floating) == (8 * codes.itemsize, "png", False)
    assert len(image.channels) == channels
    np.testing.assert_array_equal(np.rint(image.pixels.astype(np.float64) * most).astype(dtype), codes)


def test_png_takes_two_dimensions(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.arange(6, dtype=np.uint8).reshape(2, 3))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[..., 0] * 255, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("half", [False, True])
def test_exr_round_trip_keeps_high_and_negative_values(tmp_path: Path, half: bool) -> None:
    pixels = (RNG.random((4, 6, 3)) * 100 - 1).astype(np.float16).astype(np.float32)
    write_exr(tmp_path / "a.exr", pixels, half=half)
    image = read_image(tmp_path / "a.exr")
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.bits, image.format, image.floating) == (16 if half else 32, "openexr", True)


def test_same_pixels_give_the_same_bytes(tmp_path: Path) -> None:
    pixels = RNG.random((8, 8, 3)).astype(np.float32)
    for name in ("a", "b"):
        write_exr(tmp_path / f"{name}.exr", pixels)
        write_png(tmp_path / f"{name}.png", (pixels * 255).astype(np.uint8))
    first = (tmp_path / "a.exr").read_bytes()
    assert first == (tmp_path / "b.exr").read_bytes()
    assert b"1970:01:01" in first  # no clock
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_palette_png_is_expanded(tmp_path: Path) -> None:
    palette = chunk(b"PLTE", bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 10, 20, 30]))
    (tmp_path / "a.png").write_bytes(png((4, 1), b"\0\x1b", depth=2, color=3, extra=palette))  # 0 1 2 3
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(image.pixels[0] * 255), [[0, 0, 0], [255, 0, 0], [0, 255, 0], [10, 20, 30]])


def test_interlaced_png_passes_the_check(tmp_path: Path) -> None:
    # 2 x 2, Adam7: pass 1 has the texel (0, 0), pass 6 (0, 1), pass 7 the second row
    (tmp_path / "a.png").write_bytes(png((2, 2), b"\0\x01" + b"\0\x02" + b"\0\x03\x04", interlace=1))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[..., 0] * 255, [[1, 2], [3, 4]])


def test_one_bit_png(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((8, 1), b"\0\xaa", depth=1))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[0, :, 0], [1, 0] * 4)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.hdr"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    pixels = np.full((16, 24, 3), 0.5, np.float32)
    pixels[:, 12:, 1] = 0.25
    image = read_image(save(tmp_path / name, pixels, "float" if name.endswith("hdr") else "uint8"))
    assert image.size == (24, 16)
    np.testing.assert_allclose(image.pixels[:, :8], pixels[:, :8], atol=0.01)
    np.testing.assert_allclose(image.pixels[:, 16:], pixels[:, 16:], atol=0.01)


def test_format_is_told_by_content_not_by_suffix(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.float32), "uint8").rename(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").format == "jpeg"


@pytest.mark.parametrize("compression", ["zip", "zips", "rle", "piz", "pxr24", "b44a", "dwaa:45", "dwab:45"])
def test_constant_exr_is_not_taken_for_a_bomb(tmp_path: Path, compression: str) -> None:
    path = save(tmp_path / "a.exr", np.full((1024, 1024, 1), 0.5, np.float32), "half", compression=compression)
    assert read_image(path).size == (1024, 1024)


@pytest.mark.parametrize(("name", "extra"), [("a.png", {}), ("a.jpg", {}), ("b.jpg", {"jpeg__progressive": 1})])
def test_constant_pictures_are_not_taken_for_bombs(tmp_path: Path, name: str, extra: dict[str, int]) -> None:
    path = save(tmp_path / name, np.full((2048, 2048, 1), 0.5, np.float32), "uint8", **extra)
    assert read_image(path).size == (2048, 2048)


def test_only_four_channels_are_read(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "a.exr", np.ones((4, 4, 9), np.float32), "half"))
    assert image.pixels.shape == (4, 4, 4)


REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"hello, I am text\n" * 20, "no picture"),
    "signature": (b"\x89PNG\r\n\x1a\n", "cut off"),
    "huge": (png((40000, 40000), b"\0" * 10), "40000 x 40000"),
    "long": (png((MAX_SIDE + 1, 1), b"\0" * (MAX_SIDE + 2)), "16385 x 1"),
    "claims": (png((8192, 8192), b"\0" * 10), "cut off or damaged"),
    "no pixels": (png((0, 4), b"\0" * 4), "no pixels"),
    "depth": (png((2, 2), b"\0\1\2\0\1\2", depth=3), "header is damaged"),
    "short": (png((2, 2), b"\0\1\2\0\1"), "cut off"),
    "filter": (png((2, 2), b"\0\1\2\x09\1\2"), "row filter"),
    "palette": (png((2, 2), b"\0\1\2\0\1\2", color=3), "palette is missing"),
    "chunk": (png((2, 2), b"\0\1\2\0\1\2", extra=chunk(b"ABCD", b"")), "unknown chunk"),
    "checksum": (png((2, 2), b"\0\1\2\0\1\2")[:-20] + b"\0" * 20, "damaged"),
    "truncated": (png((64, 64), b"".join(b"\0" + RNG.bytes(64) for _ in range(64)))[:2000], "cut off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_file_in_one_line(tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, words = REFUSED[case]
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.jpg", "a.exr", "a.tif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_files_are_refused(
    tmp_path: Path, name: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = save(tmp_path / name, RNG.random((64, 64, 3)).astype(np.float32), "half" if "exr" in name else "uint8")
    data.write_bytes(data.read_bytes()[: int(share * data.stat().st_size)])
    with pytest.raises(InputError, match="cut off or damaged") as caught:
        read_image(data)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.exr", "a.tif", "a.hdr"])
def test_flipped_bytes_raise_nothing_but_input_errors(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = {"exr": "half", "hdr": "float"}.get(name[2:], "uint8")
    good = save(tmp_path / name, RNG.random((24, 24, 3)).astype(np.float32), kind).read_bytes()
    source = random.Random(name)
    path = tmp_path / f"bad_{name}"
    for _ in range(60):
        data = bytearray(good)
        for _ in range(source.choice((1, 1, 4))):
            data[source.randrange(min(len(data), source.choice((300, len(data)))))] = source.randrange(256)
        path.write_bytes(data)
        message = ""
        try:
            assert read_image(path).pixels.dtype == np.float32
        except InputError as error:
            message = str(error)
        assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "a.png")
    with pytest.raises(InputError, match="no regular file"):
        read_image(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_image("a\0b.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(InputError, match="no regular file"):
            read_image(tmp_path / "pipe.png")


def test_writers_refuse_what_they_cannot_store(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="uint8 or uint16"):
        write_png(tmp_path / "a.png", np.zeros((2, 2), np.float32))  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="1 to 4"):
        write_png(tmp_path / "a.png", np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(OutputError):
        write_exr(tmp_path / "a.exr", np.zeros((0, 2, 3), np.float32))
    assert not list(tmp_path.iterdir())
