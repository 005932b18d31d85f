"""The demo set on disk: the reference study's counts and faults, with the truth beside it."""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evenhand.data.demo.broken import BROKEN
from evenhand.data.demo.pen import Dice
from evenhand.data.demo.scene import THINGS, encoded, picture
from evenhand.disk import unwritable
from evenhand.errors import UsageError
from evenhand.progress import SILENT, Progress, Tick
from evenhand.records import Ints, Pixels

COUNTS = {
    "train": {"Cars": 4949, "Cats": 227, "Trucks": 449},
    "test": {"Cars": 551, "Cats": 23, "Trucks": 51},
}
"""Images a given label; at scale 1 those of the reference study."""
CATS_AMONG_CARS = {"train": 452, "test": 48}
FEWEST = {"train": 12, "test": 6}
"""Images a class that remain at any scale."""
FEWEST_WRONG = 3
LARGEST_SCALE = 100.0

STREAMS = {"train": 0, "test": 1, "clean": 2}
"""Pictures of different streams are never the same."""


@dataclass(frozen=True)
class DemoTruth:
    """What is in a demo set. Paths are relative to its folder and use ``/``."""

    folder: Path
    rows: tuple[tuple[str, str, str], ...]
    """(path, given, true) of every readable image."""
    duplicates: tuple[tuple[str, str], ...]
    """Pairs of images with the same pixels."""
    near_duplicates: tuple[tuple[str, str], ...]
    """Pairs of images that differ by a shift, a little light or a little noise."""
    broken: dict[str, str]
    """Path of each file that cannot be read -> kind of fault."""

    @property
    def truth(self) -> Path:
        """The table of `rows`."""
        return self.folder / "truth.csv"

    @property
    def wrong(self) -> tuple[str, ...]:
        """Paths of the images whose given label is not the true one."""
        return tuple(path for path, given, true in self.rows if given != true)


def make_demo(out: Path, *, scale: float = 1.0, seed: int = 0, progress: Progress = SILENT) -> DemoTruth:
    """Write the demo set to ``out/train`` and ``out/test``, the truth to ``out/truth.csv``, and return the truth.

    The folder appears whole or not at all; where the same demo set is there already, nothing is written.

    Parameters
    ----------
    out : Path
        A folder that does not exist yet, is empty, or holds this demo set.
    scale : float
        Factor on all counts, above 0 and at most 100; a dozen images a class stay at any scale.
    seed : int
        Not negative; decides every picture.
    progress : Progress
        Told how far the drawing is.

    Raises
    ------
    UsageError
        When a setting is out of range, or the folder holds something else.
    EvenhandError
        When the folder cannot be written.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise UsageError(f"The demo set's scale must be above 0 and at most {LARGEST_SCALE:g}, not {scale:g}.")
    if seed < 0:
        raise UsageError(f"The demo set's seed must not be negative, not {seed}.")
    entries = _planned(scale, seed)
    truth = _truth(out, entries)
    table = _table(truth)
    if _holds(out, table):
        return truth
    try:
        with progress.stage("Drawing the demo set", len(entries)) as tick:
            _write(out, entries, table, tick)
    except OSError as error:
        raise unwritable(out, error) from error
    return truth


def _write(out: Path, entries: list[_Entry], table: str, tick: Tick) -> None:
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for path, content in _files(entries):
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            tick(int(path not in BROKEN))
        (partial / "truth.csv").write_text(table, encoding="utf-8")
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def clean_set(n_per_class: int, seed: int = 0) -> tuple[Pixels, Ints]:
    """Return balanced pictures without label errors: (3n, 32, 32, 3) uint8 pixels and (3n,) labels.

    The classes are Cars, Cats, Trucks, in this order. None of the pictures is in a demo set on disk.

    Parameters
    ----------
    n_per_class : int
        At least 1. The first pictures of a class are the same whatever their number.
    seed : int
        Not negative.
    """
    if n_per_class < 1:
        raise ValueError(f"At least one picture a class is needed, not {n_per_class}.")
    pixels = [picture(name, seed, STREAMS["clean"], number) for name in THINGS for number in range(n_per_class)]
    return np.stack(pixels), np.repeat(np.arange(len(THINGS), dtype=np.int64), n_per_class)


@dataclass(frozen=True)
class _Entry:
    """One image: its place, its labels, and how its pixels come about."""

    path: str
    given: str
    true: str
    seed: tuple[int, ...]
    change: str = ""
    copy_of: str = field(default="", compare=False)

    def pixels(self) -> Pixels:
        drawn = picture(self.true, *self.seed)
        return _CHANGES[self.change](drawn) if self.change else drawn


def _brighter(pixels: Pixels) -> Pixels:
    lifted: Pixels = np.clip(pixels.astype(np.int16) + 9, 0, 255).astype(np.uint8)
    return lifted


def _shifted(pixels: Pixels) -> Pixels:
    return np.concatenate([pixels[:, :1], pixels[:, :-1]], axis=1)


def _grainy(pixels: Pixels) -> Pixels:
    grain = np.random.default_rng(pixels[0, 0].tolist()).integers(-4, 5, pixels.shape)
    noisy: Pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    return noisy


_CHANGES: dict[str, Callable[[Pixels], Pixels]] = {"brighter": _brighter, "shifted": _shifted, "grainy": _grainy}

_COPIES = (
    # (split, given, true) of the copy, the same of its original, what was changed
    (("train", "Cars", "Cars"), ("train", "Cars", "Cars"), ""),
    (("train", "Trucks", "Trucks"), ("train", "Trucks", "Trucks"), ""),
    (("train", "Cars", "Cats"), ("train", "Cats", "Cats"), ""),
    (("train", "Cars", "Cars"), ("test", "Cars", "Cars"), ""),
    (("train", "Trucks", "Trucks"), ("test", "Trucks", "Trucks"), ""),
    (("train", "Cars", "Cars"), ("train", "Cars", "Cars"), "brighter"),
    (("train", "Cats", "Cats"), ("train", "Cats", "Cats"), "shifted"),
    (("train", "Cars", "Cars"), ("test", "Cars", "Cars"), "grainy"),
)
"""Some images are copies of others. The third has two labels; the fourth, fifth and last leak into the test set."""


def _planned(scale: float, seed: int) -> list[_Entry]:
    entries = [entry for split in COUNTS for entry in _split(split, scale, seed)]
    places = {kind: _where(entries, kind, seed) for pair in _COPIES for kind in pair[:2]}
    for copy, original, change in _COPIES:
        source, target = (next(places[kind]) for kind in (original, copy))
        entries[target] = replace(
            entries[target], seed=entries[source].seed, change=change, copy_of=entries[source].path
        )
    return entries


def _where(entries: list[_Entry], kind: tuple[str, str, str], seed: int) -> Iterator[int]:
    """Return the rows of a kind in random order."""
    split, given, true = kind
    rows = [
        row
        for row, entry in enumerate(entries)
        if entry.path.startswith(f"{split}/") and (entry.given, entry.true) == (given, true)
    ]
    return iter(Dice(seed, 60).generator.permutation(rows).tolist())


def _split(split: str, scale: float, seed: int) -> Iterator[_Entry]:
    """Yield the images of one split; those wrongly called cars lie among the others in random order."""
    number = 0
    for given, count in COUNTS[split].items():
        size = max(FEWEST[split], _scaled(count, scale))
        wrong = max(FEWEST_WRONG, _scaled(CATS_AMONG_CARS[split], scale)) if given == "Cars" else 0
        lottery = Dice(seed, 50 + STREAMS[split]).generator.permutation(size)
        for place in range(size):
            true = "Cats" if lottery[place] < wrong else given
            path = f"{split}/{given}/{given[:-1].lower()}_{place:04d}.png"
            yield _Entry(path, given, true, (seed, STREAMS[split], number))
            number += 1


def _scaled(count: int, scale: float) -> int:
    return math.floor(count * scale + 0.5)


def _truth(out: Path, entries: list[_Entry]) -> DemoTruth:
    copies = [entry for entry in entries if entry.copy_of]
    return DemoTruth(
        folder=out,
        rows=tuple((entry.path, entry.given, entry.true) for entry in entries),
        duplicates=tuple((entry.copy_of, entry.path) for entry in copies if not entry.change),
        near_duplicates=tuple((entry.copy_of, entry.path) for entry in copies if entry.change),
        broken={path: kind for path, (kind, _) in BROKEN.items()},
    )


def _table(truth: DemoTruth) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "given", "true"])
    writer.writerows(truth.rows)
    return text.getvalue()


def _files(entries: list[_Entry]) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        yield entry.path, encoded(entry.pixels())
    for path, (_, content) in BROKEN.items():
        yield path, content()


def _holds(out: Path, table: str) -> bool:
    """Return whether the folder holds this demo set; an empty folder or none is fine, anything else is refused."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    written = out / "truth.csv"
    if written.is_file() and written.read_text(encoding="utf-8") == table:
        return True
    raise UsageError(
        f"{out} holds something other than this demo set. Name another folder, or remove it; nothing was written."
    )
