"""The values that travel between rooms and end up on disk. Standard library and numpy only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]


def canonical_json(value: Any) -> str:
    """Return `value` as JSON that is the same text for the same value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the first 20 hex digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """A file that could not be taken as it is, and why.

    `kind` is one of unreadable, empty, truncated, oversized, unsupported, duplicate_name, hidden, missing, misplaced.
    """

    path: str
    kind: str
    detail: str


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall, F1 and support of one class, and what they mean in words."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    reading: str


@dataclass(frozen=True)
class Cost:
    """What decisions cost an image as the images are, and with classes as common as `prior`; `confusion` has them."""

    mean: Interval
    most_probable: Interval  # where the most probable class is called
    at_prior: Interval | None
    prior: tuple[float, ...] | None
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cost:
        """Return what ``asdict`` made of it."""
        told = {name: data[name] and Interval(**data[name]) for name in ("mean", "most_probable", "at_prior")}
        return cls(**told, prior=data["prior"] and tuple(data["prior"]), confusion=tuple(map(tuple, data["confusion"])))


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model on one set of labelled images."""

    n: int
    classes: tuple[str, ...]
    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    ece: Interval
    macro_average: tuple[float, float, float]
    weighted_average: tuple[float, float, float]
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    cost: Cost | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the command contract (`evaluate`); `cost` where costs were stated."""
        figures: dict[str, Any] = {"n": self.n, "classes": list(self.classes)}
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"):
            interval: Interval = getattr(self, name)
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        average = ("precision", "recall", "f1")
        figures["macro_average"] = dict(zip(average, self.macro_average, strict=True))
        figures["weighted_average"] = dict(zip(average, self.weighted_average, strict=True))
        figures["per_class"] = {
            row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in self.per_class
        }
        figures["confusion"] = [list(row) for row in self.confusion]
        return figures | ({"cost": asdict(self.cost)} if self.cost else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evaluation:
        """Return the evaluation that `to_json` wrote."""

        def interval(name: str) -> Interval:
            return Interval(data[name], data[f"{name}_low"], data[f"{name}_high"])

        def average(name: str) -> tuple[float, float, float]:
            row = data[name]
            return (row["precision"], row["recall"], row["f1"])

        return cls(
            n=data["n"],
            classes=tuple(data["classes"]),
            accuracy=interval("accuracy"),
            balanced_accuracy=interval("balanced_accuracy"),
            macro_f1=interval("macro_f1"),
            log_loss=interval("log_loss"),
            ece=interval("ece"),
            macro_average=average("macro_average"),
            weighted_average=average("weighted_average"),
            # In the order of the classes: files keep the keys of an object in the order of the alphabet.
            per_class=tuple(ClassFigures(name=name, **data["per_class"][name]) for name in data["classes"]),
            confusion=tuple(tuple(row) for row in data["confusion"]),
            cost=Cost.from_json(data["cost"]) if data.get("cost") else None,
        )


@dataclass(frozen=True)
class LabelIssue:
    """The suspicion in [0, 1] that the given label of one image is wrong, and the label suggested instead."""

    path: str
    given: str
    suggested: str
    suspicion: float
    flagged: bool


@dataclass(frozen=True)
class ConfusedPair:
    """Images that carry the label `given` and show `true`: how many are estimated, with the 95 % interval."""

    given: str
    true: str
    estimated: float
    low: float
    high: float


@dataclass(frozen=True)
class Duplicate:
    """One member of a group of images that show the same picture."""

    group: int
    path: str
    split: str
    given: str
    conflict: bool
    leaked: bool
    kind: str = "exact"
    """"exact" where another member has the very same pixels, "near" where the others only look the same."""


@dataclass(frozen=True)
class OddImage:
    """An image unlike the others; `score` says how far beyond the limit it is, 1 at the limit.

    `reason` is one of blank, very wide, very high, very dark, very bright, hardly any content, blurred, another kind of
    picture; `detail` says it with its number.
    """

    path: str
    split: str
    reason: str
    score: float
    detail: str = ""


@dataclass(frozen=True)
class Decided:
    """How many images people have decided on: training images, where nothing else is said."""

    changed: int
    kept: int
    excluded: int
    changed_apart: int = 0
    """Validation and test images whose label was changed: for the figures on corrected labels alone."""
    kept_apart: int = 0
    strange: int = 0
    """Decisions about pictures that are not in the data."""

    @property
    def settled(self) -> int:
        """Training images that were decided on."""
        return self.changed + self.kept + self.excluded


@dataclass(frozen=True)
class Audit:
    """What is wrong with the data. `counts[split][class]` counts images that could be read."""

    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]
    duplicates: tuple[Duplicate, ...]
    issues: tuple[LabelIssue, ...]
    wrong_labels: Interval | None
    """Estimated number of wrong training labels; None where no out-of-fold probabilities could be had."""
    pairs: tuple[ConfusedPair, ...] = ()
    """The pairs of classes that are confused in the labels, those of most images first."""
    notes: tuple[str, ...] = ()
    """Plain sentences: classes too small to judge, image sizes met, copies of test images dropped."""
    odd: tuple[OddImage, ...] = ()
    """Images unlike the others, the oddest first."""

    @property
    def exact_groups(self) -> int:
        """The number of groups of images that all have the same pixels."""
        return len({row.group for row in self.duplicates}) - self.near_groups

    @property
    def near_groups(self) -> int:
        """The number of groups with an image that looks the same as another and has other pixels."""
        return len({row.group for row in self.duplicates if row.kind == "near"})

    @property
    def n(self) -> int:
        """The number of images that could be read, over all splits."""
        return sum(sum(row.values()) for row in self.counts.values())

    @property
    def flagged(self) -> tuple[LabelIssue, ...]:
        """The images whose label the product itself calls wrong, worst first."""
        return tuple(issue for issue in self.issues if issue.flagged)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the command contract (`audit`)."""
        return {
            "n": self.n,
            "classes": list(self.classes),
            "counts": self.counts,
            "unreadable": len(self.findings),
            "duplicate_groups": self.exact_groups + self.near_groups,
            "near_duplicate_groups": self.near_groups,
            "leaked": sum(row.leaked for row in self.duplicates),
            "odd_images": len(self.odd),
            "label_issues": len(self.flagged),
            "wrong_labels_estimate": asdict(self.wrong_labels) if self.wrong_labels else None,
            "pairs": [
                {"given": pair.given, "true": pair.true, "value": pair.estimated, "low": pair.low, "high": pair.high}
                for pair in self.pairs
            ],
            "notes": list(self.notes),
        }


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


@dataclass(frozen=True)
class TestResult:
    """The final model on the test split: read once, after the choice was written down."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of its name

    evaluation: Evaluation
    probabilities: Floats
    indices: Ints
    """Rows of the manifest."""
    corrected: Evaluation | None = None


@dataclass(frozen=True)
class Reproduce:
    """How to get the same result again."""

    command: str
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
