"""Remedies that weight the loss: by class, by how hard an image is, from the beginning or late."""

from __future__ import annotations

from typing import Literal

from evenhand.remedies.counting import Counts, at_least_one
from evenhand.remedies.plan import Loss, Plan, Stage


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
    weights = (counts.sum() / (len(counts) * at_least_one(counts))) ** gamma
    return Plan(loss=Loss(class_weights=_mean_one(counts, weights), normalise="mean" if by == "example" else "batch"))


def effective_number(counts: Counts, *, beta: float) -> Plan:
    """Return a plan that weights the loss of class y by (1 - beta) / (1 - beta^n_y), scaled to mean 1 over the images.

    Cui et al. (2019), eq. 2 and 3: (1 - beta^n) / (1 - beta) is the effective number of n images that overlap; with
    few images it is nearly n, and it never exceeds 1 / (1 - beta).

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    beta : float in [0, 1)
        0 is no weighting; towards 1 the weights go as 1 / n_y.
    """
    return Plan(loss=Loss(class_weights=_by_effective_number(counts, beta)))


def focal(counts: Counts, *, gamma: float) -> Plan:
    """Return a plan that trains on (1 - p_y)^gamma CE(z, y): what is already told well counts little.

    Lin et al. (2017), eq. 4.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    gamma : float in [0, 5]
        0 is the plain loss.
    """
    del counts
    return Plan(loss=Loss(focal=gamma))


def class_balanced_focal(counts: Counts, *, gamma: float, beta: float) -> Plan:
    """Return a plan with the focal loss weighted by the effective number of images, Cui et al. (2019), section 4.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    gamma : float in [0, 5]
        As in `focal`.
    beta : float in [0, 1)
        As in `effective_number`.
    """
    return Plan(loss=Loss(class_weights=_by_effective_number(counts, beta), focal=gamma))


def deferred_weights(counts: Counts, *, start: float, beta: float) -> Plan:
    """Return a plan that trains plainly first and with the weights of `effective_number` in the last part.

    Cao et al. (2019), section 3.4, deferred re-weighting: features are learned from all images alike.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    start : float in (0, 1)
        Share of the training after which the weights hold.
    beta : float in [0, 1)
        As in `effective_number`.
    """
    return Plan(stages=(Stage(start, class_weights=_by_effective_number(counts, beta)),))


def _by_effective_number(counts: Counts, beta: float) -> tuple[float, ...]:
    return _mean_one(counts, (1 - beta) / (1 - beta ** at_least_one(counts)))


def _mean_one(counts: Counts, weights: Counts) -> tuple[float, ...]:
    """Return the weights scaled to mean 1 over the training images."""
    return tuple((weights * (counts.sum() / (counts * weights).sum())).tolist())
