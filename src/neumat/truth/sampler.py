"""What a displaced, textured patch really looks like, by the library's own kernel (shaders/truth.slang).

Light of unit irradiance from one direction, exact hits on the bilinear height field, self-shadowing, and paths of
several bounces with the full BRDF. The same source compiles to CUDA.
"""

from __future__ import annotations

import ctypes
import functools
import threading

import numpy as np

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
from neumat.materials.explicit import encode
from neumat.materials.packing import pack_levels
from neumat.materials.pbr import PbrMaterial
from neumat.materials.pyramid import level_of, pyramid
from neumat.progress import Progress, silent

#: Indirect bounces: light that met the surface up to 1 + BOUNCES times.
BOUNCES = 3

_SOURCE = """
import truth;

export __extern_cpp float3 neumatTruth(float2 uv, float width, float3 wo, float3 wi, int level, int bounces,
    int samples, uint seed)
{
    return truthPixel(uv, width, wo, wi, level, bounces, samples, seed);
}

export __extern_cpp float3 neumatExactHit(float2 uv, float3 wo, int level)
{
    return exactHit(uv, wo, level);
}
"""


@functools.cache
def _library() -> ctypes.CDLL:
    code = compile_slang(_SOURCE, target="cpp", include=[shader_folder()]).decode()
    return build_library("#define NEUMAT_TRUTH 1\n" + code + "\n" + driver_source())


class TruthSampler:
    """The truth of one material, at one level of its maps.

    Args:
        material: source maps.
        resolution: pixels across the texture; the maps are taken at the level nearest to it, so that a pixel is
            one texel. None for full size.
        threads: None for all cores.

    Attributes:
        level: level of the maps in use.
        size: width and height of that level, in texels.
        pixel: width of a pixel in texture widths.
    """

    def __init__(self, material: PbrMaterial, *, resolution: int | None = None, threads: int | None = None) -> None:
        levels = pyramid(encode(material))
        width = levels[0].shape[1]
        self.level = int(level_of(1.0 / (resolution or width), width, len(levels)))
        shape = levels[self.level].shape
        self.size = (shape[1], shape[0])
        self.pixel = 1.0 / self.size[0]
        self.threads = threads or thread_count()
        packed = pack_levels(levels[self.level : self.level + 1])
        constants = np.zeros(1, CONSTANTS)
        row = constants[0]
        row["size"] = self.size
        row["latent_size"] = (1, 1)
        row["levels"] = 1
        row["tileable"] = material.tileable
        row["aspect"] = self.size[0] / self.size[1]
        row["height_scale"] = material.height_scale
        low, high = float(packed.heights.min()), float(packed.heights.max())
        row["height_range"] = ((low - 0.5) * material.height_scale, (high - 0.5) * material.height_scale)
        empty = np.zeros(4, np.float32)
        self._arrays = [constants, packed.heights, packed.surfaces, empty, empty]
        self._buffers = Buffers.of(self._arrays)
        self._library = _library()

    def sample(
        self,
        uv: Array,
        wo: Array,
        wi: Array,
        *,
        samples: int = 4,
        seed: int = 0,
        bounces: int = BOUNCES,
        width: float | None = None,
        progress: Progress = silent,
    ) -> Array:
        """Mean of x = pi·f over the box of a pixel around uv.

        Args:
            uv: (n, 2). wo, wi: (n, 3), unit, tangent frame.
            samples: paths a pixel.
            bounces: indirect bounces; 0 is direct light alone.
            width: of the box, in texture widths; None for one pixel, 0 for the point.
            progress: called while it runs.

        Returns:
            (n, 3) float32, linear, at least 0.
        """
        n = len(uv)
        out = np.zeros((n, 3), np.float32)
        uv, wo, wi = as_rows("uv", uv, n, 2), as_rows("wo", wo, n, 3), as_rows("wi", wi, n, 3)
        stop, done = ctypes.c_int32(0), ctypes.c_int64(0)

        def work() -> None:
            self._library.neumat_truth(
                ctypes.byref(self._buffers), ctypes.c_int64(n), pointer(uv), pointer(wo), pointer(wi),
                ctypes.c_float(self.pixel if width is None else width), 0, bounces, samples,
                ctypes.c_uint32(seed & 0xFFFFFFFF), pointer(out), self.threads, ctypes.byref(stop), ctypes.byref(done),
            )  # fmt: skip

        worker = threading.Thread(target=work)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.1)
                progress("truth", done.value / max(n, 1))
        finally:
            stop.value = 1  # Ctrl-C: the loops end at their next block
            worker.join()
        return out

    def exact_hit(self, uv: Array, wo: Array) -> Array:
        """Where the eye ray that crosses the reference plane at uv meets the surface.

        Args:
            uv: (n, 2). wo: (n, 3).

        Returns:
            (n, 3) float32: uv of the hit, z in texture widths.
        """
        n = len(uv)
        out = np.empty((n, 3), np.float32)
        uv, wo = as_rows("uv", uv, n, 2), as_rows("wo", wo, n, 3)
        self._library.neumat_exact_hit(
            ctypes.byref(self._buffers), ctypes.c_int64(n), pointer(uv), pointer(wo), 0, pointer(out), self.threads
        )
        return out
