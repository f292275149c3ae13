"""A folder of pictures, read as a PBR material; every thing found or assumed is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.images import Image, read_image
from neumat.materials.map_files import MapFile, MapFiles, checked, find_maps, sets_of
from neumat.materials.map_names import PACKED, base_color_names
from neumat.materials.map_values import (
    color_values,
    display_values,
    has_alpha,
    height_values,
    normal_values,
    require_finite,
    scalar_values,
)
from neumat.materials.material_json import NORMAL_FORMATS, MaterialJson, read_material_json
from neumat.materials.pbr import Finding, PbrMaterial
from neumat.materials.resize import resize
from neumat.materials.surface import settle_surface
from neumat.materials.tiling import SEAM_LIMIT, seam_error
from neumat.names import safe_name

Array = npt.NDArray[np.float32]
NormalFormat = Literal["auto", "opengl", "directx"]

_TITLES = {"base_color": "base colour"}
# Maps in the order of reading, and the kinds of file that hold each, best first.
_SOURCES = {
    "base_color": ("base_color",),
    "normal": ("normal_gl", "normal", "normal_dx"),
    "height": ("height", "bump"),
    "roughness": ("roughness", "gloss", "packed_orm", "packed_rma", "packed_mr"),
    "metallic": ("metallic", "packed_orm", "packed_rma", "packed_mr"),
    "occlusion": ("occlusion", "packed_orm", "packed_rma"),
}
_NAMED_FORMAT = {"normal_gl": "opengl", "normal_dx": "directx"}
_DEFAULT_ROUGHNESS = 0.5


@dataclass
class _Read:
    """What was read so far."""

    files: MapFiles
    maps: dict[str, Array]
    chosen: dict[str, MapFile]
    findings: list[Finding]
    seams: dict[str, float]
    height_span: float = 1.0


def read_folder(
    path: str | Path,
    *,
    height_scale: float | None = None,
    normal_format: NormalFormat = "auto",
    tileable: bool | None = None,
    physical_size: float | None = None,
) -> PbrMaterial:
    """Read the maps of a folder as one material.

    Files are told apart by the names of Poly Haven, ambientCG, Substance, MatSynth and glTF. Integer base colours are
    sRGB, floating ones linear; everything else is data. Maps of one aspect are brought to the largest size. A
    `material.json` may tell height_scale, physical_size, tileable, normal_format, name, author and licence.

    Args:
        path: the folder; its `textures` or `maps` is looked into where it holds no base colour itself.
        height_scale: in texture widths, 0 to 1; None to take the author's or to estimate it (see `settle_surface`).
        normal_format: "opengl" (Y+ is image-up), "directx" or "auto".
        tileable: whether opposite edges meet; None to take the author's word or to look.
        physical_size: width of the texture in metres; None for the author's, else 1.

    Returns:
        The material; `findings` say what was found and what was assumed.

    Raises:
        InputError: no such folder, no base colour, a damaged or oversized picture, maps of different aspect, values
            that are not finite, a link that leaves the folder, or an argument out of range.
    """
    _check_arguments(height_scale, normal_format, physical_size)
    files = find_maps(path)
    if "base_color" not in files.maps:
        raise InputError(f"{files.root}: has no base colour; name it {base_color_names()}")
    sets = sets_of(files)
    if len(sets) > 1:
        raise InputError(f"{files.root}: holds several materials ({', '.join(sets[:5])}); give each its own folder")
    settings = read_material_json(checked(files.root, files.settings)) if files.settings else MaterialJson()
    read = _Read(files, {}, {}, [], {})
    _read_maps(read)
    is_tileable = _tileable(read, tileable, settings.tileable)
    shape = _one_size(read, wrap=is_tileable)
    _fill_missing(read, shape)
    told_format = normal_format if normal_format != "auto" else settings.normal_format
    normal_file = read.chosen.get("normal")
    surface = settle_surface(
        read.maps.get("normal"),
        read.maps.get("height"),
        shape=shape,
        tileable=is_tileable,
        told_scale=height_scale,
        author_scale=settings.height_scale,
        told_format=told_format,
        named_format={"normal_gl": "opengl", "normal_dx": "directx"}.get(normal_file.name.kind)
        if normal_file
        else None,
        height_span=read.height_span,
    )
    size = physical_size if physical_size is not None else settings.physical_size
    how = "told" if physical_size is not None else "by material.json" if size is not None else "not told"
    read.findings += surface.findings
    read.findings.append(Finding("physical size", f"{size or 1.0:g} m", how, assumed=size is None))
    _tell_the_rest(read, settings)
    folder_name = files.root.resolve().name
    provenance = {"source": folder_name, "title": settings.name, "author": settings.author, "licence": settings.licence}
    return PbrMaterial(
        name=safe_name(settings.name or folder_name),
        base_color=read.maps["base_color"],
        roughness=read.maps["roughness"],
        metallic=read.maps["metallic"],
        normal=surface.normal,
        height=surface.height,
        height_scale=surface.height_scale,
        occlusion=read.maps.get("occlusion"),
        tileable=is_tileable,
        physical_size=size or 1.0,
        provenance={key: value for key, value in provenance.items() if value is not None},
        findings=tuple(read.findings),
    )


def _check_arguments(height_scale: float | None, normal_format: str, physical_size: float | None) -> None:
    if height_scale is not None and not 0.0 <= height_scale <= 1.0:
        raise InputError(f"height scale {height_scale:g} is outside 0 to 1 texture widths")
    if normal_format not in NORMAL_FORMATS:
        raise InputError(f"normal format {normal_format!r} is none of {', '.join(NORMAL_FORMATS)}")
    if physical_size is not None and not (math.isfinite(physical_size) and physical_size > 0.0):
        raise InputError(f"physical size {physical_size:g} is no length in metres above 0")


def _read_maps(read: _Read) -> None:
    open_file: tuple[Path, Image] | None = None  # packed files serve several maps in a row
    for target, kinds in _SOURCES.items():
        for kind in kinds:
            if kind in read.files.maps:
                file = read.files.maps[kind][0]
                if open_file is None or open_file[0] != file.path:
                    image = read_image(checked(read.files.root, file.path))
                    require_finite(file.path, image)
                    open_file = file.path, image
                read.chosen[target] = file
                _take(read, target, file, open_file[1])
                break


def _take(read: _Read, target: str, file: MapFile, image: Image) -> None:
    """Turn a picture into the values of a map, and tell."""
    words = [file.path.name, f"{image.size[0]} x {image.size[1]}", f"{image.bits} bits"]
    how = "by its name"
    if target == "base_color":
        values, space = color_values(image)
        words.append(space)
        read.seams[target] = seam_error(display_values(image))
        if has_alpha(image):
            how += "; alpha is ignored"
        if image.floating and float(image.pixels.max()) > 1.0:
            how += "; values above 1 are clipped"
    elif target == "normal":
        values, odd = normal_values(file.path, image)
        how += f"; {odd}" if odd else ""
    elif target == "height":
        values, read.height_span, moved = height_values(image)
        read.seams[target] = seam_error(values)
        how += f"; {moved}" if moved else ""
    elif file.name.kind in PACKED:
        channel = PACKED[file.name.kind].index(target)
        values = scalar_values(file.path, image, channel)
        words.append(("red", "green", "blue")[channel])
    else:
        values = scalar_values(file.path, image)
        if file.name.kind == "gloss":
            values = np.float32(1.0) - values
            how += "; 1 - glossiness"
    read.maps[target] = values
    read.findings.append(Finding(_TITLES.get(target, target), ", ".join(words), how))


def _tileable(read: _Read, told: bool | None, author: bool | None) -> bool:
    error = max(read.seams.values())
    word = f"seam error {error:.2g}, at most {SEAM_LIMIT:g} tiles"
    if told is not None:
        value, how = told, f"told ({word})"
    elif author is not None:
        value, how = author, f"by material.json ({word})"
    else:
        value, how = error <= SEAM_LIMIT, word
    read.findings.append(Finding("tileable", "yes" if value else "no", how))
    return value


def _one_size(read: _Read, *, wrap: bool) -> tuple[int, int]:
    """Bring all maps to the size of the largest; a map of a single texel is a constant and fits any."""
    sized = {name: values.shape[:2] for name, values in read.maps.items() if values.shape[:2] != (1, 1)}
    if not sized:
        return 1, 1
    rows, columns = max(sized.values(), key=lambda shape: shape[0] * shape[1])
    largest = next(name for name, shape in sized.items() if shape == (rows, columns))
    for name, values in list(read.maps.items()):
        old_rows, old_columns = values.shape[:2]
        if (old_rows, old_columns) == (rows, columns):
            continue
        # A texel of rounding is allowed: 1023 x 511 goes with 2048 x 1024.
        if name in sized and abs(old_columns * rows - old_rows * columns) > max(rows, columns):
            raise InputError(
                f"{read.chosen[name].path}: is {old_columns} x {old_rows}, but {read.chosen[largest].path.name} is "
                f"{columns} x {rows}; all maps need one aspect"
            )
        resized = resize(values, (rows, columns), wrap=wrap)
        if name == "normal":
            resized = resized / np.linalg.norm(resized, axis=-1, keepdims=True)
        read.maps[name] = resized
        read.findings.append(
            Finding(
                f"{_TITLES.get(name, name)} size", f"{columns} x {rows}", f"resized from {old_columns} x {old_rows}"
            )
        )
    return rows, columns


def _fill_missing(read: _Read, shape: tuple[int, int]) -> None:
    for name, value in (("roughness", _DEFAULT_ROUGHNESS), ("metallic", 0.0)):
        if name not in read.maps:
            read.maps[name] = np.full(shape, value, np.float32)
            read.findings.append(Finding(name, f"{value:g}", "there is no such map", assumed=True))


def _tell_the_rest(read: _Read, settings: MaterialJson) -> None:
    used = {file.path for file in read.chosen.values()}
    spare = sorted(file.path.name for files in read.files.maps.values() for file in files if file.path not in used)
    for what, names, how in (
        ("not used", spare, "another file gives the same map"),
        ("ignored", read.files.ignored, "the name says no known map"),
        ("material.json", settings.unknown, "fields without meaning here"),
    ):
        if names:
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            read.findings.append(Finding(what, ", ".join(names[:8]) + more, how))
