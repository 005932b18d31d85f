"""Trials for TensorBoard: a folder of event files for each, with its curves, figures and hyper-parameters."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from evenhand.disk import unwritable
from evenhand.tracking.tracked import Tracked

_OLD = 3600.0
"""Seconds after which nobody is writing a trial any more."""


class TensorBoard:
    """Writes trials as event files, in ``FOLDER/KEY`` each; a folder appears under its name when it is whole.

    Parameters
    ----------
    folder : Path
        Made when missing.

    Raises
    ------
    EvenhandError
        When the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.place = folder, str(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(".tmp-*"):
                # TensorBoard would show it. A young one may be another process's, in the middle of its work.
                if time.time() - leftover.stat().st_mtime > _OLD:
                    shutil.rmtree(leftover, ignore_errors=True)
        except OSError as error:
            raise unwritable(folder, error) from error

    def known(self) -> frozenset[str]:
        """Return the keys of the trials that lie in the folder."""
        return frozenset(path.name for path in self._folder.iterdir() if path.is_dir() and path.name[0] != ".")

    def write(self, trial: Tracked) -> None:
        """Write the event file of a trial.

        Raises
        ------
        EvenhandError
            When the disk is full or the folder cannot be written.
        """
        temporary = None
        try:
            temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=self._folder))
            _write_events(trial, temporary)
            temporary.chmod(0o755)
            temporary.replace(self._folder / trial.key)
        except OSError as error:
            if trial.key not in self.known():
                raise unwritable(self._folder / trial.key, error) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    shutil.rmtree(temporary, ignore_errors=True)


def _write_events(trial: Tracked, folder: Path) -> None:
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams, scalar

    writer = EventsWriter(os.path.join(folder, "events"))

    def add(summary: Any, step: int = 0) -> None:
        writer.write_event(Event(wall_time=trial.finished, step=step, summary=summary))

    try:
        # Two hyper-parameters tell trials of equal settings apart, and lead back to the run folder.
        settings = {**trial.settings, "trial": trial.key, "name": trial.name}
        for summary in hparams(settings, dict(trial.figures)):
            add(summary)
        for name, points in trial.curves.items():
            for step, value in points:
                add(scalar(name, value), step)
        for name, value in {**trial.figures, "seconds": trial.seconds}.items():
            add(scalar(name, value))
    finally:
        writer.close()
