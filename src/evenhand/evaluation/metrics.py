"""All figures of a model on labelled images, each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenhand.errors import DataError, EvenhandError
from evenhand.evaluation.calibration import calibration_error
from evenhand.evaluation.intervals import wilson
from evenhand.evaluation.reading import read
from evenhand.evaluation.resampling import balanced_accuracy_interval, macro_f1_interval, mean_loss_interval
from evenhand.records.evaluation import ClassFigures, Evaluation
from evenhand.records.values import Interval, Ints

Doubles = NDArray[np.float64]

LEAST_PROBABILITY = 1e-12
"""Probabilities are raised to this before the logarithm: one certain mistake costs 27.6, not infinity."""
ROW_SUM_TOLERANCE = 1e-3


def evaluate(
    labels: Ints, probabilities: ArrayLike, classes: Sequence[str], *, seed: int = 0, resamples: int = 2000
) -> Evaluation:
    """Return every figure of a model's probabilities against labels.

    Balanced accuracy is the mean recall of the classes that occur in `labels`. The macro averages run over the classes
    that occur in `labels` or among the predictions, as in scikit-learn's report; precision, recall and F1 are 0 where
    they would be 0/0. Of equal top probabilities the first class is the prediction. The expected calibration error has
    15 equal-width bins over the top probability (`calibration_error`). Intervals hold the number of images a class
    fixed (Wilson's, which does not, for accuracy).

    Parameters
    ----------
    labels : (n,) int64
        In 0..K-1; a class may have no image.
    probabilities : (n, K) float
        In [0, 1]; rows sum to 1 within 1e-3.
    classes : sequence of str
        K names in the order of the columns.
    seed : int
        Of the draws behind the intervals: the same arguments give the same figures.
    resamples : int
        Number of draws, at least 1.

    Raises
    ------
    DataError
        When there is no image.
    EvenhandError
        When a probability is not a finite number.
    ValueError
        When shapes, labels or row sums are not as described.
    """
    chances = _checked(labels, probabilities, classes, resamples)
    predicted = chances.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, len(classes))
    table = per_class(confusion)
    right, support = confusion.diagonal(), confusion.sum(axis=1)
    low, high = wilson(right.sum(), len(labels))
    return Evaluation(
        n=len(labels),
        classes=tuple(classes),
        accuracy=Interval(float(right.sum() / len(labels)), float(low), float(high)),
        balanced_accuracy=balanced_accuracy_interval(right, support, seed=seed, resamples=resamples),
        macro_f1=macro_f1_interval(table.macro[2], confusion, table.counted, seed=seed, resamples=resamples),
        log_loss=mean_loss_interval(image_losses(labels, chances), labels, seed=seed, resamples=resamples),
        ece=calibration_error(chances.max(axis=1), predicted == labels, seed=seed, resamples=resamples),
        macro_average=table.macro,
        weighted_average=table.weighted,
        per_class=_described(classes, table, confusion),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


@dataclass(frozen=True)
class ClassTable:
    """Precision, recall and F1 of each class, and their averages.

    Attributes
    ----------
    precision, recall, f1 : (K,) float64
    counted : (K,) bool
        Classes that occur in the labels or among the predictions: those the macro average runs over.
    macro, weighted : tuple of float
        Averages of precision, recall and F1: plain, and weighted by support.
    """

    precision: Doubles
    recall: Doubles
    f1: Doubles
    counted: NDArray[np.bool_]
    macro: tuple[float, float, float]
    weighted: tuple[float, float, float]


def confusion_matrix(labels: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Return the (K, K) int64 counts of images; rows: label, columns: prediction."""
    cells = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def per_class(confusion: Ints) -> ClassTable:
    """Return the class table of a (K, K) confusion matrix; 0/0 counts as 0."""
    right, support, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = right / np.maximum(called, 1), right / np.maximum(support, 1)
    f1 = 2 * right / np.maximum(support + called, 1)
    counted = support + called > 0
    share = support / max(1, support.sum())
    figures = np.stack([precision, recall, f1])
    macro, weighted = figures[:, counted].mean(axis=1), figures @ share
    return ClassTable(
        precision,
        recall,
        f1,
        counted,
        macro=(float(macro[0]), float(macro[1]), float(macro[2])),
        weighted=(float(weighted[0]), float(weighted[1]), float(weighted[2])),
    )


def image_losses(labels: Ints, probabilities: Doubles) -> Doubles:
    """Return (n,) the negative logarithm of the probability of each label, at most 27.6."""
    own = probabilities[np.arange(len(labels)), labels]
    return np.abs(np.log(np.clip(own, LEAST_PROBABILITY, 1.0)))


def _described(classes: Sequence[str], table: ClassTable, confusion: Ints) -> tuple[ClassFigures, ...]:
    support, called = confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassFigures(
            name=name,
            precision=float(table.precision[row]),
            recall=float(table.recall[row]),
            f1=float(table.f1[row]),
            support=int(support[row]),
            reading=read(float(table.precision[row]), float(table.recall[row]), int(support[row]), int(called[row])),
        )
        for row, name in enumerate(classes)
    )


def _checked(labels: Ints, probabilities: ArrayLike, classes: Sequence[str], resamples: int) -> Doubles:
    chances = np.asarray(probabilities, dtype=np.float64)
    if not len(labels):
        raise DataError("There is no image to evaluate on. Check the folder and its class names.")
    if chances.shape != (len(labels), len(classes)):
        raise ValueError(f"Probabilities must be {(len(labels), len(classes))} (images, classes), not {chances.shape}.")
    if not np.issubdtype(np.asarray(labels).dtype, np.integer) or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"Labels must be whole numbers from 0 to {len(classes) - 1}.")
    if resamples < 1:
        raise ValueError(f"At least one resample is needed, not {resamples}.")
    broken = ~np.isfinite(chances).all(axis=1)
    if broken.any():
        raise EvenhandError(
            f"The model's output for {int(broken.sum())} of {len(labels)} images is not a number. Its training "
            "probably diverged: train again with a smaller learning rate."
        )
    if chances.min() < 0 or np.abs(chances.sum(axis=1) - 1).max() > ROW_SUM_TOLERANCE:
        raise ValueError("Probabilities must not be negative, and each row must sum to 1.")
    return chances
