"""What was left out to save time, as the run folder and the report say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evenhand.disk import read_record, write_json
from evenhand.records.comparison import TIME, WEAK, RemedyResult
from evenhand.study.halving import RISK

FILE = "economy.json"


@dataclass(frozen=True)
class Stopped:
    """A candidate that did not get all its trainings, and why: WEAK or TIME."""

    name: str
    model: str
    trainings: int
    planned: int
    why: str


@dataclass(frozen=True)
class Timed:
    """What a time limit did to a run."""

    limit: float
    """Seconds that were allowed."""
    spent: float
    """Seconds from the start of the command until the report was written."""
    left_out: tuple[str, ...] = ()
    """Sentences: what there was no time for, beside the candidates that were stopped."""


@dataclass(frozen=True)
class Economy:
    """What a run did not do."""

    stopped: tuple[Stopped, ...] = ()
    timed: Timed | None = None

    @classmethod
    def of(cls, results: Iterable[RemedyResult], timed: Timed | None = None) -> Economy:
        """Return it for all candidates that were judged, with each network that they were judged with."""
        stopped = tuple(
            Stopped(one.name, one.model, len(one.by_fold), one.planned, one.stopped) for one in results if one.stopped
        )
        return cls(stopped, timed)

    def sentences(self) -> list[str]:
        """Return it in words, the time limit first; nothing where nothing was left out."""
        return [*self._time(), *self._candidates()]

    def _time(self) -> list[str]:
        if self.timed is None:
            return []
        spent, limit = clock_words(self.timed.spent), clock_words(self.timed.limit)
        found = [f"The run had a time limit of {limit} and took {spent}."]
        if self.timed.left_out or any(one.why == TIME for one in self.stopped):
            found.append("For want of time less was done than was asked for:")
        else:
            found.append("Everything that was asked for was done.")
        return [
            *found,
            *self.timed.left_out,
            "What fits into a time depends on the machine and the hour, so a run with a time limit cannot be repeated "
            "to the same bytes.",
        ]

    def _candidates(self) -> list[str]:
        found = []
        weak, late = ([one for one in self.stopped if one.why == why] for why in (WEAK, TIME))
        if weak:
            found.append(
                f"Clearly behind the one that led, and stopped early: {_listed(weak)}. The rule is made so that "
                f"among equals anybody at all is stopped in at most {100 * RISK:.0f} of 100 comparisons."
            )
        if late:
            found.append(f"Not finished for want of time, the weakest first: {_listed(late)}.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the file and of the commands' `economy`."""
        return asdict(self) | {"sentences": self.sentences()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Economy:
        """Return what `to_json` made."""
        timed = data["timed"]
        return cls(
            tuple(Stopped(**one) for one in data["stopped"]),
            Timed(**timed | {"left_out": tuple(timed["left_out"])}) if timed else None,
        )


def clock_words(seconds: float) -> str:
    """Return a length of time as people write it: ``45 s``, ``20 min``, ``1 h 30 min``."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest if not hours else 0, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _listed(stopped: Iterable[Stopped]) -> str:
    return "; ".join(f"{one.name} ({one.model}, after {one.trainings} of {one.planned} trainings)" for one in stopped)


def write_economy(run: Path, economy: Economy) -> None:
    """Write ``economy.json``."""
    write_json(run / FILE, economy.to_json())


def read_economy(run: Path) -> Economy | None:
    """Return what `write_economy` wrote; None where the run did not come so far.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FILE, Economy.from_json)
