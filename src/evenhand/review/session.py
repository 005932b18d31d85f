"""A review in progress: the queue, the ledger as it grows, and what the page asks for."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evenhand.auditing.ledger import EDITS, Edit, append, edit, replay
from evenhand.errors import UsageError
from evenhand.records.values import Ints
from evenhand.review.neighbours import Neighbours
from evenhand.review.queue import CONFLICTS, SUSPECTS, TEST, Queue
from evenhand.review.reasons import reason
from evenhand.review.standing import UNDECIDED, Standing
from evenhand.review.tally import tally

ALIKE = 6
"""Neighbours shown of each class."""
ASKED = 12
"""Neighbours of whatever class whose labels are counted in the reason."""
MOST_COPIES = 12
AHEAD = 2
"""Pictures that the page may load before they are needed."""
MOST_AT_ONCE = 200


class OvertakenError(UsageError):
    """Another window has decided in the meantime about what this one speaks of; nothing was written."""


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
        self.standing = Standing(self.path, queue.manifest)
        self.neighbours = Neighbours(queue.pixels, queue.probabilities)
        self._place = {name: {int(row): at for at, row in enumerate(rows)} for name, rows in queue.lists.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in order."""
        return self.queue.manifest.classes

    @property
    def decided(self) -> Ints:
        """What is decided about each row, as in `Standing`."""
        return self.standing.decided

    # --- what the page asks for ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the state of the review, and how long the ledger is: a page that knows less must look again."""
        self.standing.refresh()
        return tally(self.queue, self.decided, self.standing.newest()) | {
            "length": len(self.standing.edits),
            "torn": self.standing.torn,
        }

    def summary(self) -> dict[str, Any]:
        """Return what a page needs to begin."""
        height, width = self.queue.pixels.shape[1:3]
        lists = [
            {"name": name, "title": self._title(name), "count": len(rows)} for name, rows in self.queue.lists.items()
        ]
        return {
            "classes": list(self.classes),
            "lists": lists,
            "start": self._start(),
            "size": [int(height), int(width)],
            "reviewer": self.reviewer,
            "ledger": str(self.path),
            "state": self.state(),
        }

    def _start(self) -> str:
        """Return the list to begin with: contradictions first, as long as there are open ones."""
        rows = self.queue.lists.get(CONFLICTS, np.empty(0, dtype=np.int64))
        return CONFLICTS if (self.decided[rows] == UNDECIDED).any() else SUSPECTS

    @staticmethod
    def _title(name: str) -> str:
        titles = {
            CONFLICTS: "Contradicting copies",
            SUSPECTS: "Suspects first",
            TEST: "Test pictures",
        }
        return titles.get(name) or f"Filed as {name.removeprefix('class:')}"

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
        self.standing.refresh()
        rows = self.rows(name)
        if not len(rows):
            return {"total": 0, "at": 0, "row": None}
        at = min(max(at, 0), len(rows) - 1)
        if undecided:
            at = self._next_open(rows, at)
        row = int(rows[at])
        return self._picture(row, name) | {
            "at": at,
            "total": len(rows),
            "open": int((self.decided[rows] == UNDECIDED).sum()),
            "path": self.queue.manifest.paths[row],
            "test": bool(self.queue.manifest.split[row] == TEST),
            "probabilities": self._probabilities(row),
            "reason": self.reason(row),
            "neighbours": self._neighbours(row),
            "copies": self._copies(row),
            "ahead": rows[at + 1 : at + 1 + AHEAD].tolist(),
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
        self.standing.refresh()
        rows = self.rows(name)
        count = min(max(count, 1), MOST_AT_ONCE)
        at = min(max(at, 0), max(0, len(rows) - 1))
        items = [self._picture(int(row), name) for row in rows[at : at + count]]
        return {"at": at, "total": len(rows), "items": items, "ahead": rows[at + count : at + 2 * count].tolist()}

    def _picture(self, row: int, name: str) -> dict[str, Any]:
        queue, decided, entry = self.queue, int(self.decided[row]), self.standing.entry(row)
        names = (*self.classes, None)
        copied = self._copied(row) if name == CONFLICTS else None
        return {
            "row": row,
            "given": self.classes[queue.manifest.given[row]],
            "suggested": self.classes[queue.suggested[row] if copied is None else copied],
            "copied": copied is not None,
            "suspicion": float(np.nan_to_num(queue.suspicion[row])),
            "judged": bool(queue.manifest.split[row] != TEST and not np.isnan(queue.suspicion[row])),
            "flagged": bool(queue.flagged[row]),
            "check": bool(queue.check[row]),
            "decided": decided != UNDECIDED,
            "verdict": names[decided] if decided != UNDECIDED else None,
            "seen": entry.id if entry else "",
            "by": entry.reviewer if entry and entry.reviewer != self.reviewer else "",
            "why": entry.reason if entry else "",
        }

    def _copied(self, row: int) -> int | None:
        """Return the label of its copies where that decides: somebody has settled one, or nothing else speaks."""
        given, others = int(self.queue.manifest.given[row]), [one for one in self.queue.copies[row] if one != row]
        settled = [int(self.decided[other]) for other in others if 0 <= self.decided[other] < len(self.classes)]
        if settled:
            return settled[-1]
        if self.queue.suggested[row] != given:
            return None
        return next((label for label in self.queue.manifest.given[others].tolist() if label != given), None)

    def _probabilities(self, row: int) -> list[float] | None:
        values = self.queue.probabilities[row]
        return None if np.isnan(values).any() else [round(float(value), 4) for value in values]

    def _trusted(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the labels as far as they are known, and where they are in doubt."""
        labels = np.where(self.decided == UNDECIDED, self.queue.manifest.given, self.decided)
        return labels, self.queue.flagged & (self.decided == UNDECIDED)

    def reason(self, row: int) -> str:
        """Return in plain words why a picture is shown."""
        _, doubtful = self._trusted()
        return reason(self.queue, row, self.neighbours.nearest(row, ~doubtful, ASKED))

    def _copies(self, row: int) -> list[dict[str, Any]]:
        """Return the other pictures that show the same."""
        manifest = self.queue.manifest
        return [
            {
                "row": other,
                "given": self.classes[manifest.given[other]],
                "split": str(manifest.split[other]),
                "path": manifest.paths[other],
                "same": manifest.pixel_sha256[other] == manifest.pixel_sha256[row],
            }
            for other in self.queue.copies.get(row, ())
            if other != row
        ][:MOST_COPIES]

    def _neighbours(self, row: int) -> list[dict[str, Any]]:
        """Return the most alike pictures of the given and of the suggested class whose label is not in doubt."""
        queue = self.queue
        given, suggested = int(queue.manifest.given[row]), int(queue.suggested[row])
        if suggested == given:
            values = np.nan_to_num(queue.probabilities[row])
            values[given] = -1
            suggested = int(values.argmax())
        trusted, doubtful = self._trusted()
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

    def decide(
        self, decisions: Sequence[tuple[int, str, str]], reason: str = "", seen: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Write decisions, (row, action, label) each, to the ledger, and return the state: they are on the disk then.

        Parameters
        ----------
        decisions : sequence of (int, str, str)
            Up to `MOST_AT_ONCE` of them; several are undone together.
        reason : str
            Why, if somebody says so.
        seen : sequence of str, optional
            For each decision the entry that was in force when its picture was shown.

        Raises
        ------
        OvertakenError
            When another window has decided about one of the pictures since; nothing is written.
        UsageError
            When there is no such row, action or class; nothing is written.
        EvenhandError
            When the ledger cannot be written.
        """
        if not 0 < len(decisions) <= MOST_AT_ONCE:
            raise UsageError(f"Between 1 and {MOST_AT_ONCE} pictures are settled at once, not {len(decisions)}.")
        self.standing.refresh()
        self._refuse_overtaken([row for row, _, _ in decisions], seen)
        batch = secrets.token_hex(8) if len(decisions) > 1 else ""
        entries = []
        for row, action, label in decisions:
            if not 0 <= row < len(self.queue.manifest) or action not in ("label", "keep", "exclude"):
                raise UsageError(f"There is no picture {row}, or no action {action!r}.")
            if action == "label" and label not in self.classes:
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

    def _refuse_overtaken(self, rows: Sequence[int], seen: Sequence[str] | None) -> None:
        if seen is None:
            return
        now = [self.standing.entry(row) for row in rows]
        late = [entry for entry, known in zip(now, seen, strict=True) if (entry.id if entry else "") != known]
        if len(rows) > 1 and late:
            raise OvertakenError(
                f"Meanwhile another window decided about {len(late)} of these pictures, so nothing was written."
            )
        if late:
            what = self._told(late[0]) if late[0] else "not settled any more"
            raise OvertakenError(
                f"Meanwhile another window decided: this picture is {what}. Press once more to overrule that."
            )

    def _told(self, entry: Edit) -> str:
        verdict = "excluded" if entry.verdict is None else f"settled as {entry.verdict}"
        return verdict if entry.reviewer == self.reviewer else f"{verdict} by {entry.reviewer}"

    def undo(self, name: str, length: int | None = None) -> dict[str, Any]:
        """Take back the last decision that stands, whoever made it, and return the state and where the picture is.

        Parameters
        ----------
        name : str
            The list in which the picture's place is wanted.
        length : int, optional
            How long the ledger was when it was last looked at.

        Raises
        ------
        OvertakenError
            When it is longer now: what would be undone is nothing that anybody has looked at.
        """
        self.standing.refresh()
        taken = self.standing.last()
        if length is not None and length != len(self.standing.edits):
            last = f"The last is {taken[-1].path}, {self._told(taken[-1])}." if taken else "Nothing is settled now."
            raise OvertakenError(
                f"Meanwhile another window decided, so nothing was undone. {last} Press once more to undo that."
            )
        if taken:
            append(self.path, [edit("undo", self.reviewer, undoes=entry.id, path=entry.path) for entry in taken])
        rows = [row for entry in taken for row in self.standing.rows.get(entry.pixel_sha256, [])]
        places = [self._place[name][row] for row in rows if row in self._place.get(name, {})]
        return self.state() | {"undone": len(taken), "at": min(places) if places else None}

    def decisions(self) -> dict[str, Edit]:
        """Return the decisions in force by pixel hash."""
        self.standing.refresh()
        return replay(self.standing.edits)
