"""Every command of the README runs, in its order, in one folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: What makes a command quicker without changing what it does; appended to it.
QUICKER = {
    "make": ["--resolution", "32", "--budget", "3", "--size", "64", "--samples", "16"],
    "fit": ["--budget", "3"],
    "render": ["--size", "64", "--samples", "16"],
}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _commands() -> list[list[str]]:
    lines = [line for block in _blocks("sh") for line in block.splitlines() if line.strip()]
    return [shlex.split(line) for line in lines]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONWARNINGS": "ignore"}


def test_the_first_commands_are_demo_and_test() -> None:
    assert _commands()[:2] == [["make", "demo"], ["make", "test"]]
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "neumat demo" in rules
    assert "/pytest" in rules


def test_every_picture_and_link_of_the_readme_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    ran = set()
    for command in _commands():
        if command[0] != "neumat":
            continue
        arguments = [*command[1:], *QUICKER.get(command[1], [])]
        result = subprocess.run(
            [sys.executable, "-m", "neumat.cli", *arguments], cwd=tmp_path, env=_environment(tmp_path),
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
        ran.add(command[1])
    assert ran == {"info", "make", "fit", "evaluate", "compile", "render", "export"}
    for name in ("brick.png", "brick.glb", "out/report.md", "out/compare.png", "pictures/view_70.png"):
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (block,) = _blocks("python")
    code = block.replace("budget=10", "budget=2")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "mean" in result.stdout
