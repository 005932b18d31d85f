"""Figures against labels that are partly wrong: what they would be against the true ones, as far as these are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.records import Ints

Doubles = NDArray[np.float64]


def expected_recall(predicted: Ints, posterior: Doubles) -> Doubles:
    """Return the (K,) expected recall of each class under what is believed about the true labels.

    With P(k | i) the probability that image i is truly of class k, the recall of class k is expected to be
    ``sum_i P(k | i) [predicted_i = k] / sum_i P(k | i)``. Labels that are certain give the plain recall. It rewards a
    model that calls a mislabelled cat a cat, where the plain recall on the given labels punishes it.

    Parameters
    ----------
    predicted : (n,) int64
        Predicted classes in 0..K-1.
    posterior : (n, K) float64
        P(k | i), rows sum to 1; made without the help of the predictions that are judged.

    Returns
    -------
    (K,) float64
        NaN where no image is expected to be of the class.
    """
    mass = posterior.sum(axis=0)
    n_classes = posterior.shape[1]
    hit = np.bincount(predicted, weights=posterior[np.arange(len(predicted)), predicted], minlength=n_classes)
    with np.errstate(invalid="ignore"):
        recall: Doubles = np.where(mass > 0, hit / np.where(mass > 0, mass, 1), np.nan)
    return recall


def expected_balanced_accuracy(predicted: Ints, posterior: Doubles) -> float:
    """Return the mean of the expected recalls of the classes that occur; see `expected_recall`."""
    return float(np.nanmean(expected_recall(predicted, posterior)))
