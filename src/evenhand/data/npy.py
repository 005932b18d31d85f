"""Files of uint8 images, (n, height, width, 3), that grow row by row or lose rows, and never blow up a full disk."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from evenhand.disk import unwritable
from evenhand.records.values import Pixels


def header(rows: int, size: tuple[int, int]) -> bytes:
    """Return the head of a ``.npy`` file of (rows, *size, 3) uint8; it has the same length for any number of rows."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (rows, *size, 3)})
    return head.getvalue()


class RowFile:
    """A ``.npy`` file of images written row by row, in a `with` block; after an error it is taken away.

    Raises
    ------
    EvenhandError
        When the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self.size, self.rows = path, size, 0

    def __enter__(self) -> RowFile:
        """Return the file, opened."""
        try:
            self._file = self.path.open("wb")
            self._file.write(header(0, self.size))
        except OSError as error:
            raise unwritable(self.path, error) from error
        return self

    def numbers(self, good: NDArray[np.bool_]) -> list[int | None]:
        """Return the row that each of the next images will have; None for those that are not `good`."""
        places = self.rows + np.cumsum(good) - 1
        return [int(place) if kept else None for place, kept in zip(places, good, strict=True)]

    def append(self, images: Pixels) -> None:
        """Write (k, height, width, 3) images."""
        try:
            self._file.write(np.ascontiguousarray(images).data)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.rows += len(images)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the number of rows into the head."""
        try:
            with self._file:
                self._file.seek(0)
                self._file.write(header(self.rows, self.size))
        except OSError as failure:
            self.path.unlink(missing_ok=True)
            if error is None:
                raise unwritable(self.path, failure) from failure
        if error is not None:
            self.path.unlink(missing_ok=True)


def reserve(path: Path, rows: int, size: tuple[int, int]) -> None:
    """Make a file of `rows` black images whose place on the disk is really taken.

    A file with holes would be quicker made, but writing into a memory map of it ends the process when the disk is full.

    Raises
    ------
    EvenhandError
        When the disk is full or the folder cannot be written; nothing is left behind.
    """
    head, length = header(rows, size), rows * size[0] * size[1] * 3
    try:
        with path.open("wb") as file:
            file.write(head)
            file.flush()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, len(head) + length)
            else:
                blank = bytes(2**20)
                for first in range(0, length, len(blank)):
                    file.write(blank[: length - first])
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def keep_rows(path: Path, good: NDArray[np.bool_]) -> None:
    """Move the good rows of a file together, in their order, and cut it off after them."""
    if good.all():
        return
    array = np.lib.format.open_memmap(path, mode="r+")
    size = (int(array.shape[1]), int(array.shape[2]))
    rows = np.flatnonzero(good)
    step = max(1, 2**24 // max(1, size[0] * size[1] * 3))
    for first in range(0, len(rows), step):
        part = rows[first : first + step]
        # A row only ever moves forward, and the index makes a copy first: nothing unread is overwritten.
        array[first : first + len(part)] = array[part]
    array.flush()
    del array
    head = header(len(rows), size)
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(len(head) + len(rows) * size[0] * size[1] * 3)
