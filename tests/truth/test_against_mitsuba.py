"""The truth sampler against pictures that Mitsuba 3 rendered of the same maps (see make_mitsuba_pictures.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neumat.materials.explicit import decode
from neumat.materials.neural import ExplicitMaps
from neumat.truth.metrics import decibels, display, psnr
from neumat.truth.protocol import pixel_grid
from neumat.truth.sampler import TruthSampler

FOLDER = Path(__file__).parent / "mitsuba"
NAMES = ("brick", "pebble", "metal", "edges")
CASES = range(4)
#: Fewer would darken the rough pebbles: their caustics are rare, bright and cut off at 1.
SAMPLES = 2048
CLOSE = 32.0
#: What the facets of Mitsuba's mesh cost at most: rough pebbles at a grazing view, found by refining them.
FACETS = 53.0


@dataclass(frozen=True)
class Reference:
    sampler: TruthSampler
    wo: np.ndarray
    wi: np.ndarray
    bounces: np.ndarray
    pictures: np.ndarray
    noise_floor: np.ndarray


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    loaded = {}
    for name in NAMES:
        with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
            maps = ExplicitMaps(file["base_color"], file["orm"], file["normal"], file["height"], False)
            material = decode(
                maps, name=name, height_scale=float(file["height_scale"]), tileable=bool(file["tileable"])
            )
            pictures = file["pictures"].astype(np.float64)
            loaded[name] = Reference(
                TruthSampler(material), file["wo"], file["wi"], file["bounces"], pictures, file["noise_floor"]
            )
    return loaded


def halves(reference: Reference, case: int) -> tuple[np.ndarray, np.ndarray]:
    shape = reference.pictures.shape[1:]
    uv, grid = pixel_grid(reference.sampler.size, shape[0])
    assert grid == shape[:2]
    wo = np.tile(reference.wo[case], (len(uv), 1))
    wi = np.tile(reference.wi[case], (len(uv), 1))
    bounces = int(reference.bounces[case])
    first, second = (
        reference.sampler.sample(uv, wo, wi, samples=SAMPLES // 2, bounces=bounces, seed=seed).astype(np.float64)
        for seed in (1, 1_000_001)
    )
    return first.reshape(shape), second.reshape(shape)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_as_mitsuba_renders_it(
    references: dict[str, Reference], name: str, case: int, record_property: Callable[[str, object], None]
) -> None:
    reference = references[name]
    first, second = halves(reference, case)
    ours, theirs = (first + second) / 2.0, reference.pictures[case]
    figure = psnr(ours, theirs)
    floor = decibels(float(np.mean((display(first) - display(second)) ** 2)) / 4.0)
    explained = decibels(sum(10.0 ** (-each / 10.0) for each in (floor, float(reference.noise_floor[case]), FACETS)))
    energy = float(display(ours).mean() / display(theirs).mean())
    for key, value in (("psnr", figure), ("noise_floor", floor), ("mitsuba_noise_floor", reference.noise_floor[case])):
        record_property(key, round(float(value), 2))
    angle = np.degrees(np.arccos(reference.wo[case][2]))
    print(
        f"{name} {angle:.0f}° {reference.bounces[case]} bounces: {figure:.1f} dB; noise floors ours {floor:.1f}, "
        f"Mitsuba {reference.noise_floor[case]:.1f}; brightness {energy:.4f}"
    )
    assert figure >= CLOSE
    assert figure >= explained - 1.5, "differs by more than noise and facets explain"
    assert energy == pytest.approx(1.0, abs=3e-3)


def test_every_part_of_the_setup_tells(references: dict[str, Reference]) -> None:
    # Wrong conventions must not pass: mirrored rows, a light from the other side, no bounces.
    reference = references["brick"]
    first, second = halves(reference, 1)
    ours = (first + second) / 2.0
    assert psnr(ours[::-1], reference.pictures[1]) < CLOSE
    assert psnr(ours[:, ::-1], reference.pictures[1]) < CLOSE
    mirrored = np.array([1.0, -1.0, 1.0], np.float32)
    flipped = Reference(
        reference.sampler,
        reference.wo * mirrored,
        reference.wi * mirrored,
        reference.bounces,
        reference.pictures,
        reference.noise_floor,
    )
    assert psnr(halves(flipped, 1)[0], reference.pictures[1]) < CLOSE
    assert display(reference.pictures[2]).mean() < 0.99 * display(reference.pictures[1]).mean()
