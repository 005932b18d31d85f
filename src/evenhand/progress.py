"""How long work tells people where it stands; the command line draws it, everything else only ticks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tick = Callable[[int], None]
"""Called with the number of units just finished."""


class Progress:
    """Where long work reports to. This base class stays silent; the command line draws bars with an ETA."""

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Open a stage of `total` units and yield the function that ticks it forward."""
        del title, total
        yield self._ignore

    def _ignore(self, units: int) -> None:
        del units

    def note(self, text: str) -> None:
        """Tell people one line of plain text."""
        del text


class LineProgress(Progress):
    """A line when a stage begins and a line a tenth: for logs."""

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        """Announce one stage and its tenths."""
        done = told = 0
        self.note(f"{title} ({total})")

        def tick(units: int) -> None:
            nonlocal done, told
            done += units
            if total and done * 10 // total > told:
                told = done * 10 // total
                self.note(f"  {title}: {done} of {total}")

        yield tick

    def note(self, text: str) -> None:
        """Print one line."""
        print(text, file=sys.stderr, flush=True)


SILENT = Progress()
