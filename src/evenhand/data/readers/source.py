"""What a reader finds: entries that say where an image's bytes lie, and findings about files that are none."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from evenhand.records.audit import Finding

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Folder names (any case) that name a split."""


@dataclass(frozen=True)
class FileImage:
    """An image that is a file."""

    path: Path


@dataclass(frozen=True)
class MemberImage:
    """An image that is a member of a ``.zip``."""

    archive: Path
    name: str


@dataclass(frozen=True)
class ArrayImage:
    """An image that is a row of an (n, h, w, 3) uint8 ``.npy`` file."""

    file: Path
    row: int


@dataclass(frozen=True)
class SliceImage:
    """An image that is a stretch of the bytes of a file."""

    file: Path
    first: int
    length: int
    origin: Path
    """The file that DATA names: `file` itself, or the one that `file` was unpacked from."""


Locator = FileImage | MemberImage | ArrayImage | SliceImage


@dataclass(frozen=True)
class Entry:
    """One image: its path (relative, with ``/``, unique within the source), label, split, group and place."""

    path: str
    label: str
    split: str
    locator: Locator
    group: str | None = None


@dataclass(frozen=True)
class Source:
    """Everything a reader found; `notes` are plain sentences about how the data was understood."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def text_of(name: str) -> str:
    """Return a name that every table and page can hold: bytes that are no text are written out in hexadecimal."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape" if _escaped(name) else "surrogatepass").decode(
            "utf-8", "backslashreplace"
        )
    return name


def _escaped(name: str) -> bool:
    """Return whether all lone surrogates are bytes that Python could not decode in a file name."""
    return all("\udc80" <= letter <= "\udcff" for letter in name if "\ud800" <= letter <= "\udfff")


def same_text(name: str) -> str:
    """Return a key that is equal for names that some systems take for the same: accents and case apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
