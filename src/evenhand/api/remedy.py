"""A remedy for a training loop of one's own: which images an epoch holds, and the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from evenhand.api import display
from evenhand.errors import DataError, UsageError
from evenhand.records.values import Floats, Ints
from evenhand.remedies.catalogue import canonical, plan_for
from evenhand.remedies.counting import class_counts, expected_counts
from evenhand.remedies.plan import Draw, Loss, Plan
from evenhand.training.loop import one_hot
from evenhand.training.losses import Criterion, criterion
from evenhand.training.order import epoch_order
from evenhand.training.recipe import Recipe

_BEYOND = {
    "synthesis": "adds images before training",
    "augmentation": "alters images each time they are drawn",
    "mixing": "mixes images and their labels in a batch",
    "perturbation": "adds noise that is made from the network's gradients",
    "head": "puts another last layer on the network",
    "stages": "changes draws or weights in the middle of the training",
    "refit": "trains the last layer a second time",
    "post": "corrects the logits of the finished network",
}
"""What a plan may ask for that neither a sampler nor a loss can give."""


def plan(remedy: str, labels: Any, n_classes: int | None = None, *, allow_stacking: bool = False) -> RemedyPlan:
    """Return what a remedy asks of a training loop, for one that is not ours.

    Such a loop gets two things: `RemedyPlan.sampler`, which images an epoch holds and in which order, and
    `RemedyPlan.loss`. Remedies that ask for more are refused by name; `train` and `EvenhandClassifier` carry out all.

    Parameters
    ----------
    remedy : str
        As on the command line: ``A+B`` composes, ``A:name=value`` sets.
    labels : (n,) integers from 0 to K - 1, or (n, K) floats whose rows sum to 1
        Labels of the training images, in the order of the data set; array, list or tensor.
    n_classes : int, optional
        K; by default one more than the largest label.
    allow_stacking : bool
        Let ``A+B`` make up for the class counts twice, which is refused else.

    Raises
    ------
    UsageError
        When there is no such remedy, or it asks for more than a sampler and a loss.
    DataError
        When the labels are no such labels.

    Examples
    --------
    >>> import evenhand
    >>> found = evenhand.plan("class-weights", [0, 0, 0, 1])
    >>> found.loss_terms.class_weights
    (0.6666666666666666, 2.0)
    """
    name = canonical(remedy, allow_stacking=allow_stacking)
    told = _labels(labels, n_classes)
    k = told.shape[1] if told.ndim == 2 else int(n_classes or told.max() + 1)
    try:
        found = plan_for(name, told, k, allow_stacking=allow_stacking)
    except ValueError as error:
        raise DataError(f"These are no labels for a plan: {error}.") from error
    beyond = [f"it {words}" for part, words in _BEYOND.items() if getattr(found, part) is not None]
    if beyond:
        raise UsageError(
            f"The remedy {name} asks for more than a sampler and a loss: {' and '.join(beyond)}. Use a remedy that "
            "acts by draws or by the loss, such as sampler, class-weights or balanced-softmax, or train with "
            "evenhand.train or EvenhandClassifier."
        )
    return RemedyPlan(name, found, told, k)


@dataclass(frozen=True, repr=False, eq=False)
class RemedyPlan:
    """What a remedy asks of a training loop: `sampler` and `loss`. Made by `plan`."""

    remedy: str
    """In its normal form."""
    plan: Plan
    labels: Ints | Floats
    """(n,) int64, or (n, K) float32 soft labels."""
    n_classes: int

    @property
    def loss_terms(self) -> Loss:
        """What is changed about the cross-entropy: weights, offsets, margins, focal gamma; None where nothing is."""
        return self.plan.loss or Loss()

    def sampler(self, *, seed: int = 0) -> PlanSampler:
        """Return a sampler for ``torch.utils.data.DataLoader(..., sampler=...)``.

        Parameters
        ----------
        seed : int
            Decides all epochs: the same seed gives the same images in the same order.
        """
        return PlanSampler(self.plan.draw, self.labels, self.n_classes, seed)

    def loss(self, *, label_smoothing: float = 0.0) -> PlanLoss:
        """Return the loss of a batch, to be called with logits and labels.

        Parameters
        ----------
        label_smoothing : float
            As for ``torch.nn.CrossEntropyLoss``, 0 to 0.999.

        Raises
        ------
        UsageError
            When the smoothing is out of range.
        """
        return PlanLoss(self.plan.loss, Recipe(label_smoothing=label_smoothing))

    def __repr__(self) -> str:
        """Return what the loop gets."""
        gets = [words for words, part in (("draws", self.plan.draw), ("loss", self.plan.loss)) if part is not None]
        changes = f"changes the {' and the '.join(gets)}" if gets else "changes nothing"
        return f"RemedyPlan({self.remedy!r}: {len(self.labels):,} labels of {self.n_classes} classes, {changes})"

    def _repr_html_(self) -> str:
        counts = class_counts(self.labels, self.n_classes)
        drawn = expected_counts(self.plan, self.labels, self.n_classes)
        terms = [
            (words, values)
            for words, values in (
                ("weight in the loss", self.loss_terms.class_weights),
                ("added to the logit", self.loss_terms.logit_offsets),
            )
            if values
        ]
        rows = [
            [
                str(label),
                round(float(counts[label])),
                round(float(drawn[label])),
                *(f"{values[label]:.3f}" for _, values in terms),
            ]
            for label in range(self.n_classes)
        ]
        header = ["class", "images", "drawn an epoch", *(words for words, _ in terms)]
        return display.panel(repr(self)[len("RemedyPlan(") : -1], display.table(header, rows))


class PlanSampler(Sampler[int]):
    """The images of an epoch, in order: a function of the seed, the epoch and the labels.

    Each time it is gone through is an epoch of its own, numbered from 0. Who goes on with a training that was cut short
    says `set_epoch` first.
    """

    def __init__(self, draw: Draw | None, labels: Ints | Floats, n_classes: int, seed: int) -> None:
        self._draw, self._seed, self._epoch = draw, seed, 0
        self._rows: NDArray[np.float64] = one_hot(labels, n_classes)

    def set_epoch(self, epoch: int) -> None:
        """Let the next time through be this epoch, counted from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the images of the next epoch."""
        identity = np.arange(len(self._rows), dtype=np.int64)
        order = epoch_order(self._draw, self._rows, identity, seed=self._seed, epoch=self._epoch)
        self._epoch += 1
        yield from order.tolist()

    def __len__(self) -> int:
        """Return how many images an epoch holds."""
        return self._draw.length if self._draw else len(self._rows)


class PlanLoss:
    """The loss of a batch, on whatever device the logits are."""

    def __init__(self, asked: Loss | None, recipe: Recipe) -> None:
        self._asked, self._recipe = asked, recipe
        self._ready: dict[str, Criterion] = {}

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a scalar to be differentiated.

        Parameters
        ----------
        logits : (b, K) float tensor
            They are taken as float32, be the network computed in less.
        labels : (b,) int64 tensor, or (b, K) float tensor of soft labels
        """
        device = str(logits.device)
        if device not in self._ready:
            self._ready[device] = criterion(self._asked, self._recipe, device)
        return self._ready[device](logits.float(), labels)


def _labels(labels: Any, n_classes: int | None) -> Ints | Floats:
    """Return labels as the plan takes them."""
    found = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    if found.ndim == 2 and found.dtype.kind == "f":
        return found.astype(np.float32)
    if found.ndim != 1 or not len(found) or found.dtype.kind not in "iub":
        raise DataError(
            "A plan takes (n,) whole numbers from 0 up, or (n, K) shares whose rows sum to 1, not an array of the "
            f"shape {found.shape} and type {found.dtype}. Names become numbers with numpy.unique(names, "
            "return_inverse=True)."
        )
    if found.min() < 0 or (n_classes is not None and found.max() >= n_classes):
        most = "" if n_classes is None else f" to {n_classes - 1}"
        raise DataError(f"Labels run from {found.min()} to {found.max()}; they must be numbers from 0{most}.")
    return found.astype(np.int64)
