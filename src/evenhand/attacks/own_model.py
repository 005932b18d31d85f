"""Models that evenhand trained, as one network: members, mirror images, prior correction and temperature inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evenhand.training.model_file import Model


class OwnNetwork(nn.Module):
    """From images in [0, 1] to logits whose softmax is what the model's `probabilities` are, in float32.

    Of several members it is the logarithm of their mean probability, so that an attack has to fool all of them at once.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.members = nn.ModuleList(model.members)
        self.flips, self.temperature = model.flips, model.temperature
        offsets = torch.tensor(model.logit_offsets or [0.0] * len(model.classes), dtype=torch.float32)
        first = next(model.members[0].parameters(), None)
        self.register_buffer("offsets", offsets if first is None else offsets.to(first.device))

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, K) logits of (n, 3, height, width) images."""
        found = [self._member(member, images) for member in self.members]
        if len(found) == 1:
            return found[0]
        logarithms = torch.stack([torch.log_softmax(logits, dim=1) for logits in found])
        return torch.logsumexp(logarithms, dim=0)

    def _member(self, member: nn.Module, images: Tensor) -> Tensor:
        logits = member(images)
        if self.flips:
            logits = (logits + member(images.flip(3))) / 2
        offsets = self.get_buffer("offsets")
        adjusted: Tensor = (logits + offsets) / self.temperature
        return adjusted
