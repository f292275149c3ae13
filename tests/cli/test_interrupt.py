"""Ctrl-C in the middle of the work: a line, exit code 130, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
pytest.importorskip("torch")


def interrupted(command: list[str], *, after: str) -> tuple[int, str]:
    """Start a command, send SIGINT once it reports the stage `after`, and return exit code and standard error."""
    script = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs in the background start without
        "from neumat import console\n"
        "class Told(console._Bar):\n"
        "    def __call__(self, stage, fraction):\n"
        "        print('stage', stage, file=sys.stdout, flush=True)\n"
        "console._Bar = Told\n"
        "from neumat.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    # A group of its own, as a terminal would interrupt the workers too.
    child = subprocess.Popen(
        [sys.executable, "-c", script, *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if line.strip() == f"stage {after}":
                break
        time.sleep(0.05)
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    return child.returncode, err


LINE = "neumat: stopped; nothing was left half-written"


@pytest.fixture
def samples(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A samples file: its fit starts to train at once."""
    rng = np.random.default_rng(1)
    up = np.tile(np.array([0.0, 0.0, 1.0]), (5000, 1))
    path = tmp_path_factory.mktemp("samples") / "a.npz"
    np.savez(path, uv=rng.random((5000, 2)), wi=up, wo=up, rgb=rng.random((5000, 3)))
    return str(path)


def test_while_the_truth_is_drawn(small_folder: Path, tmp_path: Path) -> None:
    command = ["fit", str(small_folder), "-o", str(tmp_path / "a.neumat"), "--resolution", "64"]
    code, err = interrupted(command, after="truth")
    assert (code, err.strip()) == (130, LINE)
    assert list(tmp_path.iterdir()) == []


def test_while_it_trains(samples: str, tmp_path: Path) -> None:
    path = tmp_path / "a.neumat"
    path.write_bytes(b"an earlier result")
    code, err = interrupted(["fit", samples, "-o", str(path), "--network", "64x4"], after="fit")
    assert (code, err.strip()) == (130, LINE)
    assert [left.name for left in tmp_path.iterdir()] == ["a.neumat"]
    assert path.read_bytes() == b"an earlier result"


def test_while_it_makes(small_folder: Path, tmp_path: Path) -> None:
    command = ["make", str(small_folder), "-o", str(tmp_path / "out"), "--resolution", "64"]
    code, err = interrupted(command, after="truth")
    assert (code, err.strip()) == (130, LINE)
    assert list(tmp_path.iterdir()) == []


def test_a_compilation(fitted: Path, tmp_path: Path) -> None:
    code, err = interrupted(["compile", str(fitted), "-o", str(tmp_path / "package")], after="compile wgsl")
    if code == 0:
        pytest.skip("it was done before it could be stopped")
    assert code == 130, err
    assert err.strip() == LINE
    assert list(tmp_path.iterdir()) == []
