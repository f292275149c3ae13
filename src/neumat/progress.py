"""Progress as a callback: long computations report, callers decide how to show it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the name of a stage and the share of it that is done, 0 to 1."""

    def __call__(self, stage: str, fraction: float) -> None:
        """Report `fraction` of `stage`."""


def silent(stage: str, fraction: float) -> None:
    """Report nothing: the default of every function that takes a progress callback."""
