"""The expected calibration error: how far confidence and accuracy lie apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.intervals import LEVEL
from evenhand.records.values import Interval, Ints

Doubles = NDArray[np.float64]

BINS = 15
"""Equal-width bins over the confidence of the top class, as in Guo et al. (2017)."""
TAIL = (1 - LEVEL) / 2
ROUNDING = 1e-12
WIDEST, BISECTIONS = 6.0, 9
"""How far a candidate truth may lie from what was seen, in standard errors of a bin's gap, and how finely to look."""


@dataclass(frozen=True)
class _Bins:
    """The bins that hold images: their number, mean confidence, and images the model is right about."""

    count: Ints
    confidence: Doubles
    right: Ints

    @property
    def n(self) -> int:
        return int(self.count.sum())

    @property
    def gap(self) -> Doubles:
        return self.confidence - self.right / self.count

    def error(self) -> float:
        return float((self.count * np.abs(self.gap)).sum() / self.n)

    def accuracy(self, shift: float, *, lucky: bool = False) -> Doubles:
        """Return the accuracy of each bin if its gap were `shift` standard errors wider, but not below no gap.

        With `lucky`, bins that are all right (or all wrong) are moved to where that would have been luck instead.
        """
        # Half an image of each kind (Jeffreys) keeps the error of a bin without any mistake above zero.
        smoothed = (self.right + 0.5) / (self.count + 1)
        step = shift * np.sqrt(smoothed * (1 - smoothed) / self.count)
        seen = self.right / self.count
        wider = np.where(self.gap < 0, -1.0, 1.0) * np.maximum(np.abs(self.gap) + step, 0)
        moved = self.confidence - wider
        if lucky:
            moved = np.where(seen == 1, seen - step, np.where(seen == 0, seen + step, moved))
        accuracy: Doubles = np.clip(moved, 0, 1)
        return accuracy

    def true_error(self, accuracy: Doubles) -> float:
        return float((np.abs(self.confidence - accuracy) * self.count).sum() / self.n)


def calibration_error(confidence: Doubles, right: NDArray[np.bool_], *, seed: int, resamples: int) -> Interval:
    """Return the expected calibration error with its 95 % interval.

    The error is the mean over 15 bins of |mean confidence - accuracy|, weighted by the images in each (Naeini et al.
    2015; Guo et al. 2017). Bin m holds the confidences in (m/15, (m+1)/15].

    Chance alone pushes it up, and resampling pushes it up once more, so bootstrap intervals lie too high. This one
    inverts a test instead: it keeps those true errors that would give a figure as large, or as small, as the one seen
    in at least 2.5 % of simulated data sets. The candidates for the truth move each bin's gap by the same number of
    its standard errors, down to no gap at all. Coverage in simulation: 93 to 99 % from 60 to 900 images.

    Parameters
    ----------
    confidence : (n,) float64
        Probability of the predicted class, in [0, 1]; n at least 1.
    right : (n,) bool
        Whether the prediction is the label.
    seed : int
    resamples : int
        Simulated data sets for each candidate.
    """
    bins = _binned(confidence, right)
    value = bins.error()
    generator = np.random.default_rng([seed, 4])
    counts = generator.multinomial(bins.n, bins.count / bins.n, size=resamples)

    def figures(accuracy: Doubles) -> Doubles:
        drawn = generator.binomial(counts, accuracy)
        found: Doubles = np.abs(counts * bins.confidence - drawn).sum(axis=1) / bins.n
        return found

    def end(far: float, lucky: bool, as_extreme: Callable[[Doubles], NDArray[np.bool_]]) -> float:
        accuracy = partial(bins.accuracy, lucky=lucky)
        shift = _boundary(far, lambda shift: float(as_extreme(figures(accuracy(shift))).mean()))
        return bins.true_error(accuracy(shift))

    low = end(-WIDEST, False, lambda found: found >= value - ROUNDING)
    high = max(end(WIDEST, lucky, lambda found: found <= value + ROUNDING) for lucky in (False, True))
    return Interval(value, min(low, value), max(high, value))


def _boundary(far: float, chance: Callable[[float], float]) -> float:
    """Return the shift furthest towards `far` whose chance is above 2.5 %, by bisection from 0."""
    if chance(far) > TAIL:
        return far
    near = 0.0
    for _ in range(BISECTIONS):
        middle = (near + far) / 2
        near, far = (middle, far) if chance(middle) > TAIL else (near, middle)
    return near


def _binned(confidence: Doubles, right: NDArray[np.bool_]) -> _Bins:
    number = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(number, minlength=BINS)
    used = count > 0
    total = np.bincount(number, weights=confidence, minlength=BINS)
    hits = np.bincount(number[right], minlength=BINS)
    return _Bins(count[used].astype(np.int64), total[used] / count[used], hits[used].astype(np.int64))
