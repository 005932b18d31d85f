"""What a remedy asks of the training loop, as a small frozen value. The loop carries plans out and names no remedy."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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
    """Images added once, before training, made from the training part's pixels. ``counts[k]`` are made for class k."""

    method: Literal["copies", "smote"]
    counts: tuple[int, ...]
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Loss:
    """How the cross-entropy is changed: a weight a class (mean 1 over the training images), an offset a class on the logits."""

    class_weights: tuple[float, ...] | None = None
    logit_offsets: tuple[float, ...] | None = None


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
        from dataclasses import asdict

        return asdict(self)


def compose(left: Plan, right: Plan) -> Plan:
    """Return the plan that asks for both; two parts that set the same field are refused.

    Raises
    ------
    UsageError
        When both plans set the same field.
    """
    merged: dict[str, Any] = {}
    for part in fields(Plan):
        first, second = getattr(left, part.name), getattr(right, part.name)
        if first is not None and second is not None:
            raise UsageError(f"Two remedies both set the {part.name}; keep one of them.")
        merged[part.name] = second if first is None else first
    return Plan(**merged)
