"""The long-tailed set: ten kinds of the same cars, cats and trucks, the rarest a hundredth as frequent as the first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from evenhand.data.demo.cars import draw_car
from evenhand.data.demo.cats import draw_cat
from evenhand.data.demo.on_disk import STREAMS, DemoTruth, check_settings, put
from evenhand.data.demo.pen import Dice
from evenhand.data.demo.scene import THINGS, Thing, encoded, photograph
from evenhand.data.demo.trucks import draw_loaded
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints, Pixels


def _car(shape: str) -> Thing:
    usual = THINGS["Cars"]
    return Thing(partial(draw_car, shape=shape), usual.scale, usual.height, usual.outdoors)


def _cat(pose: str) -> Thing:
    usual = THINGS["Cats"]
    return Thing(partial(draw_cat, pose=pose), usual.scale, usual.height, usual.outdoors)


def _truck(cargo: str) -> Thing:
    usual = THINGS["Trucks"]
    return Thing(partial(draw_loaded, cargo=cargo), usual.scale, usual.height, usual.outdoors)


KINDS: dict[str, Thing] = {
    "Box trucks": _truck("box"),
    "Cat faces": _cat("portrait"),
    "Coupes": _car("coupe"),
    "Fire engines": _truck("fire engine"),
    "Flatbeds": _truck("flatbed"),
    "Jeeps": _car("jeep"),
    "Lying cats": _cat("lying"),
    "Sitting cats": _cat("sitting"),
    "Tankers": _truck("tanker"),
    "Walking cats": _cat("walking"),
}
"""The classes, in the order of their names, which is the order of the labels."""

BY_FREQUENCY = (
    "Jeeps",
    "Box trucks",
    "Walking cats",
    "Tankers",
    "Sitting cats",
    "Flatbeds",
    "Lying cats",
    "Coupes",
    "Cat faces",
    "Fire engines",
)
"""The classes, the most frequent first. Whatever is rare has something frequent that it looks like."""

LARGEST = 1000
"""Training images of the most frequent class at scale 1."""
IMBALANCE = 100.0
TEST_IMAGES = 100
"""Test images of every class at scale 1."""
FEWEST = 6
"""Images a class that remain in a folder at any scale."""

FIRST_DIE = 100
"""Dice of these pictures begin with numbers from here: none is a picture of another demo set."""


def long_tailed(
    largest: int = LARGEST, imbalance: float = IMBALANCE, seed: int = 0
) -> tuple[Pixels, Ints, tuple[str, ...]]:
    """Return long-tailed training pictures, all labels right: (n, 32, 32, 3) uint8 pixels, (n,) labels, class names.

    The numbers of pictures fall exponentially over the classes in the order of `BY_FREQUENCY` (Cui et al. 2019).

    Parameters
    ----------
    largest : int
        Pictures of the most frequent class, at least 1.
    imbalance : float
        By how much it outnumbers the rarest one, at least 1; no class has less than one picture.
    seed : int
        Not negative; decides every picture. The first pictures of a class are the same whatever their number.

    Raises
    ------
    ValueError
        When a number is out of range.
    """
    counts = profile(largest, imbalance)
    return (*_drawn([counts[name] for name in KINDS], seed, "train"), tuple(KINDS))


def clean_kinds(n_per_class: int, seed: int = 0) -> tuple[Pixels, Ints, tuple[str, ...]]:
    """Return balanced pictures to judge with: (10n, 32, 32, 3) uint8 pixels, (10n,) labels, class names.

    None of them is a training picture of any seed, or lies in a set on disk.

    Parameters
    ----------
    n_per_class : int
        At least 1. The first pictures of a class are the same whatever their number.
    seed : int
        Not negative.

    Raises
    ------
    ValueError
        When there is to be no picture.
    """
    if n_per_class < 1:
        raise ValueError(f"At least one picture a class is needed, not {n_per_class}.")
    return (*_drawn([n_per_class] * len(KINDS), seed, "clean"), tuple(KINDS))


def make_long_tailed(out: Path, *, scale: float = 1.0, seed: int = 0, progress: Progress = SILENT) -> DemoTruth:
    """Write the long-tailed set to ``out/train``, a balanced one to ``out/test``, and return what each picture shows.

    All labels are right. The folder appears whole or not at all; where the same set is there already, nothing is
    written.

    Parameters
    ----------
    out : Path
        A folder that does not exist yet, is empty, or holds this set.
    scale : float
        Factor on all counts, above 0 and at most 100; at 1 the most frequent class has 1,000 training images, the
        rarest 10, and every class 100 test images. Half a dozen images a class stay at any scale.
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
    counts = {
        "train": profile(max(1, _rounded(LARGEST * scale)), IMBALANCE),
        "test": dict.fromkeys(KINDS, _rounded(TEST_IMAGES * scale)),
    }
    places = [
        (f"{split}/{name}/{name[:-1].lower().replace(' ', '_')}_{number:04d}.png", name, split, number)
        for split, wanted in counts.items()
        for name in KINDS
        for number in range(max(FEWEST, wanted[name]))
    ]

    def files() -> Iterator[tuple[str, bytes]]:
        for path, name, split, number in places:
            yield path, encoded(kind_picture(name, seed, STREAMS[split], number))

    truth = DemoTruth(out, tuple((path, name, name) for path, name, _, _ in places))
    put(truth, files, progress)
    return truth


def profile(largest: int, imbalance: float) -> dict[str, int]:
    """Return how many pictures each class has: `largest` times `imbalance` to the power -k / (K - 1), at least 1.

    Raises
    ------
    ValueError
        When `largest` or `imbalance` is below 1.
    """
    if largest < 1:
        raise ValueError(f"The most frequent class needs at least one picture, not {largest}.")
    if not 1 <= imbalance < math.inf:
        raise ValueError(f"The imbalance must be at least 1, not {imbalance:g}.")
    last = len(BY_FREQUENCY) - 1
    return {name: max(1, _rounded(largest * imbalance ** (-k / last))) for k, name in enumerate(BY_FREQUENCY)}


def kind_picture(name: str, *seed: int) -> Pixels:
    """Return (32, 32, 3) uint8, a picture of one kind; a function of the arguments.

    Parameters
    ----------
    name : str
        A key of `KINDS`.
    *seed : int
        Not negative.
    """
    return photograph(KINDS[name], Dice(FIRST_DIE + list(KINDS).index(name), *seed))


def _drawn(counts: list[int], seed: int, stream: str) -> tuple[Pixels, Ints]:
    pictures = [
        kind_picture(name, seed, STREAMS[stream], number)
        for name, count in zip(KINDS, counts, strict=True)
        for number in range(count)
    ]
    return np.stack(pictures), np.repeat(np.arange(len(KINDS), dtype=np.int64), counts)


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
