"""What the comparison says of a candidate beside its own figures: against others, calibrated, on the true labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from evenhand.records.values import Interval

COLUMNS = (
    "temperature",
    "log_loss_scaled",
    "ece_scaled",
    "expected_accuracy",
    "expected_macro_f1",
    "vs_plain",
    "vs_plain_low",
    "vs_plain_high",
    "vs_plain_p",
    "vs_plain_p_holm",
    "vs_plain_model",
    "vs_best",
    "vs_best_low",
    "vs_best_high",
    "vs_best_p",
    "vs_best_p_holm",
    "vs_best_p_range",
    "tied",
)
"""What a row of ``leaderboard.csv`` has beside the candidate's own figures."""


@dataclass(frozen=True)
class Versus:
    """How much better a candidate is than another one, in pairs of trainings on the same folds and seeds.

    What a single training cannot tell is None.
    """

    other: str
    """Name of the other one."""
    model: str
    """The network that both were judged with, or that of the other where the two differ."""
    value: float
    low: float | None = None
    """95 % interval of Nadeau and Bengio, of this pair alone."""
    high: float | None = None
    p: float | None = None
    """Two-sided, of the same test."""
    p_holm: float | None = None
    """Adjusted by Holm for the comparisons of all rows with plain training, or with the best."""
    p_range: float | None = None
    """How often the best and the worst of as many equal candidates lie further apart; None for stopped candidates."""
    apart: bool = False
    """Whether the two can be told apart."""
    images: int | None = None
    """Training images that would tell them apart, about; None where they are apart already, or where even a hundred
    times as many would not do."""
    stopped: bool = False
    """Whether the candidate was stopped early: the two are compared by the trainings that both have."""
    seeds: int | None = None
    """Trainings a fold that would tell them apart, at least; None where they are apart already, or none would do."""


@dataclass(frozen=True)
class Calibrated:
    """Figures on the given labels after temperature scaling; each fold's temperature was fitted on the others."""

    temperature: float
    """Fitted on all folds; above 1 the network was too sure of itself."""
    log_loss: Interval
    ece: Interval


@dataclass(frozen=True)
class OnTrueLabels:
    """Figures expected on the true labels, as far as the label audit knows them, with intervals over the folds."""

    accuracy: Interval
    macro_f1: Interval
    recall: tuple[Interval, ...]
    """Of each class, in the order of the classes."""


@dataclass(frozen=True)
class Compared:
    """What the comparison adds to a row of the leaderboard; what could not be had is None."""

    calibrated: Calibrated | None = None
    on_true_labels: OnTrueLabels | None = None
    vs_plain: Versus | None = None
    """Against plain training; None for plain training itself, and where it was not judged."""
    vs_best: Versus | None = None
    """Against the chosen candidate; None for that one."""

    def cells(self) -> dict[str, Any]:
        """Return a value, rounded to six places, for each of `COLUMNS`; None where it could not be had."""
        scaled, true, plain, best = self.calibrated, self.on_true_labels, self.vs_plain, self.vs_best
        values: dict[str, Any] = {
            "temperature": scaled.temperature if scaled else None,
            "log_loss_scaled": scaled.log_loss.value if scaled else None,
            "ece_scaled": scaled.ece.value if scaled else None,
            "expected_accuracy": true.accuracy.value if true else None,
            "expected_macro_f1": true.macro_f1.value if true else None,
            "vs_plain_model": plain.model if plain else None,
            "vs_best_p_range": best.p_range if best else None,
            # A candidate that was stopped early is neither tied nor told apart.
            "tied": None if best is None or best.stopped else not best.apart,
        }
        for name, versus in (("vs_plain", plain), ("vs_best", best)):
            values[name] = versus.value if versus else None
            for part in ("low", "high", "p", "p_holm"):
                values[f"{name}_{part}"] = getattr(versus, part) if versus else None
        return {name: round(values[name], 6) if isinstance(values[name], float) else values[name] for name in COLUMNS}

    def recall_of(self, classes: tuple[str, ...]) -> dict[str, float] | None:
        """Return the recall of each class as it is expected on the true labels; None without an audit."""
        true = self.on_true_labels
        return {name: one.value for name, one in zip(classes, true.recall, strict=True)} if true else None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Compared:
        """Return what `to_json` wrote."""
        scaled, true = data["calibrated"], data["on_true_labels"]
        return cls(
            Calibrated(scaled["temperature"], Interval(**scaled["log_loss"]), Interval(**scaled["ece"]))
            if scaled
            else None,
            OnTrueLabels(
                Interval(**true["accuracy"]),
                Interval(**true["macro_f1"]),
                tuple(Interval(**row) for row in true["recall"]),
            )
            if true
            else None,
            *(Versus(**data[name]) if data[name] else None for name in ("vs_plain", "vs_best")),
        )
