"""Further figures of every candidate: after temperature scaling, and expected on the true labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.labels import Doubles
from evenhand.evaluation.calibration import calibration_error
from evenhand.evaluation.intervals import fold_interval
from evenhand.evaluation.label_noise import expected_accuracy, expected_macro_f1, expected_recall
from evenhand.evaluation.metrics import image_losses
from evenhand.evaluation.resampling import mean_loss_interval
from evenhand.evaluation.temperature import cross_fitted_scaling, fit_temperature
from evenhand.records.compared import Calibrated, OnTrueLabels
from evenhand.records.comparison import RemedyResult
from evenhand.records.values import Interval, Ints
from evenhand.study.bench import Bench

RESAMPLES = 2000
"""Draws behind an interval, as many as for the figures before scaling."""


def calibrated(bench: Bench, result: RemedyResult) -> Calibrated | None:
    """Return log-loss and calibration error after temperature scaling; None where one fold alone was predicted.

    The temperature of each fold was fitted to the given labels of the others: no image has a say in what it is judged
    with. The one of all folds is the one to use on other images.
    """
    place = np.searchsorted(bench.rows, result.indices)
    labels, fold = bench.given[place], bench.fold[place]
    if len(np.unique(fold)) < 2:
        return None
    chances = cross_fitted_scaling(result.probabilities, labels, fold)
    right = chances.argmax(axis=1) == labels
    return Calibrated(
        fit_temperature(result.probabilities, labels),
        mean_loss_interval(image_losses(labels, chances), labels, seed=0, resamples=RESAMPLES),
        calibration_error(chances.max(axis=1), right, seed=0, resamples=RESAMPLES),
    )


def on_true_labels(bench: Bench, result: RemedyResult, posterior: Doubles) -> OnTrueLabels:
    """Return accuracy, macro F1 and the recall of each class as they are expected on the true labels.

    Parameters
    ----------
    bench : Bench
        The training images.
    result : RemedyResult
        Its probabilities are judged.
    posterior : (n, K) float64
        What the audit believes of each image of the bench.
    """
    place = np.searchsorted(bench.rows, result.indices)
    predicted, fold = result.probabilities.argmax(axis=1).astype(np.int64), bench.fold[place]
    believed = posterior[place]

    def around(figure: Callable[[Ints, Doubles], float]) -> Interval:
        return _over_folds(figure, predicted, believed, fold, bench.n_folds)

    def recall(label: int) -> Callable[[Ints, Doubles], float]:
        return lambda called, chances: float(np.nan_to_num(expected_recall(called, chances)[label]))

    return OnTrueLabels(
        around(expected_accuracy), around(expected_macro_f1), tuple(around(recall(k)) for k in range(bench.n_classes))
    )


def _over_folds(
    figure: Callable[[Ints, Doubles], float], predicted: Ints, believed: Doubles, fold: Ints, folds: int
) -> Interval:
    """Return the figure on all folds together, with the interval of its values on single ones moved to it."""
    value = figure(predicted, believed)
    spread = fold_interval(
        [figure(predicted[fold == one], believed[fold == one]) for one in np.unique(fold)], 1 / (folds - 1)
    )
    low, high = value - (spread.value - spread.low), value + (spread.high - spread.value)
    return Interval(value, max(0.0, low), min(1.0, high))
