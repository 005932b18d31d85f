"""A trained model as one network from bytes to probabilities: what is exported, and what can be differentiated."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from evenhand.training.model_file import Model


class WholeModel(nn.Module):
    """What `Model.probabilities` computes, as one network in float32 on the processor: nothing is left to the caller.

    Scaling, members, mirror images, prior correction and temperature are inside. The model itself is left as it is.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        members = [copy.deepcopy(member).cpu().float().eval() for member in model.members]
        # Channels-last weights are a matter of speed on one machine, not part of the model.
        plain = [member.to(memory_format=torch.contiguous_format) for member in members]  # type: ignore[call-overload]
        self.members = nn.ModuleList(plain)
        self.flips, self.temperature = model.flips, model.temperature
        offsets = torch.tensor(model.logit_offsets or [0.0] * len(model.classes), dtype=torch.float32)
        self.register_buffer("offsets", offsets)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, K) float32 probabilities of (n, height, width, 3) uint8 images."""
        return self.of_scaled(images.permute(0, 3, 1, 2).to(torch.float32) * (1 / 255))

    def of_scaled(self, images: Tensor) -> Tensor:
        """Return (n, K) float32 probabilities of (n, 3, height, width) float32 images in [0, 1]."""
        found = [torch.softmax(self._logits(member, images), dim=1) for member in self.members]
        total = found[0]
        for more in found[1:]:
            total = total + more
        return total / len(found) if len(found) > 1 else total

    def _logits(self, member: nn.Module, images: Tensor) -> Tensor:
        logits = member(images)
        if self.flips:
            logits = (logits + member(torch.flip(images, [3]))) / 2
        adjusted: Tensor = (logits + self.get_buffer("offsets")) / self.temperature
        return adjusted
