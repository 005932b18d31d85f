"""Which pictures are meant: files, folders, patterns, tables, archives and standard input, one after the other."""

from __future__ import annotations

import csv
import glob
import io
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evenhand.data.readers.folder import SUFFIXES, is_hidden
from evenhand.data.readers.source import FileImage, Locator, MemberImage, text_of
from evenhand.data.readers.table import COLUMNS
from evenhand.errors import DataError

STDIN = "-"
TABLES = (".csv", ".tsv")
ARCHIVES = (".zip",)
_PATTERN = frozenset("*?[")
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"P4", b"P5", b"P6")
"""How files begin that are pictures: standard input may be one, in place of a list of paths."""


@dataclass(frozen=True)
class Item:
    """One picture that is meant: the name it goes by in the answer, and its place, or why there is none."""

    name: str
    locator: Locator | None
    error: str = ""


class Inputs:
    """The pictures that the words of a command mean, found anew each time they are gone through.

    Parameters
    ----------
    paths : sequence of str
        Files, folders (with all folders below, sorted by name), patterns such as ``*.png`` or ``**/*.jpg``, tables with
        a column path, ``.zip`` archives, and ``-`` for standard input: a path a line, or the bytes of one picture.
    root : Path, optional
        What paths in tables and on standard input are relative to; by default the table's folder, or this one.
    scratch : Path
        An existing folder; a picture from standard input is kept there.
    stdin : binary file, optional
        Read for ``-``.

    Raises
    ------
    DataError
        When a pattern matches nothing, or a table has no column of paths. A file that is not there is an item with an
        error.
    """

    def __init__(
        self, paths: Sequence[str], scratch: Path, root: Path | None = None, stdin: BinaryIO | None = None
    ) -> None:
        self._paths, self._root, self._scratch, self._stdin = tuple(paths), root, scratch, stdin
        if self._paths.count(STDIN) > 1:
            raise DataError("Standard input (-) can be read only once.")

    def __iter__(self) -> Iterator[Item]:
        """Yield one picture after the other."""
        for path in self._paths:
            yield from self._of(path)

    def count(self) -> int | None:
        """Return how many there are; None when standard input is among them, which can be read only once."""
        return None if STDIN in self._paths else sum(1 for _ in self)

    def _of(self, path: str) -> Iterator[Item]:
        if path == STDIN:
            yield from self._piped(self._stdin or sys.stdin.buffer)
        elif os.path.isdir(path):
            yield from _walk(path)
        elif path.lower().endswith(TABLES) and os.path.isfile(path):
            yield from self._listed(Path(path))
        elif path.lower().endswith(ARCHIVES) and os.path.isfile(path):
            yield from _members(Path(path))
        elif not os.path.lexists(path) and _PATTERN & set(path):
            yield from self._matching(path)
        else:
            yield _file(path)

    def _matching(self, pattern: str) -> Iterator[Item]:
        found = sorted(glob.iglob(pattern, recursive=True))
        if not found:
            raise DataError(f"Nothing matches the pattern {pattern!r}.")
        for path in found:
            if not os.path.isdir(path):
                yield from self._of(path)

    def _listed(self, table: Path) -> Iterator[Item]:
        root = self._root or table.parent
        with table.open(encoding="utf-8-sig", newline="") as file:
            yield from (_file(name, root) for name in _paths_of(file, table))

    def _piped(self, stream: BinaryIO) -> Iterator[Item]:
        buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
        if buffered.peek(8)[:8].startswith(_IMAGES):
            place = self._scratch / "standard-input"
            place.write_bytes(buffered.read())
            yield Item(STDIN, FileImage(place))
            return
        for line in buffered:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if name:
                yield _file(name, self._root)


def _file(name: str, root: Path | None = None) -> Item:
    if "\0" in name:
        return Item(text_of(name), None, "no file can have this name")
    return Item(text_of(name), FileImage(Path(root, name) if root else Path(name)))


def _walk(folder: str) -> Iterator[Item]:
    """Yield the pictures of a folder, then of those below, each sorted by name; only one folder is held at a time."""
    waiting, seen = [folder], set[tuple[int, int]]()
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link to what was read already
            seen.add((status.st_dev, status.st_ino))
            pictures, below = _content(here)
        except OSError as error:
            yield Item(text_of(here), None, f"the folder cannot be opened: {error.strerror}")
            continue
        for name in pictures:
            yield _file(os.path.join(here, name))
        waiting += [os.path.join(here, name) for name in reversed(below)]


def _content(folder: str) -> tuple[list[str], list[str]]:
    """Return the names of pictures and of folders in a folder, sorted; hidden ones are left alone."""
    pictures, below = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                pictures.append(entry.name)
            elif _is_folder(entry):
                below.append(entry.name)
    return sorted(pictures), sorted(below)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or to itself
        return False


def _members(archive: Path) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = sorted(opened.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive} cannot be read as a .zip: {error}") from error
    for name in names:
        if os.path.splitext(name)[1].lower() in SUFFIXES and not any(map(is_hidden, name.split("/"))):
            yield Item(text_of(f"{archive}/{name}"), MemberImage(archive, name))


def _paths_of(file: io.TextIOWrapper, table: Path) -> Iterator[str]:
    """Yield the paths that a table lists, row by row."""
    try:
        first = file.readline()
        column, delimiter = _column(first, table)
        for row in csv.reader(file, delimiter=delimiter, strict=True):
            if row:
                yield row[column].strip() if column < len(row) else ""
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read as a table in UTF-8: {error}") from error


def _column(first: str, table: Path) -> tuple[int, str]:
    by_delimiter: dict[str, list[str]] = {
        delimiter: [name.strip().strip('"').lower() for name in first.split(delimiter)] for delimiter in ",;\t"
    }
    for name in COLUMNS["path"]:
        for delimiter, names in by_delimiter.items():
            if name in names:
                return names.index(name), delimiter
    raise DataError(
        f"{table} has no column {COLUMNS['path'][0]!r} (or {', '.join(COLUMNS['path'][1:])}). Its first line is: "
        f"{first.strip()[:200]!r}"
    )
