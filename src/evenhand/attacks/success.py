"""Where attacks land, and how accuracy falls with the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.attacks.result import AttackResult, share
from evenhand.errors import UsageError
from evenhand.records.values import Ints


@dataclass(frozen=True)
class SuccessMatrix:
    """Attacks by the class they start from and the class they are to reach, or did reach."""

    classes: tuple[str, ...]
    aimed: bool
    tried: Ints
    """(K, K) attacks from a class (row) at a class (column); without targets, attacks from a class, in every column."""
    reached: Ints
    """(K, K) those that succeeded and ended in the class of the column."""

    def table(self) -> list[dict[str, Any]]:
        """Return one row a pair of classes: tried, reached, and the share with its 95 % interval."""
        rows = []
        for source, name in enumerate(self.classes):
            for target, other in enumerate(self.classes):
                if source == target:
                    continue
                tried, reached = int(self.tried[source, target]), int(self.reached[source, target])
                found = share(reached, tried)
                ends = (None, None, None) if found is None else (found.value, found.low, found.high)
                rows.append(
                    {"source": name, "target": other, "tried": tried, "reached": reached}
                    | dict(zip(("share", "low", "high"), ends, strict=True))
                )
        return rows


def success_matrix(result: AttackResult, classes: Sequence[str]) -> SuccessMatrix:
    """Return how many attacks led from each class to each other class.

    Parameters
    ----------
    result : AttackResult
        Aimed (best at every class: ``attack(..., target="all")``) or not.
    classes : sequence of str
        All K classes.
    """
    k = len(classes)
    aimed = bool((result.targets >= 0).any())
    reached = np.zeros((k, k), dtype=np.int64)
    np.add.at(reached, (result.labels[result.fooled], result.called[result.fooled]), 1)
    if aimed:
        tried = np.zeros((k, k), dtype=np.int64)
        np.add.at(tried, (result.labels[result.attempted], result.targets[result.attempted]), 1)
    else:
        tried = np.repeat(np.bincount(result.labels[result.attempted], minlength=k)[:, None], k, axis=1)
    return SuccessMatrix(tuple(classes), aimed, tried, reached)


@dataclass(frozen=True)
class AccuracyCurve:
    """Accuracy that is left at each budget, with its 95 % interval."""

    norm: str
    eps: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int

    def table(self) -> list[dict[str, float]]:
        """Return one row a budget."""
        columns = {"eps": self.eps, "accuracy": self.accuracy, "low": self.low, "high": self.high}
        return [{name: float(values[row]) for name, values in columns.items()} for row in range(len(self.eps))]


def accuracy_curve(result: AttackResult, eps: Sequence[float] | None = None, *, points: int = 20) -> AccuracyCurve:
    """Return the accuracy at many budgets, read off one search for the smallest noise.

    Parameters
    ----------
    result : AttackResult
        Of an attack that looks for the smallest noise, without a target.
    eps : sequence of float, optional
        The budgets. By default `points` of them, evenly from 0 to where hardly anything is left, and the one at which
        the last image is lost.
    points : int

    Raises
    ------
    UsageError
        When the attack stopped at the first noise within a budget, or was aimed.
    """
    if not result.smallest or (result.targets >= 0).any():
        raise UsageError("A curve needs an attack that looks for the smallest noise, without a target: fmn, for one.")
    size = np.where(result.clean_right, result.size, 0.0).astype(np.float64)
    if eps is None:
        found = size[np.isfinite(size)]
        most, last = (float(np.quantile(found, 0.99)), float(found.max())) if len(found) else (1.0, 1.0)
        eps = [*np.linspace(0, most, points - 1).tolist(), last]
    budgets = np.asarray(sorted(eps), dtype=np.float64)
    left = [share(int((result.clean_right & (size > budget)).sum()), result.n) for budget in budgets]
    value, low, high = np.array([[point.value, point.low, point.high] for point in left if point]).T
    return AccuracyCurve(result.threat.norm, budgets, value, low, high, result.n)
