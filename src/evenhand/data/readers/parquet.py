"""Parquet files: images in a column, as the Hugging Face hub lays them out, or paths of images."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from evenhand.data.locations import MOST_BYTES
from evenhand.data.readers.source import SPLIT_NAMES, Entry, FileImage, Locator, SliceImage, Source, text_of
from evenhand.data.readers.table import COLUMNS, OUR_OWN, place_beside, read_rows
from evenhand.data.readers.to_labels import label_names
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError, UsageError, suggest
from evenhand.records.audit import Finding

IMAGES = ("image", "img", "picture", "photo", "bytes", "image_bytes", "jpg", "jpeg", "png")
"""Columns of images, the best first, where a table has several."""
LABELS = (*COLUMNS["label"], "labels", "fine_label", "cls")
MOST_ROWS = 20_000_000
MOST_UNPACKED_BYTES = 2**35
_BATCH = 16
_MEGABYTE = 2**20


def read_parquet(data: Path, scratch: Path) -> Source:
    """Return the images that a Parquet file holds or lists.

    Parameters
    ----------
    data : Path
        A table with a label (see `LABELS`) and, for images in it, a column of bytes or of structs with ``bytes`` and
        ``path``; otherwise a column path as in a CSV table. Columns split and group are heeded. Labels that are whole
        numbers get the names that the Hugging Face metadata in the file state for their column.
    scratch : Path
        Folder for the bytes of the images; made when it is needed.

    Raises
    ------
    DataError
        When it is damaged, a column is missing, or no image is where it says.
    UsageError
        When pyarrow is not installed.
    """
    with _opened(data) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise DataError(f"{data} has {file.metadata.num_rows:,} rows; at most {MOST_ROWS:,} are read.")
        columns = _columns(file.schema_arrow, data)
        rows = _Rows(file, columns, data)
        if columns.image is None:
            return _listed(rows, data)
        return _embedded(file, columns.image, rows, data, scratch)


@contextmanager
def _opened(data: Path) -> Iterator[Any]:
    """Open the file, and tell whatever is wrong with it as one kind of error."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            f"Parquet files need the package {error.name}. Install it with: pip install 'evenhand[parquet]'"
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(data) as file:
            yield file
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"{data} is no Parquet file that can be read: {reason}. Write it again.") from error


@dataclass(frozen=True)
class _Columns:
    """The names of the columns that are used, as the file writes them."""

    label: str
    image: str | None
    path: str | None
    split: str | None
    group: str | None
    names: tuple[str, ...] | None
    """Names of the classes by number, where the file states them."""
    notes: tuple[str, ...]


def _columns(schema: Any, data: Path) -> _Columns:
    known = {name.lower(): name for name in schema.names}
    if len(known) != len(schema.names):
        raise DataError(f"{data} has columns of the same name: {', '.join(schema.names)}. Leave one out.")

    def first(choices: Sequence[str]) -> str | None:
        return next((known[choice] for choice in choices if choice in known), None)

    image = _image_column(schema, data)
    left = {name: place for name, place in known.items() if place != image}
    path = next((left[choice] for choice in COLUMNS["path"] if choice in left), None)
    label = first(LABELS)
    if label is None or (image is None and path is None):
        what = "label" if label is None else "image or path"
        raise DataError(
            f"{data} has no column {what}. Its columns are: {', '.join(map(text_of, schema.names))}. "
            f"{suggest(what.split()[0], known)}"
        )
    split, group = first(COLUMNS["split"]), first(COLUMNS["group"])
    used = {label, image, split, group, None if image else path}
    unused = [name for name in schema.names if name not in used and name.lower() not in OUR_OWN]
    notes = [f"Columns of {data.name} that are not used: {', '.join(map(text_of, unused))}."] if unused else []
    return _Columns(label, image, path, split, group, _class_names(schema, label), tuple(notes))


def _image_column(schema: Any, data: Path) -> str | None:
    """Return the column that holds images; None where none does."""
    found: list[str] = [field.name for field in schema if _holds_images(field.type)]
    if len(found) < 2:
        return found[0] if found else None
    known = {name.lower(): name for name in found}
    for name in IMAGES:
        if name in known:
            return known[name]
    raise DataError(f"{data} has several columns of images: {', '.join(found)}. Name one of them image.")


def _holds_images(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        inner = {kind.field(number).name: kind.field(number).type for number in range(kind.num_fields)}
        return "bytes" in inner and _holds_images(inner["bytes"])
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _class_names(schema: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of the classes as the Hugging Face metadata state them, if they do."""
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(unicodedata.normalize("NFC", text_of(name)) for name in names)


class _Rows:
    """What the file says of each image: class, split and group; findings about rows without a class."""

    def __init__(self, file: Any, columns: _Columns, data: Path) -> None:
        self.findings: list[Finding] = []
        asked = dict.fromkeys(
            name for name in (columns.label, columns.split, columns.group, columns.path) if name is not None
        )
        if columns.image is not None and columns.path is not None:
            asked.pop(columns.path, None)
        table = file.read(columns=list(asked), use_threads=False)
        found = {name: table.column(name).to_pylist() for name in asked}
        given = found[columns.label]
        # The Hugging Face hub writes -1 where a label is not known.
        there = [place for place, label in enumerate(given) if label not in (None, "", -1)]
        if not there:
            raise DataError(f"{data} has no label in any of its {len(given)} rows.")
        (labels,), notes = label_names([[given[place] for place in there]], columns.names, data)
        self.labels: dict[int, str] = dict(zip(there, labels, strict=True))
        self.paths = found.get(columns.path or "", [])
        self.splits = self._cells(found, columns.split)
        self.groups = self._cells(found, columns.group)
        self.count, self.notes = len(given), (*columns.notes, *notes)

    @staticmethod
    def _cells(found: Mapping[str, list[Any]], name: str | None) -> list[str]:
        return [] if name is None else ["" if cell is None else text_of(str(cell)) for cell in found[name]]

    def split(self, row: int, data: Path) -> str:
        said = self.splits[row].strip().lower() if self.splits else "train"
        if said not in SPLIT_NAMES:
            raise DataError(f"{data} has the split {said[:40]!r} in row {row}. {suggest(said, SPLIT_NAMES)}")
        return SPLIT_NAMES[said]


def _listed(rows: _Rows, data: Path) -> Source:
    """Return the images whose paths the file lists, as a CSV table would."""
    header = ["path", "label", *(["split"] if rows.splits else []), *(["group"] if rows.groups else [])]

    def cells() -> Iterator[tuple[int, list[str]]]:
        for row, path in enumerate(rows.paths):
            known = [rows.labels.get(row, ""), *(column[row] for column in (rows.splits, rows.groups) if column)]
            yield row, ["" if path is None else text_of(str(path)), *known]

    beside = f"the folder {data.parent.absolute()}"
    source = read_rows(header, cells(), data, place_beside(data), beside, word="row")
    return Source(source.entries, source.findings, (*rows.notes, *source.notes))


def _embedded(file: Any, column: str, rows: _Rows, data: Path, scratch: Path) -> Source:
    """Return the images that the file holds, their bytes one after the other in a file of our own."""
    scratch.mkdir(parents=True, exist_ok=True)
    place, entries, findings, row = scratch / "images.bin", [], [], 0
    width = len(str(max(1, rows.count - 1)))
    with _Blob(place, data) as blob:
        for batch in file.iter_batches(batch_size=_BATCH, columns=[column], use_threads=False):
            for cell in batch.column(0):
                content, name = _taken(cell)
                path = f"{rows.split(row, data)}/{row:0{width}d}{_called(name)}"
                locator = blob.keep(content) if content else _beside(name, data)
                if row not in rows.labels:
                    findings.append(Finding(path, "missing", f"row {row} has no label"))
                elif isinstance(locator, str):
                    findings.append(Finding(path, "missing" if not content else "oversized", f"row {row} {locator}"))
                else:
                    group = rows.groups[row] if rows.groups else None
                    entries.append(Entry(path, rows.labels[row], rows.split(row, data), locator, group or None))
                row += 1
    return Source(tuple(entries), tuple(findings), rows.notes)


def _taken(cell: Any) -> tuple[bytes | None, str]:
    """Return the bytes in a cell, None where there are none, and the file name beside them."""
    value = cell.as_py()
    if isinstance(value, dict):
        name = value.get("path")
        return value.get("bytes"), text_of(name) if isinstance(name, str) else ""
    return value, ""


def _called(name: str) -> str:
    """Return what a path says besides the row: the name of a file, wherever it once lay."""
    last = PurePosixPath(PureWindowsPath(name).name).name
    return f"-{last}" if last not in ("", "..") else ""


def _beside(name: str, data: Path) -> Locator | str:
    """Return the place of an image that the file names in place of its bytes, or what is wrong with the name."""
    path = PurePosixPath(name)
    if not name:
        return "holds no image"
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        return "names an image outside of the folder of the file, which is not read"
    return FileImage(data.parent / path)


class _Blob:
    """A file of bytes, one image after the other, in a `with` block."""

    def __init__(self, path: Path, data: Path) -> None:
        self._path, self._data, self._end = path, data, 0

    def __enter__(self) -> _Blob:
        self._file = self._path.open("wb")
        return self

    def keep(self, content: bytes) -> Locator | str:
        """Return the place of the image from now on, or why it is not kept."""
        if len(content) > MOST_BYTES:
            return f"has {len(content) / 2**20:,.0f} MB; at most {MOST_BYTES // 2**20} MB are read"
        first, end = self._end, self._end + len(content)
        if end > MOST_UNPACKED_BYTES:
            raise DataError(
                f"{self._data} holds more than {MOST_UNPACKED_BYTES // 2**30} GB of images. Write several files."
            )
        if first // (64 * _MEGABYTE) != end // (64 * _MEGABYTE):
            check_room(self._path.parent, 64 * _MEGABYTE, "The unpacked images")
        try:
            self._file.write(content)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._end = end
        return SliceImage(self._path, first, len(content), self._data)

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise unwritable(self._path, error) from error
