"""Attacks within a budget that follow the gradient: FGSM, PGD with restarts, and APGD, which sets its own steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.losses import LOSSES
from evenhand.attacks.norms import column, steepest
from evenhand.attacks.victim import Look
from evenhand.errors import UsageError, suggest


@dataclass(frozen=True)
class Climbing(Attack):
    """What gradient attacks share: a loss by name.

    Parameters
    ----------
    loss : str
        ce (cross-entropy, computed so that it never vanishes), margin, dlr, or plain-ce (as others compute it).
    """

    loss: str = "ce"

    def __post_init__(self) -> None:
        """Refuse a loss that does not exist."""
        if self.loss not in LOSSES:
            raise UsageError(f"There is no loss {self.loss!r}. {suggest(self.loss, LOSSES)}")

    @property
    def least_classes(self) -> int:
        """Four for the difference of logits ratio, else two."""
        return 4 if self.loss == "dlr" else 2

    def climb(self, logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Return (n,) the loss."""
        return LOSSES[self.loss](logits, labels, targets)


@dataclass(frozen=True)
class FGSM(Climbing):
    """The fast gradient sign method: one step of the whole budget (Goodfellow et al. 2015, section 4).

    In l2 the step follows the gradient itself instead of its sign.
    """

    @property
    def looks(self) -> int:
        """Two: the image, and where one step leads."""
        return 2

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the image moved by the budget."""
        del number
        return batch.point + _budget(batch) * steepest(_gradient(look), batch.threat.norm)


@dataclass(frozen=True)
class PGD(Climbing):
    """Projected gradient descent (Madry et al. 2018, section 2.1): many small steps, each brought back into the budget.

    Parameters
    ----------
    steps : int
    step : float
        Length of the first step as a share of the budget.
    shrink : bool
        Shorten the steps evenly, down to nothing at the end, instead of keeping their length.
    restarts : int
        How often an image that resists begins anew, at another random place.
    random_start : bool
        Begin at a random place within the budget; otherwise at the image.
    """

    steps: int = 40
    step: float = 0.5
    shrink: bool = True
    restarts: int = 1
    random_start: bool = True
    memoryless = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        super().__post_init__()
        positive(self, "steps", "step", "restarts")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    @property
    def passes(self) -> int:
        """The restarts; from the image itself every pass would be the same."""
        return self.restarts if self.random_start else 1

    def begin(self, batch: Batch) -> Tensor:
        """Return a random place within the budget, or the image."""
        return random_place(batch) if self.random_start else batch.images

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the point one step further up."""
        length = self.step * (1 - number / self.steps if self.shrink else 1) * _budget(batch)
        return batch.point + length * steepest(_gradient(look), batch.threat.norm)


@dataclass(frozen=True)
class APGD(Climbing):
    """Auto-PGD (Croce and Hein 2020, algorithm 1): steps with momentum, halved where they no longer help.

    Parameters
    ----------
    steps : int
    restarts : int
        How often an image that resists begins anew, at another random place.
    rho : float
        Share of steps that must have helped for their length to stay.
    momentum : float
        Weight of the newest step against that of the one before.
    """

    steps: int = 100
    restarts: int = 1
    rho: float = 0.75
    momentum: float = 0.75

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        super().__post_init__()
        positive(self, "steps", "restarts", "rho", "momentum")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    @property
    def passes(self) -> int:
        """The restarts."""
        return self.restarts

    def begin(self, batch: Batch) -> Tensor:
        """Return a random place within the budget."""
        return random_place(batch)

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the point one step further up, from the best point so far where the last stretch did not help."""
        gradient, state = _gradient(look), batch.state
        if number == 0:
            self._prepare(batch, look)
        else:
            state["rises"] = state["rises"] + (look.loss > state["loss"])
            better = look.loss > state["top"]
            state["top"] = torch.where(better, look.loss, state["top"])
            for name, value in (("top_point", batch.point), ("top_gradient", gradient)):
                state[name] = torch.where(column(better, value), value, state[name])
        state["loss"] = look.loss
        point = batch.point
        stretch = self._stretches().get(number)
        if stretch:
            stuck = self._stuck(batch, stretch)
            state["step"] = torch.where(stuck, state["step"] / 2, state["step"])
            point = torch.where(column(stuck, point), state["top_point"], point)
            gradient = torch.where(column(stuck, gradient), state["top_gradient"], gradient)
        ahead = batch.inside(point + column(state["step"], point) * steepest(gradient, batch.threat.norm))
        if number:
            ahead = point + self.momentum * (ahead - point) + (1 - self.momentum) * (point - state["before"])
        state["before"] = point
        return ahead

    def _prepare(self, batch: Batch, look: Look) -> None:
        state = batch.state
        state["top"], state["top_point"], state["top_gradient"] = look.loss, batch.point, _gradient(look)
        state["step"] = torch.full_like(look.loss, 2 * _budget(batch))
        state["rises"] = torch.zeros_like(look.loss)
        state["top_before"], state["step_before"] = state["top"], state["step"]

    def _stuck(self, batch: Batch, stretch: int) -> Tensor:
        """Return whose steps have become too long: too few of the last stretch helped, or nothing came of it."""
        state = batch.state
        too_few = state["rises"] < self.rho * stretch
        in_vain = (state["step_before"] == state["step"]) & (state["top_before"] == state["top"])
        state["top_before"], state["step_before"] = state["top"], state["step"]
        state["rises"] = torch.zeros_like(state["rises"])
        return too_few | in_vain

    def _stretches(self) -> dict[int, int]:
        """Return after which moves the steps are judged, each with the number of moves since the last time."""
        share, before, width, found = 0.22, 0, 0.22, {}
        while share < 1:
            place = math.ceil(round(share * self.steps, 6))
            if place > before:
                found[place], before = place - before, place
            width = max(width - 0.03, 0.06)
            share += width
        return found


def random_place(batch: Batch, number: int = 0) -> Tensor:
    """Return a random point within the budget: uniform in the cube of linf, in the ball of l2."""
    if batch.threat.norm == "linf":
        return batch.images + _budget(batch) * (2 * batch.uniform("start", number) - 1)
    direction = batch.normal("start", number)
    radius = _budget(batch) * batch.uniform("radius", number, (1,))[:, 0] ** (1 / direction[0].numel())
    return batch.images + column(radius, direction) * steepest(direction, "l2")


def positive(attack: Attack, *names: str) -> None:
    """Refuse parameters that are not positive.

    Raises
    ------
    UsageError
        When one is not.
    """
    for name in names:
        if not getattr(attack, name) > 0:
            raise UsageError(f"{name} must be positive, not {getattr(attack, name)}.")


def falling(number: int, steps: int) -> float:
    """Return a factor that falls from 1 to a hundredth along a half-wave of the cosine."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * number / steps)) / 2


def _budget(batch: Batch) -> float:
    return batch.threat.eps or 0.0


def _gradient(look: Look) -> Tensor:
    assert look.gradient is not None  # noqa: S101 - these attacks always ask for it
    return look.gradient
