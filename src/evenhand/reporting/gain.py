"""Paired differences: how much better the choice is than another candidate, fold by fold on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.records import Interval, RemedyResult
from evenhand.reporting.content import ReportData


@dataclass(frozen=True)
class Gain:
    """The figure the choice goes by minus that of `other`; `interval` is None where there is a single training."""

    other: RemedyResult
    value: float
    interval: Interval | None
    tied: bool
    same_network: bool


def gain(data: ReportData) -> Gain | None:
    """Return what the choice gains over plain training; None where plain training is the choice or was not tried."""
    plain = data.plain
    return difference(data, plain) if plain is not None and plain is not data.chosen else None


def differences(data: ReportData) -> list[Gain]:
    """Return the choice compared with every other candidate, in the order of the leaderboard."""
    found = (difference(data, row) for row in data.results if row is not data.chosen)
    return [one for one in found if one]


def difference(data: ReportData, other: RemedyResult) -> Gain | None:
    """Return the choice compared with one candidate; None where nothing was chosen.

    The interval is that of the corrected resampled t-test over folds and seeds, which also decides ties, moved to the
    difference of the pooled figures.
    """
    chosen = data.chosen
    if chosen is None:
        return None
    value = chosen.judged.value - other.judged.value
    found = None
    if len(chosen.by_fold) == len(other.by_fold) > 1 < data.folds:
        paired = np.subtract(chosen.by_fold, other.by_fold)
        mean, low, high, _ = corrected_resampled_t(paired, 1 / (data.folds - 1))
        found = Interval(value, value - (mean - low), value + (high - mean))
    return Gain(other, value, found, data.is_tied(other), chosen.model == other.model)
