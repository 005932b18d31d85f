"""What the choice gains over plain training: the paired difference of both, fold by fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.records import Interval, Ints, RemedyResult
from evenhand.reporting.content import ReportData


@dataclass(frozen=True)
class Gain:
    """Balanced accuracy of the choice minus that of plain training; `interval` is None where there is a single fold."""

    value: float
    interval: Interval | None
    tied: bool
    same_network: bool


def gain(data: ReportData) -> Gain | None:
    """Return what the choice gains, or None where there is nothing to compare it with: no plain row, or it is that.

    The interval is that of the corrected resampled t-test over folds, as for ties, moved to the pooled difference.
    """
    chosen, plain = data.chosen, data.plain
    if chosen is None or plain is None or chosen is plain:
        return None
    value = chosen.evaluation.balanced_accuracy.value - plain.evaluation.balanced_accuracy.value
    differences = _by_fold(data, chosen) - _by_fold(data, plain)
    found = None
    if len(differences) > 1:
        mean, low, high, _ = corrected_resampled_t(differences, 1 / (data.n_folds - 1))
        found = Interval(value, value - (mean - low), value + (high - mean))
    return Gain(value, found, data.is_tied(plain), chosen.model == plain.model)


def _by_fold(data: ReportData, row: RemedyResult) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if data.folds is None:
        return np.zeros(0)
    given = data.dataset.manifest.given[row.indices]
    called = row.probabilities.argmax(axis=1)
    return np.array([_balanced(given[data.folds == f], called[data.folds == f]) for f in np.unique(data.folds)])


def _balanced(labels: Ints, called: Ints) -> float:
    support = np.bincount(labels)
    right = np.bincount(labels[labels == called], minlength=len(support))
    return float((right[support > 0] / support[support > 0]).mean())
