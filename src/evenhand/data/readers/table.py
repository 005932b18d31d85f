"""CSV and TSV manifests: one row an image."""

from __future__ import annotations

import csv
import difflib
import io
import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evenhand.data.manifest import EXCLUDED
from evenhand.data.readers.source import SPLIT_NAMES, Entry, FileImage, Locator, Source, text_of
from evenhand.errors import DataError, suggest
from evenhand.records.audit import Finding

COLUMNS = {
    "path": ("path", "file", "filename", "image"),
    "label": ("label", "class", "category", "target", "given"),
    "split": ("split",),
    "group": ("group", "patient", "patient_id", "subject", "subject_id"),
}
"""What a column is for -> the headings that say so, the best first."""
OUR_OWN = frozenset({"sha256", "corrected", "pixel_sha256"})
"""Columns of a run's manifest.csv that a reader of images has no use for."""
MOST_BYTES = 2**29
_SPLITS = SPLIT_NAMES | {EXCLUDED: EXCLUDED}

Place = Callable[[str], Locator | None]


def read_table_file(data: Path, scratch: Path) -> Source:
    """Return the images that a CSV or TSV file lists.

    Parameters
    ----------
    data : Path
        A table with a header and the columns path and label, optionally split and group (see `COLUMNS`), separated by
        commas, semicolons or tabs, in UTF-8. Paths are relative to the table's folder.
    scratch : Path
        Not used; files are read where they lie.

    Raises
    ------
    DataError
        When the table cannot be understood, a column is missing, or no file is where it says.
    """
    del scratch
    try:
        if data.stat().st_size > MOST_BYTES:
            raise DataError(f"{data} has more than {MOST_BYTES // 2**20} MB, too much for a table.")
        content = data.read_bytes()
    except OSError as error:
        raise DataError(f"{data} cannot be read: {error}.") from error
    return read_table_bytes(content, data, place_beside(data), f"the folder {data.parent.absolute()}")


def place_beside(data: Path) -> Place:
    """Return what finds the images whose paths a table lists: relative to the table's folder."""

    def place(path: str) -> Locator | None:
        try:
            file = data.parent / path
            file.stat()
        except PermissionError:
            return FileImage(file)
        except (OSError, ValueError):
            return None
        return FileImage(file)

    return place


def read_table_bytes(content: bytes, where: Path, place: Place, beside: str) -> Source:
    """Return the images that the bytes of a table list. Raises as `read_table_file`.

    Parameters
    ----------
    content : bytes
        The table.
    where : Path
        Its file, for messages.
    place : callable
        Given a path of the table, returns where the image lies, or None when there is none.
    beside : str
        What paths are relative to, for messages.
    """
    header, rows = _rows(_text(content, where), where)
    return read_rows(header, rows, where, place, beside)


def read_rows(
    header: list[str],
    rows: Iterable[tuple[int, list[str]]],
    where: Path,
    place: Place,
    beside: str,
    *,
    word: str = "line",
) -> Source:
    """Return the images that the rows of a table list; `rows` come with numbers that are called by `word`.

    Takes and raises as `read_table_bytes`.
    """
    columns, notes = _columns(header, where)
    listed: dict[str, list[_Listed]] = {}
    findings: list[Finding] = []
    total = missing = excluded = 0
    for line, row in rows:
        item = _item(row, columns, f"{word} {line}", header, where)
        if item.split == EXCLUDED:
            excluded += 1
            continue
        total += 1
        if not item.path or not item.label:
            what = "label" if item.path else "path"
            findings.append(Finding(item.path or where.name, "missing", f"{item.line} has no {what}"))
            continue
        item = _placed(item, place)
        if item.locator is None:
            missing += 1
            findings.append(Finding(item.path, "missing", f"{item.line}: there is no such file in {beside}"))
        else:
            key = unicodedata.normalize("NFC", posixpath.normpath(item.path))
            listed.setdefault(key, []).append(item)
    if total and missing == total:
        raise DataError(
            f"None of the {total} files that {where} lists is there, for example {findings[0].path!r}. Paths are "
            f"relative to {beside}. Move the table, or write the paths as seen from there."
        )
    entries = [entry for items in listed.values() for entry in _agreed(items, findings)]
    if excluded:
        notes += (f"Rows of {where.name} that are left out because their split is {EXCLUDED}: {excluded}.",)
    return Source(tuple(entries), tuple(findings), notes)


@dataclass(frozen=True)
class _Listed:
    """One row of the table that names an image."""

    line: str
    """What its place in the table is called."""
    path: str
    label: str
    split: str
    group: str | None
    locator: Locator | None = None


def _agreed(items: Sequence[_Listed], findings: list[Finding]) -> Iterator[Entry]:
    """Yield the entry of a path: the first row that lists it, unless rows differ in its label or split."""
    first = items[0]
    clash = next((item for item in items if (item.label, item.split) != (first.label, first.split)), None)
    if clash:
        findings.append(
            Finding(
                first.path,
                "duplicate_name",
                f"{first.line} says {_claim(first)}, {clash.line} says {_claim(clash)}; neither is taken",
            )
        )
        return
    for item in items[1:]:
        findings.append(Finding(item.path, "duplicate_name", f"{item.line}: listed in {first.line} already"))
    if first.locator:
        yield Entry(first.path, first.label, first.split, first.locator, first.group)


def _claim(item: _Listed) -> str:
    return f"{item.label!r} ({item.split})"


def _text(content: bytes, where: Path) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{where} is written in UTF-16. Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where} is not written in UTF-8: line {line} has the byte 0x{content[error.start]:02x}, which is no part "
            "of a letter there. Save it as UTF-8."
        ) from error


def _rows(text: str, where: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the header, and the rows with the numbers of their first lines."""
    delimiter = _delimiter(text.partition("\n")[0], where)

    def read() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"{where} cannot be read from line {line} on: {error}. Check its quotation marks."
            ) from error

    rows = read()
    _, header = next(rows, (1, []))
    if not header:
        raise DataError(f"{where} is empty. It needs a first line that names its columns, path and label among them.")
    return [name.strip() for name in header], rows


def _delimiter(first_line: str, where: Path) -> str:
    """Return the separator that makes most known columns of the first line."""
    known = {name for names in COLUMNS.values() for name in names} | OUR_OWN

    def worth(delimiter: str) -> tuple[int, int]:
        names = [name.strip().strip('"').lower() for name in first_line.split(delimiter)]
        return sum(name in known for name in names), len(names)

    # The first of equals wins; a .tsv file is meant to have tabs.
    order = "\t,;" if where.suffix.lower() == ".tsv" else ",;\t"
    return max(order, key=worth)


def _columns(header: list[str], where: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the place of each column that is used, and notes."""
    lowered = [name.lower() for name in header]
    twice = next((name for name in lowered if lowered.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where} has two columns named {twice!r}. Leave one out.")
    columns = {}
    for role, names in COLUMNS.items():
        found = [name for name in names if name in lowered]
        if found:
            columns[role] = lowered.index(found[0])
    for role in ("path", "label"):
        if role not in columns:
            near = difflib.get_close_matches(role, lowered, n=1, cutoff=0.5) or [
                name for choice in COLUMNS[role] for name in difflib.get_close_matches(choice, lowered, n=1, cutoff=0.6)
            ]
            hint = f" Rename the column {near[0]!r}?" if near else ""
            raise DataError(
                f"{where} has no column {role!r} (or {', '.join(COLUMNS[role][1:])}). Its columns are: "
                f"{', '.join(header)}.{hint}"
            )
    notes = []
    if "corrected" in lowered and lowered[columns["label"]] == "given":
        notes.append(f"Labels of {where.name} are those of its column given, not of corrected.")
    unused = [
        name for place, name in enumerate(header) if place not in columns.values() and name.lower() not in OUR_OWN
    ]
    if unused:
        notes.append(f"Columns of {where.name} that are not used: {', '.join(text_of(name) for name in unused)}.")
    return columns, tuple(notes)


def _item(row: list[str], columns: Mapping[str, int], line: str, header: Sequence[str], where: Path) -> _Listed:
    if len(row) != len(header):
        raise DataError(f"{where} has {len(row)} values in {line}, but {len(header)} columns.")
    cell = {role: row[place].strip() for role, place in columns.items()}
    split = _SPLITS.get(cell.get("split", "train").lower())
    if split is None:
        raise DataError(f"{where} has the split {cell['split']!r} in {line}. {suggest(cell['split'].lower(), _SPLITS)}")
    label = unicodedata.normalize("NFC", cell["label"])
    return _Listed(line, cell["path"], label, split, cell.get("group") or None)


def _placed(item: _Listed, place: Place) -> _Listed:
    """Return the row with the place of its image; paths as Windows writes them are understood too."""
    locator = place(item.path)
    if locator is None and "\\" in item.path:
        path = item.path.replace("\\", "/")
        return replace(item, path=path, locator=place(path))
    return replace(item, locator=locator)
