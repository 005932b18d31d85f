"""The attack of Carlini and Wagner in l2: the smallest noise by descent, with the price of failing found by search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.batch import Batch
from evenhand.attacks.gradient import falling, positive
from evenhand.attacks.losses import succeeded
from evenhand.attacks.norms import column
from evenhand.attacks.searching import Searching
from evenhand.attacks.victim import Look


@dataclass(frozen=True)
class CarliniWagner(Searching):
    """Carlini and Wagner 2017, section VI.A: descend ``||noise||^2 + c max(0, -margin)`` by Adam.

    Pixels are kept in their range by clipping instead of through tanh, in which black and white ones hardly move.

    Parameters
    ----------
    steps : int
        Of each descent.
    rounds : int
        Descents; after each of them c goes up where it failed and down where it succeeded.
    rate : float
        Learning rate at the start of a descent; it falls to a hundredth of that. Images that turn out to lie nearer to
        a boundary get a smaller one.
    c : float
        The first price of failing.
    """

    steps: int = 100
    rounds: int = 8
    rate: float = 0.02
    c: float = 1.0
    norms = ("l2",)

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "steps", "rounds", "rate", "c")

    @property
    def looks(self) -> int:
        """The steps of all descents, and the beginning of each."""
        return (self.steps + 1) * self.rounds

    def climb(self, logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Return (n,) the margin up to zero: beyond success there is nothing to gain."""
        return super().climb(logits, labels, targets).clamp_max(0)

    def begin(self, batch: Batch) -> Tensor:
        """Return the images."""
        state, none = batch.state, torch.zeros_like(batch.best)
        state |= {"c": none + self.c, "rate": none + self.rate, "c_low": none, "c_high": none + torch.inf}
        _restart(batch)
        return batch.images

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the points after one more step of Adam, or, at the end of a descent, the images with another c."""
        assert look.gradient is not None  # noqa: S101 - always asked for
        # Every descent begins at the image again, so the aim is kept.
        self.take_aim(batch, look, keep=True)
        state = batch.state
        state["hit"] = state["hit"] | succeeded(look.logits, batch.labels, batch.targets)
        step = number % (self.steps + 1)
        if step == self.steps:
            _reprice(batch)
            _restart(batch)
            return batch.images
        slope = 2 * (batch.point - batch.images) - column(state["c"], batch.point) * look.gradient
        return batch.point - self._adam(batch, slope, step + 1)

    def _adam(self, batch: Batch, slope: Tensor, step: int) -> Tensor:
        """Return what Adam (Kingma and Ba 2015) subtracts."""
        state = batch.state
        state["mean"] = 0.9 * state["mean"] + 0.1 * slope
        state["square"] = 0.999 * state["square"] + 0.001 * slope**2
        spread = (state["square"] / (1 - 0.999**step)).sqrt() + 1e-8
        rate = column(state["rate"], slope) * falling(step, self.steps)
        return rate * (state["mean"] / (1 - 0.9**step)) / spread


def _restart(batch: Batch) -> None:
    state = batch.state
    state["mean"], state["square"] = torch.zeros_like(batch.images), torch.zeros_like(batch.images)
    state["hit"] = torch.zeros_like(batch.done)


def _reprice(batch: Batch) -> None:
    """Search for the least c that succeeds: by tens until there are two ends, then between them."""
    state = batch.state
    hit, c = state["hit"], state["c"]
    state["c_high"] = torch.where(hit, torch.minimum(c, state["c_high"]), state["c_high"])
    state["c_low"] = torch.where(hit, state["c_low"], torch.maximum(c, state["c_low"]))
    between = (state["c_low"] * state["c_high"]).sqrt()
    state["c"] = torch.where(torch.isinf(state["c_high"]), 10 * c, torch.where(state["c_low"] == 0, c / 10, between))
    # Adam moves every value by the rate, which is too far where the boundary is nearer than that.
    typical = batch.best / math.sqrt(batch.images[0].numel())
    state["rate"] = torch.minimum(state["rate"], typical)
