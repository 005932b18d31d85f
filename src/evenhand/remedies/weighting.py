"""Remedies that weight the loss."""

from __future__ import annotations

from typing import Literal

from evenhand.remedies.counting import Counts, at_least_one
from evenhand.remedies.plan import Loss, Plan


def class_weights(counts: Counts, *, gamma: float, by: Literal["example", "class"]) -> Plan:
    """Return a plan that weights the loss of class y by w_y = (N / (K n_y))^gamma, scaled to mean 1 over the images.

    gamma = 1 is the reference study's |training set| / |class| up to a constant, which the scaling removes (King and
    Zeng 2001). `by` says what a batch is divided by; the weights are the same. By "example" each image carries its
    weight and the batch is divided by its size, so the gradient is that of the weighted training set. By "class" the
    batch is divided by the sum of its weights, as torch's ``CrossEntropyLoss(weight=...)`` does: then a batch of the
    common class alone pulls with full strength, and with batches of four the correction is much weaker.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    gamma : float in [0, 2]
        0 is no weighting, 1 makes every class weigh the same.
    by : {"example", "class"}
        What a batch's loss is divided by.
    """
    floored = at_least_one(counts)
    weights = (counts.sum() / (len(counts) * floored)) ** gamma
    weights *= counts.sum() / (counts * weights).sum()
    return Plan(loss=Loss(class_weights=tuple(weights.tolist()), normalise="mean" if by == "example" else "batch"))
