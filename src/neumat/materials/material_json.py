"""The optional `material.json` beside the maps: what their author knows and no picture tells."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from neumat.errors import InputError

FILE_NAME = "material.json"
MAX_BYTES = 64 << 10
_MAX_TEXT = 1000
_FIELDS = ("height_scale", "physical_size", "tileable", "normal_format", "name", "author", "licence", "license")
NORMAL_FORMATS = ("auto", "opengl", "directx")


@dataclass(frozen=True)
class MaterialJson:
    """Fields of `material.json`; None where it is silent.

    Attributes:
        height_scale: of the maps as they are, in texture widths, 0 to 1.
        physical_size: width of the texture in metres, above 0.
        tileable: whether opposite edges meet.
        normal_format: "opengl", "directx" or "auto".
        name, author, licence: free text; whoever writes it into a file for others reduces it there.
        unknown: names of fields that mean nothing here.
    """

    height_scale: float | None = None
    physical_size: float | None = None
    tileable: bool | None = None
    normal_format: str | None = None
    name: str | None = None
    author: str | None = None
    licence: str | None = None
    unknown: tuple[str, ...] = ()


def read_material_json(path: Path) -> MaterialJson:
    """Read and check a `material.json`.

    Raises:
        InputError: it is too large, no JSON object, or a field has a wrong type or value.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is larger than {MAX_BYTES >> 10} KiB")
        with open(path, "rb") as file:
            data = json.loads(file.read(MAX_BYTES), parse_constant=_no_constant)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:120] if isinstance(error, ValueError) else "nested too deeply"
        raise InputError(f"{path}: is no JSON ({reason})") from None
    if not isinstance(data, dict):
        raise InputError(f'{path}: must hold an object, such as {{"height_scale": 0.05}}')
    normal_format = _text(path, data, "normal_format")
    if normal_format not in (None, *NORMAL_FORMATS):
        raise InputError(f"{path}: normal_format must be one of {', '.join(NORMAL_FORMATS)}")
    return MaterialJson(
        height_scale=_number(path, data, "height_scale", 0.0, 1.0, "texture widths"),
        physical_size=_number(path, data, "physical_size", 1e-6, 1e6, "metres"),
        tileable=_boolean(path, data),
        normal_format=normal_format,
        name=_text(path, data, "name"),
        author=_text(path, data, "author"),
        licence=_text(path, data, "licence") or _text(path, data, "license"),
        unknown=tuple(sorted(_printable(str(key))[:40] for key in data if key not in _FIELDS))[:20],
    )


def _no_constant(text: str) -> Never:
    raise ValueError(f"{text} is no number of JSON")


def _number(path: Path, data: dict[str, Any], key: str, low: float, high: float, unit: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{path}: {key} must be a number from {low:g} to {high:g} ({unit})")
    return float(value) if math.isfinite(value) else None


def _boolean(path: Path, data: dict[str, Any]) -> bool | None:
    value = data.get("tileable")
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{path}: tileable must be true or false")
    return value


def _text(path: Path, data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise InputError(f"{path}: {key} must be a text of at most {_MAX_TEXT} characters")
    return _printable(value) or None


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
