"""Calling the command line as its script does, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from neumat.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line of a command that refused to work."""
        assert self.code == 2, (self.code, self.out, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("neumat: ")
        assert "Traceback" not in self.err
        assert len(lines[0]) < 500
        return lines[0]


@pytest.fixture
def neumat(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command; what native code prints is caught too."""

    def run(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        written = capfd.readouterr()
        return Outcome(code, written.out, written.err)

    return run
