"""What becomes of a model's figures when unsure answers are left to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.errors import UsageError
from evenhand.records.values import Interval

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The thresholds that coverage is told for, besides the one asked for."""


def check_threshold(threshold: float | None) -> None:
    """Raise UsageError when the threshold of ``--reject-below`` is no probability."""
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(f"--reject-below takes a probability above 0 and up to 1, not {threshold:g}.")


@dataclass(frozen=True)
class Answered:
    """The answers that reach one threshold; an answer is as sure as its largest probability."""

    threshold: float
    counts: tuple[tuple[int, int, int], ...]
    """Of each class by label: its images, those that get an answer, and those whose answer is right."""
    accuracy: Interval | None
    """Share of the answers that are right; None where there are none."""

    @property
    def n(self) -> int:
        """How many images get an answer."""
        return sum(answered for _, answered, _ in self.counts)

    @property
    def share(self) -> float:
        """The coverage: which share of all images gets an answer."""
        return self.n / sum(images for images, _, _ in self.counts)

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean, over the classes that get answers, of the share of these that are right; None without any."""
        shares = [right / answered for _, answered, right in self.counts if answered]
        return sum(shares) / len(shares) if shares else None

    def least(self) -> tuple[int, float]:
        """Return which class gets the smallest share of answers, and that share."""
        shares = [(answered / images, place) for place, (images, answered, _) in enumerate(self.counts) if images]
        share, place = min(shares)
        return place, share

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return it as a JSON object; `classes` are the names in their order."""
        accuracy = self.accuracy
        return {
            "reject_below": self.threshold,
            "answered": self.n,
            "share": self.share,
            "accuracy": accuracy and accuracy.value,
            "accuracy_low": accuracy and accuracy.low,
            "accuracy_high": accuracy and accuracy.high,
            "balanced_accuracy": self.balanced_accuracy,
            "per_class": {
                name: {"n": images, "answered": answered, "right": right}
                for name, (images, answered, right) in zip(classes, self.counts, strict=True)
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], classes: Sequence[str]) -> Answered:
        """Return what `to_json` wrote."""
        known = data["accuracy"] is not None
        accuracy = Interval(*(data[name] for name in ("accuracy", "accuracy_low", "accuracy_high"))) if known else None
        rows = [data["per_class"][name] for name in classes]
        return cls(data["reject_below"], tuple((row["n"], row["answered"], row["right"]) for row in rows), accuracy)


@dataclass(frozen=True)
class Abstention:
    """The coverage curve: one row a threshold, rising; `asked` is the one that the user named."""

    asked: float | None
    curve: tuple[Answered, ...]

    @property
    def chosen(self) -> Answered | None:
        """The row of the threshold that was asked for."""
        return next((row for row in self.curve if row.threshold == self.asked), None)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"reject_below": self.asked, "curve": [row.to_json(classes) for row in self.curve]}

    @classmethod
    def from_json(cls, data: dict[str, Any], classes: Sequence[str]) -> Abstention:
        """Return what `to_json` wrote."""
        return cls(data["reject_below"], tuple(Answered.from_json(row, classes) for row in data["curve"]))
