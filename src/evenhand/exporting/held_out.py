"""The images that an export is checked on: raw files that the model was not trained on, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenhand.data.locations import UndecodableError, read_bytes, row_of
from evenhand.data.pixels import decode, decode_all, resize
from evenhand.data.readers.catalogue import read_source
from evenhand.data.readers.source import ArrayImage, Entry, Locator
from evenhand.errors import DataError
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints, Pixels

ORDER = ("test", "val", "train")
"""The first split that has images is the one an export is checked on."""


@dataclass(frozen=True)
class HeldOut:
    """Raw images of one split, with their labels, and the training images beside them (empty: there are none)."""

    paths: tuple[str, ...]
    labels: Ints
    locators: tuple[Locator, ...]
    split: str
    training: tuple[Locator, ...]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)


def held_out(
    data: Path, scratch: Path, classes: Sequence[str], *, test: Path | None = None, limit: int | None = None
) -> HeldOut:
    """Return the test images of DATA, where it has none its validation images, else all images.

    Parameters
    ----------
    data : Path
        Any kind of data that a reader knows.
    scratch : Path
        Folder that readers may write decoded arrays into.
    classes : sequence of str
        Of the model; images of other classes are an error.
    test : Path, optional
        Test images that lie apart.
    limit : int, optional
        At most so many images, evenly spread.

    Raises
    ------
    DataError
        When there are no images, or a class that the model does not know.
    """
    source, names = read_source(data, scratch, test=test, classes=classes, closed=True)
    number = {name: place for place, name in enumerate(names)}
    by_split: dict[str, list[Entry]] = {}
    for entry in sorted(source.entries, key=lambda entry: entry.path):
        by_split.setdefault(entry.split, []).append(entry)
    split = next((name for name in ORDER if by_split.get(name)), None)
    if split is None:
        raise DataError(f"There are no images in {data}. Give labelled images with --data.")
    chosen = _spread(by_split[split], limit)
    training = [] if split == "train" else by_split.get("train", [])
    return HeldOut(
        paths=tuple(entry.path for entry in chosen),
        labels=np.array([number[entry.label] for entry in chosen], dtype=np.int64),
        locators=tuple(entry.locator for entry in chosen),
        split=split,
        training=tuple(entry.locator for entry in training),
    )


def raw(locator: Locator, size: tuple[int, int]) -> Pixels | None:
    """Return one image read from its file, decoded and resized; None where it cannot be.

    This is all that happens to an image before an exported model: `decode`, then `resize`.
    """
    try:
        pixels = row_of(locator) if isinstance(locator, ArrayImage) else decode(read_bytes(locator))
    except UndecodableError:
        return None
    return resize(pixels, size)


def as_evaluated(
    images: HeldOut, size: tuple[int, int], scratch: Path, *, jobs: int = 1, progress: Progress = SILENT
) -> tuple[Pixels, Ints]:
    """Return the pixels of all readable images as `evaluate` sees them, (n, height, width, 3), and their places.

    Raises
    ------
    DataError
        When none of the images can be read.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "held-out.npy"
    decoded = decode_all(images.locators, target, size, jobs=jobs, progress=progress)
    places = np.flatnonzero([not one.kind for one in decoded]).astype(np.int64)
    if not len(places):
        raise DataError(f"None of the {len(images)} images can be read, for example {images.paths[0]}.")
    pixels: Pixels = np.load(target, mmap_mode="r")
    return pixels, places


def _spread(entries: Sequence[Entry], limit: int | None) -> list[Entry]:
    if limit is None or limit >= len(entries):
        return list(entries)
    return [entries[place] for place in np.linspace(0, len(entries) - 1, limit).round().astype(int)]
