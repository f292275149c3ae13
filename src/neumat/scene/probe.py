"""Image-based light: an equirectangular map in linear radiance, with the tables to sample it by importance.

Axes are glTF's (+Y up). u = atan2(z, x)/2π + 1/2 and v = acos(y)/π, as in three.js: the centre of the image is seen
along +X, its right half towards +Z, its top row is +Y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.scene.part import Array, printable

_MAX_WIDTH, _MAX_HEIGHT = 8192, 4096
_KEPT_WIDTH = 2048  # finer than a background needs; larger maps are averaged down
_MAX_NEGATIVE = 0.1  # ringing makes about 2 % negative
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec.709


@dataclass(frozen=True)
class Probe:
    """Distant light from all directions.

    Attributes:
        name: file stem or built-in name.
        radiance: (H, W, 3) float32, linear Rec.709, at least 0; constant over each texel.
        rotation: turns the light about +Y by this angle in radians, counter-clockwise seen from above.
        notes: what the reader changed, for the caller to show.
    """

    name: str
    radiance: Array
    rotation: float = 0.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.radiance.shape
        if self.radiance.dtype != np.float32 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise InputError(f"{self.name}: a probe is float32 (H, W, 3), not {self.radiance.dtype} {shape}")
        if not np.isfinite(self.radiance).all():
            raise InputError(f"{self.name}: the probe has values that are not finite (NaN or infinity)")
        if (self.radiance < 0.0).any():
            raise InputError(f"{self.name}: the probe has negative radiance; clamp it at 0 first")

    def rotated(self, angle: float) -> Probe:
        """Turn by `angle` radians about +Y, on top of the present rotation."""
        return replace(self, rotation=self.rotation + angle)

    def scaled(self, factor: float) -> Probe:
        """Multiply the radiance by `factor`."""
        return replace(self, radiance=self.radiance * np.float32(factor))

    @cached_property
    def _row_edges(self) -> npt.NDArray[np.float64]:
        """cos θ at the H + 1 edges of the rows, from 1 down to −1."""
        return np.cos(np.linspace(0.0, np.pi, self.radiance.shape[0] + 1))

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Array]:
        """CDF over rows (H + 1,), running CDF over all texels (H·W + 1,), and pdf in solid angle (H, W)."""
        height, width, _ = self.radiance.shape
        solid = (self._row_edges[:-1] - self._row_edges[1:])[:, None] * (2.0 * np.pi / width)
        weight = (self.radiance @ _LUMINANCE).astype(np.float64) * solid
        total = weight.sum()
        if total <= 0.0:  # a black probe: any distribution will do
            weight = np.broadcast_to(solid, (height, width)).copy()
            total = weight.sum()
        running = np.concatenate([[0.0], np.cumsum(weight)])
        running /= running[-1]
        return running[::width].copy(), running, (weight / (total * solid)).astype(np.float32)

    def prepare(self) -> None:
        """Build the sampling tables now; worth doing before threads share the probe."""
        _ = self._tables

    @cached_property
    def mean_radiance(self) -> Array:
        """Mean over the sphere of directions, (3,)."""
        solid = self._row_edges[:-1] - self._row_edges[1:]
        rows = self.radiance.astype(np.float64).mean(axis=1)
        return np.asarray((rows * solid[:, None]).sum(axis=0) / solid.sum(), np.float32)

    def sample(self, u: Array) -> tuple[Array, Array, Array]:
        """Draw directions in proportion to luminance.

        Args:
            u: (N, 2) in [0, 1).

        Returns:
            directions (N, 3) unit; radiance (N, 3); pdf (N,) with respect to solid angle. All float32.
        """
        height, width, _ = self.radiance.shape
        rows, running, density = self._tables
        row = np.clip(np.searchsorted(rows, u[:, 1], side="right") - 1, 0, height - 1)
        mass = rows[row + 1] - rows[row]
        within_row = (u[:, 1] - rows[row]) / np.maximum(mass, 1e-300)
        at = rows[row] + u[:, 0] * mass
        texel = np.searchsorted(running, at, side="right") - 1
        texel = np.clip(texel, row * width, row * width + width - 1)
        share = (at - running[texel]) / np.maximum(running[texel + 1] - running[texel], 1e-300)
        column = texel - row * width
        # Uniform in cos θ and in φ inside the texel, so that the pdf is constant over it.
        top, bottom = self._row_edges[row], self._row_edges[row + 1]
        y = top + (bottom - top) * np.clip(within_row, 0.0, 1.0)
        phi = ((column + np.clip(share, 0.0, 1.0)) / width - 0.5) * (2.0 * np.pi) - self.rotation
        across = np.sqrt(np.maximum(1.0 - y * y, 0.0))
        directions = np.stack([across * np.cos(phi), y, across * np.sin(phi)], axis=1).astype(np.float32)
        flat = self.radiance.reshape(-1, 3)
        return directions, flat[texel], density.reshape(-1)[texel]

    def _texels(self, directions: Array) -> npt.NDArray[np.int64]:
        height, width, _ = self.radiance.shape
        u = np.arctan2(directions[:, 2], directions[:, 0]) * np.float32(0.5 / np.pi)
        u += np.float32(0.5 + self.rotation / (2.0 * np.pi))
        column = np.floor(u * width).astype(np.int64) % width
        v = np.arccos(np.clip(directions[:, 1], -1.0, 1.0)) * np.float32(height / np.pi)
        row = np.minimum(v.astype(np.int64), height - 1)
        found: npt.NDArray[np.int64] = row * width + column
        return found

    def pdf(self, directions: Array) -> Array:
        """Density of `sample` with respect to solid angle at unit directions (N, 3); (N,)."""
        return self._tables[2].reshape(-1)[self._texels(directions)]

    def radiance_and_pdf(self, directions: Array) -> tuple[Array, Array]:
        """Radiance (N, 3) and sampling density (N,) at unit directions (N, 3): `lookup` and `pdf` at once."""
        texel = self._texels(directions)
        return self.radiance.reshape(-1, 3)[texel], self._tables[2].reshape(-1)[texel]

    def lookup(self, directions: Array, *, smooth: bool = False) -> Array:
        """Radiance (N, 3) at unit directions (N, 3); `smooth` filters bilinearly, for backgrounds.

        Light is piecewise constant, as `sample` draws it, so that both agree exactly.
        """
        if not smooth:
            return self.radiance.reshape(-1, 3)[self._texels(directions)]
        height, width, _ = self.radiance.shape
        turn = np.arctan2(directions[:, 2], directions[:, 0]) / (2.0 * np.pi) + 0.5 + self.rotation / (2.0 * np.pi)
        x = turn * width - 0.5
        y = np.arccos(np.clip(directions[:, 1], -1.0, 1.0)) / np.pi * height - 0.5
        left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        above, below = np.clip(top, 0, height - 1), np.clip(top + 1, 0, height - 1)
        here, right = left % width, (left + 1) % width
        upper = self.radiance[above, here] * (1.0 - fx) + self.radiance[above, right] * fx
        lower = self.radiance[below, here] * (1.0 - fx) + self.radiance[below, right] * fx
        return np.asarray(upper * (1.0 - fy) + lower * fy, np.float32)


def read_probe(source: str | Path) -> Probe:
    """Read an equirectangular HDR or EXR file, or make a built-in probe: 'white', 'sky' or 'softboxes'.

    Maps wider than 2048 texels are averaged down. Scattered negative texels, which resampling leaves around bright
    lights, become 0; `Probe.notes` says so.

    Raises:
        InputError: the file is missing, no image, not 2:1, too large, has NaN or infinity, or is negative in many
            texels.
    """
    name = str(source)
    if name == "white":
        return Probe(name, np.ones((16, 32, 3), np.float32))
    if name == "sky":
        return _sky()
    if name == "softboxes":
        return _softboxes()
    path = Path(source)
    if path.suffix.lower() not in {".exr", ".hdr"}:
        raise InputError(f"{path}: not a probe neumat knows; use an .exr or .hdr file, white, sky or softboxes")
    if not path.is_file():
        raise InputError(f"{path}: no such probe file")
    pixels = _read_pixels(path)
    notes: tuple[str, ...] = ()
    negative = float((pixels < 0.0).any(axis=2).mean())
    if negative > _MAX_NEGATIVE:
        raise InputError(f"{path}: {negative:.0%} of its texels are negative, so it holds no radiance")
    if negative > 0.0:
        notes = (f"{path.stem}: {negative:.2%} of its texels were negative and count as 0",)
        pixels = np.where(pixels < 0.0, np.float32(0.0), pixels)  # keeps NaN, for the check of Probe
    return Probe(path.stem, _reduced(pixels), notes=notes)


def _read_pixels(path: Path) -> Array:
    import OpenImageIO  # slow to import, and built-in probes don't need it

    image = OpenImageIO.ImageInput.open(str(path))
    if image is None:
        raise InputError(f"{path}: cannot be read as an image ({printable(OpenImageIO.geterror())})")
    try:
        spec = image.spec()
        size = f"{spec.width} × {spec.height}"
        if spec.width > _MAX_WIDTH or spec.height > _MAX_HEIGHT or spec.depth > 1:
            raise InputError(f"{path}: {size} texels; a probe has at most {_MAX_WIDTH} × {_MAX_HEIGHT}, reduce it")
        if spec.width != 2 * spec.height:
            raise InputError(f"{path}: {size} texels; an equirectangular probe is twice as wide as high")
        if spec.nchannels < 3 or spec.nchannels > 16:
            raise InputError(f"{path}: has {spec.nchannels} channels; a probe needs R, G and B")
        names = list(spec.channelnames)
        wanted = [names.index(c) for c in "RGB"] if set("RGB") <= set(names) else [0, 1, 2]
        pixels = image.read_image(0, 0, 0, spec.nchannels, OpenImageIO.FLOAT)
        if pixels is None:
            raise InputError(f"{path}: is damaged or truncated ({printable(image.geterror())})")
    finally:
        image.close()
    values = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)
    return np.ascontiguousarray(values[..., wanted])


def _reduced(pixels: Array) -> Array:
    height, width, _ = pixels.shape
    factor = -(-width // _KEPT_WIDTH)
    while height % factor or width % factor:
        factor += 1
    if factor == 1:
        return pixels
    blocks = pixels.reshape(height // factor, factor, width // factor, factor, 3)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _grid(height: int) -> Array:
    """Directions at the texel centres of an equirectangular map, (H, 2H, 3)."""
    theta = (np.arange(height) + 0.5) * np.pi / height
    phi = (np.arange(2 * height) + 0.5) * np.pi / height - np.pi
    across = np.sin(theta)[:, None]
    y = np.broadcast_to(np.cos(theta)[:, None], (height, 2 * height))
    return np.stack([across * np.cos(phi), y, across * np.sin(phi)], axis=-1).astype(np.float32)


def _ramp(low: float, high: float, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def _sky(height: int = 128) -> Probe:
    """Blue above, bright at the horizon, brown ground, and a sun of 4° across half-way up between +X and +Z."""
    d = _grid(height)
    up = d[..., 1:2]
    zenith, horizon, ground = (np.array(c, np.float32) for c in ((0.2, 0.4, 0.9), (0.9, 0.95, 1.0), (0.22, 0.19, 0.16)))
    above = horizon + (zenith - horizon) * np.sqrt(np.clip(up, 0.0, 1.0))
    color = ground + (above - ground) * _ramp(-0.06, 0.02, up)
    sun = np.array([0.5, 0.70710678, 0.5], np.float32)
    near = _ramp(float(np.cos(np.radians(2.6))), float(np.cos(np.radians(1.4))), (d @ sun)[..., None])
    return Probe("sky", (color + near * np.array([800.0, 720.0, 600.0], np.float32)).astype(np.float32))


def _softboxes(height: int = 128) -> Probe:
    """A photographer's studio: a large key light, a fill and a rim light in a dim grey room."""
    d = _grid(height)
    room = 0.08 + 0.10 * _ramp(-1.0, 1.0, d[..., 1:2])
    color = np.broadcast_to(room, d.shape).astype(np.float32).copy()
    up = np.array([0.0, 1.0, 0.0])
    for azimuth, elevation, half_width, half_height, level in (
        (20.0, 45.0, 0.45, 0.35, 12.0), (115.0, 20.0, 0.25, 0.5, 3.5), (-100.0, 30.0, 0.18, 0.6, 6.0),
    ):  # fmt: skip
        a, e = np.radians(azimuth), np.radians(elevation)  # the azimuth is counted from +Z towards +X
        centre = np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
        right = np.cross(up, centre)
        right /= np.linalg.norm(right)
        depth = np.maximum(d @ centre, 1e-3)
        x, y = np.abs(d @ right / depth), np.abs(d @ np.cross(centre, right) / depth)
        inside = (1.0 - _ramp(0.95, 1.05, (x / half_width).astype(np.float32))) * (
            1.0 - _ramp(0.95, 1.05, (y / half_height).astype(np.float32))
        )
        color += (inside * (d @ centre > 0.0) * level)[..., None].astype(np.float32)
    return Probe("softboxes", color)
