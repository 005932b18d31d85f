"""A review in progress: the queue, the ledger as it grows, and what the page asks for."""

from __future__ import annotations

import io
import secrets
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evenhand.auditing.ledger import EDITS, Edit, active, append, edit, latest, parse, replay
from evenhand.errors import UsageError
from evenhand.records import Ints
from evenhand.review.neighbours import Neighbours
from evenhand.review.queue import TEST, Queue
from evenhand.review.tally import UNDECIDED, tally

ALIKE = 6
"""Neighbours shown of each class."""
MOST_AT_ONCE = 200


class Session:
    """What one review server knows. Every answer looks first whether the ledger has grown in the meantime.

    Parameters
    ----------
    run : Path
        The run folder; the ledger lies in it.
    queue : Queue
        What there is to review.
    reviewer : str
        Who decides.
    """

    def __init__(self, run: Path, queue: Queue, reviewer: str) -> None:
        self.path, self.queue, self.reviewer = run / EDITS, queue, reviewer
        self.neighbours = Neighbours(queue.pixels, queue.probabilities)
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(queue.manifest.pixel_sha256):
            self._rows[name].append(row)
        self._place = {name: {int(row): at for at, row in enumerate(rows)} for name, rows in queue.lists.items()}
        self._number = {name: place for place, name in enumerate(queue.manifest.classes)}
        self._start_again()
        self.refresh()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in order."""
        return self.queue.manifest.classes

    def _start_again(self) -> None:
        self.edits: list[Edit] = []
        self.torn = self._read = self._lines = 0
        self.decided: Ints = np.full(len(self.queue.manifest), UNDECIDED, dtype=np.int64)
        self._latest: list[int] = []

    def refresh(self) -> None:
        """Take in what was added to the ledger, by this window, another one, or another program.

        Raises
        ------
        DataError
            When the ledger was damaged from outside.
        """
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._read:
            self._start_again()
        if size == self._read:
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        # A line that is just being written is read the next time.
        content = content[: content.rfind(b"\n") + 1]
        found = parse(content, self.path, self._lines + 1)
        self._read += len(content)
        self._lines += content.count(b"\n")
        self.torn += len(found.torn)
        self.edits += found.edits
        if any(entry.action == "undo" for entry in found.edits):
            self.decided[:] = UNDECIDED
            self._latest = []
            self._take(active(self.edits))
        else:
            self._take(found.edits)

    def _take(self, decisions: Sequence[Edit]) -> None:
        changed: dict[int, int] = {}
        for entry in decisions:
            # A class that this run does not know leaves the picture open.
            code = len(self.classes) if entry.verdict is None else self._number.get(entry.verdict, UNDECIDED)
            rows = self._rows.get(entry.pixel_sha256, [])
            changed.update(dict.fromkeys(rows, code))
            self._latest += rows
        self.decided[list(changed)] = list(changed.values())

    # --- what the page asks for ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the state of the review, and how long the ledger is: a page that knows less must look again."""
        self.refresh()
        return tally(self.queue, self.decided, self._latest) | {"length": len(self.edits), "torn": self.torn}

    def summary(self) -> dict[str, Any]:
        """Return what a page needs to begin."""
        height, width = self.queue.pixels.shape[1:3]
        lists = [
            {"name": name, "title": self._title(name), "count": len(rows)} for name, rows in self.queue.lists.items()
        ]
        return {
            "classes": list(self.classes),
            "lists": lists,
            "size": [int(height), int(width)],
            "reviewer": self.reviewer,
            "ledger": str(self.path),
            "state": self.state(),
        }

    @staticmethod
    def _title(name: str) -> str:
        if name == TEST:
            return "Test pictures"
        return "All suspects, worst first" if name == "suspects" else f"Filed as {name.removeprefix('class:')}"

    def rows(self, name: str) -> Ints:
        """Return the rows of a list.

        Raises
        ------
        UsageError
            When there is no such list.
        """
        if name not in self.queue.lists:
            raise UsageError(f"There is no list {name!r}.")
        return self.queue.lists[name]

    def item(self, name: str, at: int, *, undecided: bool = False) -> dict[str, Any]:
        """Return all about the picture at a place of a list; with `undecided`, about the next open one from there.

        When none is open any more, the place itself is shown.
        """
        self.refresh()
        rows = self.rows(name)
        if not len(rows):
            return {"total": 0, "at": 0, "row": None}
        at = min(max(at, 0), len(rows) - 1)
        if undecided:
            at = self._next_open(rows, at)
        row = int(rows[at])
        return self._picture(row) | {
            "at": at,
            "total": len(rows),
            "path": self.queue.manifest.paths[row],
            "probabilities": self._probabilities(row),
            "reason": self.reason(row),
            "neighbours": self._neighbours(row),
            "ready": self.neighbours.ready(),
        }

    def _next_open(self, rows: Ints, at: int) -> int:
        open_ = np.flatnonzero(self.decided[rows] == UNDECIDED)
        if not len(open_):
            return at
        later = open_[open_ >= at]
        return int(later[0] if len(later) else open_[0])

    def grid(self, name: str, at: int, count: int) -> dict[str, Any]:
        """Return a screenful of a list: the pictures from a place on, without their neighbours."""
        self.refresh()
        rows = self.rows(name)
        count = min(max(count, 1), MOST_AT_ONCE)
        at = min(max(at, 0), max(0, len(rows) - 1))
        items = [self._picture(int(row)) for row in rows[at : at + count]]
        return {"at": at, "total": len(rows), "items": items}

    def _picture(self, row: int) -> dict[str, Any]:
        queue, decided = self.queue, int(self.decided[row])
        names = (*self.classes, None)
        return {
            "row": row,
            "given": self.classes[queue.manifest.given[row]],
            "suggested": self.classes[queue.suggested[row]],
            "suspicion": float(np.nan_to_num(queue.suspicion[row])),
            "flagged": bool(queue.flagged[row]),
            "check": bool(queue.check[row]),
            "decided": decided != UNDECIDED,
            "verdict": names[decided] if decided != UNDECIDED else None,
        }

    def _probabilities(self, row: int) -> list[float] | None:
        values = self.queue.probabilities[row]
        return None if np.isnan(values).any() else [round(float(value), 4) for value in values]

    def reason(self, row: int) -> str:
        """Return in plain words why a picture is shown."""
        queue = self.queue
        given, suggested = self.classes[queue.manifest.given[row]], self.classes[queue.suggested[row]]
        chance = _percent(queue.suspicion[row])
        if queue.manifest.split[row] == "test":
            opinion = f"The final model calls it {suggested}" if suggested != given else "The final model agrees"
            return f"{opinion}. It is a test picture: figures are shown on given and on corrected labels."
        if queue.check[row]:
            return (
                "A random check, drawn from the pictures nobody suspects: it shows how many wrong labels were missed."
            )
        if queue.flagged[row]:
            words = (
                f"Networks that had not seen this picture take it for {suggested}. "
                f"That the label {given} is wrong has a probability of {chance}."
            )
        else:
            words = f"Not a suspect. That the label {given} is wrong has a probability of {chance}."
        others = {self.classes[queue.manifest.given[other]] for other in self._rows[queue.manifest.pixel_sha256[row]]}
        if len(others) > 1:
            words += f" The same pixels are also filed as {', '.join(sorted(others - {given}))}."
        return words

    def _neighbours(self, row: int) -> list[dict[str, Any]]:
        """Return the most alike pictures of the given and of the suggested class whose label is not in doubt."""
        queue = self.queue
        given, suggested = int(queue.manifest.given[row]), int(queue.suggested[row])
        if suggested == given:
            values = np.nan_to_num(queue.probabilities[row])
            values[given] = -1
            suggested = int(values.argmax())
        trusted = np.where(self.decided == UNDECIDED, queue.manifest.given, self.decided)
        doubtful = queue.flagged & (self.decided == UNDECIDED)
        return [
            {
                "class": self.classes[label],
                "rows": self.neighbours.nearest(row, (trusted == label) & ~doubtful, ALIKE).tolist(),
            }
            for label in (given, suggested)
        ]

    def png(self, row: int) -> bytes:
        """Return a picture as the networks saw it, as PNG.

        Raises
        ------
        UsageError
            When there is no such row.
        """
        if not 0 <= row < len(self.queue.pixels):
            raise UsageError(f"There is no picture {row}.")
        content = io.BytesIO()
        Image.fromarray(np.asarray(self.queue.pixels[row])).save(content, "PNG", compress_level=1)
        return content.getvalue()

    # --- what people decide -------------------------------------------------------------------------------------

    def decide(self, decisions: Sequence[tuple[int, str, str]], reason: str = "") -> dict[str, Any]:
        """Write decisions, (row, action, label) each, to the ledger, and return the state: they are on the disk then.

        Raises
        ------
        UsageError
            When there is no such row, action or class; nothing is written.
        EvenhandError
            When the ledger cannot be written.
        """
        if not 0 < len(decisions) <= MOST_AT_ONCE:
            raise UsageError(f"Between 1 and {MOST_AT_ONCE} pictures are settled at once, not {len(decisions)}.")
        batch = secrets.token_hex(8) if len(decisions) > 1 else ""
        entries = []
        for row, action, label in decisions:
            if not 0 <= row < len(self.queue.manifest) or action not in ("label", "keep", "exclude"):
                raise UsageError(f"There is no picture {row}, or no action {action!r}.")
            if action == "label" and label not in self._number:
                raise UsageError(f"There is no class {label!r}.")
            words = {
                "pixel_sha256": self.queue.manifest.pixel_sha256[row],
                "path": self.queue.manifest.paths[row],
                "given": self.classes[self.queue.manifest.given[row]],
                "label": label if action == "label" else "",
            }
            entries.append(edit(action, self.reviewer, **words, reason=reason, batch=batch))
        append(self.path, entries)
        return self.state()

    def undo(self, name: str) -> dict[str, Any]:
        """Take back the last decision that stands, whoever made it, and return the state and where the picture is."""
        self.refresh()
        taken = latest(self.edits)
        if taken:
            append(self.path, [edit("undo", self.reviewer, undoes=entry.id, path=entry.path) for entry in taken])
        rows = [row for entry in taken for row in self._rows.get(entry.pixel_sha256, [])]
        places = [self._place[name][row] for row in rows if row in self._place.get(name, {})]
        return self.state() | {"undone": len(taken), "at": min(places) if places else None}

    def decisions(self) -> dict[str, Edit]:
        """Return the decisions in force by pixel hash."""
        self.refresh()
        return replay(self.edits)


def _percent(value: float) -> str:
    return f"{100 * float(value):.0f} %" if value >= 0.01 else "less than 1 %"
