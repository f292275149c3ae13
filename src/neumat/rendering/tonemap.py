"""Tone maps from linear Rec.709 radiance to what a screen shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.color import encode_srgb8
from neumat.rendering.sampling import sobol_2d
from neumat.scene.probe import Probe

_Floats = npt.NDArray[Any]

_TO_REC2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0113], [0.0164, 0.0880, 0.8956]]
)  # fmt: skip
_FROM_REC2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)  # fmt: skip
_AGX_INSET = np.array(
    [
        [0.856627153315983, 0.0951212405381588, 0.0482516061458583],
        [0.137318972929847, 0.761241990602591, 0.101439036467562],
        [0.11189821299995, 0.0767994186031903, 0.811302368396859],
    ]
)
_AGX_LOW, _AGX_HIGH = -12.47393, 4.026069  # in stops
_AGX_CURVE = (15.5, -40.14, 31.96, -6.868, 0.4298, 0.1191, -0.00232)

_ACES_IN = np.array([[0.59719, 0.35458, 0.04823], [0.07600, 0.90834, 0.01566], [0.02840, 0.13383, 0.83777]])
_ACES_OUT = np.array([[1.60475, -0.53108, -0.07367], [-0.10208, 1.10813, -0.00605], [-0.00327, -0.07276, 1.07602]])
_AGX_OUTSET = np.array(
    [
        [1.1271005818144368, -0.11060664309660323, -0.016493938717834573],
        [-0.1413297634984383, 1.157823702216272, -0.016493938717834257],
        [-0.14132976349843826, -0.11060664309660294, 1.2519364065950405],
    ]
)


def none(color: _Floats) -> _Floats:
    """Clip to 0 to 1."""
    return np.asarray(np.clip(color, 0.0, 1.0))


def agx(color: _Floats) -> _Floats:
    """AgX (Sobotka 2022) in Rec.2020, with the polynomial for its contrast curve that three.js and Filament use."""
    x = np.maximum(color @ _TO_REC2020.T @ _AGX_INSET.T, 1e-10)
    x = np.clip((np.log2(x) - _AGX_LOW) / (_AGX_HIGH - _AGX_LOW), 0.0, 1.0)
    x = np.polyval(_AGX_CURVE, x) @ _AGX_OUTSET.T
    # The curve ends in an encoded picture of gamma 2.2: back to linear, as all maps here return.
    return np.asarray(np.clip(np.maximum(x, 0.0) ** 2.2 @ _FROM_REC2020.T, 0.0, 1.0))


def aces(color: _Floats) -> _Floats:
    """ACES, reference and output transform as fitted by Stephen Hill (2016); exposure is not scaled."""
    x = np.maximum(color, 0.0) @ _ACES_IN.T
    x = (x * (x + 0.0245786) - 0.000090537) / (x * (0.983729 * x + 0.4329510) + 0.238081)
    return np.asarray(np.clip(x @ _ACES_OUT.T, 0.0, 1.0))


def pbr_neutral(color: _Floats) -> _Floats:
    """Khronos PBR Neutral (specification of 2024): base colours come through, only highlights are compressed."""
    start, desaturation = 0.8 - 0.04, 0.15
    x = np.maximum(color, 0.0)
    least = x.min(axis=-1, keepdims=True)
    x = x - np.where(least < 0.08, least - 6.25 * least * least, 0.04)
    peak = x.max(axis=-1, keepdims=True)
    room = 1.0 - start
    compressed = 1.0 - room * room / np.maximum(peak + room - start, 1e-9)
    towards_white = 1.0 - 1.0 / (desaturation * (peak - compressed) + 1.0)
    high = x * (compressed / np.maximum(peak, 1e-9))
    high = high + (compressed - high) * towards_white
    return np.asarray(np.clip(np.where(peak < start, x, high), 0.0, 1.0))


CURVES: dict[str, Callable[[_Floats], _Floats]] = {
    "agx": agx, "aces": aces, "neutral": pbr_neutral, "none": none,
}  # fmt: skip


def tone_map(radiance: npt.ArrayLike, curve: str = "agx", *, exposure: float = 0.0) -> npt.NDArray[np.float64]:
    """Map linear Rec.709 radiance (..., 3) to display-linear 0 to 1.

    Args:
        radiance: any range; values that are not finite become 0.
        curve: 'agx', 'aces', 'neutral' (Khronos PBR Neutral) or 'none'.
        exposure: in stops; radiance is multiplied by 2^exposure first.

    Raises:
        InputError: the curve is unknown.
    """
    if curve not in CURVES:
        raise InputError(f"tone map {curve!r} is unknown; use {', '.join(CURVES)}")
    color = np.nan_to_num(np.asarray(radiance, np.float64), nan=0.0, posinf=0.0, neginf=0.0) * 2.0**exposure
    return np.asarray(CURVES[curve](color), np.float64)


def to_srgb8(radiance: npt.ArrayLike, curve: str = "agx", *, exposure: float = 0.0) -> npt.NDArray[np.uint8]:
    """Tone-map linear Rec.709 radiance (H, W, 3) and encode it as 8-bit sRGB; see `tone_map`."""
    return encode_srgb8(tone_map(radiance, curve, exposure=exposure))


def auto_exposure(probe: Probe) -> float:
    """Exposure in stops under which a white matt surface that faces the brighter side of the probe comes out at 1.

    Depends on the light alone, so that a dark material stays dark: the irradiance over π (what a white Lambertian
    sends out) on 128 normals spread over the sphere, 80th percentile.
    """
    count = 128
    height = (np.arange(count) + 0.5) / count * 2.0 - 1.0
    turn = np.arange(count) * np.pi * (3.0 - np.sqrt(5.0))  # the golden angle
    across = np.sqrt(1.0 - height**2)
    normals = np.stack([across * np.cos(turn), height, across * np.sin(turn)], axis=1)
    u = sobol_2d(4096) / 2.0**32
    directions, radiance, pdf = probe.sample(u.astype(np.float32))
    luminance = radiance.astype(np.float64) @ [0.2126, 0.7152, 0.0722] / np.maximum(pdf, 1e-30)
    white = (np.maximum(normals @ directions.T, 0.0) * luminance).mean(axis=1) / np.pi
    level = float(np.percentile(white, 80.0))
    return float(-np.log2(level)) if level > 0.0 else 0.0
