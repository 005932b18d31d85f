"""The edit ledger: what people decided about labels, one line a decision, only ever added to."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.manifest import EXCLUDED, Manifest
from evenhand.disk import flush_folder, unwritable, write_table
from evenhand.errors import DataError, UsageError, suggest
from evenhand.records.audit import Decided
from evenhand.records.values import digest

EDITS = "edits.jsonl"
ACTIONS = ("label", "keep", "exclude", "undo")


@dataclass(frozen=True)
class Edit:
    """One line of the ledger. A decision is about pixels, wherever they lie; the path says where they were met."""

    id: str
    time: str
    """UTC, as ISO 8601."""
    reviewer: str
    action: str
    """label: it shows `label`. keep: the given label is right. exclude: of no use. undo: takes back `undoes`."""
    pixel_sha256: str = ""
    path: str = ""
    given: str = ""
    label: str = ""
    reason: str = ""
    undoes: str = ""
    """The id of an earlier entry, which may be an undo itself."""
    batch: str = ""
    """Decisions made with one key share it, and are undone together."""

    @property
    def verdict(self) -> str | None:
        """The class that the picture shows by this decision; None when it is excluded."""
        return {"label": self.label, "keep": self.given}.get(self.action)


@dataclass(frozen=True)
class Ledger:
    """The entries of a ledger in the order of time, and the numbers of its lines that were cut off by a crash."""

    edits: tuple[Edit, ...] = ()
    torn: tuple[int, ...] = ()


def edit(action: str, reviewer: str, **words: str) -> Edit:
    """Return a new entry with an id and the time of now; `words` are further fields of `Edit`.

    Raises
    ------
    ValueError
        When the entry would make no sense, for example a label without a class.
    """
    made = Edit(secrets.token_hex(8), datetime.now(UTC).isoformat(timespec="milliseconds"), reviewer, action, **words)
    fault = _fault(asdict(made))
    if fault:
        raise ValueError(fault)
    return made


def append(path: Path, edits: Sequence[Edit]) -> None:
    """Add entries at the end; they are on the disk when this returns. Processes that append at once lose nothing.

    Raises
    ------
    EvenhandError
        When the file cannot be written or the disk is full; nothing is added then.
    """
    lines = "".join(
        json.dumps({name: value for name, value in asdict(entry).items() if value}, ensure_ascii=False) + "\n"
        for entry in edits
    ).encode()
    try:
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            with _locked(handle):
                _write_whole(handle, lines)
        finally:
            os.close(handle)
        if fresh:
            flush_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def _write_whole(handle: int, lines: bytes) -> None:
    size = os.lseek(handle, 0, os.SEEK_END)
    if size:
        os.lseek(handle, size - 1, os.SEEK_SET)
        # What a crash cut off stays a line of its own.
        lines = lines if os.read(handle, 1) == b"\n" else b"\n" + lines
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise


@contextlib.contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Hold a file for this process alone; wait for others to let go of it."""
    try:
        import fcntl
    except ImportError:  # Windows, where a lock is on bytes: one far behind the end is nobody's
        import msvcrt

        os.lseek(handle, 2**30, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        try:
            yield
        finally:
            os.lseek(handle, 2**30, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def read_ledger(path: Path) -> Ledger:
    """Return the entries of a ledger; lines that a crash cut off are left out and counted.

    Raises
    ------
    UsageError
        When there is no such file.
    DataError
        When it cannot be read, or a line is no entry of a ledger.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"There is no ledger {path}. `evenhand review RUN` writes RUN/{EDITS}.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    ledger = parse(content, path)
    if ledger.torn and not ledger.edits:
        raise DataError(f"{path} holds no edits: line {ledger.torn[0]} is no JSON. Give a ledger, RUN/{EDITS}.")
    return ledger


def parse(content: bytes, where: Path, first_line: int = 1) -> Ledger:
    """Return the entries of a piece of a ledger that begins with line `first_line`. Raises as `read_ledger`."""
    edits, torn = [], []
    for number, line in enumerate(content.split(b"\n"), first_line):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError:
            torn.append(number)
            continue
        fault = _fault(values)
        if fault:
            raise DataError(
                f"Line {number} of {where} is no edit: {fault}. It was changed, or another version made it."
            )
        edits.append(Edit(**{name: value for name, value in values.items() if name in _FIELDS}))
    return Ledger(tuple(edits), tuple(torn))


_FIELDS = tuple(field.name for field in fields(Edit))
_NEEDED = {
    "label": ("pixel_sha256", "label"),
    "keep": ("pixel_sha256", "given"),
    "exclude": ("pixel_sha256",),
    "undo": ("undoes",),
}


def _fault(values: Any) -> str:
    """Return why the values of a line make no entry; nothing when they do."""
    if not isinstance(values, dict):
        return "it is no object"
    if not all(isinstance(values.get(name, ""), str) for name in _FIELDS):
        return "a value is no text"
    action = values.get("action", "")
    if action not in ACTIONS:
        return f"there is no action {action!r}"
    missing = [name for name in ("id", "time", "reviewer", *_NEEDED[action]) if not values.get(name)]
    return f"it lacks {', '.join(missing)}" if missing else ""


def active(edits: Sequence[Edit]) -> list[Edit]:
    """Return the decisions that stand, in order: neither undone nor undos themselves.

    An undo reaches back only; an undo that is undone itself counts for nothing.
    """
    cancelled: set[str] = set()
    standing = []
    for entry in reversed(edits):
        if entry.id in cancelled:
            continue
        if entry.action == "undo":
            cancelled.add(entry.undoes)
        else:
            standing.append(entry)
    return standing[::-1]


def replay(edits: Sequence[Edit]) -> dict[str, Edit]:
    """Return the decision in force for each pixel hash: the last one that stands."""
    return {entry.pixel_sha256: entry for entry in active(edits)}


def latest(edits: Sequence[Edit]) -> list[Edit]:
    """Return the decisions that one undo takes back: the last that stands, with those made by the same key."""
    standing = active(edits)
    if not standing:
        return []
    last = standing[-1]
    return [entry for entry in standing if entry is last or (last.batch and entry.batch == last.batch)]


def fingerprint(decisions: Mapping[str, Edit]) -> str:
    """Return a digest of what was decided; who did so, when, and in how many turns does not matter."""
    return digest({name: [entry.action == "exclude", entry.verdict] for name, entry in decisions.items()})


@dataclass(frozen=True)
class Applied:
    """A manifest after the decisions of a ledger, and what became of them."""

    manifest: Manifest
    """`corrected` follows the decisions; training images that were excluded are of the split "excluded"."""
    settled: NDArray[np.bool_]
    """(n,) whether somebody has decided about the image."""
    decided: Decided
    """How many images were decided on, and how."""

    @property
    def changed(self) -> int:
        """Images whose label was changed, those of val and test among them."""
        return self.decided.changed + self.decided.changed_apart

    @property
    def excluded(self) -> int:
        """Training images left out."""
        return self.decided.excluded

    @property
    def strange(self) -> int:
        """Decisions about pictures that are not in the data."""
        return self.decided.strange

    def sentence(self) -> str:
        """Return what the edits did, in words."""
        kept = self.decided.kept + self.decided.kept_apart
        words = (
            f"Edits: {_counted(self.changed, 'label')} changed, {kept} kept, "
            f"{_counted(self.excluded, 'image')} excluded."
        )
        if self.strange == 1:
            words += " One decision is about a picture that is not in the data."
        elif self.strange:
            words += f" {self.strange} decisions are about pictures that are not in the data."
        return words


def _counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def apply(manifest: Manifest, decisions: Mapping[str, Edit]) -> Applied:
    """Return the manifest with the decisions carried out; given labels stay, and no image leaves val or test.

    Raises
    ------
    DataError
        When a decision names a class that the data do not have.
    """
    number = {name: place for place, name in enumerate(manifest.classes)}
    corrected, split = manifest.corrected.copy(), manifest.split.astype(f"<U{len(EXCLUDED)}")
    settled, labelled = np.zeros((2, len(manifest)), dtype=bool)
    met: set[str] = set()
    for row, name in enumerate(manifest.pixel_sha256):
        entry = decisions.get(name)
        if entry is None:
            continue
        met.add(name)
        settled[row], labelled[row] = True, entry.verdict is not None
        if entry.verdict is None:
            split[row] = EXCLUDED if split[row] == "train" else split[row]
        elif entry.verdict in number:
            corrected[row] = number[entry.verdict]
        else:
            raise DataError(
                f"The edits call {manifest.paths[row]} {entry.verdict!r}, and the data have no such class. "
                f"{suggest(entry.verdict, manifest.classes)}"
            )
    training, moved = manifest.split == "train", corrected != manifest.corrected
    changed, excluded = int((training & moved).sum()), int((training & (split == EXCLUDED)).sum())
    return Applied(
        replace(manifest, corrected=corrected, split=split),
        settled,
        Decided(
            changed=changed,
            kept=int((training & settled).sum()) - changed - excluded,
            excluded=excluded,
            changed_apart=int((~training & moved).sum()),
            kept_apart=int((~training & ~moved & labelled).sum()),
            strange=len(decisions.keys() - met),
        ),
    )


def as_trained(manifest: Manifest) -> Manifest:
    """Return the manifest that work goes by: training labels as corrected, those of val and test as given."""
    return replace(manifest, given=np.where(manifest.split == "train", manifest.corrected, manifest.given))


def write_decisions(path: Path, decisions: Iterable[Edit]) -> None:
    """Write the decisions in force as CSV."""
    header = ["path", "pixel_sha256", "given", "action", "label", "reviewer", "time", "reason"]
    write_table(
        path,
        header,
        ([getattr(entry, name) if name != "label" else entry.verdict or "" for name in header] for entry in decisions),
    )
