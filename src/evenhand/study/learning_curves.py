"""Learning curves: how an error falls with the number of images, fitted by a power law, and what more would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Interval

Doubles = NDArray[np.float64]

LIMIT = 2.0
"""How many times the present images a curve is followed to at most; beyond, its shape would be a guess."""
EXPONENTS = np.arange(1, 41) * 0.05
"""Exponents that are thought possible, all alike: from nearly 0, where each doubling brings as much as the last, to 2,
where it brings a quarter."""
DRAWS = 20_000
LEVELS = (0.025, 0.975)


@dataclass(frozen=True)
class Noise:
    """How much a score varies besides what its fold and its number of images explain."""

    variance: float
    """Of one score."""
    freedom: int
    """Degrees of freedom that the variance was estimated with."""


def noise(scores: Doubles) -> Noise | None:
    """Return the noise of scores that were measured in pairs; None where there is nothing to tell it by.

    Each score is taken as the mean of its column, plus what its row has in common, plus noise. What rows have in common
    (an easy fold, a lucky seed) does not matter to the course of a curve.

    Parameters
    ----------
    scores : (J, C) float
        A row a repetition (fold and seed), a column a training set.
    """
    repetitions, columns = scores.shape
    freedom = (repetitions - 1) * (columns - 1)
    if freedom < 1:
        return None
    left = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
    return Noise(float((left**2).sum() / freedom), freedom)


@dataclass(frozen=True)
class LearningCurve:
    """The errors on several numbers of images, and what they say about the errors on more.

    The error is taken as ``a + b x^-c`` (Hestness et al. 2017) of the share x of the present images. A few points do
    not settle c, so it is not fitted: every exponent counts by how well it explains the points, and what the curve says
    is drawn from all of them together.
    """

    shares: tuple[float, ...]
    """Ascending; the last is 1, the present images."""
    errors: tuple[float, ...]
    """The mean error on each."""
    variance: float
    """Of each mean, what all of them have in common aside."""
    freedom: int
    """Degrees of freedom of that variance."""

    @cached_property
    def _draws(self) -> tuple[Doubles, Doubles, Doubles]:
        """Return (DRAWS,) exponents, errors at present, and falls of the error over the measured range."""
        x, y = np.asarray(self.shares), np.asarray(self.errors)
        shapes = np.stack([_shape(x, x[0], exponent) for exponent in EXPONENTS])
        centred = shapes - shapes.mean(axis=1, keepdims=True)
        information = (centred**2).sum(axis=1)
        slopes = centred @ (y - y.mean()) / information
        misfit = ((y - y.mean() - slopes[:, None] * centred) ** 2).sum(axis=1)
        # A variance that was estimated with a few degrees of freedom is one more unknown: Student's t, not the normal.
        freedom = self.freedom + len(x) - 2
        scale = self.freedom * max(self.variance, 1e-12) + misfit
        log_weight = -0.5 * np.log(information) - 0.5 * freedom * np.log(scale)
        weight = np.exp(log_weight - log_weight.max())
        random = np.random.default_rng(0)
        which = random.choice(len(EXPONENTS), DRAWS, p=weight / weight.sum())
        spread: Doubles = np.sqrt(scale[which] / freedom)
        # One chi-square for both, as both are uncertain by the same variance.
        tail = np.sqrt(freedom / random.chisquare(freedom, DRAWS))
        falls: Doubles = slopes[which] + tail * spread * random.standard_normal(DRAWS) / np.sqrt(information[which])
        middle = y.mean() + tail * spread * random.standard_normal(DRAWS) / np.sqrt(len(x))
        present: Doubles = middle - falls * shapes.mean(axis=1)[which]
        return EXPONENTS[which].astype(np.float64), present, falls

    def _at(self, share: float) -> Doubles:
        exponents, present, falls = self._draws
        found: Doubles = present + falls * _shape(share, self.shares[0], exponents)
        return np.clip(found, 0.0, 1.0)

    def error(self, share: float) -> Interval:
        """Return the error on a share of the present images, more than 1 of them included.

        Raises
        ------
        ValueError
            When that is beyond the limit, or below what was measured.
        """
        self._check(share)
        return _interval(self._at(share))

    def gain(self, factor: float) -> Interval:
        """Return by how much the error falls from the present images to `factor` times as many.

        Raises
        ------
        ValueError
            When that is beyond the limit.
        """
        self._check(factor)
        return _interval(self._at(1.0) - self._at(factor))

    def doubt(self, factor: float) -> float:
        """Return the probability that `factor` times as many images bring nothing, or do harm.

        Raises
        ------
        ValueError
            When that is beyond the limit.
        """
        self._check(factor)
        return float((self._at(1.0) <= self._at(factor)).mean())

    def _check(self, share: float) -> None:
        if not self.shares[0] - 1e-9 <= share <= LIMIT:
            raise ValueError(f"A curve speaks of {self.shares[0]:g} to {LIMIT:g} times the images, not of {share:g}.")


def fit(shares: Sequence[float], scores: Doubles, spread: Noise, test_train_ratio: float) -> LearningCurve:
    """Return the learning curve of some scores.

    Parameters
    ----------
    shares : sequence of float
        Of the present images, ascending, the last 1; at least two, and different.
    scores : (J, len(shares)) float in [0, 1]
        A row a repetition; the larger the better, 1 minus the error.
    spread : Noise
        Of the scores, from these and related ones.
    test_train_ratio : float
        Held-out images per training image: repetitions share most of their images, so that their mean is less sure than
        that of independent ones (Nadeau and Bengio 2003).

    Raises
    ------
    ValueError
        When the shares do not ascend to 1.
    """
    steps = np.diff(np.asarray(shares, dtype=np.float64))
    if not len(steps) or (steps <= 0).any() or shares[-1] != 1 or shares[0] <= 0:
        raise ValueError(f"The shares of a learning curve ascend to 1, unlike {tuple(shares)}.")
    variance = spread.variance * (1 / len(scores) + test_train_ratio)
    errors = tuple((1 - scores.mean(axis=0)).tolist())
    return LearningCurve(tuple(map(float, shares)), errors, variance, spread.freedom)


def _shape(share: float | Doubles, least: float, exponent: float | Doubles) -> Doubles:
    """Return the course of a power law, so scaled that it falls from 1 at the least share to 0 at the present one."""
    found: Doubles = (np.power(share, -exponent) - 1) / (np.power(least, -exponent) - 1)
    return found


def _interval(draws: Doubles) -> Interval:
    low, value, high = np.quantile(draws, [LEVELS[0], 0.5, LEVELS[1]]).tolist()
    return Interval(value, low, high)
