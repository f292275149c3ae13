"""From maps or samples to a neural material."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neumat.errors import InputError
from neumat.fitting.flat import flat_material
from neumat.fitting.hybrid import HybridFit
from neumat.fitting.modules import device_for
from neumat.fitting.neumip import NeumipFit
from neumat.fitting.samples import Samples, truth_samples
from neumat.fitting.schedule import Schedule
from neumat.materials.explicit import encode
from neumat.materials.neural import Form, NeuralMaterial, network_text
from neumat.materials.pbr import PbrMaterial
from neumat.materials.plain import plain
from neumat.materials.pyramid import pyramid
from neumat.progress import Progress, silent
from neumat.shading.runtime_cpp import CompiledMaterial
from neumat.truth.sampler import TruthSampler

if TYPE_CHECKING:
    import torch

#: More steps than a fast machine takes.
STEPS_A_SECOND = 1000
BATCH = 2048
FEWEST_SAMPLES = 4096
#: Largest |Δu| where the surface is not known, in uv.
UNKNOWN_REACH = 0.1


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
        return int(3000 * max(0.25, (texels / 128**2) ** 0.5))


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
        task = _task_of_samples(source, options, name or "samples")
    else:
        task = _task_of_maps(source, options, progress)
    material = _train(task, options, progress)
    fit: dict[str, Any] = {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "resolution": material.resolution,
        "form": material.form,
        "network": network_text(options.network_widths()),
        "steps": f"{material.march_steps}+{material.light_steps}",
        "seed": options.seed,
        **material.provenance["fit"],
    }
    return replace(material, provenance={**material.provenance, "fit": fit})


@dataclass(frozen=True)
class _Task:
    """What both forms are trained from.

    `base` is the material with an idle layer; `size` and `pixel` belong to the latents; `sampler` and `source` are
    there where the surface is known.
    """

    base: NeuralMaterial
    samples: Samples
    size: tuple[int, int]
    pixel: float
    tileable: bool
    details: dict[str, Any]
    sampler: TruthSampler | None = None
    source: PbrMaterial | None = None


def _task_of_maps(source: PbrMaterial, options: FitOptions, progress: Progress) -> _Task:
    sampler = TruthSampler(source, resolution=options.resolution)
    steps = options.training_steps(sampler.size[0] * sampler.size[1])
    # Half as many samples as are looked at: a second look costs less than a path and teaches nearly as much.
    # A budget that ends the training earlier needs no more paths than it can look at.
    looked_at = steps if options.budget is None else min(steps, int(options.budget * STEPS_A_SECOND) + 32)
    count = looked_at * BATCH // 2
    samples = truth_samples(sampler, count, seed=options.seed, paths=options.paths, progress=progress)
    details = {"samples": count, "paths": options.paths}
    base = plain(source)
    return _Task(base, samples, sampler.size, sampler.pixel, source.tileable, details, sampler, source)


def _task_of_samples(samples: Samples, options: FitOptions, name: str) -> _Task:
    """Without a surface: a flat PBR material of the mean colour stands below the layer."""
    if len(samples) < FEWEST_SAMPLES:
        raise InputError(f"{name}: {len(samples)} samples are too few; at least {FEWEST_SAMPLES} are needed")
    base = plain(flat_material(samples, name))
    # A file's rows may come frame by frame, and a batch is a slice of them.
    order = np.random.default_rng(options.seed).permutation(len(samples))
    shuffled = Samples(samples.uv[order], samples.wo[order], samples.wi[order], samples.x[order])
    size = (options.resolution, options.resolution)
    return _Task(base, shuffled, size, 1.0 / size[0], True, {"samples": len(samples)})


def _train(task: _Task, options: FitOptions, progress: Progress) -> NeuralMaterial:
    device = device_for(options.device)
    steps = options.training_steps(task.size[0] * task.size[1])
    schedule = Schedule(steps, options.budget, batch=BATCH, seed=options.seed, progress=progress)
    base = replace(
        task.base, march_steps=options.march_steps, light_steps=options.light_steps, resolution=task.size[0]
    )
    train = _train_hybrid if options.form == "hybrid" else _train_neumip
    material = train(replace(task, base=base), options, schedule, device)
    details = {**task.details, "training_steps": schedule.steps_taken, "device": device.type}
    return replace(material, provenance={**base.provenance, "fit": details})


def _train_hybrid(task: _Task, options: FitOptions, schedule: Schedule, device: torch.device) -> NeuralMaterial:
    fit = HybridFit(task.size, options.network_widths(), tileable=task.tileable, seed=options.seed, device=device)
    fit.train_on(fit.prepare(CompiledMaterial(task.base), task.samples, task.pixel), schedule)
    return replace(task.base, latents={"latent": fit.latent.to_array()}, networks={"decoder": fit.network()})


def _train_neumip(task: _Task, options: FitOptions, schedule: Schedule, device: torch.device) -> NeuralMaterial:
    low, high = task.base.height_range
    reach = 5.0 * task.base.height_scale * max(abs(low - 0.5), abs(high - 0.5)) if task.sampler else UNKNOWN_REACH
    fit = NeumipFit(
        task.size, options.network_widths(), offset_range=float(np.clip(reach, 2.0 * task.pixel, 0.5)),
        tileable=task.tileable, seed=options.seed, device=device,
    )  # fmt: skip
    delta = None
    if task.sampler is not None and task.source is not None:
        level = pyramid(encode(task.source))[task.sampler.level]
        maps = [level.base_color, level.normal[..., :2], level.roughness[..., None], level.metallic[..., None]]
        fit.start_from(np.concatenate(maps, axis=2), (level.height - 0.5) * 2.0)
        delta = task.sampler.exact_hit(task.samples.uv, task.samples.wo)[:, :2] - task.samples.uv
    fit.train_on(task.samples, delta, task.pixel, schedule)
    return replace(
        task.base, form="neumip", latents={"offset": fit.offset_latent.to_array(), "rgb": fit.rgb_latent.to_array()},
        networks=fit.export_networks(), offset_range=fit.offset_range,
    )  # fmt: skip
