"""What stands decided about each picture of a run, by a ledger that grows while one looks at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evenhand.auditing.ledger import Edit, active, parse
from evenhand.data.manifest import Manifest
from evenhand.records import Ints

UNDECIDED = -1


class Standing:
    """A ledger seen from the rows of a manifest.

    Attributes
    ----------
    edits : list of Edit
        All entries so far.
    torn : int
        Lines that were cut off by a crash.
    decided : (n,) int64
        The class decided on for each row, K for excluded, -1 for undecided.
    latest : list of int
        Rows in the order in which they were decided.
    entry : dict
        Row -> the entry that decides about it.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path, self._classes = path, manifest.classes
        self.rows: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(manifest.pixel_sha256):
            self.rows[name].append(row)
        self._number = {name: place for place, name in enumerate(manifest.classes)}
        self.decided: Ints = np.full(len(manifest), UNDECIDED, dtype=np.int64)
        self._start_again()
        self.refresh()

    def _start_again(self) -> None:
        self.edits: list[Edit] = []
        self.torn = self._read = self._lines = 0
        self._forget()

    def _forget(self) -> None:
        self.decided[:] = UNDECIDED
        self.latest: list[int] = []
        self.entry: dict[int, Edit] = {}

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
        if any(entry.action == "undo" for entry in found.edits):
            self._forget()
            self._take(active(self.edits))
        else:
            self._take(found.edits)

    def _take(self, decisions: Sequence[Edit]) -> None:
        for entry in decisions:
            rows = self.rows.get(entry.pixel_sha256, [])
            self.entry.update(dict.fromkeys(rows, entry))
            self.latest += rows
        changed = {row for entry in decisions for row in self.rows.get(entry.pixel_sha256, [])}
        self.decided[list(changed)] = [self._code(self.entry[row]) for row in changed]

    def _code(self, entry: Edit) -> int:
        # A class that this run does not know leaves the picture open.
        return len(self._classes) if entry.verdict is None else self._number.get(entry.verdict, UNDECIDED)
