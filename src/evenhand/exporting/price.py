"""What a smaller model costs: the recall of each class before and after, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand.evaluation.intervals import wilson
from evenhand.evaluation.matched import matched_difference
from evenhand.records.values import Floats, Interval, Ints


@dataclass(frozen=True)
class ClassPrice:
    """The recall of one class before and after, and the difference (after minus before) with its 95 % interval."""

    name: str
    support: int
    before: Interval
    after: Interval
    difference: Interval


@dataclass(frozen=True)
class Price:
    """What quantisation costs: images that are called differently, recall by class, bytes of both files."""

    n: int
    other_class: int
    largest: float
    per_class: tuple[ClassPrice, ...]
    bytes_before: int
    bytes_after: int
    calibrated_on: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; `per_class` by name."""
        told = asdict(self)
        told["per_class"] = {row.pop("name"): row for row in told["per_class"]}
        return told

    def sentences(self) -> list[str]:
        """Return it in words: one sentence about the whole, then one about the class that loses most."""
        before, after = (f"{size / 1e3:,.0f} kB" for size in (self.bytes_before, self.bytes_after))
        lines = [
            f"In 8 bits it has {after} in place of {before}, and calls {self.other_class} of {self.n} images "
            f"differently (ranges taken from {self.calibrated_on})."
        ]
        worst = min(self.per_class, key=lambda row: row.difference.value)
        told = worst.difference
        if told.high < 0:
            lines.append(
                f"{worst.name} pays most: its recall falls from {worst.before.value:.3f} to {worst.after.value:.3f} "
                f"(95 % interval of the difference {told.low:+.3f} to {told.high:+.3f})."
            )
        else:
            lines.append(
                "No class is known to lose recall; the largest loss seen is that of "
                f"{worst.name}, {told.value:+.3f} ({told.low:+.3f} to {told.high:+.3f})."
            )
        return lines


def price(
    labels: Ints,
    before: Floats,
    after: Floats,
    classes: Sequence[str],
    *,
    sizes: tuple[int, int],
    calibrated_on: str,
) -> Price:
    """Return what the step from one model to a smaller one costs.

    Parameters
    ----------
    labels : (n,) int64
    before, after : (n, K) float32
        Probabilities of both models for the same images.
    classes : sequence of str
    sizes : tuple of int
        Bytes of both files.
    calibrated_on : str
        Which images the smaller model was fitted to, in words.
    """
    first, second = before.argmax(axis=1), after.argmax(axis=1)
    rows = []
    for number, name in enumerate(classes):
        own = labels == number
        right, still = own & (first == number), own & (second == number)
        support = int(own.sum())
        rows.append(
            ClassPrice(
                name=name,
                support=support,
                before=_share(int(right.sum()), support),
                after=_share(int(still.sum()), support),
                difference=matched_difference(int((still & ~right).sum()), int((right & ~still).sum()), support),
            )
        )
    return Price(
        n=len(labels),
        other_class=int((first != second).sum()),
        largest=float(np.abs(before - after).max(initial=0)),
        per_class=tuple(rows),
        bytes_before=sizes[0],
        bytes_after=sizes[1],
        calibrated_on=calibrated_on,
    )


def _share(count: int, of: int) -> Interval:
    low, high = wilson(count, of)
    return Interval(count / of if of else 0.0, float(low), float(high))
