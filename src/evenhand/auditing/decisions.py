"""The decisions in force: of one ledger, or of several that are replayed as one."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from evenhand.auditing.ledger import Edit, read_ledger, replay


@dataclass(frozen=True)
class Decisions:
    """The decisions in force of one or several ledgers, by pixel hash."""

    in_force: dict[str, Edit]
    contradicted: int = 0
    """Pictures about which the ledgers say different things; the later decision is in force."""

    def notes(self) -> tuple[str, ...]:
        """Return what is worth telling of how the ledgers go together, in sentences."""
        if not self.contradicted:
            return ()
        pictures = "one picture" if self.contradicted == 1 else f"{self.contradicted} pictures"
        return (f"The ledgers contradict each other about {pictures}; the later decision counts.",)


def read_decisions(paths: Sequence[Path]) -> Decisions:
    """Return the decisions in force of ledgers that are replayed as one. Raises as `read_ledger`."""
    ledgers = [read_ledger(path).edits for path in paths]
    return Decisions(replay(joined(ledgers)), _contradictions(ledgers))


def joined(ledgers: Sequence[Sequence[Edit]]) -> list[Edit]:
    """Return the entries of several ledgers in the order of time.

    The entries of one ledger stay in their order, whatever its clock said; an entry that several ledgers hold, because
    one began as a copy of the other, counts once.
    """
    known: set[str] = set()
    parts = []
    for edits in ledgers:
        fresh = [entry for entry in edits if entry.id not in known]
        known.update(entry.id for entry in fresh)
        parts.append(list(zip(_times(fresh), fresh, strict=True)))
    return [entry for _, entry in heapq.merge(*parts, key=lambda timed: timed[0])]


def _times(edits: Sequence[Edit]) -> list[datetime]:
    """Return when entries were made, never before those in front of them."""
    times, last = [], datetime.min.replace(tzinfo=UTC)
    for entry in edits:
        with contextlib.suppress(ValueError):  # a time that is none is that of the entry before
            made = datetime.fromisoformat(entry.time)
            last = max(last, made if made.tzinfo else made.replace(tzinfo=UTC))
        times.append(last)
    return times


def _contradictions(ledgers: Sequence[Sequence[Edit]]) -> int:
    """Return about how many pictures ledgers differ; one that holds the other's decision has only gone on from it."""
    found: set[str] = set()
    ends = [(replay(edits), {entry.id for entry in edits}) for edits in ledgers]
    for (one, known), (other, known_too) in combinations(ends, 2):
        for name in one.keys() & other.keys():
            mine, theirs = one[name], other[name]
            # Decided otherwise is decided otherwise: a class, or no class at all for what was excluded.
            if mine.verdict != theirs.verdict and mine.id not in known_too and theirs.id not in known:
                found.add(name)
    return len(found)
