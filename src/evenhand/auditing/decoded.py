"""The decoded images of a run's cache: decoded once, and of data that have grown only what is new."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.pixels import Decoded, decode_all
from evenhand.data.readers.source import ArrayImage, Entry, FileImage, Locator, MemberImage, SliceImage, text_of
from evenhand.disk import write_json
from evenhand.progress import Progress
from evenhand.records.values import digest


@dataclass(frozen=True)
class _Known:
    """An image that an earlier scan decoded: where its pixels lie now, and what decoding it told."""

    place: ArrayImage
    told: Decoded


def decoded_images(
    entries: Sequence[Entry],
    size: tuple[int, int],
    sources: Sequence[Path | None],
    cache: Path,
    jobs: int,
    progress: Progress,
) -> tuple[list[Decoded], Path]:
    """Return what decoding told of each image, and the file of the pixels.

    Where no file has changed both come from the cache. Otherwise the pixels of files that an earlier scan of the same
    size decoded are copied from what it left there, and only the others are decoded.

    Parameters
    ----------
    entries : sequence of Entry
        The images.
    size : tuple of int
        Height and width that they are brought to.
    sources : sequence of Path or None
        The files that DATA and the test data are, where they are files.
    cache : Path
        The folder.
    jobs : int
        Worker processes.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    EvenhandError
        When the cache cannot be written or the disk is full.
    """
    states = [_state(entry.locator) for entry in entries]
    stamps = [_stamp(source) for source in sources]
    key = digest([stamps, [[entry.path, *state] for entry, state in zip(entries, states, strict=True)], list(size)])
    pixels, index = cache / f"pixels-{key}.npy", cache / f"pixels-{key}.json"
    # The index is written after the pixels: where it is, both are whole.
    if index.is_file() and pixels.is_file():
        try:
            return [told for told, _ in _read_index(index)], pixels
        except (ValueError, TypeError):
            index.unlink()  # damaged from outside, or of an older version; the images are still there
    names = [_name(entry.locator, state) for entry, state in zip(entries, states, strict=True)]
    known = _decoded_before(cache, size)
    found = [known.get(name) for name in names]
    locators = [one.place if one else entry.locator for one, entry in zip(found, entries, strict=True)]
    if any(found):
        new = sum(one is None for one in found)
        progress.note(f"Of {len(entries)} images {new} are decoded; the others were before.")
    decoded = decode_all(locators, pixels, size, jobs=jobs, progress=progress)
    # What was copied is told by its earlier decoding: its own hashes would be those of the resized pixels.
    decoded = [one.told if one else told for one, told in zip(found, decoded, strict=True)]
    write_json(index, [[*astuple(row), name] for row, name in zip(decoded, names, strict=True)])
    return decoded, pixels


def _read_index(index: Path) -> list[tuple[Decoded, str]]:
    """Return what decoding told of each image, with the name of its state."""
    rows = json.loads(index.read_text(encoding="utf-8"))
    if any(len(row) != len(fields(Decoded)) + 1 for row in rows):
        raise ValueError("columns are missing")
    return [(Decoded(*row[:-1]), row[-1]) for row in rows]


def _decoded_before(cache: Path, size: tuple[int, int]) -> dict[str, _Known]:
    """Return the images of this size that lie decoded in the cache, by the name of their state."""
    known: dict[str, _Known] = {}
    for index in sorted(cache.glob("pixels-*.json")):
        pixels = index.with_suffix(".npy")
        try:
            rows = _read_index(index)
            shape = np.load(pixels, mmap_mode="r", allow_pickle=False).shape
        except (OSError, ValueError, TypeError):
            continue  # damaged from outside, or of an older version
        good = [(told, name) for told, name in rows if not told.kind]
        if shape != (len(good), *size, 3):
            continue
        for row, (told, name) in enumerate(good):
            if name:
                known[name] = _Known(ArrayImage(pixels, row), told)
    return known


def _name(locator: Locator, state: list[Any]) -> str:
    """Return what names the bytes of an image; empty where only the whole source says whether they have changed."""
    if isinstance(locator, ArrayImage) or "gone" in state:
        return ""
    return digest([locator.name if isinstance(locator, MemberImage) else "", *state])


def _state(locator: Locator) -> list[Any]:
    """Return what changes when the image does; what was unpacked changes with the file that it came from."""
    if isinstance(locator, ArrayImage):
        return [locator.file.parent.name, locator.file.name, locator.row]
    if isinstance(locator, SliceImage):
        return [*_stamp(locator.origin), locator.first, locator.length]
    return _stamp(locator.path if isinstance(locator, FileImage) else locator.archive)


def _stamp(path: Path | None) -> list[Any]:
    """Return what changes when a file is replaced by another: place, length and time. Folders have none."""
    if path is None:
        return []
    try:
        status = path.stat()
    except OSError:
        return [text_of(str(path)), "gone"]
    if stat.S_ISDIR(status.st_mode):
        return []
    return [text_of(str(path)), status.st_size, status.st_mtime_ns]
