"""From maps or samples to a neural material."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.fitting.hybrid import HybridFit
from neumat.fitting.modules import device_for
from neumat.fitting.neumip import NeumipFit
from neumat.fitting.samples import Samples, truth_samples
from neumat.fitting.schedule import Schedule
from neumat.materials.explicit import encode
from neumat.materials.neural import Form, NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.plain import plain
from neumat.materials.pyramid import pyramid
from neumat.progress import Progress, silent
from neumat.shading.runtime_cpp import CompiledMaterial
from neumat.truth.sampler import TruthSampler

Array = npt.NDArray[np.float32]
#: More steps than a fast machine takes.
STEPS_A_SECOND = 1000


@dataclass(frozen=True)
class FitOptions:
    """Options of the fit.

    Attributes:
        form: ``hybrid`` or ``neumip``.
        hidden: widths of the hidden layers; None for 32×2 (hybrid) or 64×4 (neumip).
        resolution: pixels across the texture.
        budget: most seconds of training, or None for as many steps as the resolution needs.
        march_steps, light_steps: of the hybrid.
        paths: paths of truth a sample.
        seed: of samples, weights and their order.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    form: Form = "hybrid"
    hidden: tuple[int, ...] | None = None
    resolution: int = 256
    budget: float | None = None
    march_steps: int = 16
    light_steps: int = 12
    paths: int = 4
    seed: int = 0
    device: str = "auto"

    def network_widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return self.hidden or ((32, 32) if self.form == "hybrid" else (64, 64, 64, 64))

    def training_steps(self, texels: int) -> int:
        """Steps of 2,048 samples: grows slower than the number of texels, whose neighbours share the network."""
        base = 3000
        return int(base * max(1.0, (texels / 128**2) ** 0.5))


def fit_material(source: PbrMaterial | Samples, options: FitOptions, *, name: str = "", progress: Progress = silent
                 ) -> NeuralMaterial:  # fmt: skip
    """Fit a neural material.

    Args:
        source: PBR maps with height, or samples of a material that is no height field.
        options: see FitOptions.
        name: of the material; the source's where it has one.
        progress: called with "truth" and "fit".

    Raises:
        InputError: options that do not go together.
    """
    start, cpu = time.perf_counter(), time.process_time()
    if isinstance(source, Samples):
        material = _fit_samples(source, options, name or "samples", progress)
        steps = material.provenance["fit"]
    else:
        material = _fit_maps(source, options, progress)
        steps = material.provenance["fit"]
    fit: dict[str, Any] = {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "resolution": material.resolution,
        "form": material.form,
        "network": network_name(options.network_widths()),
        "steps": f"{material.march_steps}+{material.light_steps}",
        "seed": options.seed,
        **steps,
    }
    return replace(material, provenance={**material.provenance, "fit": fit})


def network_name(hidden: tuple[int, ...]) -> str:
    """``32x2`` for two hidden layers of 32."""
    return f"{hidden[0]}x{len(hidden)}"


def _fit_maps(source: PbrMaterial, options: FitOptions, progress: Progress) -> NeuralMaterial:
    sampler = TruthSampler(source, resolution=options.resolution)
    base = replace(
        plain(source), march_steps=options.march_steps, light_steps=options.light_steps, resolution=sampler.size[0]
    )
    texels = sampler.size[0] * sampler.size[1]
    steps = options.training_steps(texels)
    device = device_for(options.device)
    schedule = Schedule(steps, options.budget, seed=options.seed, progress=progress)
    # Half as many samples as are looked at: a second look costs less than a path and teaches nearly as much.
    # A budget that ends the training earlier needs no more paths than it can look at.
    looked_at = steps if options.budget is None else min(steps, int(options.budget * STEPS_A_SECOND) + 32)
    count = looked_at * schedule.batch // 2
    samples = truth_samples(sampler, count, seed=options.seed, paths=options.paths, progress=progress)
    details = {"training_steps": steps, "samples": count, "paths": options.paths, "device": device.type}
    provenance = {**source.provenance, "fit": details}
    if options.form == "hybrid":
        hybrid = HybridFit(
            sampler.size, options.network_widths(), tileable=source.tileable, seed=options.seed, device=device
        )
        batch = hybrid.prepare(CompiledMaterial(base), samples, sampler.pixel)
        hybrid.train_on(batch, schedule)
        details["training_steps"] = schedule.steps_taken
        return replace(
            base,
            latents={"latent": hybrid.latent.to_array()},
            networks={"decoder": hybrid.network()},
            provenance=provenance,
        )
    level = pyramid(encode(source))[sampler.level]
    reach = 5.0 * source.height_scale * max(abs(base.height_range[0] - 0.5), abs(base.height_range[1] - 0.5))
    neumip = NeumipFit(
        sampler.size,
        options.network_widths(),
        offset_range=float(np.clip(reach, 2.0 * sampler.pixel, 0.5)),
        tileable=source.tileable,
        seed=options.seed,
        device=device,
    )
    maps = np.concatenate(
        [level.base_color, level.normal[..., :2], level.roughness[..., None], level.metallic[..., None]], axis=2
    )
    neumip.start_from(maps, (level.height - 0.5) * 2.0)
    delta = sampler.exact_hit(samples.uv, samples.wo)[:, :2] - samples.uv
    neumip.train_on(samples, delta, sampler.pixel, schedule)
    details["training_steps"] = schedule.steps_taken
    return _neumip_material(base, neumip, provenance)


def _neumip_material(base: NeuralMaterial, fit: NeumipFit, provenance: dict[str, Any]) -> NeuralMaterial:
    return replace(
        base,
        form="neumip",
        latents={"offset": fit.offset_latent.to_array(), "rgb": fit.rgb_latent.to_array()},
        networks=fit.export_networks(),
        offset_range=fit.offset_range,
        provenance=provenance,
    )


def _fit_samples(samples: Samples, options: FitOptions, name: str, progress: Progress) -> NeuralMaterial:
    """Fit without a surface: a flat PBR material of the mean colour stands below."""
    size = (options.resolution, options.resolution)
    if len(samples) < 4096:
        raise InputError(f"{name}: {len(samples)} samples are too few; at least 4096 are needed")
    flat = _flat_material(samples, name)
    # A file's rows may come frame by frame, and a batch is a slice of them.
    order = np.random.default_rng(options.seed).permutation(len(samples))
    samples = Samples(samples.uv[order], samples.wo[order], samples.wi[order], samples.x[order])
    base = replace(plain(flat), march_steps=options.march_steps, light_steps=options.light_steps, resolution=size[0])
    device = device_for(options.device)
    steps = options.training_steps(size[0] * size[1])
    schedule = Schedule(steps, options.budget, seed=options.seed, progress=progress)
    details = {"training_steps": steps, "samples": len(samples), "device": device.type}
    provenance = {**flat.provenance, "fit": details}
    if options.form == "hybrid":
        hybrid = HybridFit(size, options.network_widths(), tileable=True, seed=options.seed, device=device)
        hybrid.train_on(hybrid.prepare(CompiledMaterial(base), samples, 1.0 / size[0]), schedule)
        details["training_steps"] = schedule.steps_taken
        return replace(
            base,
            latents={"latent": hybrid.latent.to_array()},
            networks={"decoder": hybrid.network()},
            provenance=provenance,
        )
    neumip = NeumipFit(
        size, options.network_widths(), offset_range=0.1, tileable=True, seed=options.seed, device=device
    )
    neumip.train_on(samples, None, 1.0 / size[0], schedule)
    details["training_steps"] = schedule.steps_taken
    return _neumip_material(base, neumip, provenance)


def _flat_material(samples: Samples, name: str) -> PbrMaterial:
    """A flat, rough PBR material whose colour is read off the samples on a grid (the fallback of the fit)."""
    side = 32
    cell = np.clip((samples.uv % 1.0 * side).astype(np.int64), 0, side - 1)
    index = cell[:, 1] * side + cell[:, 0]
    cosine = np.maximum(samples.wi[:, 2:3], 0.05)
    total = np.zeros((side * side, 3))
    count = np.zeros(side * side)
    # Albedo of a Lambertian: x = albedo·cos; weighted by the cosine, so that grazing light counts little.
    np.add.at(total, index, samples.x)
    np.add.at(count, index, cosine[:, 0])
    albedo = total / np.maximum(count, 1e-6)[:, None]
    albedo[count == 0] = albedo[count > 0].mean(axis=0)
    color = np.clip(albedo, 0.0, 1.0).reshape(side, side, 3).astype(np.float32)
    normal = np.zeros((side, side, 3), np.float32)
    normal[..., 2] = 1.0
    half = np.full((side, side), 0.5, np.float32)
    return PbrMaterial(name, color, np.ones_like(half), np.zeros_like(half), normal, half, height_scale=0.0)
