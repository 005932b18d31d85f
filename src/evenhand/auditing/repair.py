"""What is done about suspected label errors before training: nothing, leave out, relabel, or soften."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import Doubles, LabelModel
from evenhand.errors import UsageError, suggest
from evenhand.records.values import Ints

Repaired = tuple[NDArray[np.bool_], NDArray[np.int64] | Doubles]
"""Which images stay, (n,) bool; and the targets of all, (n,) labels or (n, K) soft labels."""


def _drop(model: LabelModel, given: Ints, trust: float) -> Repaired:
    return model.suspicion(given) <= trust, given


def _relabel(model: LabelModel, given: Ints, trust: float) -> Repaired:
    """Relabel images whose other label is likely enough; leave out those that are wrong but of unclear class."""
    best = model.posterior.argmax(axis=1).astype(np.int64)
    wrong = model.suspicion(given) > trust
    clear = model.posterior.max(axis=1) > trust
    return ~wrong | clear, np.where(wrong & clear, best, given)


def _soft(model: LabelModel, given: Ints, trust: float) -> Repaired:
    """Give suspects their posterior as a soft label; the others keep a hard one."""
    hard = np.eye(model.posterior.shape[1])[given]
    wrong = model.suspicion(given) > trust
    return np.ones(len(given), dtype=bool), np.where(wrong[:, None], model.posterior, hard)


REPAIRS: dict[str, Callable[[LabelModel, Ints, float], Repaired]] = {
    "drop": _drop,
    "relabel": _relabel,
    "soft": _soft,
}


def repair(method: str, model: LabelModel, given: Ints, trust: float) -> Repaired:
    """Return which images stay in training and with which targets.

    Parameters
    ----------
    method : str
        A key of `REPAIRS`.
    model : LabelModel
        Estimated without the labels of the fold that judges the result.
    given : (n,) int64
        Given labels.
    trust : float
        Suspicion in (0, 1] above which a label is acted on.

    Raises
    ------
    UsageError
        When there is no such repair.
    """
    if method not in REPAIRS:
        raise UsageError(f"There is no repair {method!r}. {suggest(method, ('none', *REPAIRS))}")
    keep, targets = REPAIRS[method](model, given, trust)
    return _without_losing_a_class(keep, targets, given), targets


def _without_losing_a_class(keep: NDArray[np.bool_], targets: Ints | Doubles, given: Ints) -> NDArray[np.bool_]:
    """Keep every image of a class that would otherwise have none left to train on."""
    if targets.ndim == 2:
        return keep
    lost = np.setdiff1d(np.unique(given), np.unique(targets[keep]))
    return keep | np.isin(given, lost)
