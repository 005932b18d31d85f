"""The run folder on disk: every file whole or absent, one owner at a time, never two pieces of work mixed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import evenhand
from evenhand.disk import flush_folder, read_table, unwritable, write_arrays, write_bytes, write_json, write_table
from evenhand.errors import DataError, EvenhandError, UsageError
from evenhand.records.values import SCHEMA_VERSION

STUDY = "study.json"
LOCK = ".lock"
EARLIER = "earlier"
"""Folder below the run for what was found before its data grew."""
TRIAL_FILES = ("result.json", "curve.csv", "oof.npz")


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
        self._fresh = self._bound = False
        self._study: dict[str, Any] = {}
        self._made: list[Path] = []
        self._cached: set[Path] = set()

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
            When the folder is no run, of another version, or was made with other settings; it is left untouched.
        EvenhandError
            When it cannot be written, or another process works in it.
        """
        run = cls(path, command)
        asked = {"schema_version": SCHEMA_VERSION, "command": command, "settings": dict(settings)}
        try:
            # Looked at before the lock, so that a folder that is refused is not even given a lock file, and once more
            # behind it, because another process may have made a run of it in between.
            run._look(asked)
            run._make()
            run._take_lock()
            run._look(asked)
            run._clear_leftovers()
            run._cached = set() if run._fresh else set(run._cache())
        except OSError as error:
            run._unmake()
            run._let_go()
            raise unwritable(path, error) from error
        except EvenhandError:
            run._let_go()
            raise
        return run

    @property
    def known(self) -> dict[str, Any]:
        """What ``study.json`` says: settings, and once the run is bound fingerprint and facts."""
        return dict(self._study)

    def set_aside(self, staying: Collection[str]) -> Path:
        """Move what the folder holds, but for the names `staying`, to ``earlier/N`` and return that; `bind` may follow.

        The old ``study.json`` stays beside its copy until `bind` writes another: a process that dies in between leaves
        a folder that the same command sets aside once more.
        """
        number = 1
        while (self.path / EARLIER / str(number) / STUDY).is_file():
            number += 1
        place = self.path / EARLIER / str(number)
        staying = {*staying, STUDY, LOCK, EARLIER, "cache", "manifest.csv"}
        try:
            place.mkdir(parents=True, exist_ok=True)
            for name in sorted(set(os.listdir(self.path)) - staying):
                (self.path / name).replace(place / name)
            for name in ("manifest.csv", STUDY):  # this one last: where it is, everything is
                write_bytes(place / name, (self.path / name).read_bytes())
        except OSError as error:
            raise unwritable(place, error) from error
        self._study = {name: self._study[name] for name in ("schema_version", "command", "settings")}
        return place

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
        told = self._study | {"fingerprint": fingerprint, "evenhand": evenhand.__version__, **facts}
        if told != self._study:
            write_json(self.path / STUDY, told)
        self._study, self._fresh, self._bound = told, False, True

    def __enter__(self) -> RunFolder:
        """Return the folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the folder; one that never got as far as its ``study.json`` is taken away again."""
        self._clear_leftovers()
        if not self._bound:
            self._take_away()
        self._let_go()

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
            self._place(temporary, trials / key)
        except OSError as error:
            raise unwritable(trials / key, error) from error
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)

    def has_trial(self, key: str) -> bool:
        """Return whether the trial is finished; one of which a file is gone is not."""
        folder = self.path / "trials" / key
        return all((folder / name).is_file() for name in TRIAL_FILES)

    def read_trial(self, key: str) -> StoredTrial:
        """Return a finished trial.

        Raises
        ------
        EvenhandError
            When a file of it was damaged or taken away from outside.
        """
        folder = self.path / "trials" / key
        try:
            with (folder / "oof.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            return StoredTrial(dict(result), arrays, read_table(folder / "curve.csv"))
        except (OSError, EOFError, ValueError, TypeError, KeyError, csv.Error, zipfile.BadZipFile) as error:
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

    def _look(self, asked: dict[str, Any]) -> None:
        """Find out whether the folder is new or to be continued; refuse it when it is neither."""
        try:
            names = set(os.listdir(self.path))
        except FileNotFoundError:
            names = set()
        if STUDY in names:
            self._fresh, self._study = False, self._continued(self.path / STUDY, asked)
            return
        # A run that was killed before its study.json leaves its lock, perhaps the cache, perhaps half a study.json.
        ours = {name for name in names if name in (LOCK, "cache") or name.startswith(f".{STUDY}.")}
        if names and (names != ours or LOCK not in names):
            raise UsageError(f"{self.path} is not empty and holds no evenhand run. Choose another folder with --out.")
        self._fresh, self._study = True, asked

    def _continued(self, study: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the folder says of itself, after making sure that it is the work asked for."""
        elsewhere = "Choose another folder with --out."
        try:
            known: dict[str, Any] = json.loads(study.read_text(encoding="utf-8"))
            version, before = known["schema_version"], dict(known.get("settings", {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{study} cannot be read ({error}), so the run cannot go on. {elsewhere}") from error
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{self.path} was made by an evenhand of version {version}, this one is {SCHEMA_VERSION}. {elsewhere}"
            )
        if known.get("command") != asked["command"]:
            raise UsageError(f"{self.path} holds the command {known.get('command')!r}. {elsewhere}")
        now = json.loads(json.dumps(asked["settings"]))
        other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if other:
            changes = "; ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in other)
            raise UsageError(f"{self.path} holds a run with other settings: {changes}. {elsewhere}")
        return known

    def _make(self) -> None:
        """Make the folder and those above it, and remember which were not there."""
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)

    def _take_lock(self) -> None:
        lock = (self.path / LOCK).open("a", encoding="utf-8")
        try:
            _exclusive(lock)
        except (BlockingIOError, PermissionError) as error:
            lock.close()
            raise EvenhandError(
                f"Another evenhand is working in {self.path}. Wait for it, or choose another folder with --out."
            ) from error
        except OSError:
            lock.close()
            raise
        self._lock = lock

    def _clear_leftovers(self) -> None:
        """Remove what a process that died, this run's earlier self or a worker, was in the middle of writing."""
        for pattern in ("trials/.tmp-*", ".*.tmp*", "*/.*.tmp*", "cache/*/.*.tmp*"):
            for leftover in self.path.glob(pattern):
                if leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        leftover.unlink(missing_ok=True)

    def _take_away(self) -> None:
        """Leave the folder as it was found: a run that did not come to be, or another's that was only looked at."""
        for path in sorted(self._cache(), reverse=True):
            if path not in self._cached:
                with contextlib.suppress(OSError):
                    path.rmdir() if path.is_dir() else path.unlink()
        if self._fresh:
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink()
            self._unmake()

    def _cache(self) -> list[Path]:
        cache = self.path / "cache"
        return [cache, *cache.rglob("*")] if cache.is_dir() else []

    def _unmake(self) -> None:
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _place(self, finished: Path, place: Path) -> None:
        """Rename a finished trial to its place, unless another process was quicker."""
        if self.has_trial(place.name):
            return
        # Of a trial that somebody took a file from, the rest would be in the way.
        shutil.rmtree(place, ignore_errors=True)
        try:
            finished.replace(place)
        except OSError:
            if not self.has_trial(place.name):
                raise
        flush_folder(place.parent)


def _exclusive(file: io.TextIOWrapper) -> None:
    """Lock a file for this process until it is closed; the system lets go of it when the process dies."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
