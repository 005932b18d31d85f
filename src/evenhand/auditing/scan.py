"""The scan: reads DATA, decodes every image once, and says which files could not be taken."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenhand.auditing.decoded import decoded_images
from evenhand.auditing.duplicates import joined
from evenhand.auditing.near_duplicates import near_pairs, search_fingerprint
from evenhand.data.locations import image_size, let_go
from evenhand.data.manifest import SPLITS, Dataset, Manifest
from evenhand.data.pixels import MOST_PIXELS, Decoded, choose_size
from evenhand.data.readers.catalogue import read_source
from evenhand.data.readers.source import Entry, text_of
from evenhand.disk import unwritable, write_bytes
from evenhand.errors import DataError, EvenhandError
from evenhand.progress import SILENT, Progress
from evenhand.records.audit import Finding
from evenhand.records.values import Ints, Pixels, digest

SIZES_LOOKED_AT = 20_000
"""Images whose headers decide the size; beyond that an even sample is enough."""

Good = Sequence[tuple[Entry, Decoded]]


@dataclass(frozen=True)
class Scan:
    """The images that could be read, the files that could not, and how the data was understood."""

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    near: Ints
    """(m, 2) pairs of rows that show the same picture with other pixels."""
    sizes: Ints
    """(n, 2) height and width of each image in its file, upright, before all were brought to one size."""


def scan(
    data: Path,
    *,
    cache: Path,
    test: Path | None = None,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    kept: tuple[int, int] | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
    least_classes: int = 2,
    closed: bool = False,
    alike: bool = True,
) -> Scan:
    """Return the decoded data set: train, then val, then test, each sorted by path.

    Parameters
    ----------
    data : Path
        Any kind of data that a reader knows.
    cache : Path
        Folder for the decoded pixels; what lies there already is used when files and size are unchanged. One scan at
        a time may use it.
    test : Path, optional
        Test images that lie apart.
    classes : sequence of str, optional
        The classes in the order wanted; they are kept even where none of their images can be read, others are left out.
    size : tuple of int, optional
        Height and width; by default chosen from the data.
    kept : tuple of int, optional
        The default in their place: what was chosen before the data grew.
    jobs : int
        Worker processes.
    progress : Progress
        Told how far the work is.
    least_classes : int
        Fewer classes than this are refused.
    closed : bool
        Whether images of other classes than these are an error.
    alike : bool
        Whether to look for near-duplicates too; they then share a group.

    Raises
    ------
    DataError
        When there is no image, or only one class.
    EvenhandError
        When the cache cannot be written or the disk is full; no half-written file is left.
    """
    with _scratch(data, cache) as scratch:
        source, names = read_source(data, scratch, test=test, classes=classes, closed=closed)
        _refuse_few(names, least_classes, data)
        entries = sorted(source.entries, key=lambda entry: (SPLITS.index(entry.split), entry.path))
        chosen, note = _size(entries, size, kept)
        decoded, pixels = decoded_images(entries, chosen, [data, test], cache, jobs, progress)
    good, findings = _parted(entries, decoded, data)
    notes = [*source.notes, note]
    if not classes:
        names, lost = _readable(names, good)
        notes += lost
        _refuse_few(names, least_classes, data)
    images = np.load(pixels, mmap_mode="r")
    near = _near(images, good, cache, progress) if alike else np.zeros((0, 2), dtype=np.int64)
    sizes = np.array([[result.height, result.width] for _, result in good], dtype=np.int64)
    return Scan(Dataset(_manifest(good, names, near), images), (*source.findings, *findings), tuple(notes), near, sizes)


@contextmanager
def _scratch(data: Path, cache: Path) -> Iterator[Path]:
    """Make the cache, clear away what a killed scan left in it, and give a place there for unpacked arrays."""
    scratch = cache / "scratch"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        for leftover in (*cache.glob(".pixels-*.tmp"), *cache.glob(".near-*.tmp")):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(cache, error) from error
    try:
        yield scratch
    except OSError as error:
        raise EvenhandError(f"{data} could not be read, or {cache} could not be written: {error}.") from error
    finally:
        let_go()
        shutil.rmtree(scratch, ignore_errors=True)


def _parted(entries: Sequence[Entry], decoded: Sequence[Decoded], data: Path) -> tuple[Good, list[Finding]]:
    """Return the images that could be decoded, and a finding about each of the others."""
    pairs = list(zip(entries, decoded, strict=True))
    findings = [Finding(entry.path, result.kind, text_of(result.detail)) for entry, result in pairs if result.kind]
    good = [(entry, result) for entry, result in pairs if not result.kind]
    if not good:
        raise DataError(
            f"None of the {len(entries)} images in {data} can be read, for example {findings[0].path}: "
            f"{findings[0].detail}."
        )
    return good, findings


def _refuse_few(names: Sequence[str], least: int, data: Path) -> None:
    if len(names) < least:
        raise DataError(
            f"{data} has one class only, {names[0]!r}. Telling classes apart needs at least two: put the images of "
            "each class into a folder of its own, and give the folder that holds these."
        )


def _readable(names: tuple[str, ...], good: Good) -> tuple[tuple[str, ...], list[str]]:
    """Return the classes of which an image can be read, and a note about each of the others."""
    there = {entry.label for entry, _ in good}
    kept = tuple(name for name in names if name in there)
    return kept, [f"No image of the class {name} can be read; it is left out." for name in names if name not in there]


def _size(
    entries: Sequence[Entry], wanted: tuple[int, int] | None, kept: tuple[int, int] | None
) -> tuple[tuple[int, int], str]:
    """Return the size that all images are brought to, and a sentence about it."""
    if wanted:
        return wanted, f"All images are brought to {wanted[0]}x{wanted[1]} pixels, as asked."
    step = max(1, len(entries) // SIZES_LOOKED_AT)
    found = [size for size in (image_size(entry.locator) for entry in entries[::step]) if size]
    # An image that will not be decoded has no say.
    found = [size for size in found if size[0] * size[1] <= MOST_PIXELS]
    chosen, note = choose_size(found) if found else ((32, 32), "No image tells its size.")
    if kept and kept != chosen:
        return kept, f"All images are brought to {kept[0]}x{kept[1]} pixels, as before the data grew (see --size)."
    return chosen, note


def _near(images: Pixels, good: Good, cache: Path, progress: Progress) -> Ints:
    """Return the near-duplicates, from the cache when the same images were searched before.

    Of images with the same pixels only the first is looked at.
    """
    hashes = [result.pixel_sha256 for _, result in good]
    place = cache / f"near-{digest([search_fingerprint(), list(images.shape), hashes])}.npy"
    if (known := _read_near(place, len(good))) is not None:
        return known
    first: dict[str, int] = {}
    same = np.array([first.setdefault(name, row) for row, name in enumerate(hashes)])
    with progress.stage("Looking for near-duplicates", 1) as tick:
        found = near_pairs(images, same)
        tick(1)
    content = io.BytesIO()
    np.save(content, found)
    write_bytes(place, content.getvalue())
    return found


def _read_near(place: Path, count: int) -> Ints | None:
    """Return pairs that were found before; None when there are none, or the file was damaged from outside."""
    try:
        found = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = found.ndim == 2 and found.shape[1] == 2 and found.dtype == np.int64
    return found if whole and (not found.size or 0 <= found.min() <= found.max() < count) else None


def _manifest(good: Good, names: tuple[str, ...], near: Ints) -> Manifest:
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
        group=_groups(good, near),
    )


def _groups(good: Good, near: Ints) -> Ints:
    """Return (n,) group numbers: images of the same pixels or picture, or of the same given group, share one."""
    first: dict[tuple[str, str], int] = {}
    bonds = [
        (row, first.setdefault(bond, row))
        for row, (entry, result) in enumerate(good)
        for bond in (("pixels", result.pixel_sha256), *((("group", entry.group),) if entry.group else ()))
    ]
    return joined(len(good), [*bonds, *near.tolist()])
