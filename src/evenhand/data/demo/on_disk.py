"""A drawn set in a folder: there whole or not at all, never drawn twice, with the truth beside it."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from evenhand.disk import unwritable
from evenhand.errors import UsageError
from evenhand.progress import Progress, Tick

LARGEST_SCALE = 100.0

STREAMS = {"train": 0, "test": 1, "clean": 2}
"""Pictures of different streams are never the same."""


@dataclass(frozen=True)
class DemoTruth:
    """What is in a demo set. Paths are relative to its folder and use ``/``."""

    folder: Path
    rows: tuple[tuple[str, str, str], ...]
    """(path, given, true) of every readable image."""
    duplicates: tuple[tuple[str, str], ...] = ()
    """Pairs of images with the same pixels."""
    near_duplicates: tuple[tuple[str, str], ...] = ()
    """Pairs of images that differ by a shift, a little light or a little noise."""
    broken: dict[str, str] = field(default_factory=dict)
    """Path of each file that cannot be read -> kind of fault."""

    @property
    def truth(self) -> Path:
        """The table of `rows`."""
        return self.folder / "truth.csv"

    @property
    def wrong(self) -> tuple[str, ...]:
        """Paths of the images whose given label is not the true one."""
        return tuple(path for path, given, true in self.rows if given != true)

    def table(self) -> str:
        """Return what `truth` holds."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", "given", "true"])
        writer.writerows(self.rows)
        return text.getvalue()


def check_settings(scale: float, seed: int) -> None:
    """Refuse what no set can be drawn by.

    Raises
    ------
    UsageError
        When the scale is not above 0 and at most 100, or the seed is negative.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise UsageError(f"The demo set's scale must be above 0 and at most {LARGEST_SCALE:g}, not {scale:g}.")
    if seed < 0:
        raise UsageError(f"The demo set's seed must not be negative, not {seed}.")


def put(truth: DemoTruth, files: Callable[[], Iterable[tuple[str, bytes]]], progress: Progress) -> None:
    """Write files and the table of their truth to the truth's folder, unless this set is there already.

    Parameters
    ----------
    truth : DemoTruth
        Its folder does not exist yet, is empty, or holds this set.
    files : callable
        Gives (path in the folder, content) of each file; called only where the set is not there yet.
    progress : Progress
        Told how many readable images are written.

    Raises
    ------
    UsageError
        When the folder holds something else.
    EvenhandError
        When the folder cannot be written.
    """
    if _holds(truth):
        return
    try:
        with progress.stage("Drawing the demo set", len(truth.rows)) as tick:
            _write(truth, files, tick)
    except OSError as error:
        raise unwritable(truth.folder, error) from error


def _write(truth: DemoTruth, files: Callable[[], Iterable[tuple[str, bytes]]], tick: Tick) -> None:
    out = truth.folder
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for path, content in files():
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            tick(int(path not in truth.broken))
        (partial / truth.truth.name).write_text(truth.table(), encoding="utf-8")
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _holds(truth: DemoTruth) -> bool:
    """Return whether the folder holds this demo set; an empty folder or none is fine, anything else is refused."""
    out = truth.folder
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if truth.truth.is_file() and truth.truth.read_text(encoding="utf-8") == truth.table():
        return True
    raise UsageError(
        f"{out} holds something other than this demo set. Name another folder, or remove it; nothing was written."
    )
