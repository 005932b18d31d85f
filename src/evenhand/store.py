"""The run folder on disk: every file whole or absent, one owner at a time, never two pieces of work mixed."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import evenhand
from evenhand.errors import DataError, EvenhandError, UsageError
from evenhand.records import SCHEMA_VERSION

STUDY = "study.json"
LOCK = ".lock"
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
        _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value that is the same bytes for the same value; NaN is refused with ValueError."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table with a header, as `write_bytes` does."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
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
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE), content.getvalue())
    write_bytes(path, archive.getvalue())


@dataclass(frozen=True)
class StoredTrial:
    """A finished trial as it lies on disk."""

    result: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    curve: list[dict[str, str]]


class RunFolder:
    """One piece of work on disk. `RunFolder(path)` reads and adds trials; `claim` makes this process its owner."""

    def __init__(self, path: Path, command: str = "") -> None:
        self.path, self.command = path, command
        self._lock: io.TextIOWrapper | None = None
        self._fresh = False
        self._study: dict[str, Any] = {}

    @classmethod
    def claim(cls, path: Path, *, settings: Mapping[str, Any], command: str) -> RunFolder:
        """Return the run folder, new or to be continued; use it in a `with` block, which lets go of it at the end.

        Parameters
        ----------
        path : Path
            Made when missing. A folder that holds something else is refused.
        settings : mapping
            JSON values that the results depend on.
        command : str
            The command the folder belongs to.

        Raises
        ------
        UsageError
            When the folder is no run, of another version, or was made with other settings.
        EvenhandError
            When it cannot be written, or another process works in it.
        """
        run = cls(path, command)
        study = path / STUDY
        run._fresh = not path.exists() or not any(path.iterdir())
        if not run._fresh and not study.is_file():
            if path.is_dir() and any(name not in (LOCK, "cache") for name in os.listdir(path)):
                raise UsageError(f"{path} is not empty and holds no evenhand run. Choose another folder with --out.")
            run._fresh = True
        asked = {"schema_version": SCHEMA_VERSION, "command": command, "settings": dict(settings)}
        try:
            path.mkdir(parents=True, exist_ok=True)
            run._take_lock()
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            run._study = asked if run._fresh else run._continued(study, asked)
        except EvenhandError:
            run._let_go()
            raise
        for leftover in path.glob("trials/.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        return run

    def bind(self, fingerprint: str, facts: Mapping[str, Any]) -> None:
        """Write ``study.json`` of a new run, with `facts` beside the settings, or check that the data are the same.

        Raises
        ------
        DataError
            When the folder holds a run on other data.
        """
        known = self._study.get("fingerprint")
        if known not in (None, fingerprint):
            raise DataError(
                f"{self.path} holds a run on other data (images, labels or splits have changed since). "
                "Choose another folder with --out."
            )
        if known is None:
            self._study |= {"fingerprint": fingerprint, "evenhand": evenhand.__version__, **facts}
            write_json(self.path / STUDY, self._study)
        self._fresh = False

    def __enter__(self) -> RunFolder:
        """Return the folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the folder; one that never got as far as its ``study.json`` is taken away again."""
        self._let_go()
        if self._fresh:
            shutil.rmtree(self.path / "cache", ignore_errors=True)
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink(missing_ok=True)
                self.path.rmdir()

    def commit_trial(
        self,
        key: str,
        result: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        curve: tuple[Sequence[str], Iterable[Sequence[object]]],
        seconds: float,
    ) -> None:
        """Add a finished trial: its folder appears whole or not at all. A trial that is there already stays."""
        trials = self.path / "trials"
        temporary = None
        try:
            trials.mkdir(exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=trials))
            write_json(temporary / "result.json", dict(result))
            write_table(temporary / "curve.csv", *curve)
            write_arrays(temporary / "oof.npz", arrays)
            # Timings differ from run to run; they have a file of their own, outside of what is compared byte by byte.
            write_json(temporary / "timing.json", {"seconds": round(seconds, 3)})
            temporary.chmod(0o755)
            if not self.has_trial(key):
                temporary.replace(trials / key)
                _flush_folder(trials)
        except OSError as error:
            raise _unwritable(trials / key, error) from error
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)

    def has_trial(self, key: str) -> bool:
        """Return whether the trial is finished."""
        return (self.path / "trials" / key / "result.json").is_file()

    def read_trial(self, key: str) -> StoredTrial:
        """Return a finished trial.

        Raises
        ------
        EvenhandError
            When a file of it was damaged or taken away from outside.
        """
        folder = self.path / "trials" / key
        try:
            with np.load(folder / "oof.npz", allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            return StoredTrial(result, arrays, read_table(folder / "curve.csv"))
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise EvenhandError(
                f"The trial in {folder} is damaged ({error}). Delete that folder and run again."
            ) from error

    def seconds(self, key: str) -> float:
        """Return how long a finished trial took, in seconds; 0 when nobody noted it."""
        try:
            timing = json.loads((self.path / "trials" / key / "timing.json").read_text(encoding="utf-8"))
            return float(timing["seconds"])
        except (OSError, ValueError, KeyError):
            return 0.0

    def _continued(self, study: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the folder says of itself, after making sure that it is the work asked for."""
        elsewhere = "Choose another folder with --out."
        try:
            known: dict[str, Any] = json.loads(study.read_text(encoding="utf-8"))
            version = known["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{study} cannot be read ({error}), so the run cannot go on. {elsewhere}") from error
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{self.path} was made by an evenhand of version {version}, this one is {SCHEMA_VERSION}. {elsewhere}"
            )
        if known.get("command") != asked["command"]:
            raise UsageError(f"{self.path} holds the command {known.get('command')!r}. {elsewhere}")
        before, now = known.get("settings", {}), json.loads(json.dumps(asked["settings"]))
        other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if other:
            changes = "; ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in other)
            raise UsageError(f"{self.path} holds a run with other settings: {changes}. {elsewhere}")
        return known

    def _take_lock(self) -> None:
        lock = (self.path / LOCK).open("a", encoding="utf-8")
        try:
            _exclusive(lock)
        except OSError as error:
            lock.close()
            raise EvenhandError(
                f"Another evenhand is working in {self.path}. Wait for it, or choose another folder with --out."
            ) from error
        self._lock = lock

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _exclusive(file: io.TextIOWrapper) -> None:
    """Lock a file for this process until it is closed; the system lets go of it when the process dies."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _flush_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, error: OSError) -> EvenhandError:
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
