"""Data as people hold them: a place on disk of any kind that is read, or arrays of images and labels."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.api import display
from evenhand.data.locations import UndecodableError, let_go, read_bytes, row_of
from evenhand.data.manifest import SPLITS
from evenhand.data.pixels import decode
from evenhand.data.readers.catalogue import read_source
from evenhand.data.readers.source import ArrayImage, Entry, Locator, Source
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError
from evenhand.records.values import Pixels
from evenhand.settings.commands import RUNS

Place = str | os.PathLike[str]
Arrays = tuple[Any, Any]
"""Images and labels."""
SHOWN = 6
"""Images of each class that a notebook is shown."""
MOST_SHOWN = 12
"""Classes of which a notebook is shown images."""


@dataclass(frozen=True, repr=False)
class Data:
    """Data that every function takes: where they lie, the test images that lie apart, and the order of the classes.

    Made by `load`. In a notebook it shows how many images of each class there are, and some of them.
    """

    path: Path
    """A folder or file of any kind that the command line reads."""
    test: Path | None = None
    """Test images that lie apart."""
    classes: tuple[str, ...] | None = None
    """The classes in the order wanted; None: as the data have them, sorted by name."""

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """The images of each class by split; nothing is decoded for it, so unreadable ones are counted too."""
        with self._read() as (source, names):
            return _counted(source, names)

    def __len__(self) -> int:
        """Return the number of images, unreadable ones included."""
        return sum(sum(row.values()) for row in self.counts.values())

    def __repr__(self) -> str:
        """Return the place and the counts in one line."""
        rows = [
            f"{split} {', '.join(f'{name} {count}' for name, count in row.items())}"
            for split, row in self.counts.items()
        ]
        apart = f", test={str(self.test)!r}" if self.test else ""
        return f"Data({str(self.path)!r}{apart}: {'; '.join(rows)})"

    def _repr_html_(self) -> str:
        """Return the counts and some images of each class, for notebooks."""
        with self._read() as (source, names):
            counts, pictures = _counted(source, names), _examples(source, names)
        header = ["class", *counts, *(["examples"] if pictures else [])]
        rows = [
            [name, *(row[name] for row in counts.values()), *([pictures.get(name, "")] if pictures else [])]
            for name in names
        ]
        total = f"{sum(sum(row.values()) for row in counts.values()):,} images of {len(names)} classes"
        places = [("Data", self.path), *([("Test", self.test)] if self.test else [])]
        return display.panel(total, display.table(header, rows), display.places(places))

    @contextmanager
    def _read(self) -> Iterator[tuple[Source, tuple[str, ...]]]:
        """Read what there is; unpacked arrays lie in a folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
            try:
                yield read_source(self.path, Path(scratch), test=self.test, classes=self.classes)
            finally:
                let_go()


DataLike = Place | Data | Arrays
"""What stands for data: a path, a handle, or a pair of images and labels."""


def load(
    data: DataLike | NDArray[Any],
    labels: Any = None,
    *,
    test: DataLike | None = None,
    groups: Any = None,
    classes: Sequence[str] | None = None,
    keep: Place | None = None,
) -> Data:
    """Return a handle on data, to look at and to give to every other function.

    Parameters
    ----------
    data : path, Data, or images
        Whatever the command line reads: a folder with one folder a class, a table, an ``.npz``, an archive and so on.
        Or images as an array or tensor, (n, height, width), (n, height, width, C) or (n, C, height, width) with
        C = 1, 3 or 4: booleans, whole numbers in 0..255 or 0..65535, or floats in [0, 1], [-1, 1] or [0, 255].
        Or a pair of images and labels.
    labels : (n,) int or str, optional
        Labels of an array of images: names, or numbers from 0 up.
    test : path, Data or (images, labels), optional
        Test images that lie apart.
    groups : (n,), optional
        For arrays: images of one group (a patient, a day) are never parted by a fold.
    classes : sequence of str, optional
        The classes in the order wanted. For arrays with numbers as labels these are the names of 0, 1, 2 and so on.
    keep : path, optional
        For arrays: the ``.npz`` file they are put into, since all work reads from disk. By default a file of
        ``evenhand-runs`` whose name tells the content: the same arrays are written once, and their runs go on where
        they stopped.

    Raises
    ------
    DataError
        When there is nothing at the path, or arrays are no images with labels.
    EvenhandError
        When the arrays cannot be written.

    Examples
    --------
    >>> import evenhand, numpy as np
    >>> pictures = np.zeros((4, 16, 16, 3), dtype=np.uint8)
    >>> evenhand.load(pictures, ["cat", "dog", "cat", "cat"])  # doctest: +SKIP
    Data('evenhand-runs/arrays-....npz': train cat 3, dog 1)
    """
    names = tuple(classes) if classes else None
    if isinstance(data, tuple) and len(data) == 2 and labels is None:
        data, labels = data
    if isinstance(data, Data):
        found = data if names is None else replace(data, classes=names)
    elif isinstance(data, str | os.PathLike):
        if labels is not None:
            raise DataError(f"{data} is a path, which brings its own labels. Leave labels out.")
        found = Data(_existing(Path(data)), classes=names)
    else:
        found = _of_arrays(data, labels, groups, names, keep)
    if test is None:
        return found
    apart = test if isinstance(test, Data) else load(test, classes=names)
    return replace(found, test=apart.path)


def _existing(path: Path) -> Path:
    """Return the path; what is wrong with one that leads nowhere is said by the reader."""
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
            read_source(path, Path(scratch))
    return path


def _of_arrays(images: Any, labels: Any, groups: Any, names: tuple[str, ...] | None, keep: Place | None) -> Data:
    if labels is None:
        raise DataError("Images in an array need their labels: load(images, labels), or a pair (images, labels).")
    columns = {"images": _column(images, "images"), "labels": _column(labels, "labels")}
    if groups is not None:
        columns["groups"] = _column(groups, "groups").astype(str)
    if names and columns["labels"].dtype.kind in "iub":
        columns["classes"] = np.array(names)
    for name in ("labels", "groups"):
        if name in columns and len(columns[name]) != len(columns["images"]):
            raise DataError(f"There are {len(columns['images'])} images and {len(columns[name])} {name}.")
    path = Path(keep) if keep is not None else RUNS / f"arrays-{_content(columns)}.npz"
    if path.suffix != ".npz":
        raise DataError(f"Arrays are kept in an .npz file, and {path} has another ending.")
    if keep is not None or not path.is_file():
        _save(path, columns)
    return Data(path, classes=names)


def _column(values: Any, what: str) -> NDArray[Any]:
    """Return an array of numbers or text."""
    try:
        found = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except ValueError as error:
        raise DataError(
            f"The {what} differ in shape, so they make no array ({error}). Bring them to one size, or give files."
        ) from error
    if found.dtype.kind == "O" and what != "images":
        found = found.astype(str)
    if found.dtype.kind == "O":
        raise DataError(f"The {what} are Python objects; an array of numbers is needed.")
    return found


def _content(columns: dict[str, NDArray[Any]]) -> str:
    """Return what stands for the content of arrays."""
    hasher = hashlib.sha256()
    for name, values in sorted(columns.items()):
        hasher.update(f"{name}{values.dtype.str}{values.shape}".encode())
        hasher.update(np.ascontiguousarray(values).data)
    return hasher.hexdigest()[:12]


def _save(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    """Write the arrays whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path.parent, sum(values.nbytes for values in columns.values()), "The arrays")
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _counted(source: Source, names: Sequence[str]) -> dict[str, dict[str, int]]:
    found = Counter((entry.split, entry.label) for entry in source.entries)
    splits = [split for split in SPLITS if any(entry.split == split for entry in source.entries)]
    return {split: {name: found[split, name] for name in names} for split in splits}


def _examples(source: Source, names: Sequence[str]) -> dict[str, display.Html]:
    """Return some images of each class; nothing where there are so many classes that nobody would look at them."""
    if len(names) > MOST_SHOWN:
        return {}
    first = source.entries[0].split if source.entries else "train"
    split = "train" if any(entry.split == "train" for entry in source.entries) else first
    found = {}
    for name in names:
        own = [entry for entry in source.entries if (entry.split, entry.label) == (split, name)]
        found[name] = display.strip([pixels for pixels in map(_seen, _spread(own)) if pixels is not None])
    return found


def _spread(entries: Sequence[Entry]) -> list[Locator]:
    step = max(1, len(entries) // SHOWN)
    return [entry.locator for entry in entries[::step][:SHOWN]]


def _seen(locator: Locator) -> Pixels | None:
    """Return the pixels of an image; None where it cannot be read, which the audit says."""
    try:
        return row_of(locator) if isinstance(locator, ArrayImage) else decode(read_bytes(locator))
    except UndecodableError:
        return None
