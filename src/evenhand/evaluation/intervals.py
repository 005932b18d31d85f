"""95 % intervals of proportions and of cross-validated scores, and the tests that compare two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evenhand.records.values import Interval

LEVEL = 0.95
Z = float(stats.norm.ppf(0.5 + LEVEL / 2))
ROUNDING = 1e-12
"""Scores that lie less apart are the same."""

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
    """Return the mean score of folds with its corrected interval, clipped to [0, 1].

    The trainings of a cross-validation share most of their images, so their scores vary less than those of independent
    trainings would; the variance of the mean is corrected as in `corrected_resampled_t`.

    Parameters
    ----------
    scores : (F,) or (S, F) float
        One score in [0, 1] for each fold, or for each seed and fold. From one fold alone the interval is [0, 1].
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
    """Return mean, lower end, upper end and two-sided p of paired differences across folds.

    The corrected resampled t-test of Nadeau and Bengio (2003, section 3): the variance of the mean of F differences is
    ``(1/F + n_test/n_train) * s^2`` instead of ``s^2/F``, with F - 1 degrees of freedom. Seeds of a fold see the same
    images and are no witnesses of their own: they are averaged first, and the variance is ``v/F + w * n_test/n_train``
    with the variances of `fold_variances`. One fold alone tells nothing: its interval is infinite and its p is 1.
    Differences that are all the same have p 1 when they are zero and p 0 otherwise.

    Parameters
    ----------
    differences : (F,) or (S, F) float
        Score of one model minus score of the other in each fold, or in each of S trainings of each fold.
    test_train_ratio : float
        Held-out images per training image; 1 / (folds - 1) for cross-validation.

    Raises
    ------
    ValueError
        When there is no difference, one is not finite, or the ratio is not positive.
    """
    values = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    if not values.size or values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"Scores must be finite and of at least one fold, (folds) or (seeds, folds), not {values}.")
    if not test_train_ratio > 0:
        raise ValueError(f"The ratio of test to training images must be positive, not {test_train_ratio}.")
    mean = float(values.mean())
    folds = values.shape[1]
    if folds == 1:
        return mean, -np.inf, np.inf, 1.0
    between, single = fold_variances(values)
    error = float(np.sqrt(between / folds + single * test_train_ratio))
    if error == 0:
        return mean, mean, mean, float(abs(mean) < ROUNDING)
    half = float(stats.t.ppf(0.5 + LEVEL / 2, folds - 1) * error)
    return mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, folds - 1))


def fold_variances(scores: Doubles) -> tuple[Doubles, Doubles]:
    """Return v, the variance between folds of scores averaged over seeds, and w, that of single trainings.

    w is v and the mean variance within a fold, so that with one seed the two are the same.

    Parameters
    ----------
    scores : (..., S, F) float64
        Of S trainings of each of F folds, at least two; or differences of such scores.
    """
    # The standard deviation of equal numbers is rounding noise of the size of 1e-17, not zero.
    values = np.where(np.ptp(scores, axis=(-2, -1), keepdims=True) < ROUNDING, 0.0, scores)
    between = np.asarray(values.mean(axis=-2).var(axis=-1, ddof=1))
    return between, np.asarray(between + values.var(axis=-2).mean(axis=-1))


def by_seed(scores: Sequence[float] | Doubles, folds: int) -> Doubles:
    """Return (S, F) scores that come in a row: all folds of the first seed, then all of the next.

    Of a candidate that was stopped these are fewer: the first folds of the first seed, or whole seeds. What there is of
    a later seed that is not whole is left out, for its folds would count more than the others.

    Parameters
    ----------
    scores : (J,) float
        One a training.
    folds : int
        Folds that are held out, one after the other.
    """
    values = np.asarray(scores, dtype=np.float64)
    return values[None] if len(values) <= folds else values[: len(values) // folds * folds].reshape(-1, folds)


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
