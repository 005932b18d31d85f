"""``.tar`` files, compressed by gzip or not: what a ``.zip`` may hold, and WebDataset's members that share a key."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from evenhand.data.readers.packed import refusal_of, understood
from evenhand.data.readers.source import SliceImage, Source, text_of
from evenhand.data.readers.webdataset import read_samples
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError
from evenhand.records.audit import Finding

MOST_UNPACKED_BYTES = 2**35
MOST_MEMBERS = 10_000_000
MOST_HEADER_BYTES = 2**24
MOST_GROWTH = 200
"""How many times its length a compressed archive may grow, once it has grown beyond `SMALL` bytes."""
SMALL = 2**30
_PIECE = 2**20
_GZIP = b"\x1f\x8b"


def read_tar(data: Path, scratch: Path) -> Source:
    """Return the images in a ``.tar``; they are read where they lie, nothing is unpacked under a name of the archive.

    Parameters
    ----------
    data : Path
        The archive, as it is or compressed by gzip: see `read_samples` for members that share a key, and
        `understood` for everything else.
    scratch : Path
        Folder for the archive without its compression, and for the pixels of arrays; made when it is needed.

    Raises
    ------
    DataError
        When it is damaged, a decompression bomb, or what it holds cannot be understood.
    """
    plain = _without_compression(data, scratch)
    with _opened(plain, data) as archive:
        packed = _Tar(archive, plain, data)
        source = read_samples(packed, data) or understood(packed, data, scratch)
    return replace(source, findings=(*packed.findings, *source.findings))


def _without_compression(data: Path, scratch: Path) -> Path:
    """Return the archive itself, or a copy of it without its compression: members are then found by their place."""
    with data.open("rb") as file:
        if file.read(2) != _GZIP:
            return data
    scratch.mkdir(parents=True, exist_ok=True)
    plain, length = scratch / "unpacked.tar", data.stat().st_size
    try:
        with gzip.open(data) as packed, plain.open("wb") as target:
            while piece := packed.read(_PIECE):
                grown = target.tell() + len(piece)
                if grown > MOST_UNPACKED_BYTES or (grown > SMALL and grown > MOST_GROWTH * length):
                    raise DataError(
                        f"{data} grows to more than {grown / 2**30:.0f} GB when it is unpacked: taken for a "
                        "decompression bomb. If it is none, unpack it yourself."
                    )
                if not grown // _PIECE % 64:
                    check_room(scratch, 64 * _PIECE, "The unpacked images")
                target.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{data} is no .tar.gz that can be read: {error}. Pack it again.") from error
    except OSError as error:
        raise unwritable(plain, error) from error
    return plain


@contextmanager
def _opened(plain: Path, data: Path) -> Iterator[tarfile.TarFile]:
    """Open the archive, and tell whatever is wrong with it as one kind of error."""
    try:
        with plain.open("rb") as file, tarfile.open(fileobj=_Cautious(file), mode="r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(f"{data} is no .tar that can be read: {error}. Pack it again.") from error


class _Cautious(io.RawIOBase):
    """A file of which only small pieces are read at once: headers that claim to be huge are none."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_HEADER_BYTES:
            raise tarfile.ReadError("a header in it is too long")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Tar:
    """The members that may be looked at, by name, and findings about the others."""

    def __init__(self, archive: tarfile.TarFile, plain: Path, data: Path) -> None:
        self._plain, self._data = plain, data
        self._members: dict[str, tuple[int, int]] = {}
        self.findings: list[Finding] = []
        count: Counter[str] = Counter()
        for number, info in enumerate(archive):
            if number >= MOST_MEMBERS:
                raise DataError(f"{data} has more than {MOST_MEMBERS:,} members. Pack it in parts.")
            # What is known is kept here; tarfile would keep a record of every member besides.
            archive.members.clear()  # type: ignore[attr-defined]
            if info.isdir():
                continue
            name = text_of(info.name.removeprefix("./"))
            if refusal := _refusal(info, name):
                self.findings.append(Finding(name, *refusal))
                continue
            count[name] += 1
            self._members[name] = info.offset_data, info.size
        if not archive.offset:
            raise tarfile.ReadError("it is empty")
        for name, times in count.items():
            if times > 1:
                detail = f"the archive holds {times} files of this name; the last is taken, as unpacking would do"
                self.findings.append(Finding(name, "duplicate_name", detail))

    @property
    def names(self) -> Sequence[str]:
        return list(self._members)

    def size(self, name: str) -> int:
        return self._members[name][1]

    def open(self, name: str) -> IO[bytes]:
        return io.BufferedReader(_Stretch(self._plain, *self._members[name]))

    def locator(self, name: str) -> SliceImage:
        return SliceImage(self._plain, *self._members[name], self._data)


class _Stretch(io.RawIOBase):
    """Some of the bytes of a file, as a file of their own."""

    def __init__(self, path: Path, first: int, length: int) -> None:
        self._file, self._left = path.open("rb"), length
        self._file.seek(first)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def _refusal(info: tarfile.TarInfo, name: str) -> tuple[str, str] | None:
    """Return kind and detail of why a member is left alone, or None."""
    pointing = refusal_of(name)
    if pointing and pointing[0] == "misplaced":
        return pointing
    if info.issym() or info.islnk():
        return "unsupported", "a link; links in archives are not followed"
    if not info.isreg() or info.issparse():
        return "unsupported", "no ordinary file"
    return pointing
