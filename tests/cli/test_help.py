"""Help, version, and what the command line says of itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from neumat import __version__
from neumat.cli import TARGETS, cli
from neumat.compiler import TARGETS as COMPILED

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(cli.commands)


def test_the_commands() -> None:
    assert COMMANDS == ["compile", "demo", "evaluate", "export", "fit", "info", "make", "render"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(neumat: Callable[..., Any], name: str) -> None:
    done = neumat(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"neumat {name} [OPTIONS]" in done.out
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[-1] in done.out
    assert neumat(name, "-h").out == done.out


def test_every_option_explains_itself() -> None:
    for name, command in cli.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.opts)


def test_every_command_is_quiet_and_talks_json() -> None:
    for command in cli.commands.values():
        names = {name for parameter in command.params for name in parameter.opts}
        assert {"--quiet", "--json"} <= names


def test_help_and_version_of_the_whole(neumat: Callable[..., Any]) -> None:
    alone = neumat()
    assert (alone.code, alone.err) == (0, "")
    assert neumat("--help").out == alone.out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", alone.out, flags=re.MULTILINE)
    assert neumat("--version").out.strip() == f"neumat, version {__version__}"


def test_the_targets_are_the_compiler_s() -> None:
    assert tuple(COMPILED) == TARGETS


def test_the_page_names_every_command_and_option() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        assert f"## neumat {name}" in page
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"`{parameter.opts[-1]}" in page, (name, parameter.opts)


def test_as_a_module_and_as_a_script() -> None:
    run = subprocess.run([sys.executable, "-m", "neumat.cli", "--version"], capture_output=True, text=True, check=True)
    assert __version__ in run.stdout
    script = Path(sys.executable).with_name("neumat.exe" if os.name == "nt" else "neumat")
    if not script.is_file():
        pytest.skip("the script is installed elsewhere")
    assert __version__ in subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
