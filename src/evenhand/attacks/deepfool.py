"""DeepFool: walk to the nearest boundary of the model, taken for linear, again and again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.gradient import positive
from evenhand.attacks.losses import slack
from evenhand.attacks.norms import column, reach
from evenhand.attacks.victim import Look


@dataclass(frozen=True)
class DeepFool(Attack):
    """DeepFool (Moosavi-Dezfooli et al. 2016, algorithm 2) in l2 and linf; no value goes beyond black or white.

    Parameters
    ----------
    steps : int
    overshoot : float
        Share by which each step goes beyond the boundary; what is too much is taken back at the end.
    candidates : int
        Wrong classes considered, the likeliest ones.
    """

    steps: int = 50
    overshoot: float = 0.02
    candidates: int = 9
    policy = "first"
    norms = ("linf", "l2")
    gradient = False
    aimed = "never"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "steps", "overshoot", "candidates")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    def aims(self, batch: Batch) -> Tensor:
        """Return the label, and the likeliest wrong classes of the image as it was."""
        return likeliest(batch, self.candidates)

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the points on the other side of the boundary that is nearest if the model were linear."""
        del number
        assert look.slopes is not None  # noqa: S101 - always asked for
        logits = look.logits.gather(1, self.aims(batch))
        behind = (logits[:, :1] - logits[:, 1:]).clamp_min(0) + 2 * slack(look.logits)[:, None]
        slopes = (look.slopes[:, 1:] - look.slopes[:, :1]).flatten(2)
        strength, size = reach(slopes.abs(), behind, rooms(batch, slopes), batch.threat.norm)
        nearest = size.argmin(dim=1)
        rows = torch.arange(len(nearest), device=nearest.device)
        slope = slopes[rows, nearest].view_as(batch.point)
        step = slope if batch.threat.norm == "l2" else slope.sign()
        return batch.point + column(strength[rows, nearest] * (1 + self.overshoot), step) * step


def likeliest(batch: Batch, count: int) -> Tensor:
    """Return (n, m) the label, and the `count` likeliest wrong classes of the image as it was, as far as there are."""
    others = batch.clean.scatter(1, batch.labels[:, None], -torch.inf)
    wrong = others.topk(min(count, batch.clean.shape[1] - 1), dim=1).indices
    return torch.cat([batch.labels[:, None], wrong], dim=1)


def rooms(batch: Batch, slopes: Tensor) -> Tensor:
    """Return (n, m, d) how far each value of the points can move the way (n, m, d) slopes go."""
    low, high = batch.threat.bounds
    point = batch.point.flatten(1)[:, None]
    return torch.where(slopes > 0, high - point, point - low)
