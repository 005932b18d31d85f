"""``.zip`` files: a tree of images, or one table, ``.npz``, pickle or Parquet file packed with or without images."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from evenhand.data.readers.packed import refusal_of, understood
from evenhand.data.readers.source import MemberImage, Source, text_of
from evenhand.errors import DataError
from evenhand.records.audit import Finding


def read_archive(data: Path, scratch: Path) -> Source:
    """Return the images in a ``.zip``; they are read where they lie, nothing is unpacked under a name of the archive.

    Parameters
    ----------
    data : Path
        The archive; see `understood` for what it may hold.
    scratch : Path
        Folder for the pixels of arrays; made when it is needed.

    Raises
    ------
    DataError
        When it is damaged, or what it holds cannot be understood.
    """
    with _opened(data) as archive:
        packed = _Zip(archive, data)
        source = understood(packed, data, scratch)
    return replace(source, findings=(*packed.findings, *source.findings))


@contextmanager
def _opened(data: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive, and tell whatever is wrong with it as one kind of error."""
    try:
        with zipfile.ZipFile(data) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(f"{data} is no .zip that can be read: {error}. Pack it again.") from error


class _Zip:
    """The members that may be looked at, by the name people see, and findings about the others."""

    def __init__(self, archive: zipfile.ZipFile, data: Path) -> None:
        self._archive, self._data = archive, data
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.findings: list[Finding] = []
        infos = [info for info in archive.infolist() if not info.is_dir()]
        count = Counter(info.filename for info in infos)
        for info in infos:
            name = _name(info)
            if refusal := _refusal(info, name):
                self.findings.append(Finding(name, *refusal))
            else:
                self._members[name] = info
        for raw, times in count.items():
            if times > 1:
                detail = f"the archive holds {times} files of this name; the last is taken, as unpacking would do"
                self.findings.append(Finding(_name(archive.getinfo(raw)), "duplicate_name", detail))

    @property
    def names(self) -> Sequence[str]:
        return list(self._members)

    def size(self, name: str) -> int:
        return self._members[name].file_size

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(self._members[name])

    def locator(self, name: str) -> MemberImage:
        return MemberImage(self._data, self._members[name].filename)


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
    pointing = refusal_of(name)
    if pointing and pointing[0] == "misplaced":
        return pointing
    if stat.S_ISLNK(info.external_attr >> 16):
        return "unsupported", "a link; links in archives are not followed"
    if info.flag_bits & 1:
        return "unreadable", "encrypted; pack the archive without a password"
    return pointing
