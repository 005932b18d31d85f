"""95 % intervals of proportions and of cross-validated scores, and the tests that compare two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evenhand.records.values import Interval

LEVEL = 0.95
Z = float(stats.norm.ppf(0.5 + LEVEL / 2))

Doubles = NDArray[np.float64]


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[Doubles, Doubles]:
    """Return the lower and upper ends of Wilson's score interval (1927) of each proportion, within [0, 1].

    Unlike value +- 1.96 standard errors it keeps its width where every trial went right: 5 of 5 gives .57 to 1.

    Parameters
    ----------
    successes, trials : array_like of the same shape
        Counts; 0 <= successes <= trials. Without any trial the interval is [0, 1].
    """
    n = np.asarray(trials, dtype=np.float64)
    share = np.asarray(successes, dtype=np.float64) / np.maximum(n, 1)
    centre = share * n + Z**2 / 2
    spread = Z * np.sqrt(n * share * (1 - share) + Z**2 / 4)
    low, high = (centre - spread) / (n + Z**2), (centre + spread) / (n + Z**2)
    # Rounding would otherwise leave 1 - 1e-16 where the end is exactly 0 or 1.
    return np.where(share * n == 0, 0.0, low), np.where(share * n == n, 1.0, high)


def fold_interval(scores: ArrayLike, test_train_ratio: float) -> Interval:
    """Return the mean score of folds and seeds with its corrected interval, clipped to [0, 1].

    The trainings of a cross-validation share most of their images, so their scores vary less than those of independent
    trainings would; the variance of the mean is corrected as in `corrected_resampled_t`.

    Parameters
    ----------
    scores : (J,) float
        One score in [0, 1] for each fold and seed. From one score alone the interval is [0, 1].
    test_train_ratio : float
        Held-out images per training image; 1 / (folds - 1) for cross-validation.

    Raises
    ------
    ValueError
        When there is no score, a score is not finite, or the ratio is not positive.
    """
    mean, low, high, _ = corrected_resampled_t(scores, test_train_ratio)
    return Interval(mean, max(0.0, low), min(1.0, high))


def corrected_resampled_t(differences: ArrayLike, test_train_ratio: float) -> tuple[float, float, float, float]:
    """Return mean, lower end, upper end and two-sided p of paired differences across folds and seeds.

    The corrected resampled t-test of Nadeau and Bengio (2003, section 3): the variance of the mean of J differences is
    ``(1/J + n_test/n_train) * s^2`` instead of ``s^2/J``, with J - 1 degrees of freedom. One difference alone tells
    nothing: its interval is infinite and its p is 1. Differences that are all the same have p 1 when they are zero
    and p 0 otherwise.

    Parameters
    ----------
    differences : (J,) float
        Score of one model minus score of the other, for each fold and seed.
    test_train_ratio : float
        Held-out images per training image; 1 / (folds - 1) for cross-validation.

    Raises
    ------
    ValueError
        When there is no difference, one is not finite, or the ratio is not positive.
    """
    values = np.asarray(differences, dtype=np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"Scores of folds must be finite and at least one, not {values}.")
    if not test_train_ratio > 0:
        raise ValueError(f"The ratio of test to training images must be positive, not {test_train_ratio}.")
    mean = float(values.mean())
    if len(values) == 1:
        return mean, -np.inf, np.inf, 1.0
    # The standard deviation of equal numbers is rounding noise of the size of 1e-17, not zero.
    spread = 0.0 if np.ptp(values) < 1e-12 else float(values.std(ddof=1))
    error = spread * np.sqrt(1 / len(values) + test_train_ratio)
    if error == 0:
        return mean, mean, mean, float(abs(mean) < 1e-12)
    freedom = len(values) - 1
    half = float(stats.t.ppf(0.5 + LEVEL / 2, freedom) * error)
    return mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, freedom))


def mean_interval(values: Sequence[float] | Doubles) -> tuple[float, float, float]:
    """Return the mean of independent values with the ends of its interval by Student's t; infinite from one value.

    Parameters
    ----------
    values : (J,) float
        At least one, all finite.
    """
    known = np.asarray(values, dtype=np.float64)
    mean = float(known.mean())
    if len(known) == 1:
        return mean, -np.inf, np.inf
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, mean - half, mean + half


def mcnemar_exact(first_right: ArrayLike, second_right: ArrayLike) -> float:
    """Return the two-sided exact p of two models being right equally often on the same images.

    Only images on which exactly one of the two is right count; under the hypothesis they are coin tosses (McNemar 1947
    in its binomial form).

    Parameters
    ----------
    first_right, second_right : (n,) bool
        Whether each model is right about each image.

    Raises
    ------
    ValueError
        When the two have different shapes.
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"Both models must be judged on the same images, not {first.shape} and {second.shape}.")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    if only_first == only_second:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def holm(p_values: Sequence[float] | Doubles) -> list[float]:
    """Return the p-values adjusted for testing all of them at once (Holm 1979), in the order given.

    Parameters
    ----------
    p_values : sequence of float
        Each in [0, 1]; may be empty.

    Raises
    ------
    ValueError
        When a value lies outside [0, 1].
    """
    raw = np.asarray(p_values, dtype=np.float64)
    if not ((raw >= 0) & (raw <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1], not {raw}.")
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)) if len(raw) else raw
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]
