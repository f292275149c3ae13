"""The interface of a procedural family: parameters with ranges, palettes, words, and maps from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.materials.pbr import Finding, PbrMaterial, normal_from_height
from neumat.procedural.noise import Grid, sub_seed
from neumat.procedural.shaping import horizon_occlusion, linear

Array = npt.NDArray[np.float32]
Parameters = Mapping[str, float | str]

AUTHOR = "neumat contributors"
LICENCE = "CC0-1.0"


@dataclass(frozen=True)
class Parameter:
    """One number that shapes a family.

    Attributes:
        name: the key.
        low: smallest value allowed.
        high: largest value allowed.
        default: the value where none is given.
        unit: "" for a share, else the unit in words.
        meaning: one line.
        words: what a caption calls a low value and a high one; "" where it says nothing.
    """

    name: str
    low: float
    high: float
    default: float
    unit: str
    meaning: str
    words: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Palette:
    """Colours that occur together in nature.

    Attributes:
        name: the value of the parameter "palette".
        words: what a caption calls it.
        body: sRGB colours "#rrggbb" of the main part (stones, bricks, metal).
        ground: sRGB colours of what lies between or on it (sand, mortar, rust).
    """

    name: str
    words: tuple[str, ...]
    body: tuple[str, ...]
    ground: tuple[str, ...]

    def linear_body(self) -> Array:
        """(N, 3) linear Rec.709."""
        return np.stack([linear(color) for color in self.body])

    def linear_ground(self) -> Array:
        """(N, 3) linear Rec.709."""
        return np.stack([linear(color) for color in self.ground])


@dataclass(frozen=True)
class Surface:
    """What a family computes; the rest of a material follows from it. Shapes and ranges as in `PbrMaterial`."""

    base_color: Array
    roughness: Array
    metallic: Array
    height: Array
    height_scale: float
    physical_size: float


@dataclass(frozen=True)
class Inputs:
    """What a family computes from: values of all its parameters, the palette, the raster and the seed."""

    values: Mapping[str, float]
    palette: Palette
    grid: Grid
    seed: int

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def part(self, label: str) -> int:
        """The seed of one part of the material."""
        return sub_seed(self.seed, label)


@dataclass(frozen=True)
class Family:
    """A kind of material, from cobblestone to tread plate.

    Attributes:
        name: safe name.
        summary: one line.
        nouns: what captions call it.
        parameters: the numbers that shape it.
        palettes: natural colours; the first is the default.
        build: computes the maps.
    """

    name: str
    summary: str
    nouns: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    palettes: tuple[Palette, ...]
    build: Callable[[Inputs], Surface]

    def defaults(self) -> dict[str, float | str]:
        """Default of every parameter, and of "palette"."""
        values: dict[str, float | str] = {parameter.name: parameter.default for parameter in self.parameters}
        values["palette"] = self.palettes[0].name
        return values

    def complete(self, parameters: Parameters | None = None) -> dict[str, float | str]:
        """`parameters` with the defaults of those not given.

        Raises:
            InputError: a name that the family doesn't have, a value out of range, an unknown palette.
        """
        values = self.defaults()
        given = dict(parameters or {})
        palette = given.pop("palette", values["palette"])
        names = [known.name for known in self.palettes]
        if palette not in names:
            raise InputError(f"{self.name}: no palette {palette!r}; there are {', '.join(names)}")
        values["palette"] = palette
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in given.items():
            if name not in known:
                raise InputError(f"{self.name}: no parameter {name!r}; there are {', '.join(known)}, palette")
            limits = known[name]
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise InputError(f"{self.name}: {name} is {value!r}, not a number") from None
            if not limits.low <= number <= limits.high:
                raise InputError(f"{self.name}: {name} {number:g} is outside {limits.low:g} to {limits.high:g}")
            values[name] = number
        return values

    def maps(self, parameters: Parameters | None = None, resolution: int = 512, seed: int = 0) -> PbrMaterial:
        """The material at `resolution`², tileable; the same material at every resolution.

        Args:
            parameters: values by name; those not given take their defaults.
            resolution: texels a side, 8 to 8192.
            seed: which sample of the family, at least 0.

        Raises:
            InputError: see `complete`; or the resolution or the seed is out of range.
        """
        values = self.complete(parameters)
        if seed < 0:
            raise InputError(f"{self.name}: seed {seed} is negative; any whole number from 0 up will do")
        palette = next(known for known in self.palettes if known.name == values["palette"])
        numbers = {name: float(value) for name, value in values.items() if name != "palette"}
        surface = self.build(Inputs(numbers, palette, Grid.of(resolution), seed))
        height = np.clip(surface.height, 0, 1).astype(np.float32)
        scale = surface.height_scale
        return PbrMaterial(
            name=self.name,
            base_color=np.clip(surface.base_color, 0, 1).astype(np.float32),
            roughness=np.clip(surface.roughness, 0, 1).astype(np.float32),
            metallic=np.clip(surface.metallic, 0, 1).astype(np.float32),
            normal=normal_from_height(height, scale, tileable=True),
            height=height,
            height_scale=scale,
            occlusion=horizon_occlusion(height, scale),
            tileable=True,
            physical_size=surface.physical_size,
            provenance={
                "source": "neumat.procedural",
                "author": AUTHOR,
                "licence": LICENCE,
                "family": self.name,
                "parameters": json.dumps(values, sort_keys=True),
                "seed": seed,
            },
            findings=(Finding("height scale", f"{scale:g}", f"set by the family {self.name}"),),
        )

    def sample(self, seed: int) -> dict[str, float | str]:
        """Natural parameters by chance: triangular about the default, within the range; any palette."""
        rng = np.random.default_rng(seed)
        values: dict[str, float | str] = {
            p.name: float(rng.triangular(p.low, min(max(p.default, p.low), p.high), p.high)) for p in self.parameters
        }
        values["palette"] = self.palettes[int(rng.integers(len(self.palettes)))].name
        return values

    def caption(self, parameters: Parameters | None = None, seed: int = 0) -> str:
        """A few words for the material: what stands out against the defaults, the colour, the noun.

        Args:
            parameters: as for `maps`.
            seed: which of the synonyms.

        Raises:
            InputError: see `complete`.
        """
        rng = np.random.default_rng(seed)
        values = self.complete(parameters)
        palette = next(known for known in self.palettes if known.name == values["palette"])
        told: list[tuple[float, str]] = []
        for p in self.parameters:
            value = float(values[p.name])
            span = (p.high - p.default) if value > p.default else (p.default - p.low)
            share = (value - p.default) / span if span > 0 else 0.0
            word = p.words[1] if share > 0 else p.words[0]
            if word and abs(share) > 0.45:
                told.append((abs(share), word))
        told.sort(key=lambda pair: (-pair[0], pair[1]))
        words = [word for _, word in told[:3]]
        color = palette.words[int(rng.integers(len(palette.words)))]
        noun = self.nouns[int(rng.integers(len(self.nouns)))]
        return " ".join([*words, color, noun])
