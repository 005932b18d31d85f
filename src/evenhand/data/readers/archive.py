"""``.zip`` files: a tree of images, or one table, ``.npz`` or pickle packed with or without images."""

from __future__ import annotations

import posixpath
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from evenhand.data.readers.arrays import read_npz
from evenhand.data.readers.folder import SUFFIXES, arrange, is_hidden
from evenhand.data.readers.safe_pickle import read_pickle
from evenhand.data.readers.source import SPLIT_NAMES, Locator, MemberImage, Source, text_of
from evenhand.data.readers.table import read_table_bytes
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError
from evenhand.records.audit import Finding

TABLES = frozenset({".csv", ".tsv"})
ARRAYS: dict[str, Callable[[Path, Path], Source]] = {
    ".npz": read_npz,
    ".pickle": read_pickle,
    ".pkl": read_pickle,
    ".pt": read_pickle,
    ".pth": read_pickle,
}
ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"})
MOST_TABLE_BYTES = 2**28
MOST_UNPACKED_BYTES = 2**35

Members = dict[str, zipfile.ZipInfo]


def read_archive(data: Path, scratch: Path) -> Source:
    """Return the images in a ``.zip``; they are read where they lie, nothing is unpacked under a name of the archive.

    A tree of images is understood as a folder is; a single folder around everything is looked through. A table that
    lists the archive's images is read when it says more than the folders do. An archive without images that holds one
    ``.npz`` or pickle is read as that.

    Parameters
    ----------
    data : Path
        The archive.
    scratch : Path
        Folder for the pixels of arrays; made when it is needed.

    Raises
    ------
    DataError
        When it is damaged, or what it holds cannot be understood.
    """
    with _opened(data) as archive:
        members, findings = _members(archive)
        seen = {name: info for name, info in members.items() if not any(map(is_hidden, PurePosixPath(name).parts))}
        pictures = [name for name in seen if PurePosixPath(name).suffix.lower() in SUFFIXES]
        arrays = [name for name in seen if PurePosixPath(name).suffix.lower() in ARRAYS]
        tables = [name for name in seen if PurePosixPath(name).suffix.lower() in TABLES]
        if not pictures and len(arrays) == 1:
            source = _from_array(archive, seen[arrays[0]], data, scratch)
        else:
            tree = partial(_tree, data, members)
            source = _with_table(archive, tables[0], members, data, tree) if len(tables) == 1 else tree()
    return replace(source, findings=(*findings, *source.findings))


@contextmanager
def _opened(data: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive, and tell whatever is wrong with it as one kind of error."""
    try:
        with zipfile.ZipFile(data) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(f"{data} is no .zip that can be read: {error}. Pack it again.") from error


def _members(archive: zipfile.ZipFile) -> tuple[Members, list[Finding]]:
    """Return the members that may be looked at, by the name people see, and findings about the others."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    findings = []
    count = Counter(info.filename for info in infos)
    members: Members = {}
    for info in infos:
        name = _name(info)
        refusal = _refusal(info, name)
        if refusal:
            findings.append(Finding(name, *refusal))
        else:
            members[name] = info
    for raw, times in count.items():
        if times > 1:
            detail = f"the archive holds {times} files of this name; the last is taken, as unpacking would do"
            findings.append(Finding(_name(archive.getinfo(raw)), "duplicate_name", detail))
    return members, findings


def _name(info: zipfile.ZipInfo) -> str:
    """Return the name of a member; many programs write UTF-8 without saying so, and some write backslashes."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = info.filename
    if "/" not in name:
        name = name.replace("\\", "/")
    return text_of(name)


def _refusal(info: zipfile.ZipInfo, name: str) -> tuple[str, str] | None:
    """Return kind and detail of why a member is left alone, or None."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return "misplaced", "its name points out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "unsupported", "a link; links in archives are not followed"
    if info.flag_bits & 1:
        return "unreadable", "encrypted; pack the archive without a password"
    if path.suffix.lower() in ARCHIVES:
        return "unsupported", "an archive inside the archive; unpack it"
    return None


def _tree(data: Path, members: Mapping[str, zipfile.ZipInfo]) -> Source:
    """Return the images by their folders, without a folder that is around everything."""
    names = list(members)
    around = _around(names)
    return arrange(((name.removeprefix(around), MemberImage(data, members[name].filename)) for name in names), data)


def _around(names: Sequence[str]) -> str:
    """Return the beginning that all images share because one folder, neither class nor split, is around them all."""
    around = ""
    while True:
        inside = [
            PurePosixPath(name[len(around) :]).parts
            for name in names
            if name.startswith(around) and not any(map(is_hidden, PurePosixPath(name).parts))
        ]
        pictures = [parts for parts in inside if PurePosixPath(parts[-1]).suffix.lower() in SUFFIXES]
        tops = {parts[0] for parts in inside if len(parts) > 1}
        if len(tops) != 1 or any(len(parts) < 3 for parts in pictures) or not pictures:
            return around
        (top,) = tops
        if top.lower() in SPLIT_NAMES:
            return around
        around += f"{top}/"


def _with_table(
    archive: zipfile.ZipFile, name: str, members: Members, data: Path, by_folder: Callable[[], Source]
) -> Source:
    """Return the images as the table lists them, or by their folders where the table says no more than these."""
    try:
        tree = by_folder()
    except DataError:
        tree = None
    try:
        listed = _from_table(archive, name, members, data)
    except DataError:
        if tree is None or tree.entries:
            return by_folder()
        raise
    label = {entry.locator: entry.label for entry in tree.entries} if tree else {}
    told = any(entry.split != "train" or entry.group for entry in listed.entries)
    if tree is None or told or any(label.get(entry.locator) != entry.label for entry in listed.entries):
        return replace(listed, notes=(*listed.notes, f"Labels are those of {name} in the archive."))
    return tree


def _from_table(archive: zipfile.ZipFile, name: str, members: Members, data: Path) -> Source:
    folder = posixpath.dirname(name)

    def place(path: str) -> Locator | None:
        member = members.get(posixpath.normpath(posixpath.join(folder, path)))
        return MemberImage(data, member.filename) if member else None

    if members[name].file_size > MOST_TABLE_BYTES:
        raise DataError(f"{name} in {data} has more than {MOST_TABLE_BYTES // 2**20} MB, too much for a table.")
    beside = f"the folder {folder or '.'} of the archive"
    return read_table_bytes(archive.read(members[name]), data / name, place, beside)


def _from_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: Path, scratch: Path) -> Source:
    """Unpack one file under a name of our own, and read it."""
    suffix = PurePosixPath(info.filename).suffix.lower()
    if info.file_size > MOST_UNPACKED_BYTES:
        raise DataError(
            f"{info.filename} in {data} has more than {MOST_UNPACKED_BYTES // 2**30} GB. Unpack it yourself."
        )
    scratch.mkdir(parents=True, exist_ok=True)
    check_room(scratch, info.file_size)
    file = scratch / f"unpacked{suffix}"
    try:
        with archive.open(info) as packed, file.open("wb") as target:
            shutil.copyfileobj(packed, target, 2**20)
    except OSError as error:
        raise unwritable(file, error) from error
    try:
        return ARRAYS[suffix](file, scratch)
    finally:
        file.unlink(missing_ok=True)
