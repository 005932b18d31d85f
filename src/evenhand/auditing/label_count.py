"""How many labels are wrong: the interval of their number, and how sure it is that there are any."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from evenhand.auditing.label_likelihood import Doubles, LabelLikelihood
from evenhand.records.values import Interval

_DOUBT = 3.0
"""Nats of evidence that it takes to think wrong labels as likely as none: the price of the parameters they add."""
_Z, _TAIL = 1.96, 0.025
_MISFIT = 1.4
"""How much further the log-likelihood may fall than if the model held exactly: the networks of different folds are
calibrated differently, and the model knows one temperature. Without it, 39 of 44 intervals held the truth."""
_FALL, _CLOSE, _TRIES = 0.5 * _Z**2 * _MISFIT, 0.1, 10
"""Fall of the log-likelihood that bounds the interval, how nearly it is met, and minimisations to meet it."""


def evidence(problem: LabelLikelihood, best: Doubles) -> float:
    """Return by how much (in nats) wrong labels explain the data better than a network that is merely calibrated."""
    network = minimize(problem.loss_without_errors, best[: problem.k], jac=True, method="L-BFGS-B")
    return problem.log_likelihood(best) - problem.log_likelihood(problem.without_errors(network.x))


def probability_of_any(evidence: float) -> float:
    """Return the probability that there are wrong labels at all, by Bayes' rule with prior odds of exp(-`_DOUBT`)."""
    return float(1 / (1 + np.exp(np.clip(_DOUBT - evidence, -500, 500))))


def interval_of_wrong(problem: LabelLikelihood, best: Doubles, doubt: Doubles, there_are: float) -> Interval:
    """Return the number of wrong labels under the best parameters, with its 95 % interval.

    Two sources of uncertainty are joined: the parameters, by the likelihood profiled over everything but the number of
    wrong labels (a normal approximation would miss how lopsided it is), and given them which images are wrong
    (independent draws from the posterior). Where the data do not rule out that no label is wrong, the interval begins
    at 0.

    Parameters
    ----------
    problem : LabelLikelihood
    best : (p,) float64
        The parameters that explain the data best.
    doubt : (n,) float64
        Suspicion of each image under them.
    there_are : float
        Probability that there are wrong labels at all.
    """
    value, centre = float(doubt.sum()), problem.wrong(best)[0]
    chance = _Z**2 * float((doubt * (1 - doubt)).sum())
    reach = [
        float(np.sqrt((_profile_end(problem, best, sign) - centre) ** 2 + chance)) if len(best) > problem.k else 0.0
        for sign in (-1, 1)
    ]
    low = value - reach[0] if 1 - there_are < _TAIL else 0.0
    return Interval(value, max(0.0, low) if low >= 1 else 0.0, min(float(len(doubt)), value + reach[1]))


def _profile_end(problem: LabelLikelihood, best: Doubles, sign: int) -> float:
    """Return the least (sign -1) or greatest (1) number of wrong labels within `_FALL` of the best log-likelihood.

    The loss minus `pull` times the number is minimised; the pull at which the loss has risen by exactly `_FALL` is
    found by secants on the root of the rise, which grows in proportion to the pull where the likelihood is normal.
    """
    floor, slope = problem.loss(best)[0], problem.wrong(best)[1]
    curvature = _curvature(problem, best)
    spread = max(float(slope @ np.linalg.lstsq(curvature, slope, rcond=None)[0]), 1e-6) ** 0.5
    pull, theta = (2 * _FALL) ** 0.5 / spread, best
    within: tuple[float, float, float] = (problem.wrong(best)[0], 0.0, 0.0)
    beyond: tuple[float, float, float] | None = None
    for _ in range(_TRIES):

        def pulled(theta: Doubles, pull: float = pull) -> tuple[float, Doubles]:
            (loss, down), (number, up) = problem.loss(theta), problem.wrong(theta)
            return loss - sign * pull * number, np.asarray(down - sign * pull * up)

        theta = minimize(
            pulled, theta, jac=True, method="L-BFGS-B", bounds=problem.bounds(), options={"maxiter": 200}
        ).x
        found = (problem.wrong(theta)[0], max(problem.loss(theta)[0] - floor, 0.0) ** 0.5, pull)
        if abs(found[1] ** 2 - _FALL) < _CLOSE:
            return found[0]
        if found[1] ** 2 < _FALL:
            within = found
            if sign < 0 and found[0] < 0.5:
                return 0.0
        else:
            beyond = found
        if beyond is None:
            pull *= 2
        else:
            share = (_FALL**0.5 - within[1]) / max(beyond[1] - within[1], 1e-9)
            pull = within[2] + min(max(share, 0.1), 0.9) * (beyond[2] - within[2])
    if beyond is None:
        return within[0]
    share = (_FALL**0.5 - within[1]) / max(beyond[1] - within[1], 1e-9)
    return float(within[0] + share * (beyond[0] - within[0]))


def _curvature(problem: LabelLikelihood, best: Doubles, step: float = 1e-4) -> Doubles:
    """Return the Hessian of the loss, by central differences of its gradient."""
    rows = []
    for number in range(len(best)):
        shift = np.zeros(len(best))
        shift[number] = step
        rows.append((problem.loss(best + shift)[1] - problem.loss(best - shift)[1]) / (2 * step))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2
