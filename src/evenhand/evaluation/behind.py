"""Which of many candidates are clearly behind the one that leads, after few paired trainings of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.score_table import ROUNDING, ScoreTable

Doubles = NDArray[np.float64]


def behind(scores: Doubles, folds: int, level: float) -> NDArray[np.bool_]:
    """Return which candidates are clearly behind the one that leads; never the leader itself.

    A candidate is, when it lies further behind than the worst of so many equals lies behind the best, in all but
    `level` of comparisons: Tukey's studentised range, as in `ScoreTable`. Among equals somebody always leads, by luck;
    a test of each candidate against the leader, as if it had been named beforehand, takes that luck for merit. So among
    equals anybody at all is called behind with a chance of at most `level`, as far as scores scatter alike, and the
    candidate that is really the best more seldom still.

    A pair's own differences, of which there may be two, tell little of their spread; it comes from all candidates
    together, or from the pair's own differences where these scatter more.

    Parameters
    ----------
    scores : (C, S, F) float64
        Of each candidate in each of S trainings for each of F folds; from one fold nobody is behind.
    folds : int
        Parts that the images were dealt into, F or more.
    level : float
        In (0, 1).
    """
    if len(scores) < 2:
        return np.zeros(len(scores), dtype=bool)
    table = ScoreTable.of(scores, folds)
    # Rounded, so that of equals the first leads, whatever the last bit says.
    leader = int(np.argmax(np.round(table.figures, 12)))
    return np.asarray(table.figures[leader] - table.figures > table.by_chance(level)[leader] + ROUNDING)
