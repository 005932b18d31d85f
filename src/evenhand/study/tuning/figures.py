"""What a search found, as a run folder keeps it: every trial, what mattered, and the best beside the default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evenhand.disk import read_record, write_json, write_table
from evenhand.records.values import Interval
from evenhand.remedies.remedy import Value
from evenhand.study.tuning.space import Setting

FOLDER, FILE, TRIALS, BEST, JOURNAL = "tune", "summary.json", "trials.csv", "best.toml", "journal.log"
FINISHED, STOPPED = "finished", "stopped"
"""A trial that had all its folds, and one that was behind and got no more."""
BETTER, TIED, WORSE, SAME = "better", "tied", "worse", "same"
"""What fresh folds say of the best beside another; `SAME` where the search found nothing else."""


@dataclass(frozen=True)
class Tried:
    """One trial of the search."""

    number: int
    state: str
    value: float
    """Out-of-fold balanced accuracy on the folds that it had, expected on the true labels where there was an audit."""
    folds: int
    point: dict[str, Value]
    remedy: str
    """With the values of its parameters."""
    learning_rate: float
    seconds: float
    """That its trainings took."""


@dataclass(frozen=True)
class Mattered:
    """How much a setting mattered: its share, with the interval over resampled trials."""

    name: str
    share: Interval


@dataclass(frozen=True)
class Rival:
    """The best beside something else, on folds that the search did not see; differences are the best minus it."""

    name: str
    """default: what `train` does where nothing is said; recipe: the recipe searched from, with the best's remedy."""
    remedy: str
    repair: str
    recipe: dict[str, Any]
    figure: Interval
    difference: Interval
    p: float
    verdict: str


@dataclass(frozen=True)
class Settled:
    """The best, and what fresh folds say of it."""

    number: int
    """Of the trial."""
    remedy: str
    repair: str
    recipe: dict[str, Any]
    changes: dict[str, Value]
    """Settings of the recipe as ``--set`` takes them."""
    searched: float
    """Its figure in the search, which it was picked for."""
    figure: Interval
    """On fresh folds."""
    by_fold: tuple[float, ...]
    rivals: tuple[Rival, ...]
    folds: int
    seeds: int
    seed: int
    """From which the fresh folds were dealt."""

    @property
    def verdict(self) -> str:
        """What is said of the best beside the default."""
        return self.rivals[0].verdict


@dataclass(frozen=True)
class Tuning:
    """All that a search found."""

    settings: tuple[Setting, ...]
    trials: tuple[Tried, ...]
    mattered: tuple[Mattered, ...]
    best: Settled
    model: str
    base: str
    """Name of the recipe searched from."""
    epochs: int
    folds: int
    """That a trial has when it is not stopped."""
    images: int
    expected: bool
    """Whether figures are expected on the true labels."""
    trainings: int = 0
    """Trainings that the trials had, those that several share once."""
    seconds: float = 0.0
    """That these took, on all workers together."""
    limit: float | None = None
    """Seconds that the search was allowed."""
    unfinished: int = field(default=0)
    """Trials that were begun, and had no more time."""

    @property
    def stopped(self) -> int:
        """How many trials were stopped early."""
        return sum(trial.state == STOPPED for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self) | {"settings": [setting.to_json() for setting in self.settings]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tuning:
        """Return what `to_json` wrote."""
        best = data["best"]
        rivals = tuple(
            Rival(**one | {name: Interval(**one[name]) for name in ("figure", "difference")}) for one in best["rivals"]
        )
        settled = best | {"rivals": rivals, "figure": Interval(**best["figure"]), "by_fold": tuple(best["by_fold"])}
        return cls(
            **data
            | {
                "settings": tuple(map(Setting.from_json, data["settings"])),
                "trials": tuple(Tried(**one) for one in data["trials"]),
                "mattered": tuple(Mattered(one["name"], Interval(**one["share"])) for one in data["mattered"]),
                "best": Settled(**settled),
            }
        )


def write_tuning(run: Path, found: Tuning) -> Path:
    """Write ``trials.csv`` and, last, ``summary.json`` into the run folder's ``tune/``; return that place."""
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    names = [setting.name for setting in found.settings]
    write_table(
        folder / TRIALS,
        ["trial", "state", "balanced_accuracy", "folds", "seconds", "learning_rate", "remedy_in_full", *names],
        [
            [trial.number, trial.state, f"{trial.value:.6f}", trial.folds, f"{trial.seconds:.1f}"]
            + [f"{trial.learning_rate:g}", trial.remedy]
            + [_cell(trial.point.get(name)) for name in names]
            for trial in found.trials
        ],
    )
    write_json(folder / FILE, found.to_json())
    return folder


def read_tuning(run: Path) -> Tuning | None:
    """Return what `write_tuning` wrote; None where nothing was tuned.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FOLDER / FILE, Tuning.from_json)


def _cell(value: Value | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
