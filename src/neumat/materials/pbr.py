"""A PBR material as maps in memory: metallic workflow of glTF 2.0 with a height map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Finding:
    """One thing that a reader found or assumed: what, its value, and how it was known."""

    what: str
    value: str
    how: str
    assumed: bool = False


@dataclass(frozen=True)
class PbrMaterial:
    """Maps of one material, all of one size (H, W), float32, row 0 at the top of the image.

    Attributes:
        name: safe name, [A-Za-z0-9_-].
        base_color: (H, W, 3), linear Rec.709, 0 to 1.
        roughness: (H, W), perceptual (alpha = roughness²), 0 to 1.
        metallic: (H, W), 0 to 1.
        normal: (H, W, 3), unit length; x = +U, y = image-up (OpenGL), z = outwards.
        height: (H, W), 0 to 1; the surface lies at (height − 0.5)·height_scale from the reference plane.
        height_scale: in texture widths, at least 0.
        occlusion: (H, W) or None; kept for the PBR fallback, ignored by truth and neural layer.
        tileable: whether opposite edges meet.
        physical_size: width of the texture in metres.
        provenance: source, author, licence, generator, …; strings and numbers only.
        findings: what the reader found and assumed.
    """

    name: str
    base_color: Array
    roughness: Array
    metallic: Array
    normal: Array
    height: Array
    height_scale: float = 0.05
    occlusion: Array | None = None
    tileable: bool = True
    physical_size: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        size = self.height.shape
        expected = {
            "base_color": (*size, 3), "roughness": size, "metallic": size, "normal": (*size, 3), "height": size,
        }  # fmt: skip
        if self.occlusion is not None:
            expected["occlusion"] = size
        for name, shape in expected.items():
            value = getattr(self, name)
            if value.dtype != np.float32 or value.shape != shape:
                raise InputError(f"{self.name}: {name} is {value.dtype} {value.shape}, expected float32 {shape}")
            if not np.isfinite(value).all():
                raise InputError(f"{self.name}: {name} has values that are not finite (NaN or infinity)")
        if not (np.isfinite(self.height_scale) and 0.0 <= self.height_scale <= 1.0):
            raise InputError(f"{self.name}: height scale {self.height_scale} is outside 0 to 1 texture widths")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in texels."""
        return self.height.shape[0], self.height.shape[1]

    def with_height_scale(self, scale: float, *, slopes_follow: bool = True) -> PbrMaterial:
        """Change the height scale; the slopes of the normal map follow, so that both describe one surface."""
        normal = self.normal
        if slopes_follow and self.height_scale > 0.0:
            normal = scale_slopes(normal, scale / self.height_scale)
        return replace(self, height_scale=float(scale), normal=normal)


def scale_slopes(normal: Array, factor: float) -> Array:
    """Multiply the slopes of a normal map (..., 3) by `factor` and normalise."""
    n = normal.astype(np.float64)
    n[..., :2] *= factor
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    return n.astype(np.float32)


def normal_from_height(height: Array, height_scale: float, *, tileable: bool) -> Array:
    """Normals of the displaced surface by central differences.

    Args:
        height: (H, W), 0 to 1.
        height_scale: in texture widths.
        tileable: wrap at the edges, else repeat the edge.

    Returns:
        (H, W, 3) float32 unit normals in the tangent frame (y = image-up).
    """
    mode: Literal["wrap", "edge"] = "wrap" if tileable else "edge"
    padded = np.pad(height.astype(np.float64), 1, mode=mode)
    width = height.shape[1]
    texels = height_scale * width  # rise per texel step, in texels
    slope_x = (padded[1:-1, 2:] - padded[1:-1, :-2]) * 0.5 * texels
    slope_y = (padded[:-2, 1:-1] - padded[2:, 1:-1]) * 0.5 * texels
    n = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=-1)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    return n.astype(np.float32)
