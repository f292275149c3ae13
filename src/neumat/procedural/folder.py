"""A material as a folder of PNG maps with a material.json beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.files import replacing_folder, write_text
from neumat.materials.explicit import encode
from neumat.materials.images import write_png
from neumat.materials.material_json import FILE_NAME
from neumat.materials.pbr import PbrMaterial


def encoded(material: PbrMaterial) -> dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.uint16]]:
    """The maps as they stand in the files, by file stem.

    Returns:
        (H, W) or (H, W, 3) arrays: basecolor uint8 sRGB; roughness, metallic, occlusion uint8 linear; normal uint8,
        (n + 1)/2, OpenGL; height uint16.
    """
    codes = encode(material)
    maps: dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.uint16]] = {
        "basecolor": codes.base_color,
        "roughness": codes.orm[..., 1],
        "metallic": codes.orm[..., 2],
        "normal": codes.normal,
        "height": codes.height,
    }
    if material.occlusion is not None:
        maps["occlusion"] = codes.orm[..., 0]
    return maps


def description(material: PbrMaterial) -> dict[str, object]:
    """What material.json says of a material: scales, tiling, author, licence, and how it was made."""
    told: dict[str, object] = {
        "name": material.name,
        "height_scale": material.height_scale,
        "physical_size": material.physical_size,
        "tileable": material.tileable,
    }
    for key in ("author", "licence", "family", "parameters", "seed"):
        if key in material.provenance:
            told[key] = material.provenance[key]
    if isinstance(told.get("parameters"), str):
        told["parameters"] = json.loads(str(told["parameters"]))
    return told


def save_folder(material: PbrMaterial, path: str | Path) -> None:
    """Write `material` as PNG maps and material.json into the folder `path`, which is replaced as a whole.

    Raises:
        OutputError: the folder cannot be written.
    """
    with replacing_folder(path) as folder:
        for stem, pixels in encoded(material).items():
            write_png(folder / f"{stem}.png", pixels)
        write_text(folder / FILE_NAME, json.dumps(description(material), indent=2, ensure_ascii=False) + "\n")
