"""C++ to a loaded library: the cache, errors, and what loading must not change in the process."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neumat.compiler import build_library, find_compiler
from neumat.compiler import cpp as cpp_module
from neumat.compiler.cpp import cache_folder, cpu_features
from neumat.errors import CompilerError

EXPORT = 'extern "C" __attribute__((visibility("default"))) '


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("NEUMAT_CACHE", str(folder))
    return folder


def function(source: str, flags: tuple[str, ...] = ()) -> ctypes._CFuncPtr:
    found = build_library(EXPORT + source, flags=flags).f
    found.restype, found.argtypes = ctypes.c_float, [ctypes.c_float, ctypes.c_float]
    return found


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_cache_is_the_users_alone(cache: Path) -> None:
    old = os.umask(0)
    try:
        assert cache_folder() == cache
    finally:
        os.umask(old)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_cache_that_others_may_write_to_is_refused(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(CompilerError, match="others may write"):
        build_library(EXPORT + "float f() { return 1.0f; }")
    assert not list(cache.iterdir())


def test_the_cache_cannot_be_a_file(cache: Path) -> None:
    cache.write_text("")
    with pytest.raises(CompilerError, match="NEUMAT_CACHE"):
        cache_folder()


def test_the_second_build_is_loaded_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "float f(float a, float b) { return a + 2.0f * b; }"
    assert function(source)(1.0, 3.0) == 7.0
    (library,) = cache.iterdir()
    before = library.stat().st_mtime_ns

    def unexpected(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(cpp_module, "_compile", unexpected)
    assert function(source)(1.0, 3.0) == 7.0
    assert [p.stat().st_mtime_ns for p in cache.iterdir()] == [before]


def test_other_source_flags_and_features_are_other_libraries(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function("float f(float a, float b) { return a; }")
    function("float f(float a, float b) { return b; }")
    function("float f(float a, float b) { return a; }", ("-DX=1",))
    monkeypatch.setattr(cpp_module, "cpu_features", lambda: cpu_features() + " another")
    function("float f(float a, float b) { return a; }")
    assert len(list(cache.iterdir())) == 4


def test_an_error_names_the_first_line_and_leaves_nothing(cache: Path) -> None:
    with pytest.raises(CompilerError, match=r"main\.cpp:\d+:.*error.*no_such_thing") as caught:
        build_library("int good;\nint bad = no_such_thing;\nint worse = nor_this;\n")
    assert "nor_this" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(cache.iterdir())


def test_a_compiler_that_hangs_is_stopped(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "slow++"
    script.write_text(f"#!{sys.executable}\nimport sys, time\n'--version' in sys.argv or time.sleep(60)\n")
    script.chmod(0o755)
    monkeypatch.setattr(cpp_module, "find_compiler", lambda: (str(script),))
    monkeypatch.setattr(cpp_module, "TIMEOUT", 0.2)
    with pytest.raises(CompilerError, match=r"longer than 0\.2 s"):
        build_library(EXPORT + "float f() { return 1.0f; }")
    assert not list(cache.iterdir())


def test_no_compiler_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    find_compiler.cache_clear()
    try:
        with pytest.raises(CompilerError, match=r"neumat\[cpu\]"):
            find_compiler()
    finally:
        find_compiler.cache_clear()


def test_loading_does_not_flush_denormals() -> None:
    # In a process of its own: another package may have set the flag in this one.
    code = f"""
import numpy as np
from neumat.compiler import build_library
build_library({EXPORT + "float f(float a) { return a * 0.5f; }"!r})
tiny = np.array([1e-40], np.float32)
print(float((tiny * np.float32(1.0))[0]) > 0.0, float(np.float32(1e-40) * np.float32(1.0)) > 0.0)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True", "True"]


def test_infinities_are_right_under_fast_math() -> None:
    sigmoid = function("float f(float y, float) { return 1.0f / (1.0f + expf(-y)); }")
    assert [sigmoid(y, 0.0) for y in (-1e4, -200.0, 200.0, 1e4)] == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=1e-30)
    assert sigmoid(-np.inf, 0.0) == 0.0
    assert sigmoid(np.inf, 0.0) == 1.0


@pytest.mark.parametrize(("name", "pick"), [("fmaxf", max), ("fminf", min)])
def test_larger_and_smaller_are_those_of_c(name: str, pick: type) -> None:
    found = function(f"float f(float a, float b) {{ return ::{name}(a, b); }}")
    for a, b in ((1.0, 2.0), (2.0, 1.0), (-np.inf, 3.0), (np.inf, 3.0), (-1.0, -2.0)):
        assert found(a, b) == pick(a, b)
    assert found(np.nan, 2.0) == 2.0
