"""What the renderer asks of a material: interfaces only, so that any back end can shade."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

Mode = Literal["neural", "pbr", "marched"]
"""The whole neural material; its explicit maps as plain PBR; those with the hit and hard shadow of a marched height."""


class Shader(Protocol):
    """Shades many points at once; called from several threads."""

    def shade(self, uv: Array, footprint: Array, wo: Array, wi: Array, weight: Array, *, mode: str) -> Array:
        """Sum f(uv, wi, wo)·weight over the lights of each point, f being BRDF × cosine.

        Args:
            uv: (N, 2) float32, v down; may leave [0, 1] where the texture repeats.
            footprint: (N,) float32, width of the pixel in texture widths.
            wo: (N, 3) float32, unit, tangent frame (x = +U, y = image-up, z = out), z > 0.
            wi: (N, L, 3) float32, unit, tangent frame; f is 0 where z <= 0.
            weight: (N, L, 3) float32, radiance of the light over its sampling density; 0 in shadow.
            mode: 'neural', 'pbr' or 'marched'.

        Returns:
            (N, 3) float32, outgoing radiance, linear Rec.709.
        """


@runtime_checkable
class LobeShader(Protocol):
    """A shader that can say where it is shiny, so that lights are also sampled there (less noise on metals).

    Any answer keeps the picture right: it only steers the sampling.
    """

    def lobe(self, uv: Array, footprint: Array, wo: Array) -> tuple[Array, Array]:
        """Return the shading normal (N, 3), unit, tangent frame, and the perceptual roughness (N,) at each point."""
