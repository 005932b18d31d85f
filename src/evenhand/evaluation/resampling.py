"""95 % intervals of figures that are no plain proportions, by drawing again what else could have come out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.intervals import LEVEL, wilson
from evenhand.records.values import Interval, Ints

Doubles = NDArray[np.float64]

TAILS = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
SMALL = 5
"""Classes with fewer images than this are resampled together: one image alone would come out the same every time."""
CELLS = 1_000_000
"""Random numbers held in memory at once."""


def balanced_accuracy_interval(right: Ints | Doubles, support: Ints, *, seed: int, resamples: int) -> Interval:
    """Return the mean recall of the classes with support, and its 95 % interval.

    The wider end, on each side, of two intervals: the classes' Wilson intervals combined by the method of variance
    estimates recovery (Zou and Donner 2008), which knows what five out of five cannot tell; and the percentiles of beta
    posteriors whose prior, worth one image a class, lies at the mean recall. With many classes the first leans towards
    one half, class by class, and the second does not; together they kept at least 92 % coverage in simulation
    from 3 to 100 images a class and 3 to 50 classes.

    Parameters
    ----------
    right, support : (K,) int64
        Images of each class that were recognised (on average, of several trainings), and that there are.
    seed : int
    resamples : int
    """
    right, support = right[support > 0], support[support > 0]
    recall = right / support
    value = float(recall.mean())
    low, high = wilson(right, support)
    reach_down = float(np.sqrt(((recall - low) ** 2).sum()) / len(recall))
    reach_up = float(np.sqrt(((high - recall) ** 2).sum()) / len(recall))
    prior = _smoothed(value, int(support.sum()))
    drawn = np.random.default_rng([seed, 1]).beta(
        right + prior, support - right + (1 - prior), size=(resamples, len(recall))
    )
    ends = np.percentile(drawn.mean(axis=1), TAILS)
    return _around(value, min(value - reach_down, ends[0]), max(value + reach_up, ends[1]))


def macro_f1_interval(
    value: float, confusion: Ints, counted: NDArray[np.bool_], *, seed: int, resamples: int
) -> Interval:
    """Return macro F1 with its 95 % interval, the number of images a class held fixed.

    The rows of the confusion matrix are drawn from Dirichlet posteriors with a prior worth one image a row, once
    centred at one half (Jeffreys, for right or wrong) and once at the mean recall; the wider end counts. The share of
    the prior that is an error lies evenly on the other classes.

    Parameters
    ----------
    value : float
        Macro F1 of `confusion`.
    confusion : (K, K) int64
        Rows: label; columns: prediction.
    counted : (K,) bool
        The classes that are averaged over.
    seed : int
    resamples : int
    """
    support = confusion.sum(axis=1)
    recall = confusion.diagonal()[support > 0] / support[support > 0]
    ends = [
        np.percentile(_drawn_macro_f1(confusion, counted, prior, np.random.default_rng([seed, 2]), resamples), TAILS)
        for prior in (0.5, _smoothed(float(recall.mean()), int(support.sum())))
    ]
    return _around(value, min(end[0] for end in ends), max(end[1] for end in ends))


def paired_difference(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    labels: Ints,
    weights: Doubles,
    *,
    part: Ints | None = None,
    seed: int,
    resamples: int,
) -> Interval:
    """Return how much oftener the first of two models is right, a weighted mean over classes, and its 95 % interval.

    A paired bootstrap: both models keep their answers to an image together, and images are drawn class by class, with
    a prior worth one image a class that half believes in either model, so that three images on which both agree do
    not prove them equal. Trainings are drawn too, one fewer than there are, which makes their spread come out right
    (McCarthy and Snowden 1985); a single one tells nothing of it.

    Parameters
    ----------
    first, second : (S, n) bool
        Whether each model is right about each image, in S paired trainings.
    labels : (n,) int64
    weights : (K,) float64
        Of the classes; those without an image count nothing.
    part : (n,) int64, optional
        Which training of a repetition judges the image, where folds are held out in turn; by default one judges all.
    seed : int
    resamples : int
    """
    difference = (first.astype(np.float64) - second).T
    parts = np.zeros(len(labels), dtype=np.int64) if part is None else np.unique(part, return_inverse=True)[1]
    generator, repeats, folds = np.random.default_rng([seed, 4]), len(first), int(parts.max(initial=0)) + 1
    trainings = repeats * folds
    chosen = generator.multinomial(max(1, trainings - 1), np.full(trainings, 1 / trainings), size=resamples)
    picked = chosen.reshape(resamples, folds, repeats)
    drawn, value = np.zeros(resamples), 0.0
    for label in np.unique(labels[weights[labels] != 0]):
        mine = labels == label
        value += float(weights[label] * difference[mine].mean())
        drawn += weights[label] * _drawn_means(difference[mine], parts[mine], picked, generator)
    return _around(value, *np.percentile(drawn, TAILS))


def _drawn_means(values: Doubles, parts: Ints, picked: Ints, generator: np.random.Generator) -> Doubles:
    """Return (r,) means of the (n, S) `values` of a class: images drawn again, trainings as (r, parts, S) `picked`."""
    resamples, folds, _ = picked.shape
    told, size, everyone = np.zeros(resamples), np.zeros(resamples), np.zeros(resamples)
    for number in range(folds):
        here = values[parts == number]
        means = _redrawn(here, len(here) / len(values), generator, resamples)
        told += len(here) * (means * picked[:, number]).sum(axis=1)
        size += len(here) * picked[:, number].sum(axis=1)
        everyone += len(here) * means.mean(axis=1)
    # Where none of the drawn trainings has judged an image of the class, all of them speak for it.
    return np.where(size > 0, told / np.maximum(size, 1), everyone / len(values))


def _redrawn(values: Doubles, prior: float, generator: np.random.Generator, resamples: int) -> Doubles:
    """Return (resamples, S) means of the rows of (n, S) `values`, drawn again with a prior worth `prior` images."""
    if not len(values):
        return np.zeros((resamples, values.shape[1]))
    kinds, counts = np.unique(values, axis=0, return_counts=True)
    ends = np.array([[1.0], [-1.0]]) * np.ones(values.shape[1])
    shares = generator.dirichlet([*counts, prior / 2, prior / 2], size=resamples)
    means: Doubles = shares @ np.concatenate([kinds, ends])
    return means


def _drawn_macro_f1(
    confusion: Ints, counted: NDArray[np.bool_], prior: float, generator: np.random.Generator, resamples: int
) -> Doubles:
    n_classes = len(confusion)
    support = confusion.sum(axis=1)
    rows, columns = np.nonzero(confusion + np.diag(support > 0))
    is_right = rows == columns
    others = max(1, n_classes - 1)
    shape = confusion[rows, columns] + np.where(is_right, prior, (1 - prior) / others)
    # Errors never seen share one draw a row, spread evenly: the work follows the cells in use, not K^2.
    unseen = (1 - prior) * (1 - np.bincount(rows[~is_right], minlength=n_classes) / others) * (support > 0)
    found = [np.zeros(0)]
    for size in _portions(resamples, len(rows) + n_classes):
        seen = generator.standard_gamma(shape, size=(size, len(rows)))
        rest = generator.standard_gamma(np.maximum(unseen, 0), size=(size, n_classes))
        total = rest + _sums(seen, rows, n_classes)
        seen *= (support / np.maximum(total, 1e-300))[:, rows]
        rest *= support / np.maximum(total, 1e-300)
        right = _sums(seen[:, is_right], rows[is_right], n_classes)
        called = _sums(seen, columns, n_classes) + (rest.sum(axis=1, keepdims=True) - rest) / others
        scores = 2 * right / np.maximum(support + called, 1e-300)
        found.append(scores[:, counted].mean(axis=1))
    return np.concatenate(found)


def mean_loss_interval(losses: Doubles, labels: Ints, *, seed: int, resamples: int) -> Interval:
    """Return the mean loss with its 95 % interval from a class-wise bootstrap.

    Losses are skewed, so the plain percentiles would be too low; the mean is studentised (bootstrap-t, Efron 1981). No
    method knows of mistakes that did not occur: with under a handful of wrong images the upper end is a guess.

    Parameters
    ----------
    losses : (n,) float64
        Loss of each image, not negative.
    labels : (n,) int64
    seed : int
    resamples : int
    """
    n = len(losses)
    generator = np.random.default_rng([seed, 3])
    means, variances, variance = np.zeros(resamples), np.zeros(resamples), 0.0
    for members in _strata(labels):
        size = len(members)
        sums, squares = _resampled_sums(losses[members], generator, resamples)
        means += sums / n
        variances += np.maximum(squares - sums**2 / size, 0) / n**2
        variance += size * float(losses[members].var()) / n**2
    return _studentised(float(losses.mean()), variance, means, variances)


def _studentised(value: float, variance: float, means: Doubles, variances: Doubles) -> Interval:
    """Return the bootstrap-t interval of a mean that cannot be negative."""
    usable = variances > 0
    if variance <= 0 or not usable.any():
        return Interval(value, value, value)
    low, high = np.percentile((means[usable] - value) / np.sqrt(variances[usable]), TAILS)
    error = np.sqrt(variance)
    return _around(value, max(0.0, value - high * error), value - low * error)


def _resampled_sums(values: Doubles, generator: np.random.Generator, resamples: int) -> tuple[Doubles, Doubles]:
    """Return (resamples,) sums of n values drawn with replacement from the (n,) `values`, and of their squares."""
    sums, squares, first = np.empty(resamples), np.empty(resamples), 0
    for size in _portions(resamples, len(values)):
        drawn = values[generator.integers(0, len(values), size=(size, len(values)))]
        sums[first : first + size] = drawn.sum(axis=1)
        squares[first : first + size] = np.einsum("ij,ij->i", drawn, drawn)
        first += size
    return sums, squares


def _strata(labels: Ints) -> Iterator[Ints]:
    """Yield the positions of each class; classes too small to be resampled alone are joined."""
    classes, counts = np.unique(labels, return_counts=True)
    small = classes[counts < SMALL]
    large = classes[counts >= SMALL]
    if len(small) and len(large) and counts[counts < SMALL].sum() < SMALL:
        # Even together they are too few: they join the rarest class that is not.
        small, large = np.r_[small, classes[counts == counts[counts >= SMALL].min()][:1]], large
        large = np.setdiff1d(large, small)
    for label in large:
        yield np.flatnonzero(labels == label).astype(np.int64)
    if len(small):
        yield np.flatnonzero(np.isin(labels, small)).astype(np.int64)


def _portions(total: int, width: int) -> Iterator[int]:
    """Yield how many rows of `width` numbers to hold at once, until `total` rows are done."""
    most = max(1, CELLS // max(1, width))
    for first in range(0, total, most):
        yield min(most, total - first)


def _sums(values: Doubles, group: Ints, n_groups: int) -> Doubles:
    """Return (r, n_groups) sums of the columns of (r, m) `values` that share a group."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    sums = np.zeros((len(values), n_groups))
    if len(group):
        sums[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return sums


def _smoothed(share: float, n: int) -> float:
    """Return a share of n images moved by one image towards one half, so that it is neither 0 nor 1."""
    return (share * n + 0.5) / (n + 1)


def _around(value: float, low: float, high: float) -> Interval:
    return Interval(value, float(min(low, value)), float(max(high, value)))
