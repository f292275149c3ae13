"""Which map a file holds, by its name: Poly Haven, ambientCG, Substance, MatSynth, glTF and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

SUFFIXES = (".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".hdr")

_NAMES: dict[str, str] = {
    "base_color": "basecolor basecolour basecol albedo color colour col colormap diffuse diff diffusecolor dif",
    "normal_gl": "normalgl norgl normalopengl norgl normalogl ngl",
    "normal_dx": "normaldx nordx normaldirectx ndx",
    "normal": "normal normals nor norm nrm normalmap",
    "roughness": "roughness rough rgh roughnessmap",
    "gloss": "glossiness gloss smoothness",
    "metallic": "metallic metalness metal metallicness metalnessmap metallicmap",
    "height": "height heightmap displacement disp",
    "bump": "bump bumpmap",
    "occlusion": "ambientocclusion ao occlusion occ aomap occlusionmap",
    "packed_orm": (
        "arm orm occlusionroughnessmetallic occlusionroughmetal aoroughmetal aoroughnessmetallic aoroughnessmetalness"
    ),
    "packed_rma": "rma roughnessmetallicocclusion roughnessmetallicao",
    "packed_mr": "metallicroughness",
}
_KIND = {name: (kind, rank) for kind, names in _NAMES.items() for rank, name in enumerate(names.split())}
# Diffuse colour is black on metals where a set has base colour too.
_SECOND_CHOICE = ("diffuse", "diff", "diffusecolor", "dif")
_EMPTY_WORDS = ("map", "texture", "tex")
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
    """What a file name says.

    Attributes:
        kind: of map, a key of the table above.
        prefix: the words before it, the name of the set.
        second_choice: whether another name of the same kind says more.
        rank: place in the table: the better name first.
    """

    kind: str
    prefix: str
    second_choice: bool = False
    rank: int = 0


def map_of(file_name: str) -> MapName | None:
    """Tell the map from a file's name; None where the name says nothing or the suffix is no picture's."""
    path = PurePath(file_name)
    if path.suffix.lower() not in SUFFIXES:
        return None
    tokens = [token.lower() for token in _TOKEN.findall(path.stem)]
    while tokens and _SUFFIX.fullmatch(tokens[-1]):
        tokens.pop()
    if len(tokens) > 1 and tokens[-1] in _EMPTY_WORDS:
        tokens.pop()
    for count in range(min(_LONGEST, len(tokens)), 0, -1):
        word = "".join(tokens[-count:])
        if word in _KIND:
            kind, rank = _KIND[word]
            before = [token for token in tokens[:-count] if not _SUFFIX.fullmatch(token)]
            return MapName(kind, "_".join(before), word in _SECOND_CHOICE, rank)
    return None


def base_color_names() -> str:
    """The names of a base colour that are recognised, for messages."""
    return "basecolor, base_color, albedo, color, diffuse, diff or col, with or without a prefix (brick_diff_2k.jpg)"
