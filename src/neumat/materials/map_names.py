"""Which map a file holds, by its name: Poly Haven, ambientCG, Substance, MatSynth, glTF and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

SUFFIXES = (".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".hdr")

_NAMES: dict[str, str] = {
    "base_color": "basecolor basecolour albedo color colour diffuse diff col diffusecolor basecol",
    "normal_gl": "normalgl norgl normalopengl norgl normalogl ngl",
    "normal_dx": "normaldx nordx normaldirectx ndx",
    "normal": "normal normals nor norm nrm normalmap normaltexture",
    "roughness": "roughness rough rgh",
    "gloss": "glossiness gloss smoothness",
    "metallic": "metallic metalness metal metallicness mtl",
    "height": "height heightmap displacement disp",
    "bump": "bump bumpmap",
    "occlusion": "ambientocclusion ao occlusion occ ambient",
    "packed_orm": (
        "arm orm occlusionroughnessmetallic occlusionroughmetal aoroughmetal aoroughnessmetallic aoroughnessmetalness"
    ),
    "packed_rma": "rma roughnessmetallicocclusion roughnessmetallicao",
    "packed_mr": "metallicroughness metallicroughnesstexture",
}
_KIND = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# Channels of packed files, red first; None is not used.
PACKED: dict[str, tuple[str | None, str, str]] = {
    "packed_orm": ("occlusion", "roughness", "metallic"),
    "packed_rma": ("roughness", "metallic", "occlusion"),
    "packed_mr": (None, "roughness", "metallic"),
}
_TOKEN = re.compile(r"\d+[kK](?![a-z])|\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# What follows the name of the map in a file name and says nothing about it.
_SUFFIX = re.compile(r"\d{1,2}k|256|512|1024|2048|4096|8192|16384|png|jpe?g|exr|tiff?|(8|16|32)?bits?")
_LONGEST = 4


@dataclass(frozen=True)
class MapName:
    """What a file name says: the kind of map, and the tokens before it (the name of the set)."""

    kind: str
    prefix: str


def map_of(file_name: str) -> MapName | None:
    """Tell the map from a file's name; None where the name says nothing or the suffix is no picture's."""
    path = PurePath(file_name)
    if path.suffix.lower() not in SUFFIXES:
        return None
    tokens = [token.lower() for token in _TOKEN.findall(path.stem)]
    while tokens and _SUFFIX.fullmatch(tokens[-1]):
        tokens.pop()
    for count in range(min(_LONGEST, len(tokens)), 0, -1):
        kind = _KIND.get("".join(tokens[-count:]))
        if kind is not None:
            before = [token for token in tokens[:-count] if not _SUFFIX.fullmatch(token)]
            return MapName(kind, "_".join(before))
    return None


def base_color_names() -> str:
    """The names of a base colour that are recognised, for messages."""
    return "basecolor, base_color, albedo, color, diffuse, diff or col, with or without a prefix (brick_diff_2k.jpg)"
