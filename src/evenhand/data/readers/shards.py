"""Folders of shards: Parquet files or ``.tar`` archives that hold the images of one data set in parts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from evenhand.data.readers.folder import is_hidden
from evenhand.data.readers.source import SPLIT_NAMES, Entry, Source, text_of

Reader = Callable[[Path, Path], Source]


def read_shards(data: Path, scratch: Path, readers: Mapping[str, Reader]) -> Source | None:
    """Return the images of all shards in a folder and those below; None where it holds none, or several kinds.

    A shard whose name begins with that of a split, as ``train-00000-of-00002.parquet`` does, or that lies in a folder
    of that name, is of this split. Paths begin with the shard's own.

    Parameters
    ----------
    data : Path
        The folder.
    scratch : Path
        Folder for what readers unpack.
    readers : mapping
        Ending to the reader of such shards.

    Raises
    ------
    DataError
        When a shard cannot be read.
    """
    found = [(name, ending) for name in _files(data) for ending in readers if name.lower().endswith(ending)]
    if not found or len({readers[ending] for _, ending in found}) > 1:
        return None
    entries: list[Entry] = []
    findings, notes = [], [f"{data.name} is read as {len(found)} parts of one data set, by their names: {found[0][0]}."]
    for number, (name, ending) in enumerate(found):
        part = readers[ending](data / name, scratch / f"{number:05d}")
        folder, split = text_of(name[: -len(ending)]), _split_of(name)
        entries += [
            replace(entry, path=f"{folder}/{_inside(entry)}", split=split or entry.split) for entry in part.entries
        ]
        findings += [replace(finding, path=f"{folder}/{finding.path}") for finding in part.findings]
        notes += part.notes
    return Source(tuple(_alike(entries)), tuple(findings), tuple(dict.fromkeys(notes)))


def _files(root: Path) -> Iterator[str]:
    """Yield the files in a folder and those below, by relative name, sorted; hidden ones are left alone."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not is_hidden(name))
        for name in sorted(names):
            if not is_hidden(name):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _split_of(name: str) -> str | None:
    """Return the split that the name of a shard says, or a folder that it lies in; None where neither does."""
    path = PurePosixPath(name)
    words = [re.split(r"[-_.\d]", path.name.lower())[0], *(part.lower() for part in reversed(path.parts[:-1]))]
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def _inside(entry: Entry) -> str:
    """Return the path inside the shard; a folder that only repeats the split says nothing there."""
    first, _, rest = entry.path.partition("/")
    return rest if rest and first == entry.split else entry.path


def _alike(entries: list[Entry]) -> list[Entry]:
    """Return the entries with classes that are numbers padded alike: each shard pads to its own largest one."""
    if not all(entry.label.isdecimal() for entry in entries):
        return entries
    width = max((len(entry.label) for entry in entries), default=0)
    return [replace(entry, label=entry.label.zfill(width)) for entry in entries]
