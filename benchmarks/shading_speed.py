"""CPU time of shading 262,144 points on one thread: the compiled shader against torch, onnxruntime and numpy.

    python benchmarks/shading_speed.py [--points N] [--repeats N] [--output FILE.csv] [--no-numpy]

All cases shade the same points of the same materials, and each is checked against the float64 reference before it
is timed. The cases take turns, so that a busy machine disturbs all alike. README.md explains the columns.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy and torch are imported

import argparse
import csv
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from neumat.engines import OnnxNetwork
from neumat.materials.neural import LEAKY_SLOPE, Network, NeuralMaterial
from neumat.materials.reference import Reference, clamped_wo, output_transform
from neumat.materials.synthetic import small_material
from neumat.shading.runtime_cpp import CompiledMaterial

TORCH = "neumip 64x4, torch eager"
#: Largest |x − x64|/(1 + |x64|) of x = π·f that counts as the same result; float32 torch itself is near 1e-4.
TOLERANCE = 1e-3
#: Share of a hybrid's points that may miss it: where rounding decides between two steps of a march, x jumps.
TIES = 1e-3
COLUMNS = (
    "machine", "cores", "date", "load", "points", "case", "cpu_seconds_min", "cpu_seconds_median", "ratio_to_torch",
    "max_error", "p99_9_error", "software",
)  # fmt: skip


@dataclass
class Points:
    """uv (n, 2), footprint (n,), wo and wi (n, 3), float32."""

    uv: np.ndarray
    footprint: np.ndarray
    wo: np.ndarray
    wi: np.ndarray


@dataclass
class Case:
    """One way to compute f: `run` gives (n, 3), or None where it is only a part of another case."""

    name: str
    run: Callable[[], np.ndarray | None]
    software: str
    ratio: bool = True
    seconds: list[float] = field(default_factory=list)
    error: tuple[float, float] | None = None


def make_points(n: int) -> Points:
    rng = np.random.default_rng(20)

    def upwards() -> np.ndarray:
        z, angle = rng.uniform(0.05, 1.0, n), rng.uniform(0.0, 2.0 * np.pi, n)
        r = np.sqrt(1.0 - z * z)
        return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1).astype(np.float32)

    footprint = np.exp2(rng.uniform(-9.4, -8.6, n)).astype(np.float32)  # level 0 of 512 texels
    return Points(rng.random((n, 2), np.float32), footprint, upwards(), upwards())


# --- torch: what a trainer of such materials runs -------------------------------------------------------------------


class TorchNeumip(torch.nn.Module):
    """Equations 3 and 4 in float32 on a tileable material: look-ups by grid_sample on a texture padded to wrap."""

    def __init__(self, material: NeuralMaterial) -> None:
        super().__init__()
        self.offset, self.rgb = (self.layers(material.networks[name]) for name in ("offset", "rgb"))
        self.textures = {
            name: torch.nn.functional.pad(
                torch.from_numpy(texture.astype(np.float32)).permute(2, 0, 1)[None], (1, 1, 1, 1), mode="circular"
            )
            for name, texture in material.latents.items()
        }
        self.range = material.offset_range

    @staticmethod
    def layers(network: Network) -> torch.nn.Sequential:
        parts: list[torch.nn.Module] = []
        for layer in network.layers:
            dense = torch.nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
            dense.weight.data, dense.bias.data = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
            activation = torch.nn.ReLU() if network.activation == "relu" else torch.nn.LeakyReLU(LEAKY_SLOPE)
            parts += [dense, activation]
        return torch.nn.Sequential(*parts[:-1])

    def look_up(self, name: str, uv: torch.Tensor) -> torch.Tensor:
        texture = self.textures[name]
        size = torch.tensor([texture.shape[3] - 2, texture.shape[2] - 2], dtype=torch.float32)
        grid = ((uv - uv.floor()) * size + 1.0) / (size + 2.0) * 2.0 - 1.0
        found = torch.nn.functional.grid_sample(texture, grid[None, None], align_corners=False)
        return found[0, :, 0].T

    def forward(self, uv: torch.Tensor, wo: torch.Tensor, wi: torch.Tensor) -> torch.Tensor:
        view = torch.nn.functional.normalize(torch.cat([wo[:, :2], wo[:, 2:].clamp_min(0.1)], dim=1), dim=1)
        moved = self.offset(torch.cat([self.look_up("offset", uv), view], dim=1)).tanh() * self.range + uv
        y = self.rgb(torch.cat([self.look_up("rgb", moved), wi, view], dim=1))
        fade = (wi[:, 2:] * 10.0).clamp(0.0, 1.0) / torch.pi
        return torch.where(wi[:, 2:] > 0.0, torch.nn.functional.softplus(y) * fade, 0.0)


def torch_case(material: NeuralMaterial, points: Points, block: int) -> Callable[[], np.ndarray]:
    module = TorchNeumip(material)
    arrays = [torch.from_numpy(array) for array in (points.uv, points.wo, points.wi)]

    def run() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([module(*part) for part in zip(*(a.split(block) for a in arrays), strict=True)]).numpy()

    return run


# --- onnxruntime: the same networks, with look-ups in numpy ---------------------------------------------------------


def numpy_look_up(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Wrapped bilinear look-up in float32: texture (h, w, 12), uv (n, 2)."""
    size = np.array([texture.shape[1], texture.shape[0]], np.float32)
    position = (uv - np.floor(uv)) * size - np.float32(0.5)
    low = np.floor(position)
    f = position - low
    i0, j0 = low.astype(np.int32).T
    i1, j1 = (i0 + 1) % texture.shape[1], (j0 + 1) % texture.shape[0]
    i0, j0 = i0 % texture.shape[1], j0 % texture.shape[0]
    x, y = f[:, :1], f[:, 1:]
    top, bottom = (texture[j, i0] * (1 - x) + texture[j, i1] * x for j in (j0, j1))
    return np.asarray(top * (1 - y) + bottom * y)


class OnnxNeumip:
    """Networks and look-ups apart, each in blocks that stay in the cache; `run` does both."""

    def __init__(self, material: NeuralMaterial, points: Points, block: int = 4096) -> None:
        self.networks = {name: OnnxNetwork(network, threads=1) for name, network in material.networks.items()}
        self.textures = {name: texture.astype(np.float32) for name, texture in material.latents.items()}
        self.range, self.output, self.points, self.block = material.offset_range, material.output, points, block
        self.view = clamped_wo(points.wo).astype(np.float32)
        n = len(points.uv)
        self.latents = {name: np.zeros((n, 12), np.float32) for name in self.textures}
        self.moved = points.uv

    def look_ups(self) -> None:
        for name, uv in (("offset", self.points.uv), ("rgb", self.moved)):
            for begin in range(0, len(uv), self.block):
                rows = slice(begin, begin + self.block)
                self.latents[name][rows] = numpy_look_up(self.textures[name], uv[rows])

    def run_networks(self) -> None:
        self.networks["offset"]({"latent": self.latents["offset"], "wo": self.view})
        self.networks["rgb"]({"latent": self.latents["rgb"], "wo": self.view, "wi": self.points.wi})

    def run(self) -> np.ndarray:
        n, wi = len(self.points.uv), self.points.wi
        result = np.empty((n, 3), np.float32)
        for begin in range(0, n, self.block):
            rows = slice(begin, begin + self.block)
            uv = self.points.uv[rows]
            view = clamped_wo(self.points.wo[rows]).astype(np.float32)
            offset = self.networks["offset"]({"latent": numpy_look_up(self.textures["offset"], uv), "wo": view})
            self.moved[rows] = moved = uv + np.tanh(offset) * np.float32(self.range)
            latent = numpy_look_up(self.textures["rgb"], moved)
            y = self.networks["rgb"]({"latent": latent, "wo": view, "wi": wi[rows]})
            fade = np.clip(wi[rows, 2:] * np.float32(10.0), 0.0, 1.0) * np.float32(1.0 / np.pi)
            result[rows] = np.where(wi[rows, 2:] > 0.0, output_transform(self.output, y) * fade, 0.0)
        return result


# --- running --------------------------------------------------------------------------------------------------------


def reference_f(material: NeuralMaterial, points: Points, block: int = 8192) -> np.ndarray:
    """f in float64, block by block."""
    reference = Reference(material)
    parts = []
    for begin in range(0, len(points.uv), block):
        rows = slice(begin, begin + block)
        prepared = reference.prepare(points.uv[rows], points.footprint[rows], points.wo[rows])
        parts.append(reference.evaluate(prepared, points.wi[rows]))
    return np.concatenate(parts)


def check(name: str, f: np.ndarray, expected: np.ndarray, ties: float) -> tuple[float, float]:
    """Largest and 99.9th percentile error of x = π·f; ends the run where more than `ties` of the points differ."""
    x, x64 = np.pi * f.astype(np.float64), np.pi * expected
    error = (np.abs(x - x64) / (1.0 + np.abs(x64))).max(axis=1)
    if not np.isfinite(error).all() or (error > TOLERANCE).mean() > ties:
        sys.exit(f"{name}: differs from the float64 reference by up to {error.max():.2e}; not timed")
    return float(error.max()), float(np.quantile(error, 0.999))


def make_cases(points: Points, with_numpy: bool) -> list[Case]:
    neumip = small_material("neumip", seed=1, size=(512, 512), hidden=(64,) * 4)
    hybrid = small_material("hybrid", seed=1, size=(512, 512), hidden=(32, 32))
    assert (hybrid.march_steps, hybrid.light_steps) == (16, 12)
    compiled, compiled_hybrid = CompiledMaterial(neumip, threads=1), CompiledMaterial(hybrid, threads=1)
    onnx = OnnxNeumip(neumip, Points(points.uv.copy(), points.footprint, points.wo, points.wi))
    onnx.moved = points.uv.copy()
    query = (points.uv, points.footprint, points.wo, points.wi)
    torch_version, onnx_version = f"torch {version('torch')}", f"onnxruntime {version('onnxruntime')}"
    ours = f"neumat {version('neumat')}, slang"
    cases = [
        Case("neumip 64x4, C++", lambda: compiled.f(*query), ours),
        Case(f"{TORCH}, all at once", torch_case(neumip, points, len(points.uv)), torch_version),
        Case(f"{TORCH}, blocks of 4096", torch_case(neumip, points, 4096), torch_version),
        Case("neumip 64x4, onnxruntime with numpy look-ups", onnx.run, onnx_version),
        Case("neumip 64x4, onnxruntime, networks alone", onnx.run_networks, onnx_version),
        Case("neumip 64x4, numpy look-ups alone", onnx.look_ups, f"numpy {np.__version__}"),
        Case("hybrid 16+12 32x2, C++", lambda: compiled_hybrid.f(*query), ours, ratio=False),
    ]
    expected = {"neumip": reference_f(neumip, points), "hybrid": reference_f(hybrid, points)}
    for case in cases:
        form = case.name.split()[0]
        f = case.run()
        if f is not None:
            case.error = check(case.name, f, expected[form], TIES if form == "hybrid" else 0.0)
    if with_numpy:
        numpy_case = Case("neumip 64x4, numpy reference in float64", lambda: reference_f(neumip, points),
                          f"numpy {np.__version__}")  # fmt: skip
        numpy_case.error = (0.0, 0.0)
        cases.append(numpy_case)
    return cases


def measure(cases: list[Case], repeats: int) -> None:
    for repeat in range(repeats):
        for case in cases:
            if "float64" in case.name and repeat >= 2:
                continue
            begin = time.process_time()
            case.run()
            case.seconds.append(time.process_time() - begin)


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def rows_of(cases: list[Case], points: int, load: str) -> list[dict[str, str]]:
    by_torch = min(min(case.seconds) for case in cases if case.name.startswith(TORCH))
    return [
        dict(zip(COLUMNS, (
            cpu_name(), str(os.cpu_count()), time.strftime("%Y-%m-%d"), load, str(points), case.name,
            f"{min(case.seconds):.3f}", f"{statistics.median(case.seconds):.3f}",
            f"{by_torch / min(case.seconds):.2f}" if case.ratio else "",
            f"{case.error[0]:.1e}" if case.error else "", f"{case.error[1]:.1e}" if case.error else "", case.software,
        ), strict=True))
        for case in cases
    ]  # fmt: skip


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Replace this machine's rows of the same number of points; keep those of others."""
    kept: list[dict[str, str]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            kept = [row for row in csv.DictReader(file)
                    if any(row.get(key) != rows[0][key] for key in ("machine", "cores", "points"))]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept + rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=262_144)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "shading_speed.csv")
    parser.add_argument("--no-numpy", action="store_true", help="leave out the float64 reference, which takes longest")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = make_cases(make_points(options.points), not options.no_numpy)
    measure(cases, options.repeats)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    rows = rows_of(cases, options.points, load)
    write(options.output, rows)
    print(f"{cpu_name()}, {os.cpu_count()} cores, load {load}; {options.points} points, one thread, CPU seconds")
    print(f"{'case':52}{'min':>8}{'median':>8}{'× torch':>9}{'max error':>11}{'99.9 %':>9}")
    for row in rows:
        print(f"{row['case']:52}{row['cpu_seconds_min']:>8}{row['cpu_seconds_median']:>8}{row['ratio_to_torch']:>9}"
              f"{row['max_error']:>11}{row['p99_9_error']:>9}")  # fmt: skip


if __name__ == "__main__":
    main()
