"""Two pictures of the same scene beside one another, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.rendering.lettering import GLYPH_WIDTH, draw_label
from neumat.rendering.renderer import Array
from neumat.rendering.tonemap import to_srgb8
from neumat.truth.metrics import display

_HEAT = np.array(
    [[0, 0, 8], [70, 16, 110], [180, 50, 90], [240, 120, 30], [250, 210, 70], [255, 255, 240]], np.float64
)  # fmt: skip
_GAP = 4


@dataclass(frozen=True)
class Comparison:
    """The picture and the number of one comparison.

    Attributes:
        picture: (H, 3·W + gaps, 3) uint8 sRGB: first, second, difference.
        psnr: of the second against the first, in dB, on clip(x)^(1/2.2); infinite where they are equal.
    """

    picture: npt.NDArray[np.uint8]
    psnr: float


def psnr(first: npt.ArrayLike, second: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None = None) -> float:
    """PSNR in dB on clip(x)^(1/2.2), over all pixels or those of `mask` (H, W); infinite where they are equal."""
    squared = (display(first) - display(second)) ** 2
    chosen = squared if mask is None else squared[mask]
    error = float(chosen.mean()) if chosen.size else 0.0
    return float("inf") if error == 0.0 else -10.0 * float(np.log10(error))


def heat(difference: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Colour values 0 to 1 (H, W) from black through red and yellow to white, (H, W, 3) uint8."""
    at = np.clip(np.asarray(difference, np.float64), 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(_HEAT))
    return np.stack([np.interp(at, stops, _HEAT[:, k]) for k in range(3)], axis=-1).round().astype(np.uint8)


def compare(
    first: Array,
    second: Array,
    *,
    labels: tuple[str, str] = ("neural", "pbr"),
    curve: str = "agx",
    exposure: float = 0.0,
    gain: float = 4.0,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Comparison:
    """Put two renderings and their difference side by side.

    Args:
        first: (H, W, 3) float32, linear Rec.709.
        second: the same scene, the same size.
        labels: written into the first two panels.
        curve: tone map of those two (see `tone_map`).
        exposure: in stops; applies to the pictures, the difference and the PSNR.
        gain: what the difference of clip(x)^(1/2.2), averaged over the channels, is multiplied by.
        mask: (H, W) pixels to measure (`coverage`); all if None. A background that both share would flatter.

    Raises:
        InputError: the sizes differ, or the tone map is unknown.
    """
    if first.shape != second.shape or first.ndim != 3:
        raise InputError(f"pictures of {first.shape} and {second.shape} cannot be compared; render both at one size")
    lit = np.float32(2.0**exposure)
    number = psnr(first * lit, second * lit, mask)
    difference = np.abs(display(first * lit) - display(second * lit)).mean(axis=2) * gain
    panels = [to_srgb8(first, curve, exposure=exposure), to_srgb8(second, curve, exposure=exposure), heat(difference)]
    shown = "equal" if np.isinf(number) else f"{number:.1f} dB"
    texts = [*labels, f"difference ×{gain:g}  {shown}"]
    scale = _label_scale(texts, first.shape[1])
    for panel, text in zip(panels, texts, strict=True):
        draw_label(panel, text, left=0, top=0, scale=scale)
    gap = np.full((first.shape[0], _GAP, 3), 24, np.uint8)
    return Comparison(np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1), number)


def _label_scale(texts: list[str], width: int) -> int:
    longest = max(len(text) for text in texts)
    return int(np.clip(width * 2 // 3 // ((GLYPH_WIDTH + 1) * longest), 1, 4))
