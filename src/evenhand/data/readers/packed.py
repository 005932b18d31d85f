"""What archives hold, of whatever kind: a tree of images, a table about them, or one file of arrays."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from evenhand.data.readers.arrays import read_npz
from evenhand.data.readers.folder import SUFFIXES, arrange, is_hidden
from evenhand.data.readers.parquet import read_parquet
from evenhand.data.readers.safe_pickle import read_pickle
from evenhand.data.readers.source import SPLIT_NAMES, Locator, Source
from evenhand.data.readers.table import read_table_bytes
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError

TABLES = frozenset({".csv", ".tsv"})
ARRAYS: dict[str, Callable[[Path, Path], Source]] = {
    ".npz": read_npz,
    ".pickle": read_pickle,
    ".pkl": read_pickle,
    ".pt": read_pickle,
    ".pth": read_pickle,
    ".parquet": read_parquet,
}
ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"})
MOST_TABLE_BYTES = 2**28
MOST_UNPACKED_BYTES = 2**35


class Packed(Protocol):
    """An opened archive: the names of the members that may be looked at, and a way to each."""

    @property
    def names(self) -> Sequence[str]:
        """The members, by the name that people see."""

    def size(self, name: str) -> int:
        """Return the length of a member in bytes, as the archive says."""

    def open(self, name: str) -> IO[bytes]:
        """Return a member, to be read from its beginning."""

    def locator(self, name: str) -> Locator:
        """Return the place of a member that is an image."""


def refusal_of(name: str) -> tuple[str, str] | None:
    """Return kind and detail of why a member of this name is left alone, or None."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return "misplaced", "its name points out of the archive"
    if path.suffix.lower() in ARCHIVES:
        return "unsupported", "an archive inside the archive; unpack it"
    return None


def is_picture(name: str) -> bool:
    """Return whether a member is named like an image, and not hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(map(is_hidden, path.parts))


def understood(packed: Packed, data: Path, scratch: Path) -> Source:
    """Return the images of an archive.

    A tree of images is understood as a folder is; a single folder around everything is looked through. A table that
    lists the archive's images is read when it says more than the folders do. An archive without images that holds one
    ``.npz``, pickle or Parquet file is read as that.

    Raises
    ------
    DataError
        When what it holds cannot be understood.
    """
    seen = [name for name in packed.names if not any(map(is_hidden, PurePosixPath(name).parts))]
    arrays = [name for name in seen if PurePosixPath(name).suffix.lower() in ARRAYS]
    tables = [name for name in seen if PurePosixPath(name).suffix.lower() in TABLES]
    if len(arrays) == 1 and not any(map(is_picture, seen)):
        return _from_array(packed, arrays[0], data, scratch)
    return _with_table(packed, tables[0], data) if len(tables) == 1 else tree_of(packed, data)


def tree_of(packed: Packed, data: Path) -> Source:
    """Return the images by their folders, without a folder that is around everything. Raises as `arrange`."""
    around = _around(packed.names)
    return arrange(((name.removeprefix(around), packed.locator(name)) for name in packed.names), data)


def _around(names: Sequence[str]) -> str:
    """Return the beginning that all images share because one folder, neither class nor split, is around them all."""
    around = ""
    while True:
        inside = [
            PurePosixPath(name[len(around) :]).parts
            for name in names
            if name.startswith(around) and not any(map(is_hidden, PurePosixPath(name).parts))
        ]
        pictures = [parts for parts in inside if PurePosixPath(parts[-1]).suffix.lower() in SUFFIXES]
        tops = {parts[0] for parts in inside if len(parts) > 1}
        if len(tops) != 1 or any(len(parts) < 3 for parts in pictures) or not pictures:
            return around
        (top,) = tops
        if top.lower() in SPLIT_NAMES:
            return around
        around += f"{top}/"


def _with_table(packed: Packed, name: str, data: Path) -> Source:
    """Return the images as the table lists them, or by their folders where the table says no more than these."""
    try:
        tree = tree_of(packed, data)
    except DataError:
        tree = None
    try:
        listed = _from_table(packed, name, data)
    except DataError:
        if tree is None or tree.entries:
            return tree_of(packed, data)
        raise
    label = {entry.locator: entry.label for entry in tree.entries} if tree else {}
    told = any(entry.split != "train" or entry.group for entry in listed.entries)
    if tree is None or told or any(label.get(entry.locator) != entry.label for entry in listed.entries):
        return replace(listed, notes=(*listed.notes, f"Labels are those of {name} in the archive."))
    return tree


def _from_table(packed: Packed, name: str, data: Path) -> Source:
    folder, members = posixpath.dirname(name), set(packed.names)

    def place(path: str) -> Locator | None:
        member = posixpath.normpath(posixpath.join(folder, path))
        return packed.locator(member) if member in members else None

    if packed.size(name) > MOST_TABLE_BYTES:
        raise DataError(f"{name} in {data} has more than {MOST_TABLE_BYTES // 2**20} MB, too much for a table.")
    beside = f"the folder {folder or '.'} of the archive"
    with packed.open(name) as file:
        return read_table_bytes(file.read(), data / name, place, beside)


def _from_array(packed: Packed, name: str, data: Path, scratch: Path) -> Source:
    """Unpack one file under a name of our own, and read it."""
    suffix = PurePosixPath(name).suffix.lower()
    if packed.size(name) > MOST_UNPACKED_BYTES:
        raise DataError(f"{name} in {data} has more than {MOST_UNPACKED_BYTES // 2**30} GB. Unpack it yourself.")
    scratch.mkdir(parents=True, exist_ok=True)
    check_room(scratch, packed.size(name))
    file = scratch / f"unpacked{suffix}"
    try:
        with packed.open(name) as member, file.open("wb") as target:
            shutil.copyfileobj(member, target, 2**20)
    except OSError as error:
        raise unwritable(file, error) from error
    try:
        return ARRAYS[suffix](file, scratch)
    finally:
        file.unlink(missing_ok=True)
