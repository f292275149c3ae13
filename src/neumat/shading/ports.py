"""The emitted code of a package, run or checked with whatever this machine has."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.compiler import build_library
from neumat.compiler.native import as_rows, pointer
from neumat.errors import CompilerError

Array = npt.NDArray[np.float32]
TIMEOUT = 120.0

_DRIVER = """
extern "C" __attribute__((visibility("default"))) void neumat_port(
    const void* const* buffers, const int64_t* counts, int64_t n, const float* uv, const float* footprint,
    const float* wo, const float* wi, float* f)
{{
    {p}_GlobalParams_0 globals = {{}};
{bind}
    {p}_KernelContext_0 context = {{&globals}};
    using V4 = Vector<float, 4>;
    for (int64_t i = 0; i < n; i++)
    {{
        V4 hit, color, surface, latent0, latent1, latent2;
        Vector<float, 3> view = {{wo[3 * i], wo[3 * i + 1], wo[3 * i + 2]}};
        Vector<float, 3> light = {{wi[3 * i], wi[3 * i + 1], wi[3 * i + 2]}};
        {p}_prepare({{uv[2 * i], uv[2 * i + 1]}}, footprint[i], view, &hit, &color, &surface, &latent0, &latent1,
            &latent2, &context);
        Vector<float, 3> result = {p}_evaluate(hit, color, surface, latent0, latent1, latent2, view, light, &context);
        f[3 * i] = result.x;
        f[3 * i + 1] = result.y;
        f[3 * i + 2] = result.z;
    }}
}}
"""


def run_cpp(
    code: str, prefix: str, buffers: Sequence[tuple[str, npt.NDArray[Any], int]], uv: Array, footprint: Array,
    wo: Array, wi: Array,
) -> Array:  # fmt: skip
    """Compile a package's C++ and call it in this process.

    Args:
        code: the emitted C++. It runs with the rights of this process.
        prefix: of its names.
        buffers: name without prefix, contents and bytes of an element of each storage buffer.
        uv: (n, 2). footprint: (n,). wo, wi: (n, 3); float32.

    Returns:
        f: (n, 3) float32.

    Raises:
        CompilerError: no C++ compiler, or it failed.
    """
    bind = "\n".join(
        f"    globals.{prefix}_{name}.data = (decltype(globals.{prefix}_{name}.data))buffers[{index}];\n"
        f"    globals.{prefix}_{name}.count = (size_t)counts[{index}];"
        for index, (name, _, _) in enumerate(buffers)
    )
    # A check calls it a few times: compiling fast counts for more than running fast.
    library = build_library(code + _DRIVER.format(p=prefix, bind=bind), flags=("-O1",))
    n = len(uv)
    arrays = [np.ascontiguousarray(data) for _, data, _ in buffers]
    pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    sizes = [array.nbytes // size for array, (_, _, size) in zip(arrays, buffers, strict=True)]
    f = np.empty((n, 3), np.float32)
    inputs = as_rows("uv", uv, n, 2), as_rows("footprint", footprint, n, 0), as_rows("wo", wo, n, 3)
    light = as_rows("wi", wi, n, 3)
    library.neumat_port(
        pointers, (ctypes.c_int64 * len(sizes))(*sizes), ctypes.c_int64(n), *(pointer(value) for value in inputs),
        pointer(light), pointer(f),
    )  # fmt: skip
    return f


@dataclass(frozen=True)
class Compiled:
    """The code of one target and how far it was checked on this machine.

    Attributes:
        code: as it ships.
        status: ``ran`` (in process, the test vectors agree), ``checked`` (a front end or validator accepted it) or
            ``compiled``.
        checked_by: the program that checked or ran it, None for ``compiled``.
        error: largest error over the test vectors in units of the tolerance, where it ran.
    """

    code: bytes
    status: str
    checked_by: str | None = None
    error: float | None = None


@dataclass(frozen=True)
class FrontEnd:
    """A program that checks one language: its command, the text to append, and the suffix of the file."""

    command: tuple[str, ...]
    suffix: str
    append: str = ""


_MAIN_GLSL = "\nvoid main() {}\n"
_MAIN_HLSL = """
float4 main() : SV_Target
{
    float4 hit, color, surface, latent0, latent1, latent2;
    float3 up = float3(0.0f, 0.0f, 1.0f);
    {p}_prepare(float2(0.5f, 0.5f), 0.01f, up, hit, color, surface, latent0, latent1, latent2);
    return float4({p}_evaluate(hit, color, surface, latent0, latent1, latent2, up, up), 1.0f);
}
"""
_FRONT_ENDS: dict[str, tuple[FrontEnd, ...]] = {
    "glsl": (
        FrontEnd(("glslangValidator", "-S", "frag"), ".frag", _MAIN_GLSL),
        FrontEnd(("glslc", "-fshader-stage=frag", "-o", "-"), ".frag", _MAIN_GLSL),
    ),
    "hlsl": (
        FrontEnd(("dxc", "-T", "ps_6_0", "-E", "main"), ".hlsl", _MAIN_HLSL),
        FrontEnd(("glslangValidator", "-D", "-V", "-S", "frag", "-e", "main", "-o", "out.spv"), ".hlsl", _MAIN_HLSL),
    ),
    # Device code that no kernel calls is only translated when it may be linked.
    "cuda": (FrontEnd(("nvcc", "-w", "-rdc=true", "-ptx", "-o", "out.ptx"), ".cu"),),
}


def check_by_front_end(target: str, code: str, prefix: str, *, timeout: float = TIMEOUT) -> str | None:
    """Give emitted code to the first front end of its language on PATH.

    Returns:
        Name of the program that accepted it, None when there is none or it ran out of time.

    Raises:
        CompilerError: it refused the code, with its first complaint.
    """
    for front_end in _FRONT_ENDS.get(target, ()):
        program = front_end.command[0]
        if shutil.which(program) is None:
            continue
        with tempfile.TemporaryDirectory(prefix="neumat-check-") as folder:
            path = Path(folder) / f"code{front_end.suffix}"
            path.write_text(code + front_end.append.replace("{p}", prefix), encoding="utf-8")
            try:
                result = subprocess.run(
                    [*front_end.command, str(path)], cwd=folder, capture_output=True, timeout=timeout, check=False
                )
            except (subprocess.TimeoutExpired, OSError):
                return None
        if result.returncode != 0:
            output = (result.stdout + result.stderr).decode(errors="replace")
            complaints = [line for line in output.splitlines() if "error" in line.lower()] or ["no reason was given"]
            raise CompilerError(f"{program} refused the {target} code of {prefix}: {complaints[0].strip()[:300]}")
        return program
    return None
