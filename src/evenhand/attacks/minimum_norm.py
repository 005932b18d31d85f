"""Attacks that look for the smallest noise by moving a budget with them: FMN in four norms, and DDN in l2."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.batch import Batch
from evenhand.attacks.gradient import falling, positive
from evenhand.attacks.losses import succeeded
from evenhand.attacks.norms import DUAL, column, largest, measure, steepest
from evenhand.attacks.searching import Searching
from evenhand.attacks.victim import Look

_NEVER_ZERO = 1e-30
FIRST_STEP = {"linf": 0.1, "l2": 0.02, "l1": 0.15, "l0": 0.5}
"""Length of FMN's first step in l2, as a share of the longest noise there is."""


@dataclass(frozen=True)
class FMN(Searching):
    """Fast minimum-norm attack (Pintor et al. 2021, algorithm 1): each image's budget shrinks while it is fooled.

    Where no noise has succeeded yet the budget is what the slope says is needed. In l0 the values to change are chosen
    by what they could gain at most, the slope times the room up to black or white.

    Parameters
    ----------
    steps : int
    step : float
        Length of the first step, as a multiple of that in `FIRST_STEP`; steps shrink to a hundredth of it.
    gamma : float
        Share by which the budget grows or shrinks at first; it falls to a hundredth of that.
    """

    steps: int = 100
    step: float = 1.0
    gamma: float = 0.05
    norms = ("linf", "l2", "l1", "l0")

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "steps", "step", "gamma")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    def begin(self, batch: Batch) -> Tensor:
        """Return the images, with no budget yet."""
        batch.state["budget"] = torch.full_like(batch.best, torch.inf)
        return batch.images

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the point one step further up, at the budget that the last answers leave."""
        assert look.gradient is not None  # noqa: S101 - always asked for
        share = falling(number, self.steps)
        norm = batch.threat.norm
        # Let go at the first success, a step that led too far could change to a class that only looks as near. In l1
        # and l0, where few values move far, the estimate that the aim rests on is worth less.
        self.take_aim(batch, look, keep=norm in ("linf", "l2") and number < self.steps // 10)
        fooled = succeeded(look.logits, batch.labels, batch.targets)
        budget = self._budget(batch, look, fooled, self.gamma * share)
        batch.state["budget"] = budget
        longest = math.sqrt(batch.images[0].numel())
        length = torch.full_like(budget, self.step * FIRST_STEP[norm] * share * longest)
        # Until something has succeeded, a step has to be able to lead as far as the slope says.
        missing = (-look.loss).clamp_min(0) / measure(look.gradient, "l2").clamp_min(_NEVER_ZERO)
        lost = torch.isinf(batch.best)
        length = torch.where(lost, torch.maximum(length, (1.5 * missing).clamp_max(longest / 4)), length)
        noise = batch.point - batch.images + column(length, batch.point) * steepest(look.gradient, "l2")
        if norm != "l0":
            return batch.inside(batch.images + noise, budget)
        return batch.images + _sparse(batch, noise, look.gradient, budget)

    def _budget(self, batch: Batch, look: Look, fooled: Tensor, gamma: float) -> Tensor:
        """Return each image's next budget."""
        size = measure(batch.point - batch.images, batch.threat.norm)
        before = batch.state["budget"]
        found = torch.isfinite(batch.best)
        shrunk = torch.minimum(before, batch.best) * (1 - gamma)
        grown = torch.where(found, before * (1 + gamma), (size + self._missing(batch, look)) * (1 + self.gamma))
        if batch.threat.norm == "l0":
            # Counts: at least one value fewer, or one more.
            shrunk = torch.minimum((torch.minimum(before, batch.best) - 1), shrunk.floor())
            grown = torch.where(found, torch.maximum(before + 1, grown.floor()), torch.maximum(size + 1, grown.ceil()))
        return torch.where(fooled, shrunk, grown).clamp_min(0)

    def _missing(self, batch: Batch, look: Look) -> Tensor:
        """Return the norm that the slope says is still missing."""
        assert look.gradient is not None  # noqa: S101
        behind = (-look.loss).clamp_min(0)
        if batch.threat.norm != "l0":
            return behind / measure(look.gradient, DUAL[batch.threat.norm]).clamp_min(_NEVER_ZERO)
        gains = _gains(batch, look.gradient).sort(dim=1, descending=True).values.cumsum(dim=1)
        return (gains < behind[:, None]).sum(dim=1).to(behind.dtype) + 1


@dataclass(frozen=True)
class DDN(Searching):
    """Decoupled direction and norm (Rony et al. 2019, algorithm 1), in l2, on the margin.

    The share by which the norm changes falls towards the end, so that the noise settles on the boundary.

    Parameters
    ----------
    steps : int
    norm_start : float
        The first norm, as a share of the longest noise there is.
    gamma : float
        Share by which the norm grows or shrinks at first; it falls to a hundredth of that.
    """

    steps: int = 100
    norm_start: float = 0.02
    gamma: float = 0.05
    norms = ("l2",)

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "steps", "norm_start", "gamma")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    def begin(self, batch: Batch) -> Tensor:
        """Return the images."""
        longest = math.sqrt(batch.images[0].numel())
        batch.state["norm"] = torch.full_like(batch.best, self.norm_start * longest)
        return batch.images

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the point turned along the gradient, on the sphere of the next norm."""
        assert look.gradient is not None  # noqa: S101 - always asked for
        self.take_aim(batch, look)
        share = falling(number, self.steps)
        if number:
            fooled = succeeded(look.logits, batch.labels, batch.targets)
            change = torch.where(fooled, 1 - self.gamma * share, 1 + self.gamma * share)
            # Until something has succeeded there is nothing to settle on.
            change = torch.where(torch.isinf(batch.best), 1 + 2 * self.gamma, change)
            batch.state["norm"] = torch.minimum(batch.state["norm"], batch.best * (1 + self.gamma)) * change
        norm = batch.state["norm"]
        noise = batch.point - batch.images + column(norm * share, batch.point) * steepest(look.gradient, "l2")
        length = measure(noise, "l2").clamp_min(_NEVER_ZERO)
        return batch.images + column(norm / length, noise) * noise


def _gains(batch: Batch, gradient: Tensor) -> Tensor:
    """Return (n, m): what each value could gain on its own, its slope times its room in that direction."""
    low, high = batch.threat.bounds
    room = torch.where(gradient > 0, high - batch.images, batch.images - low).clamp_max(1e6)
    return (gradient.abs() * room).flatten(1)


def _sparse(batch: Batch, noise: Tensor, gradient: Tensor, count: Tensor) -> Tensor:
    """Return noise in the `count` values with the most to gain, judged by the slopes of all steps so far."""
    state = batch.state
    state["slope"] = gradient if "slope" not in state else 0.9 * state["slope"] + 0.1 * gradient
    kept = largest(noise.flatten(1), _gains(batch, state["slope"]), count[:, None])
    return kept.view_as(noise)
