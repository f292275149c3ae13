"""Pictures of a material on a mesh under a probe: one rendering, or neural beside PBR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError
from neumat.files import check_target
from neumat.materials.images import write_exr, write_png
from neumat.materials.neural import NeuralMaterial
from neumat.materials.pbr import PbrMaterial
from neumat.materials.plain import plain
from neumat.progress import Progress, silent
from neumat.rendering.compare import compare
from neumat.rendering.integrator import coverage, render
from neumat.rendering.tonemap import CURVES, auto_exposure, to_srgb8
from neumat.scene.camera import frame_mesh
from neumat.scene.mesh import read_mesh, repeats_from_tile_size
from neumat.scene.probe import read_probe
from neumat.shading.runtime_cpp import CompiledMaterial

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PictureOptions:
    """How a picture is taken.

    Attributes:
        mesh: a file, ``sphere`` or ``plane``.
        probe: an EXR or HDR file, ``white``, ``sky`` or ``softboxes``.
        width, height: of the picture (of each, where two are compared), in pixels.
        samples: lights a pixel.
        camera_rays: of those, camera rays a pixel.
        tile_size: metres that one texture covers, or None for `repeats`.
        repeats: of the texture for one unit of UV.
        tone_map: agx, aces, neutral or none.
        exposure: in stops, on top of the automatic one.
        azimuth, elevation: of the camera, radians.
        rotation: of the probe around the vertical axis, radians.
        mode: neural, pbr or marched.
        seed: of light samples.
    """

    mesh: str | Path = "sphere"
    probe: str | Path = "softboxes"
    width: int = 512
    height: int = 512
    samples: int = 64
    camera_rays: int = 4
    tile_size: float | None = None
    repeats: float = 1.0
    tone_map: str = "agx"
    exposure: float = 0.0
    azimuth: float = 0.61
    elevation: float = 0.35
    rotation: float = 0.0
    mode: str = "neural"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot make a picture.

        Raises:
            InputError: naming the option.
        """
        for name in ("azimuth", "elevation", "rotation", "exposure"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(f"{name} {getattr(self, name)}: give a finite number")
        for name in ("repeats", "tile_size"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise InputError(f"{name.replace('_', ' ')} {value}: give a number above 0")
        if self.tone_map not in CURVES:
            raise InputError(f"tone map {self.tone_map!r} is not known; use {', '.join(CURVES)}")
        if not 1 <= self.samples <= 65536:
            raise InputError(f"samples {self.samples}: 1 to 65536 are possible")


@dataclass(frozen=True)
class Picture:
    """What came out: notes about the mesh, PSNR of PBR against neural where compared, path of the file."""

    path: Path
    notes: tuple[str, ...]
    psnr: float | None = None


class Scene:
    """Mesh, light and camera of the options, read once for all pictures of them.

    Raises:
        InputError: mesh or probe cannot be used.
    """

    def __init__(self, options: PictureOptions) -> None:
        self.options = options
        self.mesh = read_mesh(options.mesh)
        probe = read_probe(options.probe)
        self.probe = probe.rotated(options.rotation) if options.rotation else probe
        self.camera = frame_mesh(
            self.mesh, aspect=options.width / options.height, azimuth=options.azimuth, elevation=options.elevation
        )
        self.repeats = options.repeats
        if options.tile_size is not None:
            self.repeats = repeats_from_tile_size(self.mesh, options.tile_size)
        self.exposure = auto_exposure(self.probe) + options.exposure

    def radiance(self, shader: CompiledMaterial, mode: str, progress: Progress) -> Array:
        """Render with `shader`: (height, width, 3) float32, linear Rec.709."""
        return render(
            self.mesh, shader, self.probe, self.camera, width=self.options.width, height=self.options.height,
            samples=self.options.samples, spp=min(self.options.camera_rays, self.options.samples), mode=mode,
            seed=self.options.seed, tile_repeats=self.repeats, texture_aspect=shader.program.aspect,
            progress=progress,
        )  # fmt: skip


def render_picture(
    material: NeuralMaterial | PbrMaterial,
    path: str | Path,
    options: PictureOptions | Scene,
    *,
    progress: Progress = silent,
) -> Picture:
    """Render one picture to a PNG (tone-mapped) or an EXR (linear radiance).

    Args:
        material: to render.
        path: of the picture, .png or .exr.
        options: how it is taken, or the scene of them, read already.
        progress: called while it runs.

    Raises:
        InputError: mesh, probe or an option cannot be used.
        OutputError: `path` cannot be written.
    """
    check_path(path, (".png", ".exr"))
    scene = options if isinstance(options, Scene) else Scene(options)
    shader = _shader(material)
    mode = "pbr" if isinstance(material, PbrMaterial) and scene.options.mode == "neural" else scene.options.mode
    image = scene.radiance(shader, mode, progress)
    _write(path, image, scene)
    return Picture(Path(path), scene.mesh.notes)


def render_comparison(
    material: NeuralMaterial | PbrMaterial,
    path: str | Path,
    options: PictureOptions | Scene,
    *,
    progress: Progress = silent,
) -> Picture:
    """Render neural, PBR and their difference side by side; for PBR maps, marched parallax takes neural's place.

    Args:
        material: to render.
        path: of the picture, .png.
        options: how it is taken, or the scene of them, read already.
        progress: called while it runs.

    Raises:
        InputError: mesh, probe or an option cannot be used.
        OutputError: `path` cannot be written.
    """
    check_path(path, (".png",))
    scene = options if isinstance(options, Scene) else Scene(options)
    shader = _shader(material)
    first_mode = "marched" if isinstance(material, PbrMaterial) else "neural"
    first = scene.radiance(shader, first_mode, lambda stage, share: progress(stage, share / 2))
    second = scene.radiance(shader, "pbr", lambda stage, share: progress(stage, 0.5 + share / 2))
    result = compare(
        first,
        second,
        labels=(first_mode, "pbr"),
        curve=scene.options.tone_map,
        exposure=scene.exposure,
        mask=coverage(scene.mesh, scene.camera, scene.options.width, scene.options.height),
    )
    write_png(path, result.picture)
    return Picture(Path(path), scene.mesh.notes, result.psnr)


def _shader(material: NeuralMaterial | PbrMaterial) -> CompiledMaterial:
    # The renderer has a thread a core already.
    return CompiledMaterial(plain(material) if isinstance(material, PbrMaterial) else material, threads=1)


def check_path(path: str | Path, suffixes: tuple[str, ...]) -> None:
    """Find out before the work whether a picture could be written to `path`.

    Raises:
        InputError: the suffix is none of `suffixes`.
        OutputError: the file cannot be written.
    """
    if Path(path).suffix.lower() not in suffixes:
        raise InputError(f"{path}: this picture is written as {' or '.join(suffixes)}")
    check_target(path)


def _write(path: str | Path, image: Array, scene: Scene) -> None:
    if Path(path).suffix.lower() == ".exr":
        write_exr(path, image)
    else:
        write_png(path, to_srgb8(image, scene.options.tone_map, exposure=scene.exposure))
