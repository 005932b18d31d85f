"""Paired differences: how much better the choice is than another candidate, fold by fold on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evaluation.intervals import by_seed, corrected_resampled_t
from evenhand.records.comparison import RemedyResult
from evenhand.records.values import Interval
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

    The interval is that of the comparison; where that was not kept, that of the corrected resampled t-test over folds,
    moved to the difference of the pooled figures.
    """
    chosen = data.chosen
    if chosen is None:
        return None
    known = data.beside(other).vs_best
    if known and known.low is not None and known.high is not None:
        reach = Interval(-known.value, -known.high, -known.low)
        return Gain(other, reach.value, reach, data.is_tied(other), chosen.model == other.model)
    value, mine = chosen.judged.value - other.judged.value, chosen.by_fold
    if other.stopped:
        # The pooled figures are of other images; what both have are the first trainings.
        mine = mine[: len(other.by_fold)]
        value = float(np.subtract(mine, other.by_fold[: len(mine)]).mean())
    found = paired(data, value, mine, other.by_fold)
    return Gain(other, value, found, data.is_tied(other), chosen.model == other.model)


def paired(data: ReportData, value: float, first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """Return a difference of pooled figures with the interval of its paired trainings; None where one cannot be had.

    Parameters
    ----------
    data : ReportData
        Tells the folds.
    value : float
        The difference of the pooled figures; the interval is moved to it.
    first, second : sequence of float
        The figure of either candidate in each training, the same folds and seeds in the same order.
    """
    if not len(first) == len(second) > 1 < min(data.held_out, data.folds):
        return None
    told = by_seed(np.subtract(first, second), data.held_out)
    mean, low, high, _ = corrected_resampled_t(told, 1 / (data.folds - 1))
    return Interval(value, value - (mean - low), value + (high - mean))
