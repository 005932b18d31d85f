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

    method: Literal["copies", "smote", "borderline", "adasyn"]
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
class Mixing:
    """How an image is mixed with a partner, and its label with the partner's.

    With lambda drawn from Beta(`alpha`, `alpha`), ``blend`` makes lambda x + (1 - lambda) x' of every pixel, ``patch``
    puts a rectangle of x' that covers 1 - lambda of the image onto x. A share `chance` of the images is mixed.

    Partners come from the images of the epoch or, with `partners`, from the training images, one of class k with a
    weight of ``partners[k]``. With `shares`, the classes' shares of the training images, the label goes wholly to the
    rarer class where the other is at least `kappa` times as common and the rarer image's part is above 1 - `tau`.
    """

    method: Literal["blend", "patch"]
    alpha: float
    chance: float = 1.0
    partners: tuple[float, ...] | None = None
    shares: tuple[float, ...] | None = None
    kappa: float = 1.0
    tau: float = 0.0


@dataclass(frozen=True)
class Perturbation:
    """Noise that raises the loss of every batch before the network learns from it (adversarial training).

    No value of a pixel changes by more than `eps`; `steps` steps of length `step` along the sign of the gradient, from
    a random place. Pixel values lie in 0 to 1.
    """

    eps: float
    steps: int
    step: float


@dataclass(frozen=True)
class Loss:
    """How the cross-entropy is changed.

    `class_weights` have mean 1 over the training images; `logit_offsets` are added to the logits, `margins` subtracted
    from the logit of an image's own class; with `focal` gamma, the loss of a class of probability p counts
    (1 - p)^gamma times. For a soft label the margin of a class counts by its share, and the loss is the expected one.

    With `normalise` "mean" the weighted losses of a batch are summed and divided by the number of its images: a step
    is an unbiased estimate of the weighted loss over the training set. With "batch" they are divided by the sum of
    their weights, as ``torch.nn.CrossEntropyLoss(weight=...)`` does: in a batch of one class alone the weights cancel.
    """

    class_weights: tuple[float, ...] | None = None
    logit_offsets: tuple[float, ...] | None = None
    margins: tuple[float, ...] | None = None
    focal: float | None = None
    normalise: Literal["mean", "batch"] = "mean"


@dataclass(frozen=True)
class Head:
    """What stands on top of the trunk in place of the linear layer.

    ``cosine``: `scale` times the cosine between features and class vectors. ``experts``: several tails of the network,
    one for each row of `logit_offsets`, which are added to that tail's logits while training; each has a loss of its
    own, and afterwards their logits are averaged.
    """

    kind: Literal["cosine", "experts"]
    scale: float = 1.0
    logit_offsets: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Stage:
    """What changes when a share `start` of the training is over: the draws, the weights of the classes, or both."""

    start: float
    draw: Draw | None = None
    class_weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Refit:
    """A second training, of the last layer alone, on the features that the finished trunk finds.

    ``retrain``: a new layer from the beginning. ``scale``: the layer stays, each class's logit is multiplied by a
    factor that is learned. ``both``: the layer is trained on, and such factors are learned. ``normalise``: nothing is
    learned; the vector w of a class is divided by |w| to the power `strength`, and the biases go.

    `draw` says what an epoch of features holds, `synthesis` what is added to them, `smoothing` how much of the label of
    each class is spread evenly over the other classes.
    """

    method: Literal["retrain", "scale", "both", "normalise"]
    draw: Draw | None = None
    synthesis: Synthesis | None = None
    smoothing: tuple[float, ...] | None = None
    strength: float = 0.0
    epochs: int = 0


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
    mixing: Mixing | None = None
    perturbation: Perturbation | None = None
    loss: Loss | None = None
    head: Head | None = None
    stages: tuple[Stage, ...] | None = None
    refit: Refit | None = None
    post: Post | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return asdict(self)

    def at(self, progress: float) -> Plan:
        """Return the plan in force when a share `progress` of the training is over, without its stages."""
        found = replace(self, stages=None)
        for stage in self.stages or ():
            if progress >= stage.start:
                loss = replace(found.loss or Loss(), class_weights=stage.class_weights)
                found = replace(
                    found,
                    draw=stage.draw or found.draw,
                    loss=loss if stage.class_weights else found.loss,
                )
        return found


def compose(left: Plan, right: Plan) -> Plan:
    """Return the plan that asks for both; two parts that set the same field are refused.

    Two syntheses of different methods follow one another, the left one first. Of the loss, each may set another part.

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
        elif part.name == "loss":
            merged[part.name] = _joined(first, second)
        else:
            raise UsageError(f"Two remedies both set the {part.name}; keep one of them.")
    return Plan(**merged)


def _chain(first: Synthesis, second: Synthesis) -> Synthesis:
    shared = {step.method for step in first.steps()} & {step.method for step in second.steps()}
    if shared:
        raise UsageError(f"Two remedies both add images by {shared.pop()}; keep one of them.")
    return replace(first, then=second if first.then is None else _chain(first.then, second))


def _joined(first: Loss, second: Loss) -> Loss:
    plain = Loss()
    merged: dict[str, Any] = {}
    for part in fields(Loss):
        one, other = getattr(first, part.name), getattr(second, part.name)
        untouched = getattr(plain, part.name)
        if untouched not in (one, other):
            raise UsageError(f"Two remedies both set the {part.name} of the loss; keep one of them.")
        merged[part.name] = other if one == untouched else one
    return Loss(**merged)
