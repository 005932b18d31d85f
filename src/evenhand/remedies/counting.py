"""Class counts: what a plan is made from, and what one epoch of a plan holds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evenhand.errors import DataError
from evenhand.records.values import Floats, Ints
from evenhand.remedies.plan import Draw, Plan

Counts = NDArray[np.float64]
"""(K,) images a class; fractions come from soft labels."""


def passes(plan: Plan) -> int:
    """Return how often a training goes through the network with an image that it sees once.

    Adversarial training takes a step of its search each time, and learns in the end.
    """
    return 1 + plan.perturbation.steps if plan.perturbation else 1


def class_counts(labels: Ints | Floats | NDArray[np.float64], n_classes: int) -> Counts:
    """Return the number of images of each class as (K,) float64; soft labels count by column sums.

    Parameters
    ----------
    labels : (n,) integers in 0 to K - 1, or (n, K) floats whose rows sum to 1
        Labels of the training part.
    n_classes : int
        Number of classes, K.

    Raises
    ------
    DataError
        When there is no image.
    ValueError
        When the labels have another shape or lie outside the classes.
    """
    if len(labels) == 0:
        raise DataError("There is no training image left to plan a remedy for; add images or leave fewer out.")
    if labels.ndim == 2:
        if labels.shape[1] != n_classes or labels.min() < 0 or not np.allclose(labels.sum(axis=1), 1, atol=1e-4):
            raise ValueError(f"soft labels must be (n, {n_classes}) with rows that sum to 1, not {labels.shape}")
        return np.asarray(labels.sum(axis=0, dtype=np.float64))
    if labels.ndim != 1 or labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"labels must be (n,) integers from 0 to {n_classes - 1}")
    return np.bincount(labels, minlength=n_classes).astype(np.float64)


def whole(counts: Counts) -> Ints:
    """Return the counts as (K,) whole images; a class with any weight at all has at least one."""
    return np.maximum(np.rint(counts), counts > 0).astype(np.int64)


def missing(counts: Counts) -> tuple[int, ...]:
    """Return how many images each class lacks to be as large as the largest; none for a class without an image."""
    images = whole(counts)
    return tuple(int(images.max() - count) if count else 0 for count in images)


def at_least_one(counts: Counts) -> Counts:
    """Return the counts with a floor of one image.

    A class that a fold happens to lack would otherwise get an infinite weight or an infinite offset.
    """
    return np.maximum(counts, 1.0)


def expected_counts(plan: Plan, labels: Ints | Floats | NDArray[np.float64], n_classes: int) -> Counts:
    """Return the images (added ones included) or expected draws of each class in one epoch, as (K,) float64.

    Where the draws change late in the training, it is an average epoch.

    Parameters
    ----------
    plan : Plan
        Made by `plan_for` from the same labels.
    labels, n_classes
        As in `class_counts`.
    """
    counts = class_counts(labels, n_classes)
    if plan.synthesis is not None:
        counts = counts + np.asarray(plan.synthesis.totals())
    starts = [0.0, *(stage.start for stage in plan.stages or ()), 1.0]
    parts = pairwise(starts)
    return np.asarray(sum((end - start) * _drawn(plan.at(start).draw, counts) for start, end in parts))


def _drawn(draw: Draw | None, counts: Counts) -> Counts:
    """Return the expected draws of each class in one epoch."""
    if draw is None:
        return counts
    values = np.asarray(draw.values)
    if draw.method == "counts":
        return np.where(counts > 0, values, 0.0)
    return np.asarray(draw.length * counts * values / (counts * values).sum())


def trained_counts(plan: Plan, labels: Ints | Floats | NDArray[np.float64], n_classes: int) -> tuple[int, ...]:
    """Return `expected_counts`, rounded, as people read them in a report."""
    return tuple(int(count) for count in np.rint(expected_counts(plan, labels, n_classes)))
