"""``.npz`` files of images and labels: MedMNIST's names and plain ones."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.readers.columns import find_parts
from evenhand.data.readers.source import Source
from evenhand.data.readers.to_labels import label_names, names_of
from evenhand.data.readers.to_pixels import Block, store_blocks
from evenhand.disk import check_room, unwritable
from evenhand.errors import DataError

MOST_LABEL_BYTES = 2**28
"""Labels, groups and class names above this size are no such thing."""


def read_npz(data: Path, scratch: Path) -> Source:
    """Return the images of an ``.npz`` file; their pixels are written into `scratch`.

    Parameters
    ----------
    data : Path
        The file. For names of arrays see `find_parts`, for their values `store_blocks` and `label_names`.
    scratch : Path
        Folder for the pixels; made when missing.

    Raises
    ------
    DataError
        When it is damaged, holds objects, or no images with labels.
    """
    with _opened(data) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        parts, classes, notes = find_parts(members, data)

        def small(name: str) -> Any:
            return _read(archive, members[name], data)

        names = names_of(small(classes), data) if classes else None
        labels, more = label_names([small(part.labels) for part in parts], names, data)
        unpacked, blocks = [], []
        scratch.mkdir(parents=True, exist_ok=True)
        for number, (part, column) in enumerate(zip(parts, labels, strict=True)):
            file = scratch / f"unpacked-{number}.npy"
            unpacked.append(file)
            images = _unpacked(archive, members[part.images], file, data)
            groups = names_of(small(part.groups), data) if part.groups else None
            blocks.append(Block(images, column, part.split, part.folder, groups))
        source = store_blocks(blocks, scratch, data)
    for file in unpacked:
        file.unlink()
    return Source(source.entries, source.findings, (*notes, *more, *source.notes))


@contextmanager
def _opened(data: Path) -> Iterator[zipfile.ZipFile]:
    """Open the file, and tell whatever is wrong with it as one kind of error."""
    try:
        with zipfile.ZipFile(data) as archive:
            yield archive
    except (ValueError, MemoryError) as error:
        if "object" not in str(error).lower():
            raise DataError(
                f"{data} has an array that is damaged: {error}. Write it again with numpy.savez."
            ) from error
        raise DataError(
            f"{data} was refused and nothing in it was executed: it holds Python objects, and these may run code. Save "
            "images and labels as arrays of numbers and text."
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{data} is not an .npz file that can be read: {error}. Write it again with numpy.savez."
        ) from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, data: Path) -> Any:
    if member.file_size > MOST_LABEL_BYTES:
        raise DataError(
            f"{data} has more than {MOST_LABEL_BYTES // 2**20} MB in {member.filename}, too much for labels."
        )
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path, data: Path) -> Any:
    """Return an array of the archive as a memory map of a file of its own: it may be larger than the memory."""
    check_room(file.parent, member.file_size)
    try:
        with archive.open(member) as packed, file.open("wb") as target:
            shutil.copyfileobj(packed, target, 2**20)
    except OSError as error:
        raise unwritable(file, error) from error
    array = np.lib.format.open_memmap(file, mode="r")
    if array.ndim < 2:
        raise DataError(
            f"{data} has images of the shape {array.shape} in {member.filename}; it takes (n, height, width, ...)."
        )
    return array
