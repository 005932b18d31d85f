"""Coverage curves: how many images get an answer when unsure ones are left to people, and how many of these are right.

Selective classification after Chow (1970) and Geifman and El-Yaniv (2017), told class by class: a threshold that suits
the whole set may leave hardly an answer to a rare class.
"""

from __future__ import annotations

import numpy as np

from evenhand.evaluation.intervals import wilson
from evenhand.records.abstention import LEVELS, Abstention, Answered, check_threshold
from evenhand.records.values import Floats, Interval, Ints


def abstention(labels: Ints, probabilities: Floats, threshold: float | None = None) -> Abstention:
    """Return the coverage curve of a model at `LEVELS` and at the threshold asked for.

    Parameters
    ----------
    labels : (n,) int64
        At least one.
    probabilities : (n, K) float
        The answer is the most probable class, the first of equals; it is as sure as its probability.
    threshold : float, optional
        Answers below it are rejected; above 0 and at most 1.

    Raises
    ------
    UsageError
        When the threshold is out of its range.
    """
    check_threshold(threshold)
    levels = sorted({*LEVELS, *(() if threshold is None else (threshold,))})
    sure, called = probabilities.max(axis=1), probabilities.argmax(axis=1)
    return Abstention(
        threshold, tuple(_answered(labels, called, sure, level, probabilities.shape[1]) for level in levels)
    )


def _answered(labels: Ints, called: Ints, sure: Floats, level: float, n_classes: int) -> Answered:
    # Compared as predictions are: a float32 of 0.9 lies a little below 0.9.
    kept = sure.astype(np.float32) >= np.float32(level)
    right = kept & (called == labels)
    images, answered, hits = (
        np.bincount(labels[chosen], minlength=n_classes) for chosen in (np.ones(len(labels), bool), kept, right)
    )
    total, good = int(kept.sum()), int(right.sum())
    accuracy = None
    if total:
        low, high = wilson(good, total)
        accuracy = Interval(good / total, float(low), float(high))
    counts = tuple(zip(images.tolist(), answered.tolist(), hits.tolist(), strict=True))
    return Answered(float(level), counts, accuracy)
