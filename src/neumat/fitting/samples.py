"""Training samples: where, from where and under which light a material is looked at, and what is seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.progress import Progress, silent
from neumat.truth.sampler import TruthSampler

Array = npt.NDArray[np.float32]
#: Lowest cosine of views and lights that the fit sees; the forms clamp wo.z at 0.1 and fade below wi.z = 0.1.
LOWEST_COSINE = 0.05
MOST_SAMPLES = 50_000_000


@dataclass(frozen=True)
class Samples:
    """Observations of a material.

    Attributes:
        uv: (n, 2) float32. wo, wi: (n, 3) float32, unit, tangent frame.
        x: (n, 3) float32, pi·f, averaged over the pixel.
    """

    uv: Array
    wo: Array
    wi: Array
    x: Array

    def __len__(self) -> int:
        return len(self.uv)


def hemisphere(rng: np.random.Generator, count: int) -> Array:
    """Directions uniform over the hemisphere above LOWEST_COSINE: (count, 3) float32."""
    z = rng.uniform(LOWEST_COSINE, 1.0, count)
    phi = rng.uniform(0.0, 2.0 * np.pi, count)
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=-1).astype(np.float32)


def truth_samples(
    sampler: TruthSampler, count: int, *, seed: int, paths: int = 4, progress: Progress = silent
) -> Samples:
    """Draw views and lights uniformly over the hemisphere and look up the truth, averaged over the pixel.

    The targets are averaged before any logarithm: that gains 1 to 5 dB at one look-up a pixel.
    """
    rng = np.random.default_rng(seed)
    uv = rng.random((count, 2), dtype=np.float32)
    wo, wi = hemisphere(rng, count), hemisphere(rng, count)
    x = sampler.sample(uv, wo, wi, samples=paths, seed=seed * 1_000_003 + 17, progress=progress)
    return Samples(uv, wo, wi, x)


def read_samples(path: str | Path) -> Samples:
    """Read a samples file: an .npz with arrays ``uv`` (n, 2), ``wi`` (n, 3), ``wo`` (n, 3) and ``rgb`` (n, 3).

    ``rgb`` is f, the outgoing radiance for unit irradiance at normal incidence (BRDF × cosine), linear Rec.709.

    Raises:
        InputError: the file cannot be read, an array is missing, of another shape or not finite.
    """
    source = Path(path)
    arrays: dict[str, Array] = {}
    try:
        with np.load(source, allow_pickle=False) as file:
            for name, width in (("uv", 2), ("wi", 3), ("wo", 3), ("rgb", 3)):
                if name not in file:
                    raise InputError(f"{source}: has no array {name!r}; a samples file holds uv, wi, wo and rgb")
                arrays[name] = np.asarray(file[name], dtype=np.float32)
                if arrays[name].ndim != 2 or arrays[name].shape[1] != width:
                    raise InputError(f"{source}: {name} is {arrays[name].shape}, expected (n, {width})")
    except (OSError, ValueError, EOFError, MemoryError, KeyError, NotImplementedError) as error:
        raise InputError(f"{source}: is no samples file (.npz of uv, wi, wo, rgb): {str(error)[:120]}") from None
    count = len(arrays["uv"])
    if not 0 < count <= MOST_SAMPLES or any(len(a) != count for a in arrays.values()):
        raise InputError(f"{source}: arrays have {[len(a) for a in arrays.values()]} rows, expected one number of them")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{source}: {name} has values that are not finite (NaN or infinity)")
    for name in ("wi", "wo"):
        length = np.linalg.norm(arrays[name], axis=1)
        if np.abs(length - 1.0).max() > 1e-2:
            raise InputError(f"{source}: {name} holds vectors that are not of unit length")
    return Samples(arrays["uv"], arrays["wo"], arrays["wi"], np.maximum(arrays["rgb"], 0.0) * np.float32(np.pi))
