"""One surface from a height map and a normal map: the scale of the height, and the convention of the normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.pbr import Finding, normal_from_height, scale_slopes
from neumat.materials.slopes import SlopeFit, fit_slopes

Array = npt.NDArray[np.float32]

DEFAULT_SCALE = 0.05
_AGREES = 0.25  # an author's scale within this share of the estimate describes the normal map beside it
_CONVENTION = {True: "OpenGL (Y up)", False: "DirectX (Y down, turned)"}


@dataclass(frozen=True)
class Surface:
    """What was settled: maps of one surface.

    Attributes:
        normal: (H, W, 3) float32, unit length, y = image-up.
        height: (H, W) float32, 0 to 1.
        height_scale: in texture widths, 0 to 1.
        findings: the scale, the convention, and how both were known.
    """

    normal: Array
    height: Array
    height_scale: float
    findings: tuple[Finding, ...]


def settle_surface(
    normal: Array | None,
    height: Array | None,
    *,
    shape: tuple[int, int],
    tileable: bool,
    told_scale: float | None = None,
    author_scale: float | None = None,
    told_format: str | None = None,
    named_format: str | None = None,
    height_span: float = 1.0,
) -> Surface:
    """Settle height scale and normal convention.

    Scale: told, else the author's, else estimated where the slopes of the normal map correlate with the gradient of
    the height, else 0.05. A told scale takes the slopes of a correlated normal map along; an author's scale does so
    only where it differs from the estimate by more than a quarter.
    Convention: told, else by that correlation, else by the file's name, else OpenGL.

    Args:
        normal: (H, W, 3), unit length, y as in the file; or None.
        height: (H, W), 0 to 1; or None.
        shape: (H, W).
        tileable: whether opposite edges meet.
        told_scale: by the user, in texture widths.
        author_scale: by whoever made the maps.
        told_format: "opengl" or "directx"; None or "auto" where nobody says.
        named_format: the same, by the name of the file.
        height_span: what 0 to 1 of `height` stands for in the units of the file; multiplies told scales.

    Returns:
        The surface. Without any height the scale is 0 and the height flat at 0.5.

    Raises:
        InputError: a told scale is outside 0 to 1, alone or times `height_span`.
    """
    findings: list[Finding] = []
    flat = height is None or float(height.min()) == float(height.max())
    fit = fit_slopes(normal, height) if normal is not None and height is not None and not flat else None
    if normal is not None:
        y_up, finding = _convention(fit, told_format, named_format)
        findings.append(finding)
        if not y_up:
            normal = normal * np.array([1.0, -1.0, 1.0], np.float32)
    if height is None or flat:
        why = "there is no height map" if height is None else "the height map is constant"
        told = "; the scale that was told has no effect" if told_scale or author_scale else ""
        findings.append(Finding("height scale", "0", f"{why}{told}", assumed=height is None))
        height, scale = np.full(shape, 0.5, np.float32), 0.0
    else:
        scale, factor, more = _scale(fit, told_scale, author_scale, height_span)
        findings += more
        if normal is not None and factor != 1.0:
            normal = scale_slopes(normal, factor)
    if normal is None:
        normal = normal_from_height(height, scale, tileable=tileable)
        findings.append(Finding("normal", "flat" if flat else "from height", "there is no normal map", assumed=True))
    return Surface(normal, height, scale, tuple(findings))


def _convention(fit: SlopeFit | None, told: str | None, named: str | None) -> tuple[bool, Finding]:
    measured = fit.y_up if fit is not None else None
    word = "" if fit is None else f"correlation along y {fit.correlation_y:+.2f}"
    assumed = False
    if told in ("opengl", "directx"):
        y_up, how = told == "opengl", "told"
        if measured is not None and measured != y_up:
            how += f"; the height map says the opposite ({word})"
    elif measured is not None:
        y_up, how = measured, f"by the height map ({word})"
        if named is not None and (named == "opengl") != y_up:
            how += "; the file's name says the opposite"
    elif named is not None:
        y_up, how = named == "opengl", "by the file's name"
    else:
        y_up, how, assumed = True, "nothing tells", True
    return y_up, Finding("normal convention", _CONVENTION[y_up], how, assumed)


def _scale(
    fit: SlopeFit | None, told: float | None, author: float | None, span: float
) -> tuple[float, float, list[Finding]]:
    """The scale, the factor on the slopes of the normal map, and what to tell."""
    given = told if told is not None else author
    if given is not None:
        scale = _given(given, span)
        how = "told" if told is not None else "by material.json"
        if span != 1.0:
            how += f" as {given:g}, times the span {span:.4g} of the map"
        findings = [Finding("height scale", f"{scale:.4g}", how)]
        if fit is None:
            return scale, 1.0, findings
        factor, why = _factor(fit, scale, exact=told is not None)
        findings.append(Finding("normal slopes", "kept" if factor == 1.0 else f"times {factor:.3g}", why))
        return scale, factor, findings
    if fit is not None and fit.trusted:
        scale = min(fit.scale, 1.0)
        how = f"estimated from the slopes of the normal map (correlation {fit.correlation:.2f})"
        return scale, scale / fit.scale, [Finding("height scale", f"{scale:.4g}", how)]
    how = "nothing tells it"
    if fit is not None:
        how = f"normal and height map don't correlate ({fit.correlation:+.2f})"
        if fit.inverted:
            how = f"the height map runs against the normal map ({fit.correlation:+.2f}); is it a depth map?"
    return DEFAULT_SCALE, 1.0, [Finding("height scale", f"{DEFAULT_SCALE}", how, assumed=True)]


def _given(scale: float, span: float) -> float:
    if not 0.0 <= scale <= 1.0:
        raise InputError(f"height scale {scale:g} is outside 0 to 1 texture widths")
    if scale * span > 1.0:
        raise InputError(f"height scale {scale:g} times the span {span:.4g} of the height map exceeds 1 texture width")
    return scale * span


def _factor(fit: SlopeFit, scale: float, *, exact: bool) -> tuple[float, str]:
    if not fit.trusted:
        return 1.0, f"normal and height map don't correlate ({fit.correlation:+.2f})"
    ratio = scale / fit.scale
    if scale == 0.0:
        return 1.0, "a scale of 0 switches the height off, not the normal map"
    if not exact and abs(ratio - 1.0) <= _AGREES:
        return 1.0, f"they agree with the scale (estimate {fit.scale:.3g}, correlation {fit.correlation:.2f})"
    return ratio, f"they described {fit.scale:.3g} (correlation {fit.correlation:.2f})"
