"""Which of many candidates are clearly behind the one that leads, after few paired trainings of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Doubles = NDArray[np.float64]


def behind(scores: Doubles, test_train_ratio: float, level: float) -> NDArray[np.bool_]:
    """Return which candidates are clearly behind the one that leads; never the leader itself.

    A candidate is, when the one-sided limit of its mean paired difference to the leader lies below zero. The variance
    of a difference is taken from all candidates together (twice the residual variance of scores without the means of
    candidates and of trainings), since two or four differences of one's own tell little of their spread; from its own
    differences where these scatter more. It is corrected for trainings that share their images as Nadeau and Bengio
    (2003) do, and the level is divided by the number of those who are compared with the leader. So the best candidate
    is called behind with a chance of at most `level`, as far as scores scatter alike.

    Parameters
    ----------
    scores : (C, J) float64
        Of each candidate in each of J paired trainings.
    test_train_ratio : float
        Held-out images per training image; 1 / (folds - 1) for cross-validation.
    level : float
        In (0, 1).
    """
    count, trainings = scores.shape
    if count < 2 or trainings < 2:
        return np.zeros(count, dtype=bool)
    means = scores.mean(axis=1)
    # Rounded, so that of equals the first leads, whatever the last bit says.
    leader = int(np.argmax(np.round(means, 12)))
    residual = scores - means[:, None] - scores.mean(axis=0) + scores.mean()
    freedom = (count - 1) * (trainings - 1)
    together = 2 * float((residual**2).sum()) / freedom
    differences = scores[leader] - scores
    variance = np.maximum(together, differences.var(axis=1, ddof=1))
    reach = float(stats.t.isf(level / (count - 1), freedom)) * np.sqrt(variance * (1 / trainings + test_train_ratio))
    # Rounding alone puts nobody behind.
    return np.asarray(means[leader] - means > reach + 1e-9)
