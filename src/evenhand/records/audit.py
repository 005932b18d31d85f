"""What is wrong with the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from evenhand.records.values import Interval


@dataclass(frozen=True)
class Finding:
    """A file that could not be taken as it is, and why.

    `kind` is one of unreadable, empty, truncated, oversized, unsupported, duplicate_name, hidden, missing, misplaced.
    """

    path: str
    kind: str
    detail: str


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
