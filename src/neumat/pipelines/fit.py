"""Fit a material from any source; torch is imported here, when a fit starts."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from neumat.errors import InputError, MissingExtra
from neumat.materials.neural import Form, NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.names import safe_name
from neumat.pipelines.load import Reading, load_pbr, with_reading
from neumat.progress import Progress, silent

if TYPE_CHECKING:
    from neumat.fitting.samples import Samples


def parse_network(text: str) -> tuple[int, ...]:
    """``32x2`` as (32, 32). Widths are multiples of 4 up to 256, depths 1 to 8.

    Raises:
        InputError: another text.
    """
    match = re.fullmatch(r"(\d{1,3})x(\d)", text)
    if match is None or int(match[1]) % 4 or not 4 <= int(match[1]) <= 256 or not 1 <= int(match[2]) <= 8:
        raise InputError(f"network {text!r}: write WIDTHxDEPTH, width a multiple of 4 up to 256, depth 1 to 8: 32x2")
    return (int(match[1]),) * int(match[2])


def parse_steps(text: str) -> tuple[int, int]:
    """``16+12`` as march and light steps.

    Raises:
        InputError: another text, or numbers outside 1 to 128.
    """
    match = re.fullmatch(r"(\d{1,3})\+(\d{1,3})", text)
    if match is None or not all(1 <= int(part) <= 128 for part in match.groups()):
        raise InputError(f"steps {text!r}: write MARCH+LIGHT, each 1 to 128, for example 16+12")
    return int(match[1]), int(match[2])


def check_options(
    *, form: str, network: str | None, resolution: int, budget: float | None, steps: str, seed: int, device: str
) -> None:
    """Find out before anything is read whether `fit` could run with these options.

    Raises:
        InputError: it could not.
        MissingExtra: torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("the fit", "fit")
    if form not in get_args(Form):
        raise InputError(f"form {form!r} is not known; {' and '.join(get_args(Form))} are")
    if not 8 <= resolution <= 4096:
        raise InputError(f"resolution {resolution}: 8 to 4096 is possible")
    if budget is not None and not 0.0 < budget <= 86400.0:
        raise InputError(f"budget {budget:g} s: give seconds above 0, up to a day")
    if not 0 <= seed < 2**31:
        raise InputError(f"seed {seed}: 0 to {2**31 - 1} is possible")
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {device!r} is not known; auto, cpu and cuda are")
    parse_steps(steps)
    if network is not None:
        parse_network(network)


def fit(
    source: str | Path | PbrMaterial | Samples,
    *,
    form: Form = "hybrid",
    network: str | None = None,
    resolution: int = 256,
    budget: float | None = None,
    steps: str = "16+12",
    seed: int = 0,
    device: str = "auto",
    reading: Reading | None = None,
    name: str = "",
    progress: Progress = silent,
) -> NeuralMaterial:
    """Fit a neural material.

    Args:
        source: a folder of maps, a ``.glb``, a samples file (``.npz``), a folder of frames (``frames.json``), or maps
            or samples in memory.
        form: ``hybrid`` or ``neumip``.
        network: hidden layers, for example ``32x2``; None for 32x2 (hybrid) or 64x4 (neumip).
        resolution: pixels across the texture, 8 to 4096.
        budget: most seconds of training; None for as many steps as the resolution needs.
        steps: marching steps towards the eye and the light.
        seed: of everything random.
        device: ``auto``, ``cpu`` or ``cuda``.
        reading: how to read a folder of maps.
        name: of a material fitted to samples; the file's where there is one.
        progress: called with "truth" and "fit".

    Raises:
        InputError: the source or an option cannot be used.
        MissingExtra: torch is not installed.
        DeviceError: there is no such device.
    """
    check_options(
        form=form, network=network, resolution=resolution, budget=budget, steps=steps, seed=seed, device=device
    )
    march, light = parse_steps(steps)
    hidden = None if network is None else parse_network(network)
    if isinstance(source, str | Path):
        name = name or safe_name(Path(source).stem)
        source = read_source(source, reading)
    # Read when torch loads its thread library: spinning threads stall each other where cores are busy or few.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from neumat.fitting.fit import FitOptions, fit_material

    options = FitOptions(
        form=form, hidden=hidden, resolution=resolution, budget=budget, march_steps=march, light_steps=light,
        seed=seed, device=device,
    )  # fmt: skip
    return with_reading(fit_material(source, options, name=name, progress=progress), reading or Reading())


def read_source(source: str | Path, reading: Reading | None) -> PbrMaterial | Samples:
    """Read what a fit starts from: maps, a samples file or a folder of frames."""
    path = Path(source)
    if path.suffix.lower() == ".npz":
        from neumat.fitting.samples import read_samples

        return read_samples(path)
    if (path / "frames.json").is_file():
        from neumat.fitting.frames import read_frames

        return read_frames(path)
    return load_pbr(path, reading)
