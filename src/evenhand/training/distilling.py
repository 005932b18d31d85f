"""A teacher in the loop: finished networks that say, of every batch as it is trained on, what should be answered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from evenhand.training.losses import Criterion
from evenhand.training.predict import autocast


@dataclass(frozen=True)
class Teacher:
    """Networks whose averaged probabilities a student is trained on (Hinton, Vinyals and Dean 2015).

    The teacher sees the very images that the student sees, crops, mirror images and mixtures included (Beyer et al.
    2022): it is asked anew for every batch.
    """

    members: tuple[nn.Module, ...]
    """In evaluation mode, on the student's device."""
    logit_offsets: tuple[float, ...] | None
    """Added to the logits of each member."""
    temperature: float
    """By which they are divided then: what makes the teacher's probabilities calibrated."""
    softness: float
    """Temperature at which student and teacher are compared; above 1, what is unlikely counts for more."""
    weight: float
    """Share of the teacher in the loss, in [0, 1]; the labels have the rest."""
    precision: str = "float32"

    def probabilities(self, images: Tensor) -> Tensor:
        """Return (n, K) float32 calibrated probabilities of (n, 3, h, w) images in [0, 1]."""
        with torch.no_grad(), autocast(self.precision, images.device.type):
            logits = [member(images).float() for member in self.members]
        offsets = torch.tensor(self.logit_offsets or 0.0, device=images.device)
        return torch.stack([torch.softmax((one + offsets) / self.temperature, dim=1) for one in logits]).mean(dim=0)

    def loss(self, logits: Tensor, images: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
        """Return ``weight s^2 H(q^(1/s), softmax(z / s)) + (1 - weight) criterion(z, labels)``.

        z are the student's `logits` (n, K), q the teacher's probabilities of `images`, s the softness, H the
        cross-entropy. The factor s^2 keeps the size of the gradient.
        """
        told = self.probabilities(images).clamp_min(1e-12) ** (1 / self.softness)
        told = told / told.sum(dim=1, keepdim=True)
        followed = functional.cross_entropy(logits / self.softness, told) * self.softness**2
        return self.weight * followed + (1 - self.weight) * criterion(logits, labels)
