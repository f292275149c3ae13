"""The maps of a folder: found by name, chosen among several, opened without leaving the folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from neumat.errors import InputError
from neumat.materials.map_names import MapName, map_of
from neumat.materials.material_json import FILE_NAME

MAX_FILES = 4096
# Poly Haven's archives keep the maps one level down.
_INNER = ("textures", "maps")
# Where one map comes in several formats: more bits first.
_FORMATS = {".exr": 0, ".tif": 1, ".tiff": 1, ".png": 2, ".hdr": 3, ".jpg": 4, ".jpeg": 4}


@dataclass(frozen=True)
class MapFile:
    """A file that holds a map, and what its name says."""

    path: Path
    name: MapName


@dataclass(frozen=True)
class MapFiles:
    """What a folder holds.

    Attributes:
        root: the folder that was asked for.
        maps: files of each kind, best first.
        ignored: names of files that say no map.
        settings: `material.json`, if there is one.
    """

    root: Path
    maps: dict[str, list[MapFile]]
    ignored: tuple[str, ...]
    settings: Path | None


def find_maps(folder: str | Path) -> MapFiles:
    """List the maps of a folder; looks into its `textures` or `maps` where there is no base colour beside them.

    Raises:
        InputError: there is no such folder, it cannot be read, or it holds too many files.
    """
    root = Path(folder)
    entries = _entries(root)
    settings = root / FILE_NAME
    found = _sort(root, entries)
    if "base_color" not in found.maps:
        for name in entries:
            if name.lower() in _INNER and _inside(root, root / name).is_dir():
                inner = _sort(root / name, _entries(root / name))
                if "base_color" in inner.maps:
                    found = inner
                    break
    return MapFiles(root, found.maps, found.ignored, settings if settings.name in entries else None)


def _entries(folder: Path) -> list[str]:
    """Names in a folder, sorted; hidden files are left out, and names that would break a message."""
    try:
        with os.scandir(folder) as scan:
            names = []
            for entry in scan:
                names.append(entry.name)
                if len(names) > MAX_FILES:
                    raise InputError(f"{folder}: holds more than {MAX_FILES} files; name the folder of one material")
    except FileNotFoundError:
        raise InputError(f"{folder}: there is no such folder") from None
    except NotADirectoryError:
        raise InputError(f"{folder}: is a file; name the folder that holds the maps") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return sorted(name for name in names if name.isprintable() and not name.startswith("."))


def _sort(folder: Path, entries: list[str]) -> MapFiles:
    maps: dict[str, list[MapFile]] = {}
    ignored = []
    for entry in entries:
        name = map_of(entry)
        if name is not None:
            maps.setdefault(name.kind, []).append(MapFile(folder / entry, name))
        elif entry != FILE_NAME:
            ignored.append(entry)
    for files in maps.values():
        files.sort(key=_rank)
    # Maps of the same set as the base colour come first.
    if "base_color" in maps:
        prefix = maps["base_color"][0].name.prefix
        for files in maps.values():
            files.sort(key=lambda file: file.name.prefix != prefix)
    return MapFiles(folder, maps, tuple(ignored), None)


def _rank(file: MapFile) -> tuple[bool, int, int, int, str]:
    try:
        size = file.path.stat().st_size
    except OSError:
        size = 0
    bits = _FORMATS.get(file.path.suffix.lower(), 9)
    return file.name.second_choice, bits, file.name.rank, -size, file.path.name


def sets_of(files: MapFiles) -> list[str]:
    """Names of the material sets that have a base colour and at least one more map here."""
    base = {file.name.prefix for file in files.maps.get("base_color", [])}
    other = {file.name.prefix for kind, maps in files.maps.items() if kind != "base_color" for file in maps}
    return sorted(base & other)


def checked(root: Path, file: Path) -> Path:
    """Return `file` where it is a regular file inside `root`, links followed.

    Raises:
        InputError: it lies outside, is no regular file, or cannot be looked at.
    """
    real = _inside(root, file)
    try:
        mode = real.stat().st_mode
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(mode):
        raise InputError(f"{file}: is no regular file")
    return file


def _inside(root: Path, file: Path) -> Path:
    try:
        real, base = file.resolve(), root.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{file}: is a link that leads nowhere") from None
    if not real.is_relative_to(base):
        raise InputError(f"{file}: is a link that leaves its folder; copy the file into it")
    return real
