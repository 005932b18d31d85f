"""Before and after a repair: candidates that differ in nothing else, compared on the same folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.records.comparison import Judged
from evenhand.records.values import Interval
from evenhand.reporting.content import ReportData
from evenhand.reporting.gain import paired


@dataclass(frozen=True)
class Repaired:
    """A candidate without and with a repair, in the same network; or the mean over `remedies` of them."""

    remedy: str
    repair: str
    model: str
    before: float
    after: float
    interval: Interval | None
    differences: tuple[float, ...]
    """In each training: all folds of the first seed, then of the next."""
    remedies: int = 1
    untouched: bool = False
    """Whether the repair found nothing to do: both sides are the very same trainings."""

    @property
    def value(self) -> float:
        """What the repair adds to the figure, a share."""
        return self.after - self.before


def repaired(data: ReportData) -> tuple[Repaired, ...]:
    """Return every pair of candidates that differ in the repair alone, then the mean over remedies of each repair.

    The interval is that of the corrected resampled t-test over folds, moved to the difference of the pooled
    figures. For the mean, the differences of the remedies are averaged within each training first, for they share its
    images.
    """
    judged = data.judged or tuple(Judged.of(row) for row in data.results)
    plain = {(one.remedy, one.model): one for one in judged if one.repair == "none"}
    found: dict[tuple[str, str], list[Repaired]] = {}
    for one in judged:
        before = plain.get((one.remedy, one.model))
        # Figures of candidates that stopped early are of fewer images.
        if one.repair != "none" and before and not (one.stopped or before.stopped):
            found.setdefault((one.repair, one.model), []).append(_compared(data, before, one))
    return tuple(
        row for group in found.values() for row in [*sorted(group, key=lambda row: -row.after), *_pooled(data, group)]
    )


def _compared(data: ReportData, before: Judged, after: Judged) -> Repaired:
    value = after.figure.value - before.figure.value
    return Repaired(
        after.remedy,
        after.repair,
        after.model,
        before.figure.value,
        after.figure.value,
        paired(data, value, after.by_fold, before.by_fold),
        tuple(np.subtract(after.by_fold, before.by_fold).tolist()),
        untouched=bool(before.trials) and before.trials == after.trials,
    )


def _pooled(data: ReportData, group: Sequence[Repaired]) -> list[Repaired]:
    """Return the mean over the remedies; nothing where it would repeat the only one."""
    if len(group) < 2:
        return []
    before, after = (float(np.mean([getattr(row, name) for row in group])) for name in ("before", "after"))
    differences = np.mean([row.differences for row in group], axis=0).tolist()
    found = paired(data, after - before, differences, [0.0] * len(differences))
    first, untouched = group[0], all(row.untouched for row in group)
    return [
        Repaired(
            "", first.repair, first.model, before, after, found, tuple(differences), len(group), untouched=untouched
        )
    ]
