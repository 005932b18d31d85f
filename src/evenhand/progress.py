"""How long work tells people where it stands; the command line draws it, everything else only ticks."""

from __future__ import annotations

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


SILENT = Progress()
