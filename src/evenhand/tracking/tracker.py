"""What a tracker must do, and a test of that for your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from evenhand.tracking.tracked import Setting, Tracked


class Tracker(Protocol):
    """Writes finished trials to where another program shows them."""

    place: str
    """Where that is, in words for people: a folder or an address."""

    def known(self) -> frozenset[str]:
        """Return the keys of the trials that were written whole, by this process or an earlier one."""

    def write(self, trial: Tracked) -> None:
        """Write a trial, whole or not at all."""


def check_tracker(make: Callable[[Path], Tracker], folder: Path) -> None:
    """Find out whether a tracker keeps the contract: each trial is written whole and once, also by another process.

    Parameters
    ----------
    make : callable
        Given a folder, returns the tracker that writes there.
    folder : Path
        An empty folder.

    Raises
    ------
    AssertionError
        When it does not; the message says what went wrong.
    """

    def trial(key: str, figures: Mapping[str, float]) -> Tracked:
        settings: dict[str, Setting] = {
            "remedy": "none",
            "repair": "drop",
            "seed": 3,
            "fold": "0",
            "diverged": False,
            "recipe.rate": 0.1,
        }
        curves = {"loss/step": ((1, 0.9), (2, 0.5)), "loss/epoch": ((1, 0.7),)}
        return Tracked(key, f"none seed 3 fold 0 {key}", settings, curves, figures, 1.5, 1_700_000_000.0)

    tracker = make(folder)
    _holds(not tracker.known(), "it knows trials in an empty folder")
    tracker.write(trial("a" * 20, {"held_out/accuracy": 0.5}))
    tracker.write(trial("b" * 20, {}))
    expected = {"a" * 20, "b" * 20}
    _holds(tracker.known() == expected, "it does not know the trials that it has just written")
    _holds(make(folder).known() == expected, "another process does not know what this one has written")


def _holds(kept: bool, otherwise: str) -> None:
    if not kept:
        raise AssertionError(f"The tracker breaks its contract: {otherwise}.")
