"""What attacks that look for the smallest noise share: they begin towards the class that is nearest, not likeliest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.deepfool import likeliest, rooms
from evenhand.attacks.losses import margin
from evenhand.attacks.norms import reach
from evenhand.attacks.victim import Look

CANDIDATES = 4
"""Likeliest wrong classes whose distance is estimated at the start."""


@dataclass(frozen=True)
class Searching(Attack):
    """Aims at the class whose boundary is nearest, were the model linear, until something has succeeded."""

    policy = "smallest"

    def climb(self, logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Return (n,) the margin; where the target is -1, that of the label against any other class."""
        if targets is None:
            return margin(logits, labels)
        return torch.where(targets < 0, margin(logits, labels), margin(logits, labels, targets.clamp_min(0)))

    def aims(self, batch: Batch) -> Tensor | None:
        """Return the candidates at the first look, unless there is no choice."""
        if batch.targets is not None or batch.clean.shape[1] == 2 or "aim" in batch.state:
            return None
        return likeliest(batch, CANDIDATES)

    def take_aim(self, batch: Batch, look: Look, *, keep: bool = False) -> None:
        """Aim at the nearest class; unless it is kept, let go of it where something has succeeded.

        To be called at every move.
        """
        state = batch.state
        if look.slopes is not None:
            classes = likeliest(batch, CANDIDATES)
            logits = look.logits.gather(1, classes)
            slopes = (look.slopes[:, 1:] - look.slopes[:, :1]).flatten(2)
            behind = (logits[:, :1] - logits[:, 1:]).clamp_min(0)
            _, size = reach(slopes.abs(), behind, rooms(batch, slopes), batch.threat.norm)
            state["aim"] = classes[:, 1:].gather(1, size.argmin(dim=1, keepdim=True))[:, 0]
        if "aim" in state and not keep:
            state["aim"] = torch.where(torch.isinf(batch.best), state["aim"], -1)
