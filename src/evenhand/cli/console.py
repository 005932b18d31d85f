"""What people see while work goes on: bars with an ETA on stderr, plain lines where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from evenhand.progress import SILENT, LineProgress, Progress, Tick


class TerminalProgress(Progress):
    """Bars with the number done, the time gone and the time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Show a bar for one stage."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self._console) as bars:
            # Of what comes through a pipe nobody knows how much it is.
            task = bars.add_task(title, total=total or None)
            yield lambda units: bars.advance(task, units)

    def note(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False)


def progress(*, quiet: bool) -> Progress:
    """Return where long work reports to."""
    if quiet:
        return SILENT
    return TerminalProgress() if sys.stderr.isatty() else LineProgress()
