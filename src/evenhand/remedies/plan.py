"""What a remedy asks of the training loop, as a small frozen value. The loop carries plans out and names no remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError


@dataclass(frozen=True)
class Draw:
    """Which images an epoch holds.

    ``weighted``: `length` draws with replacement, an image of class k with a weight of ``values[k]``.
    ``counts``: ``values[k]`` images of class k; each image as often as fits whole, the rest distinct and random.
    """

    method: Literal["weighted", "counts"]
    values: tuple[float, ...]
    length: int


@dataclass(frozen=True)
class Synthesis:
    """Images added once, before training, made from the training part's pixels. ``counts[k]`` are made for class k.

    `then` is a further step, made from the training part together with what this step added. `parameters` are
    (name, value) pairs of the method, so that a plan stays hashable.
    """

    method: Literal["copies", "smote"]
    counts: tuple[int, ...]
    parameters: tuple[tuple[str, float], ...] = ()
    then: Synthesis | None = None

    def steps(self) -> Iterator[Synthesis]:
        """Yield this step and those that follow it, in the order they are carried out."""
        step: Synthesis | None = self
        while step is not None:
            yield step
            step = step.then

    def totals(self) -> tuple[int, ...]:
        """Return the images added to each class by all steps together."""
        return tuple(sum(column) for column in zip(*(step.counts for step in self.steps()), strict=True))


@dataclass(frozen=True)
class Loss:
    """How the cross-entropy is changed: class weights (mean 1 over the training images), offsets added to the logits.

    With `normalise` "mean" the weighted losses of a batch are summed and divided by the number of its images: a step
    is an unbiased estimate of the weighted loss over the training set. With "batch" they are divided by the sum of
    their weights, as ``torch.nn.CrossEntropyLoss(weight=...)`` does: in a batch of one class alone the weights cancel.
    """

    class_weights: tuple[float, ...] | None = None
    logit_offsets: tuple[float, ...] | None = None
    normalise: Literal["mean", "batch"] = "mean"


@dataclass(frozen=True)
class Post:
    """What is added to the logits of the trained model before the softmax."""

    logit_offsets: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """What a remedy asks for. A field that is None is left to the recipe and the plain loop."""

    synthesis: Synthesis | None = None
    draw: Draw | None = None
    augmentation: Augmentation | None = None
    loss: Loss | None = None
    post: Post | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return asdict(self)


def compose(left: Plan, right: Plan) -> Plan:
    """Return the plan that asks for both; two parts that set the same field are refused.

    Two syntheses of different methods follow one another, the left one first.

    Raises
    ------
    UsageError
        When both plans set the same field.
    """
    merged: dict[str, Any] = {}
    for part in fields(Plan):
        first, second = getattr(left, part.name), getattr(right, part.name)
        if first is None or second is None:
            merged[part.name] = second if first is None else first
        elif part.name == "synthesis":
            merged[part.name] = _chain(first, second)
        else:
            raise UsageError(f"Two remedies both set the {part.name}; keep one of them.")
    return Plan(**merged)


def _chain(first: Synthesis, second: Synthesis) -> Synthesis:
    shared = {step.method for step in first.steps()} & {step.method for step in second.steps()}
    if shared:
        raise UsageError(f"Two remedies both add images by {shared.pop()}; keep one of them.")
    return replace(first, then=second if first.then is None else _chain(first.then, second))
