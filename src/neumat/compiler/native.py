"""What every compiled program shares: buffers of driver.cpp, checked arrays, threads, the shader library's folder."""

from __future__ import annotations

import ctypes
import importlib.resources
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError

Array = npt.NDArray[np.float32]
#: Fields of MaterialConstants in buffers.slang.
CONSTANTS = np.dtype(
    [
        ("size", np.int32, 2), ("latent_size", np.int32, 2), ("levels", np.int32), ("tileable", np.int32),
        ("aspect", np.float32), ("height_scale", np.float32), ("height_range", np.float32, 2),
        ("offset_range", np.float32), ("activation_slope", np.float32), ("offsets", np.int32, 16),
    ]
)  # fmt: skip


class Buffers(ctypes.Structure):
    """NeumatBuffers of driver.cpp: five arrays and their lengths in elements."""

    _fields_ = (
        ("constants", ctypes.c_void_p), ("heights", ctypes.c_void_p), ("surfaces", ctypes.c_void_p),
        ("latents", ctypes.c_void_p), ("weights", ctypes.c_void_p), ("counts", ctypes.c_int64 * 5),
    )  # fmt: skip

    @classmethod
    def of(cls, arrays: list[npt.NDArray[Any]], widths: tuple[int, ...] = (1, 1, 4, 4, 4)) -> Buffers:
        """Point at five contiguous arrays, which the caller keeps alive."""
        pointers = [array.ctypes.data for array in arrays]
        counts = [array.size // width for array, width in zip(arrays, widths, strict=True)]
        return cls(*pointers, (ctypes.c_int64 * 5)(*counts))


def thread_count() -> int:
    """Threads that native loops use: NEUMAT_THREADS, else the cores that this process may use."""
    told = os.environ.get("NEUMAT_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shader_folder() -> str:
    """Folder of the hand-written Slang library."""
    return str(importlib.resources.files("neumat.shaders"))


def driver_source() -> str:
    """Text of driver.cpp."""
    return importlib.resources.files("neumat.shaders").joinpath("driver.cpp").read_text(encoding="utf-8")


def pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Address of an array's first element."""
    return ctypes.c_void_p(array.ctypes.data)


def as_rows(name: str, value: npt.ArrayLike, rows: int, width: int) -> Array:
    """Check and convert to contiguous float32 of shape (rows, width), or (rows,) for width 0.

    Raises:
        InputError: another shape.
    """
    array = np.ascontiguousarray(value, dtype=np.float32)
    expected = (rows, width) if width else (rows,)
    if array.shape != expected:
        raise InputError(f"{name} has shape {array.shape}, expected {expected}")
    return array
