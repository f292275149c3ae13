"""What the command line shows: tables, one progress bar after two seconds, one line for an error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

#: Seconds after which a bar is shown: what is quicker needs none.
PATIENCE = 2.0


class Screen:
    """Where a command writes: results to standard output, progress and remarks to standard error.

    Args:
        quiet: no progress, no remarks.
        as_json: one JSON value on standard output and nothing else there.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        self.out = Console(highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line about a result, unless quiet or JSON."""
        if not self.quiet and not self.as_json:
            self.out.print(Text(text))

    def remark(self, text: str) -> None:
        """A line on standard error, unless quiet."""
        if not self.quiet:
            self.err.print(Text(text))

    def json(self, value: Any) -> None:
        """Print a JSON value."""
        sys.stdout.write(json.dumps(value, indent=2) + "\n")

    def table(self, rows: Sequence[Sequence[str]], *, title: str = "", header: bool = True) -> None:
        """Print rows, the first one as header."""
        if self.quiet or self.as_json:
            return
        table = Table(show_header=header, title_justify="left", box=None, pad_edge=False)
        table.title = Text(title) if title else None
        columns = rows[0] if header else [""] * len(rows[0])
        for index, name in enumerate(columns):
            table.add_column(name, justify="left" if index == 0 or not header else "right", overflow="fold")
        for row in rows[1:] if header else rows:
            table.add_row(*(Text(cell) for cell in row))
        self.out.print(table)

    def findings(self, rows: Sequence[tuple[str, str, str]], title: str) -> None:
        """Print what was found: what, value, how."""
        if self.quiet or self.as_json:
            return
        table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
        for name in ("what", "value", "how"):
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.out.print(table)

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """Yield a progress callback that shows a bar with the remaining time once the work takes long."""
        bar = _Bar(self.err, shown=not self.quiet and self.err.is_terminal)
        try:
            yield bar
        finally:
            bar.close()


class _Bar:
    """A progress callback: one task for each stage, shown only after PATIENCE seconds."""

    def __init__(self, console: Console, *, shown: bool) -> None:
        self.console, self.shown = console, shown
        self.start = time.monotonic()
        self.bars: Progress | None = None
        self.stage = ""
        self.task: Any = None

    def __call__(self, stage: str, fraction: float) -> None:
        if not self.shown:
            return
        if self.bars is None:
            if time.monotonic() - self.start < PATIENCE:
                return
            self.bars = Progress(
                TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=self.console, transient=True,
            )  # fmt: skip
            self.bars.start()
        if stage != self.stage or self.task is None:
            if self.task is not None:
                self.bars.remove_task(self.task)
            self.stage, self.task = stage, self.bars.add_task(stage, total=1.0)
        self.bars.update(self.task, completed=min(max(fraction, 0.0), 1.0))

    def close(self) -> None:
        """Take the bar off the screen."""
        if self.bars is not None:
            self.bars.stop()
            self.bars = None
