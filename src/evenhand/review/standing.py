"""What stands decided about each picture of a run, by a ledger that grows while one looks at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from evenhand.auditing.ledger import Edit, active, parse
from evenhand.data.manifest import Manifest
from evenhand.records.values import Ints

UNDECIDED = -1


class Standing:
    """A ledger seen from the rows of a manifest.

    A new entry costs what it changes, however long the ledger is.

    Attributes
    ----------
    edits : list of Edit
        All entries so far.
    torn : int
        Lines that were cut off by a crash.
    rows : dict
        Pixel hash -> the rows with these pixels.
    decided : (n,) int64
        The class decided on for each row, K for excluded, -1 for undecided.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path, self._classes = path, manifest.classes
        self.rows: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(manifest.pixel_sha256):
            self.rows[name].append(row)
        self._hash = manifest.pixel_sha256
        self._number = {name: place for place, name in enumerate(manifest.classes)}
        self.decided: Ints = np.full(len(manifest), UNDECIDED, dtype=np.int64)
        self._start_again()
        self.refresh()

    def _start_again(self) -> None:
        self.edits: list[Edit] = []
        self.torn = self._read = self._lines = 0
        self._undos: set[str] = set()
        self._rebuild([])

    def _rebuild(self, decisions: Iterable[Edit]) -> None:
        self.decided[:] = UNDECIDED
        self._standing: dict[str, Edit] = {}
        self._of: dict[str, list[Edit]] = defaultdict(list)
        self._take(decisions)

    def refresh(self) -> None:
        """Take in what was added to the ledger, by this window, another one, or another program.

        Raises
        ------
        DataError
            When the ledger was damaged from outside.
        """
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < self._read:
            self._start_again()
        if size == self._read:
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        # A line that is just being written is read the next time.
        content = content[: content.rfind(b"\n") + 1]
        found = parse(content, self._path, self._lines + 1)
        self._read += len(content)
        self._lines += content.count(b"\n")
        self.torn += len(found.torn)
        self.edits += found.edits
        self._undos |= {entry.id for entry in found.edits if entry.action == "undo"}
        if any(entry.undoes in self._undos for entry in found.edits):
            # An undo is undone: what it took back stands again, in its place among the others.
            self._rebuild(active(self.edits))
        else:
            self._take(found.edits)

    def entry(self, row: int) -> Edit | None:
        """Return the entry that decides about a row; None while it is open."""
        entries = self._of.get(self._hash[row])
        return entries[-1] if entries else None

    def last(self) -> list[Edit]:
        """Return the decisions that one undo takes back: the last that stands, with those made by the same key."""
        if not self._standing:
            return []
        last = next(reversed(self._standing.values()))
        return [
            entry for entry in self._standing.values() if entry is last or (last.batch and entry.batch == last.batch)
        ]

    def newest(self) -> Iterator[int]:
        """Yield the rows that are decided, the newest decision first."""
        for entry in reversed(self._standing.values()):
            yield from self.rows.get(entry.pixel_sha256, ())

    def _take(self, entries: Iterable[Edit]) -> None:
        for entry in entries:
            if entry.action != "undo":
                self._standing[entry.id] = entry
                self._of[entry.pixel_sha256].append(entry)
                self._decide(entry.pixel_sha256)
            elif (undone := self._standing.pop(entry.undoes, None)) is not None:
                self._of[undone.pixel_sha256].remove(undone)
                self._decide(undone.pixel_sha256)

    def _decide(self, name: str) -> None:
        rows, entries = self.rows.get(name), self._of[name]
        if not rows:
            return
        code = UNDECIDED
        if entries:
            verdict = entries[-1].verdict
            # A class that this run does not know leaves the picture open.
            code = len(self._classes) if verdict is None else self._number.get(verdict, UNDECIDED)
        for row in rows:
            self.decided[row] = code
