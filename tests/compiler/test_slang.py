"""Slang in its worker process: results, errors with their line, time-outs and crashes, and recovery from them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from neumat.compiler import TARGETS, compile_slang, slang_version
from neumat.compiler import slang as slang_module
from neumat.errors import CompilerError

LIBRARY = "export __extern_cpp float doubled(float x) { return 2.0f * x; }\n"
COMPUTE = """
RWStructuredBuffer<float> o;
[shader("compute")] [numthreads(64, 1, 1)] void main(uint3 id : SV_DispatchThreadID) { o[id.x] = SCALE; }
"""
by_library = pytest.mark.skipif(bool(slang_module.shutil.which("slangc")), reason="slangc on PATH is used instead")


def works() -> bool:
    return b"doubled" in compile_slang(LIBRARY, target="cpp")


@pytest.mark.parametrize("target", list(TARGETS))
def test_an_entry_point_compiles_for_every_target(target: str) -> None:
    code = compile_slang(COMPUTE, target=target, entry="main", defines={"SCALE": "3.25f"})
    if TARGETS[target].binary:
        assert np.frombuffer(code, "<u4")[0] == 0x07230203
    else:
        assert b"3.25" in code


def test_defines_and_include_folders_reach_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "other.slang").write_text("module other;\npublic float three() { return 3.0f; }\n")
    source = "import other;\nexport __extern_cpp float f() { return three() + EXTRA; }\n"
    code = compile_slang(source, target="cpp", include=[tmp_path], defines={"EXTRA": "0.625f"})
    assert b"0.625" in code


def test_an_error_tells_its_line() -> None:
    source = "// one\n// two\nexport __extern_cpp float f() { return no_such_function(1.0f); }\n"
    with pytest.raises(CompilerError, match=r"main\.slang\D+3\b") as caught:
        compile_slang(source, target="cpp")
    assert "no_such_function" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert works()


def test_a_missing_module_is_named() -> None:
    with pytest.raises(CompilerError, match="nowhere"):
        compile_slang("import nowhere;\n" + LIBRARY, target="cpp")


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slang_module.tempfile, "tempdir", str(tmp_path))
    assert works()
    assert not list(tmp_path.iterdir())


@by_library
def test_a_time_out_stops_the_worker_and_the_next_call_starts_another() -> None:
    assert works()
    first = slang_module._pool.worker
    assert first is not None
    os.kill(first.process.pid, signal.SIGSTOP)  # a compiler that hangs
    with pytest.raises(CompilerError, match=r"within 0\.2 s and was stopped"):
        compile_slang(LIBRARY, target="cpp", timeout=0.2)
    assert first.process.poll() is not None
    assert works()
    assert slang_module._pool.worker is not first


@by_library
def test_a_crash_is_an_error_and_the_next_call_starts_another() -> None:
    assert works()
    first = slang_module._pool.worker
    assert first is not None
    first.process.kill()
    first.process.wait()
    assert works()  # found dead before it was asked
    second = slang_module._pool.worker
    assert second is not None
    assert first.process.stdin is not None
    assert first.process.stdin.closed
    os.kill(second.process.pid, signal.SIGSTOP)
    timer = threading.Timer(0.2, second.process.kill)  # dies with the request unanswered
    timer.start()
    with pytest.raises(CompilerError, match="crashed"):
        works()
    timer.join()
    assert works()


@by_library
def test_one_worker_serves_many_calls() -> None:
    assert works()
    process = slang_module._pool.worker
    for _ in range(3):
        assert works()
    assert slang_module._pool.worker is process


@by_library
def test_no_compiler_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slang_module, "_pool", slang_module._Pool())
    monkeypatch.setitem(sys.modules, "slangpy", None)
    monkeypatch.setattr(slang_module, "_library_path", lambda: None)
    with pytest.raises(CompilerError, match="pip install slangpy"):
        works()


def test_slangc_on_the_path_is_preferred_and_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "slangc"
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('main.slang(7): error 30015: bad')\n")
    script.chmod(0o755)
    with pytest.raises(CompilerError, match=r"main\.slang\(7\): error 30015"):
        works()
    script.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    with pytest.raises(CompilerError, match=r"within 0\.3 s"):
        compile_slang(LIBRARY, target="cpp", timeout=0.3)


def test_a_version_is_told() -> None:
    assert slang_version().split(".")[0].lstrip("v").isdigit()
