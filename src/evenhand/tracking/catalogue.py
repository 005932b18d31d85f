"""The trackers by name, and how trials come to them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from evenhand.errors import UsageError, suggest
from evenhand.progress import Progress
from evenhand.store import RunFolder
from evenhand.tracking.mlflow import MLflow
from evenhand.tracking.tensorboard import TensorBoard
from evenhand.tracking.tracked import Reader, finished_trials
from evenhand.tracking.tracker import Tracker

FOLDER = "tracking"
"""Below the run folder: where trackers write unless told otherwise."""

TRACKERS: dict[str, Callable[[str], Tracker]] = {
    "tensorboard": lambda place: TensorBoard(Path(place)),
    "mlflow": MLflow,
}
"""By name: what makes a tracker from the place where it writes."""
PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}
"""What each needs, from the extra of its name."""


def tracker_named(asked: str, run: Path) -> Tracker:
    """Return the tracker that ``--track NAME`` or ``--track NAME:PLACE`` asks for.

    Parameters
    ----------
    asked : str
        The words of the option.
    run : Path
        The run folder; without a place the tracker writes into ``tracking/NAME`` below it.

    Raises
    ------
    UsageError
        When there is no such tracker, or its package is not installed.
    EvenhandError
        When its place cannot be written or reached.
    """
    name, colon, place = asked.partition(":")
    check_name(asked)
    return TRACKERS[name](place if colon else str(run / FOLDER / name))


def check_name(asked: str) -> None:
    """Refuse what no tracker can be made from, before any work.

    Raises
    ------
    UsageError
        When there is no such tracker, its package is not installed, or a place is announced and not named.
    """
    name, colon, place = asked.partition(":")
    if name not in TRACKERS:
        raise UsageError(f"There is no tracker {name!r}. {suggest(name, TRACKERS)}")
    if colon and not place:
        raise UsageError(f"--track {asked} names no place behind the colon. Write --track {name}, or {name}:FOLDER.")
    if importlib.util.find_spec(PACKAGES[name]) is None:
        raise UsageError(
            f"--track {name} needs the package {PACKAGES[name]}. Install it with: pip install 'evenhand[{name}]'"
        )


def track(run: RunFolder, tracker: Tracker, progress: Progress) -> int:
    """Write every finished trial of a run that the tracker does not know yet; return how many these are.

    Raises
    ------
    EvenhandError
        When a trial is damaged, or the tracker's place cannot be written.
    """
    known = tracker.known()
    new = [key for key in finished_trials(run) if key not in known]
    if not new:
        return 0
    reader = Reader(run)
    with progress.stage("Writing trainings for the tracker", len(new)) as tick:
        for key in new:
            tracker.write(reader.read(key))
            tick(1)
    progress.note(f"{len(new)} trainings were written to {tracker.place}.")
    return len(new)
