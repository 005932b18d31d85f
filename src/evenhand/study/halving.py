"""Successive halving: candidates that are clearly behind stop early, by a rule that seldom stops the best one."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.behind import behind
from evenhand.records.values import Ints

Doubles = NDArray[np.float64]

RISK = 0.05
"""Chance, at most, that anybody at all is stopped among equals, over all looks of a comparison; that the candidate
which is really the best is stopped is rarer still."""
LEVEL = 0.03
"""Level of the test behind it, shared among the looks. It would do for `RISK` were all scores to scatter alike; it is
stricter because they do not. In simulated comparisons of 2 to 40 equals anybody was stopped in at most 4 of 100, and in
5 to 9 where one of them scattered three times as much as the others; see `benchmarks/false_winners.py`."""


def looks(seeds: int, folds: int, *, often: bool = False) -> tuple[int, ...]:
    """Return after how many trainings of each candidate it is asked who stops, the last training left out.

    Of the first seed after 2, 4, 8 ... folds, then after 1, 2, 4 ... whole seeds: one training has no spread, and a
    seed that is cut would be judged on other images than the rest.

    Parameters
    ----------
    seeds, folds : int
        Trainings of a candidate that is never stopped: folds times seeds.
    often : bool
        Look after every training of the first seed, and after every seed.
    """
    if often:
        within, whole = list(range(1, folds)), list(range(1, seeds))
    else:
        within = [2**power for power in range(1, folds.bit_length() + 1)]
        whole = [2**power for power in range(seeds.bit_length() + 1)]
    found = [*(number for number in within if number < folds), *(folds * number for number in whole if number < seeds)]
    return tuple(number for number in found if often or number > 1)


def stopping(
    scores: Doubles,
    left: Sequence[Collection[Hashable]],
    spared: Collection[int],
    *,
    folds: int,
    level: float,
) -> Ints:
    """Return which candidates stop: those clearly `behind` whose end saves a training.

    Parameters
    ----------
    scores, folds, level
        As for `behind`.
    left : sequence of collections
        The trainings that each candidate still asks for.
    spared : collection of int
        Candidates that never stop.
    """
    weak = set(np.flatnonzero(behind(scores, folds, level)).tolist()) - set(spared)
    return np.array(sorted(saving(weak, left)), dtype=np.int64)


def saving(weak: Collection[int], left: Sequence[Collection[Hashable]]) -> set[int]:
    """Return those of the `weak` whose end saves a training: what others ask for as well is carried out anyway."""
    wanted = {training for number, own in enumerate(left) if number not in weak for training in own}
    return {number for number in weak if not wanted.issuperset(left[number])}
