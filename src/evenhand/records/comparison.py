"""The rows of a comparison, and what is chosen from them."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Interval, Ints


@dataclass(frozen=True)
class Curve:
    """Losses of one training: a value a step, and a value an epoch for training and, if there is one, validation."""

    step_loss: tuple[float, ...]
    epoch_loss: tuple[float, ...]
    validation_loss: tuple[float, ...] = ()


WEAK, TIME = "weak", "time"
"""Why a candidate stopped before it had all its trainings: it was clearly behind, or there was no time."""


@dataclass(frozen=True)
class RemedyResult:
    """One row of the leaderboard: a remedy with a repair and a model, judged out of fold."""

    remedy: str
    repair: str
    model: str
    evaluation: Evaluation
    """Out-of-fold figures on the given labels, probabilities averaged over the seeds."""
    probabilities: Floats
    """(n, K) out-of-fold probabilities of the images of `indices`."""
    indices: Ints
    """(n,) rows of the manifest that were cross-validated."""
    trained_counts: tuple[int, ...]
    """Images (synthetic ones included) or expected draws a class that one epoch on the whole training set holds."""
    curve: Curve
    """Loss curve of the first seed and fold."""
    trials: tuple[str, ...] = ()
    low: float = 0.0
    """95 % interval of the out-of-fold balanced accuracy across folds and seeds."""
    high: float = 0.0
    seconds: float = 0.0
    expected: Interval | None = None
    """Balanced accuracy expected on the true labels, as far as the label audit knows them; None without an audit."""
    by_fold: tuple[float, ...] = ()
    """The figure that the choice goes by in each training: all folds of the first seed, then of the next."""
    planned: int = 0
    """Trainings of a candidate that goes all the way; 0 where that was not kept."""
    stopped: str = ""
    """Why the candidate stopped before: WEAK or TIME; empty where it went all the way."""

    @property
    def how_far(self) -> str:
        """How far the candidate came, in words, where it was stopped; otherwise nothing."""
        return f"stopped after {len(self.by_fold)} of {self.planned} trainings" if self.stopped else ""

    @property
    def judged(self) -> Interval:
        """The figure that the choice goes by: the expected one where there is one, else that on the given labels."""
        return self.expected or Interval(self.evaluation.balanced_accuracy.value, self.low, self.high)

    @property
    def name(self) -> str:
        """The row as people say it, for example ``balanced-softmax, suspects dropped``."""
        return self.remedy if self.repair == "none" else f"{self.remedy}, suspects {REPAIR_WORDS[self.repair]}"


@dataclass(frozen=True)
class Judged:
    """What a candidate was judged by with one network; a finalist has such a figure for each of its networks."""

    remedy: str
    repair: str
    model: str
    figure: Interval
    by_fold: tuple[float, ...]
    """The figure in each training: all folds of the first seed, then of the next."""
    trials: tuple[str, ...] = ()
    """Keys of the trainings; candidates that share them were trained on the same labels."""
    planned: int = 0
    """Trainings of a candidate that goes all the way; 0 where that was not kept."""
    stopped: str = ""
    """Why the candidate stopped before: WEAK or TIME; empty where it went all the way."""

    @classmethod
    def of(cls, result: RemedyResult) -> Judged:
        """Return it for a row of the leaderboard."""
        return cls(
            result.remedy,
            result.repair,
            result.model,
            result.judged,
            result.by_fold,
            result.trials,
            result.planned,
            result.stopped,
        )


REPAIR_WORDS = {"drop": "left out", "relabel": "relabelled", "soft": "softened"}


@dataclass(frozen=True)
class Choice:
    """What the comparison concludes. `ties` are names of rows that cannot be told apart from the chosen one."""

    remedy: str
    repair: str
    model: str
    reason: str
    ties: tuple[str, ...] = ()
    settled: str = ""
    """The remedy with the values that were tuned on out-of-fold predictions; empty where there was nothing to tune."""
    needed: str = ""
    """What would tell the choice from what it is tied with, in words; empty where nothing is."""
