"""Scores of many candidates in the same trainings: how far they lie apart, and how far chance alone would put them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evenhand.evaluation.intervals import LEVEL, fold_variances

Doubles = NDArray[np.float64]

ROUNDING = 1e-9
"""Differences up to this are none."""
MOST_SEEDS = 100
"""More trainings a fold than this are nothing to recommend."""


@dataclass(frozen=True)
class Difference:
    """One candidate's figure minus another's; from a single training nothing is known but the value."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided, of this pair alone."""
    p_range: float
    """How often the best and the worst of so many equal candidates lie further apart; see `ScoreTable`."""
    apart: bool
    """Whether the two can be told apart."""


@dataclass(frozen=True)
class Needed:
    """What would tell a pair apart if the difference stayed what it is."""

    images: float
    """As a multiple of the images there are; infinite where there is no difference."""
    seeds: int | None
    """Trainings a fold, at least; None where even a hundred would not do."""
    floor: float
    """The difference below which more seeds cannot tell a pair apart, for what the folds share stays."""


@dataclass(frozen=True)
class ScoreTable:
    """Candidates that were judged in the same trainings.

    The error of a difference is that of Nadeau and Bengio (2003) across folds: with v the variance between folds of
    differences averaged over the seeds, and w that of single trainings, it is ``sqrt(v / F + w / (folds - 1))``, where
    the second term stands for the training images that folds share. With one seed, v and w are the same and this is
    their formula. Seeds of a fold see the same images and are no witnesses of their own.

    Two candidates are told apart when two things hold. The interval of their own paired differences leaves out zero.
    And they lie further apart than the best and the worst of as many equal candidates do in 19 of 20 comparisons:
    Tukey's studentised range, which may be asked about any pair, also about one that was picked because it looked best.
    Its spread comes from all candidates together (what is left of the scores without the means of candidates and
    folds), or from the pair's own differences where these scatter more.

    Parameters
    ----------
    scores : (C, S, F) float64
        Figure of each candidate in each of S trainings for each of F folds that were held out.
    folds : int
        Parts that the images were dealt into, at least 2; F or, where not all were held out, more.
    figures : (C,) float64
        What the candidates are ranked by: their figures on all folds together. By default the mean of the scores.
    """

    scores: Doubles
    folds: int
    figures: Doubles

    @classmethod
    def of(cls, scores: Doubles, folds: int, figures: Doubles | None = None) -> ScoreTable:
        """Return the table.

        Raises
        ------
        ValueError
            When the scores have not three dimensions or are not finite, or there are less than two folds.
        """
        if scores.ndim != 3 or not np.isfinite(scores).all():
            raise ValueError("Scores must be finite numbers, (candidates, seeds, folds).")
        if folds < max(2, scores.shape[2]):
            raise ValueError(f"Images are dealt into at least two folds, and as many as are held out; not {folds}.")
        return cls(scores, folds, scores.mean(axis=(1, 2)) if figures is None else figures)

    @property
    def trainings(self) -> int:
        """J, the number of trainings of each candidate."""
        return int(self.scores[0].size)

    @property
    def held(self) -> int:
        """F, the number of folds that were held out."""
        return int(self.scores.shape[2])

    @property
    def ratio(self) -> float:
        """Held-out images per training image."""
        return 1 / (self.folds - 1)

    @cached_property
    def critical(self) -> float:
        """The least difference that counts among so many candidates; infinite where a single fold was held out."""
        return self._range_quantile * float(self._error(self._together)) if self.held > 1 else np.inf

    @cached_property
    def errors(self) -> Doubles:
        """(C, C) the corrected standard error of the difference of each pair, from its own differences."""
        return self._error(self._own)

    @cached_property
    def apart(self) -> NDArray[np.bool_]:
        """(C, C) whether the two can be told apart."""
        gaps = np.abs(self.figures[:, None] - self.figures)
        return np.asarray((gaps > self._least + ROUNDING) & (self.held > 1))

    def difference(self, first: int, second: int) -> Difference:
        """Return how much better the first of two candidates is than the second."""
        value, error = float(self.figures[first] - self.figures[second]), float(self.errors[first, second])
        if self.held < 2:
            return Difference(value, -np.inf, np.inf, 1.0, 1.0, False)
        half = _quantile(self.held - 1) * error
        p = float(2 * stats.t.sf(abs(value) / error, self.held - 1)) if error else float(abs(value) < ROUNDING)
        apart = bool(self.apart[first, second])
        return Difference(value, value - half, value + half, p, self._range_p(abs(value), error), apart)

    def needed(self, first: int, second: int) -> Needed:
        """Return what would tell two candidates apart.

        Two rules of thumb. What has to be exceeded shrinks with the root of the number of images, in training and in
        judging. More seeds shrink the first term of an error alone, and at best as their number grows: with N of them
        the error is no less than ``sqrt(w (1 / (N F) + 1 / (folds - 1)))``.
        """
        gap, seeds = abs(float(self.figures[first] - self.figures[second])), self.scores.shape[1]
        if gap <= ROUNDING or not np.isfinite(self.critical):
            return Needed(np.inf, None, np.inf)
        single, together = float(self._own[1][first, second]), self._together[1]
        scale = max(
            _quantile(self.held - 1) * np.sqrt(single), self._range_quantile * np.sqrt(max(together, single / 2))
        )
        images = max(1.0, float(self._least[first, second] / gap) ** 2)
        floor = float(scale * np.sqrt(self.ratio))
        if gap <= floor:
            return Needed(images, None, floor)
        number = max(seeds + (images > 1), int(np.ceil(1 / (self.held * ((gap / scale) ** 2 - self.ratio)) - ROUNDING)))
        return Needed(images, number if number <= MOST_SEEDS else None, floor)

    def mean_places(self) -> Doubles:
        """Return (C,) the place of each candidate among all, on average over the trainings; equals share theirs."""
        table = self.scores.reshape(len(self.scores), -1)
        above = (table > table[:, None] + ROUNDING).sum(axis=1)
        level = (np.abs(table - table[:, None]) <= ROUNDING).sum(axis=1)
        return np.asarray((above + (level + 1) / 2).mean(axis=1))

    def groups(self) -> list[tuple[int, ...]]:
        """Return the largest sets of candidates of which no two can be told apart, those of the best first.

        Sets are split and absorbed as in Piepho (2004), "An algorithm for a letter-based representation of all-pairwise
        comparisons".
        """
        order = np.argsort(-self.figures, kind="stable").tolist()
        found: list[frozenset[int]] = [frozenset(order)]
        for first, second in self._pairs(order):
            whole = [group for group in found if {first, second} <= group]
            rest = [group for group in found if not {first, second} <= group]
            for part in (group - {one} for group in whole for one in (first, second)):
                if not any(part <= other for other in rest):
                    rest = [other for other in rest if not other <= part] + [part]
            found = rest
        rank = {candidate: place for place, candidate in enumerate(order)}
        sets = [tuple(sorted(group, key=rank.__getitem__)) for group in found]
        return sorted(sets, key=lambda group: [rank[candidate] for candidate in group])

    def _pairs(self, order: list[int]) -> Iterator[tuple[int, int]]:
        for place, first in enumerate(order):
            for second in order[place + 1 :]:
                if self.apart[first, second]:
                    yield first, second

    def by_chance(self, level: float) -> Doubles:
        """Return (C, C) how far each pair lies apart by chance, in all but `level` of comparisons of equals.

        That is the studentised range of so many equals, by the spread of all or by the pair's own where that is larger.
        So it may be asked about whichever candidate happens to lead.
        """
        if self.held < 2:
            return np.full((len(self.scores),) * 2, np.inf)
        quantile = critical_range(len(self._distinct), self._freedom, level) if self._freedom else 0.0
        return np.asarray(quantile * np.maximum(self._error(self._together), self.errors / np.sqrt(2)))

    @cached_property
    def _least(self) -> Doubles:
        """(C, C) the difference that a pair must exceed."""
        own = _quantile(self.held - 1) * self.errors if self.held > 1 else np.inf
        return np.asarray(np.maximum(own, self.by_chance(1 - LEVEL)))

    def _error(self, variances: tuple[Any, Any]) -> Doubles:
        """Return the standard error of a mean, from the variances between folds and of single trainings."""
        between, single = variances
        error: Doubles = np.sqrt(between / self.held + self.ratio * single)
        return error

    @cached_property
    def _own(self) -> tuple[Doubles, Doubles]:
        """(C, C) variance of each pair's differences, between folds and of single trainings."""
        count, _, held = self.scores.shape
        if held < 2:
            return np.zeros((count, count)), np.zeros((count, count))
        return fold_variances(self.scores[:, None] - self.scores)

    @cached_property
    def _together(self) -> tuple[float, float]:
        """Variance of scores, from all candidates together: between folds, and of single trainings."""
        scores = self._distinct
        count, seeds, held = scores.shape
        if count < 2 or held < 2:
            return 0.0, 0.0
        between = float((_left(scores.mean(axis=1), 0, 1) ** 2).sum()) / self._freedom
        return between, between + float((_left(scores, 0, 1) ** 2).sum()) / ((count - 1) * held * seeds)

    @cached_property
    def _distinct(self) -> Doubles:
        """The scores of candidates that differ: what predicts the same, as repairs without suspects do, is one."""
        flat = np.round(self.scores.reshape(len(self.scores), -1), 9)
        first = np.unique(flat, axis=0, return_index=True)[1]
        return self.scores[np.sort(first)]

    @property
    def _freedom(self) -> int:
        return (len(self._distinct) - 1) * (self.held - 1)

    @property
    def _range_quantile(self) -> float:
        return critical_range(len(self._distinct), self._freedom) if self._freedom else 0.0

    def _range_p(self, gap: float, error: float) -> float:
        if not self._freedom or gap <= ROUNDING:
            return 1.0
        spread = max(float(self._error(self._together)), error / np.sqrt(2))
        return range_probability(gap / spread, len(self._distinct), self._freedom) if spread else 0.0


def _left(values: Doubles, first: int, second: int) -> Doubles:
    """Return what is left of values without their means along either of two axes."""
    one, other = (values.mean(axis=axis, keepdims=True) for axis in (first, second))
    return np.asarray(values - one - other + values.mean(axis=(first, second), keepdims=True))


@lru_cache(maxsize=256)
def critical_range(count: int, freedom: int, level: float = 1 - LEVEL) -> float:
    """Return the studentised range of `count` equal candidates that is exceeded in `level` of all comparisons."""
    if count == 2:
        return float(np.sqrt(2) * stats.t.isf(level / 2, freedom))
    return float(stats.studentized_range.isf(level, count, freedom))


def range_probability(value: float, count: int, freedom: int) -> float:
    """Return how often the studentised range of `count` equal candidates is larger."""
    if count == 2:
        return float(2 * stats.t.sf(value / np.sqrt(2), freedom))
    return float(np.clip(stats.studentized_range.sf(value, count, freedom), 0.0, 1.0))


@lru_cache(maxsize=256)
def _quantile(freedom: int) -> float:
    return float(stats.t.ppf(0.5 + LEVEL / 2, freedom))
