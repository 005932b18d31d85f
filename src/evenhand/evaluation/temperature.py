"""Temperature scaling: one number that makes a network less, or more, sure of everything it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenhand.evaluation.metrics import LEAST_PROBABILITY
from evenhand.records.values import Floats, Ints

Doubles = NDArray[np.float64]

LEAST, MOST = 0.05, 20.0
"""The temperature is sought between these; a network without any mistake would make it zero."""
HALVINGS = 50


def fit_temperature(probabilities: ArrayLike, labels: Ints | Floats | Doubles) -> float:
    """Return the temperature in [0.05, 20] at which the log-loss is least (Guo et al. 2017, section 4.2).

    Dividing logits by the temperature T raises probabilities to the power 1/T. With l the logarithms of an image's
    probabilities and t its row of `labels`, its loss is ``sum(t) log sum(exp(l / T)) - t l / T``: a convex function of
    1/T, and so is their sum, whatever the rows weigh. The slope has one zero, which is found by halving.

    Parameters
    ----------
    probabilities : (n, K) float
        Rows sum to 1; n at least 1.
    labels : (n,) int64, or (n, K) float
        In 0..K-1; or what each image counts as each class, not negative. Rows that sum to 1 are soft labels; a row of
        a larger sum counts for more.

    Raises
    ------
    ValueError
        When there is no image, or none that counts.
    """
    logs = _logs(probabilities)
    if not len(logs) or len(logs) != len(labels):
        raise ValueError(f"A temperature needs a label for each image, and an image: {len(logs)}, {len(labels)}.")
    if not np.ptp(logs, axis=1).any():
        return 1.0  # Nothing but guesses: every temperature is as good.
    own, weight, total = _counted(logs, labels)

    def slope(inverse: float) -> float:
        expected = (_powered(logs, inverse) * logs).sum(axis=1)
        return float((weight * expected - own).sum() / total)

    low, high = np.log(1 / MOST), np.log(1 / LEAST)
    if slope(np.exp(low)) >= 0:
        return MOST
    if slope(np.exp(high)) <= 0:
        return LEAST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def scaled(probabilities: ArrayLike, temperature: float) -> Doubles:
    """Return the (n, K) probabilities at another temperature: above 1 they are less sure, below 1 surer."""
    return _powered(_logs(probabilities), 1 / temperature)


def cross_fitted_scaling(probabilities: ArrayLike, labels: Ints | Floats | Doubles, fold: Ints) -> Doubles:
    """Return the (n, K) probabilities, those of each fold at the temperature that suits the other folds.

    Parameters
    ----------
    probabilities : (n, K) float
    labels : (n,) int64, or (n, K) float
        As in `fit_temperature`.
    fold : (n,) int64
        The fold of each image, at least two different ones.

    Raises
    ------
    ValueError
        When there is one fold only.
    """
    folds = np.unique(fold)
    if len(folds) < 2:
        raise ValueError("A temperature that is fitted on other folds needs at least two of them.")
    chances = np.asarray(probabilities, dtype=np.float64)
    found = np.empty_like(chances)
    for one in folds:
        here = fold == one
        found[here] = scaled(chances[here], fit_temperature(chances[~here], labels[~here]))
    return found


def mean_loss(probabilities: ArrayLike, labels: Ints | Floats | Doubles) -> float:
    """Return the mean log-loss, an image with a row of labels by what it counts; takes what `fit_temperature` does."""
    own, _, total = _counted(_logs(probabilities), labels)
    return abs(float(own.sum() / total))


def _counted(logs: Doubles, labels: Ints | Floats | Doubles) -> tuple[Doubles, Doubles | float, float]:
    """Return the logarithms by what they count, what each image counts, and what all count."""
    if labels.ndim == 1:
        return logs[np.arange(len(labels)), labels.astype(np.int64)], 1.0, float(len(labels))
    weight: Doubles = labels.sum(axis=1, dtype=np.float64)
    if labels.shape != logs.shape or labels.min() < 0 or not 0 < weight.sum() < np.inf:
        raise ValueError(f"Rows of labels must be {logs.shape}, not negative, and not all zero; not {labels.shape}.")
    return (labels * logs).sum(axis=1), weight, float(weight.sum())


def _logs(probabilities: ArrayLike) -> Doubles:
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), LEAST_PROBABILITY))


def _powered(logs: Doubles, power: float) -> Doubles:
    raised = logs * power
    found: Doubles = np.exp(raised - raised.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found
