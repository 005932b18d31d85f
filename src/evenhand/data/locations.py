"""Places of images: the bytes of files and of members of archives, the rows of arrays."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.data.readers.source import ArrayImage, FileImage, Locator, SliceImage
from evenhand.records.values import Pixels

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MOST_BYTES = 256 * 2**20
_ORIENTATION = 0x0112


class UndecodableError(Exception):
    """An image that cannot be taken; `kind` is that of a `Finding`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


def read_bytes(locator: Locator) -> bytes:
    """Return the bytes of an image file or archive member.

    Raises
    ------
    UndecodableError
        When it cannot be read or is too large.
    """
    try:
        if isinstance(locator, FileImage):
            status = locator.path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading from a pipe would wait for ever
                raise UndecodableError("unsupported", "no ordinary file")
            _refuse_length(status.st_size)
            return locator.path.read_bytes()
        if isinstance(locator, ArrayImage):
            raise TypeError("rows of arrays are no files")
        if isinstance(locator, SliceImage):
            return _slice(locator)
        archive = _archive(locator.archive, _stamp(locator.archive))
        _refuse_length(archive.getinfo(locator.name).file_size)
        return archive.read(locator.name)
    except FileNotFoundError as error:
        raise UndecodableError("missing", "the file is not there, or is a link to one that is not") from error
    except OSError as error:
        raise UndecodableError("unreadable", f"cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, EOFError) as error:
        raise UndecodableError("unreadable", f"cannot be unpacked: {error}") from error


def _slice(locator: SliceImage) -> bytes:
    _refuse_length(locator.length)
    with locator.file.open("rb") as file:
        file.seek(locator.first)
        content = file.read(locator.length)
    if len(content) < locator.length:
        raise UndecodableError("truncated", f"{locator.origin.name} ends in the middle of it")
    return content


def row_of(locator: ArrayImage) -> Pixels:
    """Return the (h, w, 3) uint8 image of a row of an array."""
    return np.array(_array(locator.file, _stamp(locator.file))[locator.row])


def _refuse_length(length: int) -> None:
    if length > MOST_BYTES:
        raise UndecodableError("oversized", f"has {length / 2**20:,.0f} MB; at most {MOST_BYTES // 2**20} MB are read")


def _stamp(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file does."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4)
def _archive(file: Path, stamp: tuple[int, int, int]) -> zipfile.ZipFile:
    """Return an opened archive; its table of contents is read once, not for every image."""
    del stamp
    return zipfile.ZipFile(file)


@lru_cache(maxsize=16)
def _array(file: Path, stamp: tuple[int, int, int]) -> Pixels:
    """Return the memory map of an ``.npy`` file."""
    del stamp
    array: Pixels = np.load(file, mmap_mode="r", allow_pickle=False)
    return array


def let_go() -> None:
    """Close the archives and arrays that were kept open."""
    _archive.cache_clear()
    _array.cache_clear()


def image_size(locator: Locator) -> tuple[int, int] | None:
    """Return (height, width) from the image's header, or None when it has none that can be read."""
    if isinstance(locator, ArrayImage):
        shape = _array(locator.file, _stamp(locator.file)).shape
        return (int(shape[1]), int(shape[2]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Of a file, only the head is read.
            source = locator.path if isinstance(locator, FileImage) else io.BytesIO(read_bytes(locator))
            if isinstance(source, Path) and not source.is_file():
                return None
            with Image.open(source, formats=FORMATS) as image:
                return (image.width, image.height) if _is_turned(image) else (image.height, image.width)
    except Exception:  # whatever is wrong with it is said when it is decoded
        return None


def _is_turned(image: Image.Image) -> bool:
    """Return whether width and height change places when the image is put upright."""
    # Pillow turns the size of a TIFF by itself, and would decode a PNG to look for EXIF data behind its pixels.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False
    return image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
