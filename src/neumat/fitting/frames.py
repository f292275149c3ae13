"""A folder of frames with poses as training samples, for materials that are no height fields.

`frames.json` holds ``{"frames": [{"file": "000.exr", "camera": [x, y, z], "light": [x, y, z]}, …]}``. Each frame is
rectified to the reference plane: its pixels are the texels of the sample, row 0 at the top. Positions are in
texture widths, in the tangent frame of the sample's centre (x = +U, y = image-up, z = outwards). Pixels hold linear
radiance for unit irradiance at normal incidence at the pixel (f = BRDF × cosine); PNG and JPEG are read as sRGB.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.fitting.samples import Samples
from neumat.materials.color import srgb_to_linear
from neumat.materials.images import read_image

Array = npt.NDArray[np.float32]
MOST_FRAMES = 4096
MOST_PIXELS = 30_000_000


def read_frames(folder: str | Path) -> Samples:
    """Read a folder of frames.

    Raises:
        InputError: `frames.json` or a frame cannot be used; in one line.
    """
    root = Path(folder)
    parts = [_read_frame(root, entry, index) for index, entry in enumerate(_entries(root))]
    if sum(len(part) for part in parts) > MOST_PIXELS:
        raise InputError(f"{root}: more than {MOST_PIXELS} pixels in all; give fewer or smaller frames")
    return Samples(*(np.concatenate([getattr(part, key) for part in parts]) for key in ("uv", "wo", "wi", "x")))


def _entries(root: Path) -> list[dict[str, Any]]:
    path = root / "frames.json"
    try:
        if path.stat().st_size > 4_000_000:
            raise InputError(f"{path}: is larger than 4 MB; it should only list frames and poses")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {str(error)[:100]}") from None
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not 1 <= len(frames) <= MOST_FRAMES:
        raise InputError(f"{path}: needs a list 'frames' of 1 to {MOST_FRAMES} entries")
    return [entry if isinstance(entry, dict) else {} for entry in frames]


def _read_frame(root: Path, entry: dict[str, Any], index: int) -> Samples:
    label = f"{root / 'frames.json'}: frame {index}"
    file = entry.get("file")
    if not isinstance(file, str) or Path(file).name != file:
        raise InputError(f"{label}: 'file' names no file of the same folder")
    image = read_image(root / file)
    pixels = image.pixels[..., :3] if image.pixels.shape[-1] >= 3 else np.repeat(image.pixels[..., :1], 3, axis=-1)
    if not np.isfinite(pixels).all():
        raise InputError(f"{label}: {file} has values that are not finite (NaN or infinity)")
    if not file.lower().endswith((".exr", ".hdr")):
        pixels = srgb_to_linear(pixels)
    height, width = pixels.shape[:2]
    u = np.broadcast_to((np.arange(width) + 0.5) / width, (height, width))
    v = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    points = np.stack([u - 0.5, (0.5 - v) * (height / width), np.zeros_like(u)], axis=-1).reshape(-1, 3)
    directions = {}
    for key in ("camera", "light"):
        position = np.asarray(entry.get(key, ()), dtype=object)
        if position.shape != (3,) or not all(isinstance(x, int | float) and np.isfinite(x) for x in position):
            raise InputError(f"{label}: {key!r} is no position [x, y, z]")
        towards = position.astype(np.float64) - points
        if towards[:, 2].min() <= 1e-3:
            raise InputError(f"{label}: {key!r} does not lie above the sample (z > 0)")
        directions[key] = (towards / np.linalg.norm(towards, axis=1, keepdims=True)).astype(np.float32)
    return Samples(
        np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32),
        directions["camera"],
        directions["light"],
        (np.maximum(pixels, 0.0) * np.pi).reshape(-1, 3).astype(np.float32),
    )
