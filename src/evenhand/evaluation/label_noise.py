"""Figures against labels that are partly wrong: what they would be against the true ones, as far as these are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Ints

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


def expected_confusion(predicted: Ints, posterior: Doubles) -> Doubles:
    """Return the (K, K) expected numbers of images; rows: true class, columns: prediction.

    Image i counts in row k with the probability P(k | i) that it is of class k. Takes what `expected_recall` does.
    """
    confusion = np.zeros((posterior.shape[1], posterior.shape[1]))
    np.add.at(confusion.T, predicted, posterior)
    return confusion


def expected_accuracy(predicted: Ints, posterior: Doubles) -> float:
    """Return the expected share of images that are named rightly; takes what `expected_recall` does."""
    return float(posterior[np.arange(len(predicted)), predicted].mean())


def expected_macro_f1(predicted: Ints, posterior: Doubles) -> float:
    """Return macro F1 of the expected confusion matrix.

    F1 of class k is ``2 h / (m + c)``, with h the images of the class that are expected to be found, m those expected
    to be of the class and c those called it. It is the figure of expected counts: the mean over all that the true
    labels might be is the same but for terms that shrink as images become many. The mean runs over the classes that
    occur or are predicted, as on given labels. Takes what `expected_recall` does.
    """
    confusion = expected_confusion(predicted, posterior)
    both = confusion.sum(axis=1) + confusion.sum(axis=0)
    return float((2 * confusion.diagonal()[both > 0] / both[both > 0]).mean())
