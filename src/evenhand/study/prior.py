"""How common a model takes each class to be: the shares of the classes that its probabilities are made for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Floats, Ints
from evenhand.remedies.catalogue import REMEDIES, parse, plan_for
from evenhand.remedies.counting import class_counts
from evenhand.remedies.plan import Draw, Plan

Doubles = NDArray[np.float64]


def assumed_prior(remedy: str, labels: Ints | Floats, n_classes: int) -> Doubles:
    """Return the (K,) shares of the classes that a remedy's probabilities are made for.

    A network that learns labels y of pictures x as they are shown to it answers P(y | x) for classes as common as they
    are shown, weights of the loss counted in. Offsets o that are added to the logits in the loss alone, or taken away
    afterwards, divide that by exp(o). What is in force at the end of a training counts, and of a second training what
    that one shows. Plain training is made for the classes as they occur, balanced softmax for equally common ones.

    A remedy that corrects by other means, such as margins, is taken to be made for equally common classes, since that
    is what it is for.

    Parameters
    ----------
    remedy : str
        As it is written.
    labels : (n,) int64, or (n, K) float
        Labels of the training images, as a repair left them.
    n_classes : int
        K.
    """
    counts = class_counts(labels, n_classes)
    plan = plan_for(remedy, labels, n_classes, allow_stacking=True)
    found = _offset(_weighted(_shown(plan, counts), plan), plan)
    corrects = any(REMEDIES[part.name].corrects_prior for part in parse(remedy, allow_stacking=True).parts)
    if corrects and np.allclose(found / found.sum(), counts / counts.sum()):
        found = (counts > 0).astype(np.float64)
    return np.asarray(found / found.sum())


def shown_shares(plan: Plan, labels: Ints | Floats, n_classes: int) -> Doubles:
    """Return the (K,) shares of the classes among the images that a plan shows at the end of a training."""
    shown = _drawn(plan.at(1.0).draw, _with_added(plan, class_counts(labels, n_classes)))
    return np.asarray(shown / shown.sum())


def untouched(prior: Doubles, labels: Ints | Floats) -> bool:
    """Return whether the classes are taken to be as common as they occur."""
    counts = class_counts(labels, len(prior))
    return bool(np.allclose(prior, counts / counts.sum(), atol=1e-6))


def _shown(plan: Plan, counts: Doubles) -> Doubles:
    if plan.refit is not None and plan.refit.method == "normalise":
        return counts
    if plan.refit is not None:
        added = plan.refit.synthesis.totals() if plan.refit.synthesis else np.zeros(len(counts))
        return _drawn(plan.refit.draw, counts + np.asarray(added))
    return _drawn(plan.at(1.0).draw, _with_added(plan, counts))


def _with_added(plan: Plan, counts: Doubles) -> Doubles:
    return counts + np.asarray(plan.synthesis.totals()) if plan.synthesis else counts


def _drawn(draw: Draw | None, counts: Doubles) -> Doubles:
    if draw is None:
        return counts
    values = np.asarray(draw.values, dtype=np.float64)
    return np.where(counts > 0, values, 0.0) if draw.method == "counts" else counts * values


def _weighted(shown: Doubles, plan: Plan) -> Doubles:
    loss = plan.at(1.0).loss
    if plan.refit is not None or loss is None or loss.class_weights is None:
        return shown
    return np.asarray(shown * np.asarray(loss.class_weights))


def _offset(shown: Doubles, plan: Plan) -> Doubles:
    """Divide by what the loss added to the logits, and multiply by what is added afterwards."""
    log = np.zeros(len(shown))
    if plan.refit is None and plan.loss is not None and plan.loss.logit_offsets is not None:
        log -= np.asarray(plan.loss.logit_offsets)
    if plan.refit is None and plan.head is not None and plan.head.logit_offsets:
        # The logits of the experts are averaged, and so is what they were trained with.
        log -= np.asarray(plan.head.logit_offsets).mean(axis=0)
    if plan.post is not None:
        log += np.asarray(plan.post.logit_offsets)
    return np.asarray(shown * np.exp(log - log.max()))
