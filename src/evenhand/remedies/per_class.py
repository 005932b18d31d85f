"""What a plan says of each class, entry by entry, and what class shares a finished model takes for granted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from evenhand.records.values import Ints
from evenhand.remedies.counting import Counts, class_counts, expected_counts
from evenhand.remedies.plan import Draw, Plan, Synthesis


@dataclass(frozen=True)
class PerClass:
    """One tuple of a plan with an entry a class.

    `scales` says that it counts images, `positive` that it weights them, `original` that it does so among the training
    images alone, without those added.
    """

    name: str
    values: tuple[float, ...]
    scales: bool = False
    positive: bool = False
    original: bool = False


def per_class(plan: Plan) -> list[PerClass]:
    """Return every tuple of the plan that has an entry a class."""
    found = [PerClass("synthesis.counts", step.counts, scales=True) for step in steps(plan.synthesis)]
    found += [_of_draw("draw", plan.draw)] if plan.draw else []
    if plan.mixing and plan.mixing.partners is not None:
        found.append(PerClass("mixing.partners", plan.mixing.partners, positive=True))
    if plan.mixing and plan.mixing.shares is not None:
        found.append(PerClass("mixing.shares", plan.mixing.shares))
    for name in ("class_weights", "logit_offsets", "margins") if plan.loss else ():
        values = getattr(plan.loss, name)
        found += [PerClass(f"loss.{name}", values, positive=name == "class_weights")] if values is not None else []
    found += [PerClass("head.logit_offsets", row) for row in plan.head.logit_offsets] if plan.head else []
    for stage in plan.stages or ():
        found += [_of_draw("stages.draw", stage.draw)] if stage.draw else []
        if stage.class_weights is not None:
            found.append(PerClass("stages.class_weights", stage.class_weights, positive=True))
    if plan.refit:
        found += [PerClass("refit.synthesis.counts", step.counts, scales=True) for step in steps(plan.refit.synthesis)]
        found += [replace(_of_draw("refit.draw", plan.refit.draw), original=True)] if plan.refit.draw else []
        if plan.refit.smoothing is not None:
            found.append(PerClass("refit.smoothing", plan.refit.smoothing))
    found += [PerClass("post.logit_offsets", plan.post.logit_offsets)] if plan.post else []
    return found


def _of_draw(name: str, draw: Draw) -> PerClass:
    counted = draw.method == "counts"
    return PerClass(f"{name}.values", draw.values, scales=counted, positive=not counted)


def draws(plan: Plan) -> Iterator[Draw]:
    """Yield every draw of the plan: its own, those of its stages, that of its second training."""
    found = [plan.draw, *(stage.draw for stage in plan.stages or ()), plan.refit.draw if plan.refit else None]
    yield from (draw for draw in found if draw is not None)


def steps(synthesis: Synthesis | None) -> list[Synthesis]:
    """Return the steps of a synthesis; none without one."""
    return [] if synthesis is None else list(synthesis.steps())


def frame(plan: Plan) -> tuple[object, ...]:
    """Return what is left of a plan without its numbers a class."""
    mixing = plan.mixing and replace(plan.mixing, partners=None, shares=None)
    loss = plan.loss and replace(plan.loss, class_weights=None, logit_offsets=None, margins=None)
    refit = plan.refit and replace(plan.refit, draw=None, synthesis=None, smoothing=None)
    return (
        tuple((step.method, step.parameters) for step in steps(plan.synthesis)),
        tuple(draw.method for draw in draws(plan)),
        plan.augmentation,
        mixing,
        plan.perturbation,
        loss,
        plan.head and (plan.head.kind, plan.head.scale, len(plan.head.logit_offsets)),
        tuple(stage.start for stage in plan.stages or ()),
        refit,
        tuple((step.method, step.parameters) for step in steps(plan.refit.synthesis if plan.refit else None)),
        plan.post is None,
    )


def log_shares(plan: Plan, labels: Ints, n_classes: int) -> Counts:
    """Return the logarithm of the class shares that the finished model takes for granted, up to a constant.

    Images (drawn, repeated or added) times their weight is what the loss sees in the end; an offset on the logits
    takes over its part of that while training, and one afterwards adds to what was learned. A second training counts
    alone. Margins, and partners that images are mixed with, are left aside: they may favour rare classes without being
    meant to make up for their number, and are published together with a correction that does.

    Parameters
    ----------
    plan : Plan
        Made from the labels.
    labels : (n,) int64
        Of the training part.
    n_classes : int
        K.
    """
    if plan.refit:
        second = Plan(synthesis=plan.refit.synthesis, draw=plan.refit.draw, post=plan.post)
        return log_shares(second, labels, n_classes)
    last = plan.at(1.0)
    shares = np.log(np.maximum(expected_counts(last, labels, n_classes), 1e-300))
    if last.loss and last.loss.class_weights is not None:
        shares = shares + np.log(last.loss.class_weights)
    if last.loss and last.loss.logit_offsets is not None:
        shares = shares - np.asarray(last.loss.logit_offsets)
    if last.head and last.head.logit_offsets:
        shares = shares - np.mean(last.head.logit_offsets, axis=0)
    if last.post:
        shares = shares + np.asarray(last.post.logit_offsets)
    return np.asarray(shares)


def images_of(entry: PerClass, plan: Plan, labels: Ints, n_classes: int) -> Counts:
    """Return the images of each class that an entry weights."""
    added = np.zeros(n_classes) if plan.synthesis is None or entry.original else np.asarray(plan.synthesis.totals())
    return class_counts(labels, n_classes) + added
