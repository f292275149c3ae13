"""A shader package: one material's code for every engine, its data, a manifest and test vectors, in one folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.compiler import TARGETS, find_compiler
from neumat.compiler.native import shader_folder
from neumat.errors import CompilerError, InputError
from neumat.files import replacing_folder, write_bytes, write_text
from neumat.materials.images import write_png
from neumat.materials.neural import ExplicitMaps, NeuralMaterial
from neumat.progress import Progress, silent
from neumat.shading.bindings import BATCH_TARGETS, STORAGE_TARGETS, Weights, bindings, check_weights
from neumat.shading.dds import dds_bytes
from neumat.shading.emit import emit, material_source
from neumat.shading.manifest import build_manifest, manifest_json, read_manifest
from neumat.shading.ports import Compiled, check_by_front_end, run_cpp
from neumat.shading.program import ShaderProgram, shader_program
from neumat.shading.symbols import identifier
from neumat.shading.test_vectors import Vectors, make_vectors, vectors_to_json
from neumat.shading.textures import (
    decoded_levels,
    explicit_levels,
    storage_heights,
    storage_latents,
    storage_texels,
    textures,
    weights_texture,
)

Floats = npt.NDArray[np.float32]


def compile_material(
    material: NeuralMaterial,
    folder: str | Path,
    *,
    targets: Sequence[str] = tuple(TARGETS),
    weights: Weights = "auto",
    check: bool = True,
    timeout: float = 60.0,
    progress: Progress = silent,
) -> Path:
    """Write a material as a shader package (docs/compile.md describes every file).

    The folder is replaced as a whole when all has been written. The same material gives the same bytes on machines
    with the same compilers.

    Args:
        material: of either form.
        folder: to write to; only files of neumat belong in it.
        targets: names of `neumat.compiler.TARGETS`.
        weights: where shaders read the weights: ``texture``, ``buffer`` (storage), ``constant`` (at most 64 KiB), or
            ``auto``: a texture for HLSL, GLSL, WGSL and Metal, a storage buffer for the rest.
        check: give the code to the front ends on PATH, and run the C++ on the test vectors where there is a compiler.
        timeout: of each compile, in seconds.
        progress: called for each target.

    Returns:
        the folder.

    Raises:
        InputError: a target or `weights` is not known, or the weights don't fit into a constant buffer.
        CompilerError: Slang is missing or failed, a front end refused the code, or the C++ disagrees with float64.
        OutputError: the folder cannot be written.
    """
    wanted = tuple(name for name in TARGETS if name in targets)
    unknown = [name for name in targets if name not in TARGETS]
    if unknown or not wanted:
        what = f"target {unknown[0]!r} is not known" if unknown else "no targets are named"
        raise InputError(f"{what}: choose from {', '.join(TARGETS)}")
    program = shader_program(material)
    check_weights(program, weights)
    prefix = identifier(material.name)
    levels = explicit_levels(material.explicit) if material.explicit is not None else ()
    vectors = make_vectors(material, decoded_levels(levels) if levels else None)
    storage = _storage(material, program, levels)
    source = material_source(program)
    compiled: dict[str, Compiled] = {}
    for index, target in enumerate(wanted):
        progress(f"compile {target}", index / len(wanted))
        code = emit(program, source, target, weights, timeout=timeout)
        compiled[target] = _checked(target, code, prefix, storage, vectors) if check else Compiled(code, "compiled")
    progress("write", 1.0)
    with replacing_folder(folder) as out:
        write_text(out / "material.slang", source)
        _copy_library(source, out / "slang")
        for target, result in compiled.items():
            write_bytes(out / f"{prefix}{TARGETS[target].suffix}", result.code)
        resources = _write_data(out, material, program, levels, storage, wanted)
        write_text(out / "test_vectors.json", vectors_to_json(vectors))
        manifest = build_manifest(material, program, compiled, resources, weights, out)
        write_text(out / "manifest.json", manifest_json(manifest))
    return Path(folder)


def run_package_cpp(folder: str | Path, uv: Floats, footprint: Floats, wo: Floats, wi: Floats) -> Floats:
    """Compile the C++ of a package on disk and evaluate f; it runs with the rights of this process.

    Args:
        folder: a package written with the target ``cpp``.
        uv, footprint, wo, wi: as for `run_cpp`.

    Raises:
        InputError: no such package, or without C++.
        CompilerError: no C++ compiler, or it failed.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    try:
        target = manifest["targets"]["cpp"]
        code = (folder / target["file"]).read_text(encoding="utf-8")
        buffers = []
        for binding in target["bindings"]:
            resource = manifest["resources"][binding["resource"]]
            data = np.fromfile(folder / resource["file"], np.uint8)
            size = int(resource["element_bytes"])
            buffers.append((str(binding["resource"]), data[: int(resource["elements"]) * size], size))
        return run_cpp(code, str(manifest["prefix"]), buffers, uv, footprint, wo, wi)
    except KeyError as error:
        raise InputError(f"{folder}: has no C++ ({error} is missing); compile it with the target cpp") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None


def _storage(
    material: NeuralMaterial, program: ShaderProgram, levels: tuple[ExplicitMaps, ...]
) -> tuple[tuple[str, npt.NDArray[Any], int], ...]:
    """Name, contents and bytes of an element of each storage buffer of C++ and CUDA, in the order of the bindings."""
    found: dict[str, tuple[npt.NDArray[Any], int]] = {
        "latents": (storage_latents(material), 8), "weights": (program.weights, 16),
    }  # fmt: skip
    if material.form == "hybrid":
        found |= {"texels": (storage_texels(levels), 8), "heights": (storage_heights(levels), 4)}
    order = bindings(material.form, STORAGE_TARGETS[0], "auto")
    return tuple((binding.name, *found[binding.name]) for binding in order)


def _checked(
    target: str, code: bytes, prefix: str, storage: tuple[tuple[str, npt.NDArray[Any], int], ...], vectors: Vectors
) -> Compiled:
    if target == "spirv":
        return Compiled(code, "checked", "spirv-val of Slang")
    if target == "cpp":
        try:
            find_compiler()
        except CompilerError:
            return Compiled(code, "compiled")
        inputs = vectors.uv, vectors.footprint, vectors.wo, vectors.wi
        error = float(vectors.errors(run_cpp(code.decode(), prefix, storage, *inputs)).max())
        if error > 1.0:
            raise CompilerError(
                f"{prefix}: the compiled C++ misses the float64 reference by {error:.3g} times the tolerance; please "
                "report this material"
            )
        return Compiled(code, "ran", "this machine's C++ compiler", error)
    found = check_by_front_end(target, code.decode(), prefix)
    return Compiled(code, "checked" if found else "compiled", found)


def _copy_library(source: str, folder: Path) -> None:
    """Copy the modules that `source` imports, directly or not, so that the package compiles on its own."""
    folder.mkdir()
    library = Path(shader_folder())
    waiting, done = _imports(source), set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        text = (library / f"{name}.slang").read_text(encoding="utf-8")
        write_text(folder / f"{name}.slang", text)
        waiting += _imports(text)
    write_text(folder / "bindings.h", (library / "bindings.h").read_text(encoding="utf-8"))


def _imports(text: str) -> list[str]:
    return re.findall(r"^(?:__exported )?import (\w+);", text, re.MULTILINE)


def _write_data(
    out: Path, material: NeuralMaterial, program: ShaderProgram, levels: tuple[ExplicitMaps, ...],
    storage: tuple[tuple[str, npt.NDArray[Any], int], ...], targets: Sequence[str],
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Write weights, textures and buffers; return what the manifest says of each resource."""
    resources: dict[str, dict[str, Any]] = {}
    padded = weights_texture(program.weights)
    write_bytes(out / "weights.bin", padded.astype("<f4").tobytes())
    resources["weights"] = {
        "file": "weights.bin", "format": "rgba32f", "width": padded.shape[1], "height": padded.shape[0],
        "elements": len(program.weights), "element_bytes": 16,
    }  # fmt: skip
    if levels:
        (out / "maps").mkdir()
        for name in ("base_color", "orm", "normal", "height"):
            write_png(out / "maps" / f"{name}.png", getattr(levels[0], name))
    if set(targets) - set(STORAGE_TARGETS):
        (out / "textures").mkdir()
        for texture in textures(material, levels):
            file = f"textures/{texture.name}.dds"
            write_bytes(out / file, dds_bytes(texture.levels, texture.format))
            width, height = texture.size
            resources[texture.name] = {
                "file": file, "format": texture.format, "width": width, "height": height, "levels": len(texture.levels),
            }  # fmt: skip
    if set(targets) & set(STORAGE_TARGETS):
        (out / "buffers").mkdir()
        for name, data, size in storage:
            if name != "weights":
                file = f"buffers/{name}.bin"
                write_bytes(out / file, np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes())
                resources[name] = {"file": file, "elements": data.nbytes // size, "element_bytes": size}
    if set(targets) & set(BATCH_TARGETS):
        resources["queries"] = {"element_bytes": 48}
        resources["results"] = {"element_bytes": 16}
    return resources
