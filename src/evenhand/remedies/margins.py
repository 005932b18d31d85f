"""Remedies that shift the logits by the logarithm of the class shares."""

from __future__ import annotations

import numpy as np

from evenhand.remedies.counting import Counts, at_least_one
from evenhand.remedies.plan import Loss, Plan, Post


def balanced_softmax(counts: Counts, *, tau: float) -> Plan:
    """Return a plan that trains on CE(z + tau log pi, y), pi_y = n_y / N: the logits z need not learn the class shares.

    Ren et al. (2020), balanced softmax, for tau = 1; Menon et al. (2021), logit-adjusted loss, for any tau.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    tau : float in [0, 2]
        Strength; 0 is the plain loss.
    """
    return Plan(loss=Loss(logit_offsets=_shares(counts, tau)))


def logit_adjust(counts: Counts, *, tau: float) -> Plan:
    """Return a plan that trains plainly and then adds -tau log pi to the logits, pi_y = n_y / N.

    Menon et al. (2021), post-hoc logit adjustment.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    tau : float in [0, 2]
        Strength; 0 leaves the trained model as it is.
    """
    return Plan(post=Post(logit_offsets=_shares(counts, -tau)))


def _shares(counts: Counts, factor: float) -> tuple[float, ...]:
    floored = at_least_one(counts)
    return tuple((factor * np.log(floored / floored.sum())).tolist())
