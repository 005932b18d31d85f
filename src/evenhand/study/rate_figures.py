"""What a study of learning rates found, as values and as files of the run folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evenhand.disk import read_record, write_json, write_table
from evenhand.study.rate_verdict import RateVerdict

FOLDER = "learning_rate"
FILE = "summary.json"
BINS = 200
"""Parts of a training of which lowest, mean and highest loss of a step are kept for the picture."""
SETTLED = ("converges", "slow")
"""Verdicts with which a rate can be recommended."""

Loss = float | None
"""None where it is not a finite number."""


@dataclass(frozen=True)
class Course:
    """The losses of one training."""

    seed: int
    steps: tuple[tuple[Loss, Loss, Loss], ...]
    """Lowest, mean and highest loss of a step in up to `BINS` equal parts of the training; None from the first step on
    whose loss was not a finite number."""
    epochs: tuple[Loss, ...]
    """Mean training loss of each epoch."""
    validation: tuple[Loss, ...]
    """Loss on the images that were held out, after each epoch."""


@dataclass(frozen=True)
class RateRow:
    """One learning rate: the verdict on it and what it rests on."""

    rate: float
    verdict: RateVerdict
    courses: tuple[Course, ...]
    """One a seed."""
    final_loss: Loss
    """Training loss of the last epoch, mean over the seeds; None where one of them is no number."""
    validation_loss: Loss
    """Loss on the images held out, after the last epoch, likewise."""
    tied: bool = False
    """Whether it cannot be told apart from the best of the grid."""

    @property
    def usable(self) -> bool:
        """Whether it may be suggested: it converges, or is slow but not stuck at the frequencies of the classes."""
        settled = self.verdict.kind in SETTLED and self.verdict.reason != "frequencies"
        return settled and self.validation_loss is not None


@dataclass(frozen=True)
class Finder:
    """What range tests found: short trainings at rates all over the range."""

    suggested: float | None
    """None where every training ended as no number."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval over the tests; None from a single one."""
    each: tuple[Loss, ...]
    """The suggestion of each test."""
    epochs: int
    """Of each training of a test."""
    tries: tuple[tuple[tuple[float, Loss], ...], ...]
    """Rate and loss on the images held out, for each test, ascending."""


@dataclass(frozen=True)
class RateStudy:
    """All rates, ascending, and what can be concluded."""

    rows: tuple[RateRow, ...]
    model: str
    remedy: str
    optimiser: str
    schedule: str
    batch: int
    epochs: int
    seeds: int
    images: int
    """Images trained on."""
    held: int
    """Images held out."""
    source: str
    """"val" where the data bring them along, "fold" where they were taken from the training images."""
    untrained: Loss
    """Training loss before the first step."""
    chance: Loss
    """Training loss of naming every class by its frequency; None where a remedy changes the loss."""
    best: float | None
    """The rate of the grid with the lowest loss on the images held out, of those that converge or are slow."""
    suggested: float | None
    """What to use: the finder's suggestion unless a rate of the grid is better beyond chance; else the grid's best."""
    finder: Finder | None = None

    def row(self, rate: float) -> RateRow | None:
        """Return the row of a rate."""
        return next((row for row in self.rows if row.rate == rate), None)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RateStudy:
        """Return what `to_json` wrote."""
        return cls(
            **data
            | {
                "rows": tuple(_row(row) for row in data["rows"]),
                "finder": _finder(data["finder"]) if data["finder"] else None,
            }
        )


def number(value: float | None) -> Loss:
    """Return a value that JSON can hold: None instead of NaN and infinity."""
    return float(value) if value is not None and math.isfinite(value) else None


def course(seed: int, steps: ArrayLike, epochs: Sequence[float], validation: Sequence[float]) -> Course:
    """Return the losses of a training, those of single steps drawn together in `BINS` parts."""
    values = np.asarray(steps, dtype=np.float64)
    parts = np.array_split(values, min(BINS, len(values)))
    finite = np.cumsum([not np.isfinite(part).all() for part in parts]) == 0
    found = [
        (float(part.min()), float(part.mean()), float(part.max())) if whole else (None, None, None)
        for part, whole in zip(parts, finite, strict=True)
    ]
    return Course(seed, tuple(found), tuple(map(number, epochs)), tuple(map(number, validation)))


def write_rates(run: Path, study: RateStudy) -> Path:
    """Write the study into the run folder's ``learning_rate/``, and return that place.

    ``rates.csv`` has one row a rate, ``epochs.csv`` one a rate, seed and epoch, ``range_test.csv`` one a training of
    the range tests, and ``summary.json``, written last, everything.
    """
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_table(
        folder / "rates.csv",
        ["rate", "verdict", "step", "final_loss", "validation_loss", "start_loss", "noise", "tied"],
        [
            [f"{row.rate:g}", row.verdict.kind]
            + [_cell(value) for value in (row.verdict.step, row.final_loss, row.validation_loss)]
            + [_cell(value) for value in (row.verdict.start, row.verdict.noise)]
            + [str(row.tied).lower()]
            for row in study.rows
        ],
    )
    write_table(
        folder / "epochs.csv",
        ["rate", "seed", "epoch", "training", "validation"],
        [
            [f"{row.rate:g}", one.seed, place + 1, _cell(loss), _cell(_at(one.validation, place))]
            for row in study.rows
            for one in row.courses
            for place, loss in enumerate(one.epochs)
        ],
    )
    if study.finder:
        write_table(
            folder / "range_test.csv",
            ["seed", "rate", "validation"],
            [
                [seed, f"{rate:.3g}", _cell(loss)]
                for seed, tries in enumerate(study.finder.tries)
                for rate, loss in tries
            ],
        )
    write_json(folder / FILE, study.to_json())
    return folder


def read_rates(run: Path) -> RateStudy | None:
    """Return what `write_rates` wrote; None where no rates were studied.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FOLDER / FILE, RateStudy.from_json)


def _at(losses: Sequence[Loss], place: int) -> Loss:
    return losses[place] if place < len(losses) else None


def _cell(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.6g}"


def _row(data: dict[str, Any]) -> RateRow:
    courses = tuple(
        Course(
            one["seed"],
            tuple((low, mean, high) for low, mean, high in one["steps"]),
            tuple(one["epochs"]),
            tuple(one["validation"]),
        )
        for one in data["courses"]
    )
    return RateRow(**data | {"verdict": RateVerdict(**data["verdict"]), "courses": courses})


def _finder(data: dict[str, Any]) -> Finder:
    tries = tuple(tuple((rate, loss) for rate, loss in one) for one in data["tries"])
    return Finder(**data | {"each": tuple(data["each"]), "tries": tries})
