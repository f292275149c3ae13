"""The emitted Slang as C++, compiled once and called in process: oracle of the tests and renderer without a GPU."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neumat.compiler import build_library, compile_slang
from neumat.compiler.native import (
    CONSTANTS,
    Array,
    Buffers,
    as_rows,
    driver_source,
    pointer,
    shader_folder,
    thread_count,
)
from neumat.errors import InputError
from neumat.materials.neural import NeuralMaterial
from neumat.shading.program import ProgramShape, ShaderProgram, shader_program

Mode = Literal["neural", "pbr", "marched"]
_MODES = {"neural": 0, "pbr": 1, "marched": 2}
_SOURCE = """
import buffers;
import hybrid;
import neumip;

export __extern_cpp void neumatPrepare(float2 uv, float footprint, float3 wo, out float4 hit, out float4 color,
    out float4 surface, out float4 latent0, out float4 latent1, out float4 latent2)
{{
{prepare}
}}

export __extern_cpp float3 neumatEvaluate(float4 hit, float4 color, float4 surface, float4 latent0, float4 latent1,
    float4 latent2, float3 wo, float3 wi)
{{
{evaluate}
}}

export __extern_cpp void neumatMarchedPrepare(float2 uv, float footprint, float3 wo, out float4 hit,
    out float4 color, out float4 surface)
{{
    marchedPrepare<BufferMaterial, {march}, {secant}>(uv, footprint, wo, hit, color, surface);
}}

export __extern_cpp void neumatPbrPrepare(float2 uv, float footprint, out float4 hit, out float4 color,
    out float4 surface)
{{
    pbrPrepare<BufferMaterial>(uv, footprint, hit, color, surface);
}}

export __extern_cpp float3 neumatPbrEvaluate(float4 color, float4 surface, float3 wo, float3 wi)
{{
    return surfaceResponse(color, surface, wo, wi);
}}

export __extern_cpp float3 neumatMarchedEvaluate(float4 hit, float4 color, float4 surface, float3 wo, float3 wi)
{{
    return marchedEvaluate<BufferMaterial, {light}>(hit, color, surface, wo, wi);
}}

export __extern_cpp float2 neumatLightMarch(float4 hit, float3 wi)
{{
    return marchToLight<BufferMaterial, {light}>(hit.xy, hit.z, wi, int(hit.w));
}}
"""

_HYBRID = (
    "    hybridPrepare<BufferMaterial, {march}, {secant}>"
    "(uv, footprint, wo, hit, color, surface, latent0, latent1, latent2);",
    "    return hybridEvaluate<BufferMaterial, {light}, {width}, {hidden}, {output}>"
    "(hit, color, surface, latent0, latent1, latent2, wo, wi);",
)
_NEUMIP = (
    "    neumipPrepare<BufferMaterial, {width}, {hidden}>(uv, wo, hit, latent0, latent1, latent2);\n"
    "    color = float4(0.0f, 0.0f, 0.0f, 0.0f);\n    surface = float4(0.0f, 0.0f, 1.0f, 0.0f);",
    "    return neumipEvaluate<BufferMaterial, {width}, {hidden}, {output}>"
    "(latent0, latent1, latent2, wo, wi);",
)


@functools.cache
def _library(shape: ProgramShape) -> ctypes.CDLL:
    values = {
        "march": shape.march_steps, "secant": shape.secant_steps, "light": shape.light_steps,
        "width": shape.width, "hidden": shape.hidden, "output": shape.output,
    }  # fmt: skip
    prepare, evaluate = (text.format(**values) for text in (_HYBRID if shape.form == "hybrid" else _NEUMIP))
    source = _SOURCE.format(prepare=prepare, evaluate=evaluate, **values)
    code = compile_slang(source, target="cpp", include=[shader_folder()]).decode()
    return build_library(code + "\n" + driver_source())


class CompiledMaterial:
    """A material compiled for this CPU; calls release the interpreter and use all cores.

    Directions are unit vectors in the tangent frame (x = +U, y = image-up, z = outwards); `footprint` is the width
    of the pixel in texture widths; f is BRDF × cosine.

    Args:
        material: of either form.
        threads: None for all cores (`thread_count`).

    Raises:
        CompilerError: no compiler, or it failed.
    """

    def __init__(self, material: NeuralMaterial, *, threads: int | None = None) -> None:
        self.program: ShaderProgram = shader_program(material)
        self.threads = threads or thread_count()
        self._arrays = [
            _constants(self.program), self.program.heights, self.program.surfaces, self.program.latents,
            self.program.weights,
        ]  # fmt: skip
        self._arrays = [np.ascontiguousarray(array) for array in self._arrays]
        self._buffers = Buffers.of(self._arrays)
        self._library = _library(self.program.shape)

    def prepare(self, uv: Array, footprint: Array, wo: Array, *, mode: Mode = "neural") -> Array:
        """All that does not need the light: (n, 24) float32 of hit, color, surface and twelve latents (hybrid.slang).

        Args:
            uv: (n, 2). footprint: (n,). wo: (n, 3).
        """
        n = len(uv)
        out = np.empty((n, 24), np.float32)
        uv, footprint, wo = as_rows("uv", uv, n, 2), as_rows("footprint", footprint, n, 0), as_rows("wo", wo, n, 3)
        self._library.neumat_prepare(
            ctypes.byref(self._buffers), ctypes.c_int64(n), pointer(uv), pointer(footprint), pointer(wo),
            pointer(out), _MODES[mode], self.threads,
        )  # fmt: skip
        return out

    def evaluate(self, prepared: Array, wo: Array, wi: Array, *, mode: Mode = "neural") -> Array:
        """f for each row: (n, 3) float32. prepared: of `prepare` with the same mode. wo, wi: (n, 3)."""
        n = len(prepared)
        out = np.empty((n, 3), np.float32)
        prepared = as_rows("prepared", prepared, n, 24)
        wo, wi = as_rows("wo", wo, n, 3), as_rows("wi", wi, n, 3)
        self._library.neumat_evaluate(
            ctypes.byref(self._buffers), ctypes.c_int64(n), pointer(prepared), pointer(wo), pointer(wi),
            pointer(out), _MODES[mode], self.threads,
        )  # fmt: skip
        return out

    def f(self, uv: Array, footprint: Array, wo: Array, wi: Array, *, mode: Mode = "neural") -> Array:
        """Prepare and evaluate in one call: (n, 3) float32."""
        return self.evaluate(self.prepare(uv, footprint, wo, mode=mode), wo, wi, mode=mode)

    def shade(
        self, uv: Array, footprint: Array, wo: Array, wi: Array, weight: Array, *, mode: str = "neural"
    ) -> Array:
        """Sum of f·weight over the lights of each point.

        Args:
            uv: (n, 2). footprint: (n,). wo: (n, 3). wi, weight: (n, lights, 3); lights of weight 0 cost nothing.

        Returns:
            (n, 3) float32.

        Raises:
            InputError: shapes that do not fit together.
        """
        if np.ndim(wi) != 3 or np.shape(wi)[2] != 3 or np.shape(weight) != np.shape(wi):
            raise InputError(f"wi is {np.shape(wi)} and weight {np.shape(weight)}, expected both (n, lights, 3)")
        n, lights = np.shape(wi)[:2]
        out = np.empty((n, 3), np.float32)
        uv, footprint, wo = as_rows("uv", uv, n, 2), as_rows("footprint", footprint, n, 0), as_rows("wo", wo, n, 3)
        flat_wi = as_rows("wi", np.reshape(wi, (n * lights, 3)), n * lights, 3)
        flat_weight = as_rows("weight", np.reshape(weight, (n * lights, 3)), n * lights, 3)
        self._library.neumat_shade(
            ctypes.byref(self._buffers), ctypes.c_int64(n), ctypes.c_int64(lights), pointer(uv), pointer(footprint),
            pointer(wo), pointer(flat_wi), pointer(flat_weight), pointer(out), _MODES[mode], self.threads,
        )  # fmt: skip
        return out

    def lobe(self, uv: Array, footprint: Array, wo: Array) -> tuple[Array, Array]:
        """Shading normal (n, 3) and perceptual roughness (n,) of the explicit maps: steers a renderer's sampling."""
        prepared = self.prepare(uv, footprint, wo, mode="marched" if self.program.shape.form == "hybrid" else "pbr")
        return prepared[:, 8:11], prepared[:, 7]

    def features(self, uv: Array, footprint: Array, wo: Array, wi: Array) -> Array:
        """What the fit of a hybrid needs of each sample.

        Returns:
            (n, 12) float32: uv of the hit, its z, the shading normal, BRDF × cosine of the explicit channels (3),
            rise and horizon of the light march, n·wi.
        """
        n = len(uv)
        out = np.empty((n, 12), np.float32)
        uv, footprint = as_rows("uv", uv, n, 2), as_rows("footprint", footprint, n, 0)
        wo, wi = as_rows("wo", wo, n, 3), as_rows("wi", wi, n, 3)
        self._library.neumat_features(
            ctypes.byref(self._buffers), ctypes.c_int64(n), pointer(uv), pointer(footprint), pointer(wo),
            pointer(wi), pointer(out), self.threads,
        )  # fmt: skip
        return out


def _constants(program: ShaderProgram) -> npt.NDArray[Any]:
    values = np.zeros(1, CONSTANTS)
    row = values[0]
    row["size"] = program.level_sizes[0]
    row["latent_size"] = program.latent_size
    row["levels"] = len(program.level_sizes)
    row["tileable"] = program.tileable
    row["aspect"] = program.aspect
    row["height_scale"] = program.height_scale
    row["height_range"] = (program.height_bottom, program.height_top)
    row["offset_range"] = program.offset_range
    row["activation_slope"] = program.activation_slope
    row["offsets"][: len(program.level_offsets)] = program.level_offsets
    return values
