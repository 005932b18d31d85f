"""What a review leaves for other programs: a table of corrected labels, or a folder of the pictures sorted by them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evenhand.auditing.ledger import Applied, Edit, apply
from evenhand.data.manifest import EXCLUDED, Manifest, read_manifest
from evenhand.disk import unwritable, write_table
from evenhand.errors import DataError, UsageError
from evenhand.review.queue import read_study


@dataclass(frozen=True)
class Corrected:
    """The pictures of a run with their corrected labels, and where the files lie."""

    edited: Applied
    data: Path
    test: Path | None

    @property
    def manifest(self) -> Manifest:
        """The manifest after the edits."""
        return self.edited.manifest

    def kept(self) -> Iterator[tuple[int, Path]]:
        """Yield the rows that nobody has excluded, with their files.

        Raises
        ------
        DataError
            When a file is not where the run found it.
        UsageError
            When the data are no files of their own.
        """
        if self.data.is_file() and self.data.suffix.lower() not in (".csv", ".tsv"):
            raise UsageError(
                f"The pictures of {self.data} are no files of their own, so no labels can be changed beside them. "
                "Use the edits with --edits, or export the decisions with --decisions."
            )
        for row, name in enumerate(self.manifest.paths):
            if self.manifest.split[row] == EXCLUDED:
                continue
            yield row, self._file(name, tested=self.manifest.split[row] == "test")

    def _file(self, name: str, *, tested: bool) -> Path:
        base, inside = self.data, name
        if tested and self.test is not None:
            base, inside = self.test, name.removeprefix("test/")
        file = (base if base.is_dir() else base.parent) / inside
        if not file.is_file():
            raise DataError(f"{file} is gone: the run found it there. Move the pictures back, or run the audit again.")
        return file.absolute()


def corrected(run: Path, decisions: dict[str, Edit]) -> Corrected:
    """Return the pictures of a run with the labels that the decisions leave.

    Raises
    ------
    UsageError
        When the folder is no run.
    DataError
        When a decision names a class that the run does not know.
    """
    study = read_study(run)
    manifest = read_manifest(run / "manifest.csv", study["classes"])
    test = study.get("test")
    return Corrected(apply(manifest, decisions), Path(study["data"]), Path(test) if test else None)


def refuse_inside(place: Path, found: Corrected) -> None:
    """Refuse a place inside the data.

    Raises
    ------
    UsageError
        When `place` lies there.
    """
    for folder in (found.data, found.test):
        if folder and folder.is_dir() and place.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{place} lies inside {folder}; nothing is written there. Choose another place.")


def write_corrected(found: Corrected, path: Path) -> int:
    """Write a CSV of path, label, split and group that `evenhand run` takes as data; return the number of pictures.

    Paths are relative to the table's folder. Raises as `Corrected.kept` and `refuse_inside`.
    """
    refuse_inside(path, found)
    manifest, beside = found.manifest, path.resolve().parent
    rows = [
        [
            _relative(file, beside),
            manifest.classes[manifest.corrected[row]],
            manifest.split[row],
            int(manifest.group[row]),
        ]
        for row, file in found.kept()
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    write_table(path, ["path", "label", "split", "group"], rows)
    return len(rows)


def _relative(file: Path, beside: Path) -> str:
    try:
        return Path(os.path.relpath(file.resolve(), beside)).as_posix()
    except ValueError:  # another drive of Windows
        return file.as_posix()


def write_folder(found: Corrected, folder: Path, *, link: bool) -> int:
    """Copy or link the pictures into a new folder, sorted by split and corrected label; return how many there are.

    Raises
    ------
    UsageError
        When the folder lies inside the data or is not empty, or a class is no name for a folder.
    EvenhandError
        When it cannot be written.
    """
    refuse_inside(folder, found)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty. Choose a new folder.")
    manifest = found.manifest
    for name in manifest.classes:
        if name in (".", "..") or any(sign in name for sign in "/\\\0"):
            raise UsageError(f"The class {name!r} is no name for a folder. Use --to TABLE.csv.")
    splits = {str(split) for split in manifest.split} - {EXCLUDED}
    taken: Counter[Path] = Counter()
    files = list(found.kept())
    try:
        for row, file in files:
            split = folder / str(manifest.split[row]) if splits != {"train"} else folder
            place = split / manifest.classes[manifest.corrected[row]] / PurePosixPath(manifest.paths[row]).name
            place.parent.mkdir(parents=True, exist_ok=True)
            _place(file, _free(place, taken), link=link)
    except OSError as error:
        raise unwritable(folder, error) from error
    return len(files)


def _free(place: Path, taken: Counter[Path]) -> Path:
    """Return a name that is free: pictures of one name may come together from two folders."""
    wanted = place
    while os.path.lexists(wanted):
        taken[place] += 1
        wanted = place.with_stem(f"{place.stem}-{taken[place] + 1}")
    return wanted


def _place(file: Path, place: Path, *, link: bool) -> None:
    if link:
        place.symlink_to(file)
    else:
        shutil.copy2(file, place)
