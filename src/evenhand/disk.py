"""Files on disk: each whole or absent, the same bytes for the same content, and a clear word when there is no room."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenhand.errors import EvenhandError

T = TypeVar("T")

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a temporary name, flushed to the disk, then renamed.

    Raises
    ------
    EvenhandError
        When the folder cannot be written or the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, as `write_bytes` does."""
    write_bytes(path, text.encode())


def check_room(folder: Path, length: int, what: str = "The pixels") -> None:
    """Refuse to begin what cannot end.

    Raises
    ------
    EvenhandError
        When the disk of the folder has fewer free bytes than `length`.
    """
    free = shutil.disk_usage(folder).free
    if free < length:
        raise EvenhandError(
            f"{what} need {length / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free there. Free some "
            "space, or choose another folder with --out."
        )


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value that is the same bytes for the same value; NaN is refused with ValueError."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_record(path: Path, build: Callable[[Any], T]) -> T | None:
    """Return what `build` makes of the JSON value in a file of a run folder; None where there is no such file.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    if not path.is_file():
        return None
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvenhandError(
            f"{path} cannot be read ({error!r}): it is damaged, or of another version of evenhand. Run the same "
            "command again."
        ) from error


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table with a header, as `write_bytes` does."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (header, *rows):
        # The csv module leaves a carriage return bare, and readers take it for the end of a line.
        (quoted if any("\r" in str(cell) for cell in row) else plain).writerow(row)
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV table that `write_table` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` file that is the same bytes for the same arrays (numpy's own carries the time of day)."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(arrays[name], order="C"), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE), content.getvalue())
    write_bytes(path, archive.getvalue())


def flush_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def unwritable(path: Path, error: OSError) -> EvenhandError:
    """Return the error that says why `path` cannot be written, and what to do."""
    reasons = {
        errno.ENOSPC: "the disk is full. Free some space",
        errno.EDQUOT: "your disk quota is used up. Free some space",
        errno.EACCES: "you may not write there. Choose another folder with --out",
        errno.EPERM: "you may not write there. Choose another folder with --out",
        errno.EROFS: "that disk is read-only. Choose another folder with --out",
        errno.ENOTDIR: "a part of that path is a file. Choose another folder with --out",
        errno.EEXIST: "there is a file of that name. Choose another folder with --out",
    }
    reason = reasons.get(error.errno or 0, f"{error.strerror or error}. Check the place given with --out")
    return EvenhandError(f"Could not write {path}: {reason}.")
