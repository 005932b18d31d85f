"""Remedies that shift the logits: by the logarithm of the class shares, or by a margin that rare classes need more."""

from __future__ import annotations

import numpy as np

from evenhand.remedies.counting import Counts, at_least_one
from evenhand.remedies.plan import Head, Loss, Plan, Post
from evenhand.remedies.weighting import deferred_weights


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


def ldam_drw(counts: Counts, *, largest: float, scale: float, start: float, beta: float) -> Plan:
    """Return a plan that trains on CE(s (cos - C n_y^(-1/4)), y), and late with weights: rare classes keep more clear.

    Cao et al. (2019), eq. 13 with the margin of section 3.2, and deferred re-weighting (section 3.4). cos are the
    cosines between features and class vectors, C makes the largest margin `largest`, and s is `scale`.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    largest : float in [0, 1]
        Margin of the rarest class, as a difference of cosines.
    scale : float in [1, 100]
        What cosines and margins are multiplied by.
    start, beta
        As in `deferred_weights`.
    """
    margins = at_least_one(counts) ** -0.25
    margins *= scale * largest / margins.max()
    late = deferred_weights(counts, start=start, beta=beta)
    return Plan(loss=Loss(margins=tuple(margins.tolist())), head=Head("cosine", scale), stages=late.stages)


def balpoe(counts: Counts, *, spread: float) -> Plan:
    """Return a plan with three experts, each trained on CE(z + tau_k log pi, y), whose logits are averaged.

    Aimar et al. (2023), balanced product of experts: with tau = 1 - spread, 1 and 1 + spread one expert leans to the
    common classes, one to the rare ones, and their product to none. All three share the first layers of the network.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    spread : float in [0, 1]
        How far apart the experts are; 1 gives tau = 0, 1, 2.
    """
    strengths = (1 - spread, 1.0, 1 + spread)
    return Plan(head=Head("experts", logit_offsets=tuple(_shares(counts, tau) for tau in strengths)))


def _shares(counts: Counts, factor: float) -> tuple[float, ...]:
    floored = at_least_one(counts)
    return tuple((factor * np.log(floored / floored.sum())).tolist())
