"""The scan: reads DATA, decodes every image once, and says which files could not be taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.manifest import SPLITS, Dataset, Manifest
from evenhand.data.pixels import Decoded, choose_size, decode_all, image_size
from evenhand.data.readers.catalogue import read_source
from evenhand.data.readers.source import ArrayImage, Entry, FileImage, Locator
from evenhand.errors import DataError
from evenhand.progress import SILENT, Progress
from evenhand.records import Finding, Ints, digest
from evenhand.store import write_json

SIZES_LOOKED_AT = 20_000
"""Images whose headers decide the size; beyond that an even sample is enough."""


@dataclass(frozen=True)
class Scan:
    """The images that could be read, the files that could not, and how the data was understood."""

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def scan(
    data: Path,
    *,
    cache: Path,
    test: Path | None = None,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
    least_classes: int = 2,
) -> Scan:
    """Return the decoded data set: train, then val, then test, each sorted by path.

    Parameters
    ----------
    data : Path
        Any kind of data that a reader knows.
    cache : Path
        Folder for the decoded pixels; what lies there already is used when files and size are unchanged.
    test : Path, optional
        Test images that lie apart.
    classes : sequence of str, optional
        The classes in the order wanted.
    size : tuple of int, optional
        Height and width; by default chosen from the data.
    jobs : int
        Worker processes.
    progress : Progress
        Told how far the work is.
    least_classes : int
        Fewer classes than this are refused.

    Raises
    ------
    DataError
        When there is no image, or only one class.
    """
    cache.mkdir(parents=True, exist_ok=True)
    source, names = read_source(data, cache / "scratch", test=test, classes=classes)
    if len(names) < least_classes:
        raise DataError(
            f"{data} has one class only, {names[0]!r}. Telling classes apart needs at least two: put the images of "
            "each class into a folder of its own."
        )
    entries = sorted(source.entries, key=lambda entry: (SPLITS.index(entry.split), entry.path))
    chosen, note = (
        (size, f"All images are brought to {size[0]}x{size[1]} pixels, as asked.") if size else _size(entries)
    )
    decoded, pixels = _decoded(entries, chosen, cache, jobs, progress)
    findings = [
        Finding(entry.path, result.kind, result.detail)
        for entry, result in zip(entries, decoded, strict=True)
        if result.kind
    ]
    good = [(entry, result) for entry, result in zip(entries, decoded, strict=True) if not result.kind]
    if not good:
        raise DataError(
            f"None of the {len(entries)} images in {data} can be read, for example {findings[0].path}: "
            f"{findings[0].detail}."
        )
    manifest = _manifest(good, names)
    return Scan(Dataset(manifest, np.load(pixels, mmap_mode="r")), (*source.findings, *findings), (*source.notes, note))


def _size(entries: Sequence[Entry]) -> tuple[tuple[int, int], str]:
    step = max(1, len(entries) // SIZES_LOOKED_AT)
    found = [size for size in (image_size(entry.locator) for entry in entries[::step]) if size]
    if not found:
        return (32, 32), "No image tells its size."
    return choose_size(found)


def _decoded(
    entries: Sequence[Entry], size: tuple[int, int], cache: Path, jobs: int, progress: Progress
) -> tuple[list[Decoded], Path]:
    """Return what decoding told of each image, and the file of the pixels; from the cache when nothing has changed."""
    key = digest([[[entry.path, *_state(entry.locator)] for entry in entries], list(size)])
    pixels, index = cache / f"pixels-{key}.npy", cache / f"pixels-{key}.json"
    # The index is written after the pixels: where it is, both are whole.
    if index.is_file() and pixels.is_file():
        known: list[dict[str, str]] = json.loads(index.read_text(encoding="utf-8"))
        return [Decoded(**row) for row in known], pixels
    decoded = decode_all([entry.locator for entry in entries], pixels, size, jobs=jobs, progress=progress)
    write_json(index, [asdict(result) for result in decoded])
    return decoded, pixels


def _state(locator: Locator) -> list[Any]:
    """Return what changes when the image changes: place, length and time of its file."""
    path = locator.path if isinstance(locator, FileImage) else getattr(locator, "archive", None)
    if path is None:
        assert isinstance(locator, ArrayImage)  # noqa: S101 - the last kind of locator
        path = locator.file
        return [str(path), locator.row, path.stat().st_size]
    try:
        status = path.stat()
    except OSError:
        return [str(path), "gone"]
    return [str(path), status.st_size, status.st_mtime_ns]


def _manifest(good: Sequence[tuple[Entry, Decoded]], names: tuple[str, ...]) -> Manifest:
    number = {name: place for place, name in enumerate(names)}
    given = np.array([number[entry.label] for entry, _ in good], dtype=np.int64)
    return Manifest(
        classes=names,
        paths=tuple(entry.path for entry, _ in good),
        file_sha256=tuple(result.file_sha256 for _, result in good),
        pixel_sha256=tuple(result.pixel_sha256 for _, result in good),
        split=np.array([entry.split for entry, _ in good]),
        given=given,
        corrected=given.copy(),
        group=_groups(good),
    )


def _groups(good: Sequence[tuple[Entry, Decoded]]) -> Ints:
    """Return (n,) group numbers: images of the same pixels, or of the same given group, share one."""
    parent = list(range(len(good)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[tuple[str, str], int] = {}
    for row, (entry, result) in enumerate(good):
        for bond in (("pixels", result.pixel_sha256), *((("group", entry.group),) if entry.group else ())):
            other = first.setdefault(bond, row)
            parent[root(row)] = root(other)
    return np.array([root(row) for row in range(len(good))], dtype=np.int64)
