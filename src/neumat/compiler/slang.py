"""Slang through its compiler library, in a worker process with a time-out.

A crash or a hang of the compiler ends the worker, never this process. ``slangc`` on PATH is preferred; else the
library of slangpy's wheel is called (see `slang_worker`).
"""

from __future__ import annotations

import atexit
import base64
import importlib.util
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neumat.errors import CompilerError


@dataclass(frozen=True)
class Target:
    """One shading language: Slang's name for it, the suffix of its files, and further arguments."""

    name: str
    suffix: str
    arguments: tuple[str, ...] = ()
    binary: bool = False


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("hlsl", ".hlsl"),
        Target("glsl", ".glsl", ("-profile", "glsl_450")),
        Target("spirv", ".spv", ("-profile", "glsl_450"), binary=True),
        Target("wgsl", ".wgsl"),
        Target("metal", ".metal"),
        Target("cuda", ".cu"),
        Target("cpp", ".cpp"),
    )
}

#: The release of Slang that the tests ran with; others are used with a note in the manifest.
PINNED_VERSION = "2026.12"
DEFAULT_TIMEOUT = 60.0
#: Every SPIR-V module goes through the validator that Slang brings.
_ENVIRONMENT = {"SLANG_RUN_SPIRV_VALIDATION": "1"}


def _library_path() -> str | None:
    spec = importlib.util.find_spec("slangpy")  # found, not imported: its import takes a second
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    for pattern in ("libslang-compiler.so*", "libslang-compiler*.dylib", "slang-compiler.dll", "slang.dll"):
        found = sorted(folder.glob(pattern))
        if found:
            return str(found[0])
    return None


@dataclass
class _Worker:
    """A running worker process; `ask` restarts nothing, it raises CompilerError and the caller drops the worker."""

    process: subprocess.Popen[bytes]
    version: str = ""
    buffer: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, library: str) -> _Worker:
        script = Path(__file__).with_name("slang_worker.py")
        process = subprocess.Popen(
            [sys.executable, "-P", str(script), library],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **_ENVIRONMENT},
        )  # fmt: skip
        worker = cls(process)
        worker.version = str(worker.read(DEFAULT_TIMEOUT)["version"])
        return worker

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            raise CompilerError("the Slang compiler process ended before it was asked anything") from error
        return self.read(timeout)

    def read(self, timeout: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        limit = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = limit - time.monotonic()
            if left <= 0.0 or not select.select([descriptor], [], [], left)[0]:
                raise CompilerError(f"the Slang compiler gave no answer within {timeout:g} s and was stopped")
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                raise CompilerError("the Slang compiler crashed; nothing was written")
            self.buffer += piece
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer = bytearray(rest)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue


class _Pool:
    """The one worker of this process, started on first use."""

    def __init__(self) -> None:
        self.worker: _Worker | None = None
        self.lock = threading.Lock()

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        with self.lock:
            try:
                return self._running().ask(request, timeout)
            except BaseException:
                self.stop()
                raise

    def version(self) -> str:
        with self.lock:
            return self._running().version

    def _running(self) -> _Worker:
        if self.worker is None or self.worker.process.poll() is not None:
            self.stop()  # closes the pipes of one that has died
            library = _library_path()
            if library is None:
                raise CompilerError(
                    "no Slang compiler: put slangc on PATH, or install the library with pip install slangpy"
                )
            self.worker = _Worker.start(library)
        return self.worker

    def stop(self) -> None:
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


_pool = _Pool()
atexit.register(_pool.stop)


def slang_version() -> str:
    """Version of the Slang compiler in use, for example ``2026.12``.

    Raises:
        CompilerError: no Slang compiler is there.
    """
    if shutil.which("slangc"):
        result = subprocess.run(["slangc", "-v"], capture_output=True, text=True, timeout=30, check=False)
        return (result.stdout + result.stderr).strip().split("\n")[0]
    return _pool.version()


def compile_slang(
    source: str,
    *,
    target: str,
    include: Sequence[str | Path] = (),
    entry: str | None = None,
    stage: str = "compute",
    defines: dict[str, str] | None = None,
    arguments: Sequence[str] = (),
    timeout: float = DEFAULT_TIMEOUT,
) -> bytes:
    """Compile Slang source to one target.

    Args:
        source: text of the main module.
        target: a name of `TARGETS`.
        include: folders in which imports are found.
        entry: entry point; None compiles a library of the functions declared ``export __extern_cpp``.
        stage: stage of the entry point.
        defines: preprocessor definitions.
        arguments: further arguments of slangc.
        timeout: in seconds; the compiler is stopped after it.

    Returns:
        Text in UTF-8, or the words of SPIR-V.

    Raises:
        CompilerError: with the compiler's first error, its line included.
    """
    kind = TARGETS[target]
    with tempfile.TemporaryDirectory(prefix="neumat-slang-") as folder:
        path = Path(folder) / "main.slang"
        path.write_text(source, encoding="utf-8")
        line = [str(path), "-target", target, *kind.arguments, "-line-directive-mode", "none"]
        for name in include:
            line += ["-I", str(name)]
        for name, value in (defines or {}).items():
            line += [f"-D{name}={value}"]
        if entry is None:
            line += ["-whole-program", "-no-mangle"]
        else:
            line += ["-entry", entry, "-stage", stage]
        output = Path(folder) / f"out{kind.suffix}"
        line += arguments
        # Slang refuses -o for a library of these two, and returns no code for some others without it.
        if entry is not None or target not in ("hlsl", "glsl"):
            line += ["-o", str(output)]
        if shutil.which("slangc"):
            return _by_executable(line, output, timeout)
        answer = _pool.ask({"arguments": line, "whole_program": entry is None}, timeout)
        code = base64.b64decode(answer["code"])
        if not code and output.exists():
            code = output.read_bytes()
        if not code:
            raise CompilerError(f"Slang could not compile for {target}: {_first_error(answer['diagnostics'])}")
        return code


def _by_executable(line: list[str], output: Path, timeout: float) -> bytes:
    try:
        result = subprocess.run(
            ["slangc", *line], capture_output=True, timeout=timeout, check=False, env={**os.environ, **_ENVIRONMENT}
        )
    except subprocess.TimeoutExpired as error:
        raise CompilerError(f"slangc gave no answer within {timeout:g} s and was stopped") from error
    code = output.read_bytes() if output.exists() else result.stdout
    if result.returncode != 0 or not code:
        raise CompilerError(f"slangc failed: {_first_error((result.stderr + result.stdout).decode(errors='replace'))}")
    return code


def _first_error(text: str) -> str:
    # An error is followed by its place, the source line and a caret with the reason, behind a gutter of "3 |".
    lines = [re.sub(r"^\d*\s*\|", "", line.strip()).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    for index, line in enumerate(lines):
        if "error" in line.lower():
            return " ".join(lines[index : index + 4])[:400]
    return (lines[0] if lines else "no reason was given")[:400]
