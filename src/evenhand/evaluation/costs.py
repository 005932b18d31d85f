"""Decisions of least expected cost, and what decisions cost on labelled images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenhand.evaluation.intervals import LEVEL
from evenhand.evaluation.metrics import confusion_matrix
from evenhand.records.evaluation import Cost
from evenhand.records.values import Interval, Ints
from evenhand.settings.costs import Decision

Doubles = NDArray[np.float64]

DRAWS = 4000


def moved(probabilities: ArrayLike, made_for: ArrayLike, used_for: ArrayLike) -> Doubles:
    """Return (n, K) probabilities for classes that are as common as `used_for` says (Saerens et al. 2002, formula 2.4).

    Pictures of a class look alike however common it is, so each probability is multiplied by how much commoner its
    class becomes, and the row is brought back to a sum of 1.

    Parameters
    ----------
    probabilities : (n, K) float
    made_for, used_for : (K,) float
        Shares of the classes, above 0.
    """
    raised = np.asarray(probabilities, dtype=np.float64) * (np.asarray(used_for) / np.asarray(made_for))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def expected_costs(probabilities: ArrayLike, decision: Decision) -> Doubles:
    """Return the (n, K) expected cost of each decision: ``sum_k P(k | x) C[k, d]``.

    Parameters
    ----------
    probabilities : (n, K) float
        Of a calibrated model, in the order of the decision's classes.
    decision : Decision
        The costs, and for which mix of classes.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    if decision.made_for is not None and decision.used_for not in (None, decision.made_for):
        chances = moved(chances, decision.made_for, np.asarray(decision.used_for))
    return np.asarray(chances @ np.asarray(decision.costs.table))


def decide(probabilities: ArrayLike, decision: Decision) -> Ints:
    """Return (n,) the class of least expected cost (Elkan 2001); of equally cheap ones the more probable one."""
    costs = expected_costs(probabilities, decision)
    chances = np.asarray(probabilities, dtype=np.float64)
    cheapest = costs <= costs.min(axis=1, keepdims=True) * (1 + 1e-12)
    found: Ints = np.where(cheapest, chances, -1).argmax(axis=1)
    return found


def cost_of(labels: Ints, probabilities: ArrayLike, decision: Decision, *, seed: int = 0) -> Cost:
    """Return what the decisions cost an image, with 95 % intervals, beside what calling the most probable class does.

    Parameters
    ----------
    labels : (n,) int64
        In 0..K-1; n at least 1.
    probabilities : (n, K) float
    decision : Decision
    seed : int
        Of the draws behind the intervals.
    """
    table = np.asarray(decision.costs.table)
    classes = decision.costs.classes
    confusion = confusion_matrix(labels, decide(probabilities, decision), len(classes))
    probable = confusion_matrix(labels, np.asarray(probabilities).argmax(axis=1), len(classes))
    support = confusion.sum(axis=1)
    shares = support / support.sum()
    used = decision.used_for
    at_prior = None
    if used is not None and (support > 0).all():
        at_prior = mean_cost(confusion, table, np.asarray(used), seed=seed)
    return Cost(
        mean=mean_cost(confusion, table, shares, seed=seed),
        most_probable=mean_cost(probable, table, shares, seed=seed),
        at_prior=at_prior,
        prior=used,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def mean_cost(confusion: Ints, table: Doubles, shares: Doubles, *, seed: int) -> Interval:
    """Return the mean cost of an image, classes being as common as `shares` says, and its 95 % interval.

    The rows of the confusion matrix are drawn from Dirichlet posteriors with a prior worth one image a row, half of it
    on the right decision and half spread over the others (Jeffreys' prior where there are two classes), so that dear
    mistakes that have not occurred are not taken to be impossible.

    Parameters
    ----------
    confusion : (K, K) int64
        Rows: label; columns: decision.
    table : (K, K) float64
        The cost of each.
    shares : (K,) float64
        Sum to 1; 0 for classes without an image.
    """
    support, n_classes = confusion.sum(axis=1), len(confusion)
    known = np.flatnonzero((support > 0) & (shares > 0))
    value = float((shares[known] * (confusion[known] * table[known]).sum(axis=1) / support[known]).sum())
    draw, total = np.random.default_rng([seed, 6]), np.zeros(DRAWS)
    for row in known:
        prior = np.full(n_classes, 0.5 / max(1, n_classes - 1))
        prior[row] = 0.5
        total += shares[row] * (draw.dirichlet(confusion[row] + prior, size=DRAWS) @ table[row])
    low, high = np.percentile(total, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Interval(value, min(float(low), value), max(float(high), value))
