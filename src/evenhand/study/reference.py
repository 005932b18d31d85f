"""The reference study replayed: what was measured of it, section by section, as values and as a file of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.disk import read_record, write_json
from evenhand.evaluation.label_noise import expected_accuracy, expected_macro_f1, expected_recall
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Interval, Ints

Doubles = NDArray[np.float64]

FILE = "reference.json"
MOST_STEPS = 240
"""Parts of a training of which lowest and highest loss are kept for the picture of its curve."""


@dataclass(frozen=True)
class Expected:
    """Figures on the true labels, as far as the audit knows them."""

    accuracy: float
    balanced_accuracy: Interval
    macro_f1: float
    recalls: tuple[float | None, ...]
    """Of each class; None where no image is expected to show it."""


@dataclass(frozen=True)
class Tried:
    """A network on the images that judge it: the given checkpoint, or one trained with a remedy and a repair."""

    name: str
    remedy: str
    repair: str
    epochs: int
    trained_counts: tuple[int, ...]
    """Images of each class that one epoch holds; empty of a network that came from elsewhere."""
    given: Evaluation
    """On the labels as given."""
    expected: Expected | None
    """On the true labels, as far as the audit knows them."""
    ledger: Evaluation | None
    """On labels that people corrected, where a ledger changes any."""
    curve: Curve | None

    @property
    def examples(self) -> int:
        """Examples of an epoch."""
        return sum(self.trained_counts)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tried:
        """Return what `told` wrote."""
        expected, curve = data["expected"], data["curve"]
        if expected:
            figure = Interval(**expected["balanced_accuracy"])
            expected = Expected(**expected | {"balanced_accuracy": figure, "recalls": tuple(expected["recalls"])})
        return cls(
            **data
            | {
                "trained_counts": tuple(data["trained_counts"]),
                "given": Evaluation.from_json(data["given"]),
                "ledger": Evaluation.from_json(data["ledger"]) if data["ledger"] else None,
                "expected": expected,
                "curve": Curve(**{name: tuple(values) for name, values in curve.items()}) if curve else None,
            }
        )


@dataclass(frozen=True)
class ReferenceStudy:
    """All that a replay measured which no other file of the run folder holds."""

    judged_on: str
    """"test", or "held-out" where there are no test images: then a fifth of the training images judges."""
    n: int
    """Images that judge."""
    trained_on: int
    faithful: bool
    """Whether the study's own epochs were kept."""
    file: str
    """Name of the baseline's file; empty without one."""
    baseline: Tried | None
    experiments: tuple[Tried, ...]
    """In the order of the study."""
    final: Tried
    """What the study settled on, trained for longer."""
    refit: tuple[int, ...]
    """Images of each class that one epoch of the model held which was trained on everything."""
    undone: tuple[Tried, ...]
    """What the study left undone: repaired labels, combinations."""
    wrong: Interval
    """Estimated number of wrong training labels."""
    flagged: int
    """Training images that the audit itself calls wrongly labelled."""
    flagged_pair: int
    """Those of them that the study knows of: labelled as the one class, suggested to be the other."""
    missing: tuple[str, ...]
    """What was not given or could not be done, in sentences."""
    tuning: tuple[str, ...] = ()
    """What a search of settings comes to, in sentences; empty where none was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of ``reference.json``."""
        return vars(self) | {
            "baseline": told(self.baseline) if self.baseline else None,
            "experiments": [told(one) for one in self.experiments],
            "final": told(self.final),
            "undone": [told(one) for one in self.undone],
            "wrong": asdict(self.wrong),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ReferenceStudy:
        """Return what `to_json` wrote."""
        many = {name: tuple(map(Tried.from_json, data[name])) for name in ("experiments", "undone")}
        return cls(
            **data
            | many
            | {
                "baseline": Tried.from_json(data["baseline"]) if data["baseline"] else None,
                "final": Tried.from_json(data["final"]),
                "refit": tuple(data["refit"]),
                "wrong": Interval(**data["wrong"]),
                "missing": tuple(data["missing"]),
                "tuning": tuple(data["tuning"]),
            }
        )


def told(one: Tried) -> dict[str, Any]:
    """Return a network's figures as plain JSON values."""
    return vars(one) | {
        "given": one.given.to_json(),
        "expected": asdict(one.expected) if one.expected else None,
        "ledger": one.ledger.to_json() if one.ledger else None,
        "curve": asdict(one.curve) if one.curve else None,
    }


def expected_of(predicted: Ints, posterior: Doubles, balanced: Interval) -> Expected:
    """Return the figures of predictions on what is believed about the true labels.

    Parameters
    ----------
    predicted : (n,) int64
    posterior : (n, K) float64
        P(true = k | image), made without the help of these predictions.
    balanced : Interval
        The balanced accuracy on the given labels, whose interval is as wide.
    """
    recalls = expected_recall(predicted, posterior)
    value = float(np.nanmean(recalls))
    shift = value - balanced.value
    return Expected(
        expected_accuracy(predicted, posterior),
        Interval(value, max(0.0, balanced.low + shift), min(1.0, balanced.high + shift)),
        expected_macro_f1(predicted, posterior),
        tuple(None if np.isnan(recall) else float(recall) for recall in recalls),
    )


def tried(
    name: str,
    result: RemedyResult,
    posterior: Doubles,
    epochs: int,
    ledger: Evaluation | None,
) -> Tried:
    """Return what is kept of a candidate that was judged.

    Parameters
    ----------
    name : str
        What the report calls it.
    result : RemedyResult
    posterior : (n, K) float64
        Of the images that judged it.
    epochs : int
        Of its training.
    ledger : Evaluation, optional
        Its figures on labels that people corrected.
    """
    called: Ints = result.probabilities.argmax(axis=1)
    return Tried(
        name=name,
        remedy=result.remedy,
        repair=result.repair,
        epochs=epochs,
        trained_counts=result.trained_counts,
        given=result.evaluation,
        expected=expected_of(called, posterior, result.evaluation.balanced_accuracy),
        ledger=ledger,
        curve=drawn_together(result.curve),
    )


def foreign(evaluation: Evaluation, probabilities: Floats, posterior: Doubles, ledger: Evaluation | None) -> Tried:
    """Return what is kept of a network that came from elsewhere."""
    called: Ints = probabilities.argmax(axis=1)
    return Tried(
        name="the baseline",
        remedy="",
        repair="",
        epochs=0,
        trained_counts=(),
        given=evaluation,
        expected=expected_of(called, posterior, evaluation.balanced_accuracy),
        ledger=ledger,
        curve=None,
    )


def drawn_together(curve: Curve) -> Curve:
    """Return a curve with at most `MOST_STEPS` pairs of lowest and highest loss in the place of its steps.

    Losses that are no numbers, as a training leaves them that diverged, end it: JSON has no word for them.
    """
    steps = _finite(curve.step_loss)
    if len(steps) > 2 * MOST_STEPS:
        parts = np.array_split(np.asarray(steps), MOST_STEPS)
        steps = [round(float(end), 5) for part in parts for end in (part.min(), part.max())]
    return Curve(tuple(steps), tuple(_finite(curve.epoch_loss)), tuple(_finite(curve.validation_loss)))


def _finite(values: Sequence[float]) -> list[float]:
    found = np.asarray(values, dtype=np.float64)
    broken = np.flatnonzero(~np.isfinite(found))
    kept: list[float] = found[: broken[0] if len(broken) else len(found)].tolist()
    return kept


def write_reference(run: Path, found: ReferenceStudy) -> None:
    """Write ``reference.json`` into the run folder."""
    write_json(run / FILE, found.to_json())


def read_reference(run: Path) -> ReferenceStudy | None:
    """Return what `write_reference` wrote; None where nothing was replayed.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FILE, ReferenceStudy.from_json)
