"""The demo set on disk: the reference study's counts and faults, with the truth beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evenhand.data.demo.broken import BROKEN
from evenhand.data.demo.on_disk import STREAMS, DemoTruth, check_settings, put
from evenhand.data.demo.pen import Dice
from evenhand.data.demo.scene import THINGS, encoded, picture
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints, Pixels

COUNTS = {
    "train": {"Cars": 4949, "Cats": 227, "Trucks": 449},
    "test": {"Cars": 551, "Cats": 23, "Trucks": 51},
}
"""Images a given label; at scale 1 those of the reference study."""
CATS_AMONG_CARS = {"train": 452, "test": 48}
FEWEST = {"train": 12, "test": 6}
"""Images a class that remain at any scale."""
FEWEST_WRONG = 3


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
    check_settings(scale, seed)
    entries = _planned(scale, seed)
    truth = _truth(out, entries)
    put(truth, lambda: _files(entries), progress)
    return truth


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


def _files(entries: list[_Entry]) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        yield entry.path, encoded(entry.pixels())
    for path, (_, content) in BROKEN.items():
        yield path, content()
