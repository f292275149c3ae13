"""Slang's C++ compiled to a shared library, cached per user.

The cache is a folder of mode 0700; a library's name is the hash of its source, flags, compiler and the CPU's
features, so that a home folder shared between machines never runs code made for another one.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from neumat.errors import CompilerError

#: -ffast-math is for compiling alone: given to the linker it would flush denormals in the whole process.
COMPILE_FLAGS = (
    "-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-semantic-interposition", "-ffast-math",
    "-fno-finite-math-only", "-w",
)  # fmt: skip
TIMEOUT = 300.0
# Infinities must come out right, so g++ calls the C library for fmaxf and fminf, whose NaN rules no instruction has:
# a third of the time of a network. A comparison is one instruction; as in fmaxf, a NaN on the left gives the right.
_PRELUDE = """\
#include <cmath>
#include <math.h>
static inline float neumat_larger(float a, float b) { return a > b ? a : b; }
static inline float neumat_smaller(float a, float b) { return a < b ? a : b; }
#define fmaxf neumat_larger
#define fminf neumat_smaller
"""


def cache_folder() -> Path:
    """The user's cache of compiled libraries, mode 0700; NEUMAT_CACHE overrules its place."""
    told = os.environ.get("NEUMAT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(told) if told else Path(base) / "neumat"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            status = folder.stat()
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                raise CompilerError(
                    f"{folder}: others may write to this cache of compiled code; chmod 700 it or set NEUMAT_CACHE"
                )
    except OSError as error:
        raise CompilerError(f"{folder}: the cache cannot be made ({error.strerror}); set NEUMAT_CACHE") from error
    return folder


@functools.cache
def find_compiler() -> tuple[str, ...]:
    """Command of a C++ compiler: CXX, c++, clang++, g++, else ziglang's.

    Raises:
        CompilerError: there is none; says how to get one.
    """
    told = os.environ.get("CXX")
    if told and shutil.which(told):
        return (told,)
    for name in ("c++", "clang++", "g++"):
        if shutil.which(name):
            return (name,)
    try:
        import ziglang  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: F401
    except ImportError:
        raise CompilerError(
            "no C++ compiler (c++, clang++, g++): install one, or pip install 'neumat[cpu]' for the ziglang wheel"
        ) from None
    return (sys.executable, "-m", "ziglang", "c++")


@functools.cache
def cpu_features() -> str:
    """What distinguishes this CPU's instruction set, for the cache's key."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return f"{platform.machine()} {line.strip()}"
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}"


def build_library(source: str, *, flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Compile C++ source and load it; from the cache when it has been compiled before.

    Raises:
        CompilerError: no compiler, or it failed; with its first error.
    """
    compiler = find_compiler()
    native = "-mcpu=native" if compiler[-1] == "c++" and "ziglang" in compiler else "-march=native"
    arguments = [*COMPILE_FLAGS, native, *flags]
    source = _PRELUDE + source
    key = hashlib.sha256()
    for part in (source, *arguments, *compiler, _compiler_version(compiler), cpu_features()):
        key.update(part.encode())
        key.update(b"\0")
    folder = cache_folder()
    library = folder / f"{key.hexdigest()[:32]}.so"
    if not library.exists():
        _compile(compiler, arguments, source, library)
    return ctypes.CDLL(str(library))


@functools.cache
def _compiler_version(compiler: tuple[str, ...]) -> str:
    try:
        result = subprocess.run([*compiler, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilerError(f"{' '.join(compiler)} does not run: {error}") from error
    return result.stdout.split("\n")[0]


def _compile(compiler: tuple[str, ...], arguments: list[str], source: str, library: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="build-", dir=library.parent) as name:
        folder = Path(name)
        (folder / "main.cpp").write_text(source, encoding="utf-8")
        steps = (
            [*compiler, *arguments, "-c", "main.cpp", "-o", "main.o"],
            [*compiler, "-shared", "-fPIC", "main.o", "-o", "main.so", "-pthread"],
        )
        for step in steps:
            try:
                result = subprocess.run(
                    step, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
                )
            except subprocess.TimeoutExpired as error:
                raise CompilerError(f"{compiler[0]} ran longer than {TIMEOUT:g} s and was stopped") from error
            if result.returncode != 0:
                errors = [line for line in result.stderr.splitlines() if "error" in line]
                raise CompilerError(f"{compiler[0]} failed: {(errors or ['no reason was given'])[0][:300]}")
        os.replace(folder / "main.so", library)
