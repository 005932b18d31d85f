"""Readers by the kind of DATA, and the one function that reads any of them, with the test images and class order."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from evenhand.data.readers.archive import read_archive
from evenhand.data.readers.arrays import read_npz
from evenhand.data.readers.folder import read_folder
from evenhand.data.readers.parquet import read_parquet
from evenhand.data.readers.safe_pickle import read_pickle
from evenhand.data.readers.shards import read_shards
from evenhand.data.readers.source import Source
from evenhand.data.readers.table import read_table_file
from evenhand.data.readers.tape import read_tar
from evenhand.errors import DataError, suggest

READERS: dict[str, Callable[[Path, Path], Source]] = {
    ".csv": read_table_file,
    ".tsv": read_table_file,
    ".npz": read_npz,
    ".pickle": read_pickle,
    ".pkl": read_pickle,
    ".pt": read_pickle,
    ".pth": read_pickle,
    ".zip": read_archive,
    ".tar": read_tar,
    ".tgz": read_tar,
    ".tar.gz": read_tar,
    ".parquet": read_parquet,
}
"""By the ending of a file; a folder is read by `read_folder`, or `read_shards` where it holds archives in its place."""
SHARDS: dict[str, Callable[[Path, Path], Source]] = {
    ending: READERS[ending] for ending in (".parquet", ".tar", ".tgz", ".tar.gz")
}


def read_source(
    data: Path, scratch: Path, *, test: Path | None = None, classes: Sequence[str] | None = None, closed: bool = False
) -> tuple[Source, tuple[str, ...]]:
    """Return everything found in DATA and the test data, and the classes in order.

    Parameters
    ----------
    data : Path
        Any kind of `READERS`, or a folder.
    scratch : Path
        Folder that readers may write decoded arrays into.
    test : Path, optional
        Test images that lie apart; all of its images count as test, their paths begin with ``test/``.
    classes : sequence of str, optional
        The classes in the order wanted; images of others are left out. By default those of the data, sorted by name.
    closed : bool
        Whether images of other classes than these are an error.

    Raises
    ------
    DataError
        When there is nothing to read, or a label is not among the classes and nobody can have meant that.
    """
    if classes:
        classes = [unicodedata.normalize("NFC", name) for name in classes]
    source = _read(data, scratch / "data")
    if test is not None:
        source = _joined(source, _read(test, scratch / "test"), test)
    if classes:
        source = _widened(source, classes)
    if not source.entries:
        raise DataError(
            f"There are no images in {data}. It needs one folder a class with images in it, or a CSV, .npz, pickle, "
            f"Parquet file, .zip or .tar. {_first_findings(source)}"
        )
    order = tuple(classes) if classes else _sorted_classes(source)
    if len(set(order)) != len(order):
        raise DataError(f"--classes names a class twice: {', '.join(order)}.")
    return _with_classes(source, order, test, closed=closed or not classes), order


def _read(data: Path, scratch: Path) -> Source:
    try:
        if not data.exists():
            beside = [path.name for path in data.parent.iterdir()] if data.parent.is_dir() else []
            hint = suggest(data.name, beside) if beside else "Check the path."
            raise DataError(f"There is no {data}. {hint}")
        if data.is_dir():
            source = read_folder(data, scratch)
            return source if source.entries else read_shards(data, scratch, SHARDS) or source
        if not data.is_file():
            raise DataError(f"{data} is neither a folder nor an ordinary file.")
    except OSError as error:
        raise DataError(f"{data} cannot be looked at: {error.strerror}.") from error
    ending = next((known for known in READERS if data.name.lower().endswith(known)), None)
    if ending is None:
        raise DataError(f"{data} is not a kind of data that is read. Known: a folder, {', '.join(READERS)}.")
    return READERS[ending](data, scratch)


def _joined(source: Source, apart: Source, test: Path) -> Source:
    """Add test images that lie apart; a test split inside DATA would be a second one, which nobody can mean."""
    if any(entry.split == "test" for entry in source.entries):
        raise DataError(
            f"DATA has a test split of its own, and --test names {test} too. Leave --test out, or move one."
        )
    if not apart.entries:
        raise DataError(f"There are no images in the test data {test}.")
    apart = _widened(apart, (entry.label for entry in source.entries))
    only_test = [entry for entry in apart.entries if entry.split == "test"]
    notes = [*source.notes, *apart.notes]
    if only_test and len(only_test) < len(apart.entries):
        notes.append(f"Of the test data {test}, only its test split is used.")
    moved = [replace(entry, split="test", path=f"test/{entry.path}") for entry in only_test or apart.entries]
    findings = [replace(finding, path=f"test/{finding.path}") for finding in apart.findings]
    return Source((*source.entries, *moved), (*source.findings, *findings), tuple(dict.fromkeys(notes)))


def _widened(source: Source, labels: Iterable[str]) -> Source:
    """Return the source with classes that are numbers padded with zeros as they are in `labels`.

    Readers pad numbers to the width of the largest one that they met, which need not be the largest elsewhere.
    """
    wanted, found = _width(labels), _width(entry.label for entry in source.entries)
    if wanted is None or found is None or found >= wanted:
        return source
    return replace(source, entries=tuple(replace(entry, label=entry.label.zfill(wanted)) for entry in source.entries))


def _width(labels: Iterable[str]) -> int | None:
    """Return the number of digits that all labels have; None when they are no such numbers."""
    different = set(labels)
    widths = {len(label) for label in different}
    return widths.pop() if len(widths) == 1 and all(label.isdecimal() for label in different) else None


def _sorted_classes(source: Source) -> tuple[str, ...]:
    """Return the classes that can be trained on, sorted; those of the test images where there are no others."""
    trained = {entry.label for entry in source.entries if entry.split != "test"}
    return tuple(sorted(trained or {entry.label for entry in source.entries}))


def _with_classes(source: Source, order: tuple[str, ...], test: Path | None, *, closed: bool) -> Source:
    """Return the images of the classes, after making sure that no other class can have been meant."""
    wanted = set(order)
    others = [entry for entry in source.entries if entry.label not in wanted]
    if not others:
        return source
    first = others[0]
    if closed or not wanted <= {entry.label for entry in source.entries}:
        where = f"The test data {test}" if test and first.split == "test" else "The data"
        raise DataError(f"{where} has a class {first.label!r} (in {first.path}). {suggest(first.label, order)}")
    names = ", ".join(sorted({entry.label for entry in others}))
    note = f"{len(others)} images are left out, of classes that are not among those asked for: {names}."
    kept = tuple(entry for entry in source.entries if entry.label in wanted)
    return replace(source, entries=kept, notes=(*source.notes, note))


def _first_findings(source: Source) -> str:
    if not source.findings:
        return ""
    first = source.findings[0]
    return f"{len(source.findings)} other file(s) were met, for example {first.path}: {first.detail}."
