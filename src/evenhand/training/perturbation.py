"""The inner step of adversarial training: noise within a budget that raises the loss of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evenhand.remedies.plan import Perturbation
from evenhand.training.losses import Criterion
from evenhand.training.predict import autocast


class Perturber:
    """Spoils batches as the plan asks: projected gradient ascent in linf (Madry et al. 2018, section 2.1).

    The noise is computed with the network in evaluation mode, so that it depends on the image alone, and neither the
    statistics of normalisation layers nor the dice of dropout are touched.

    Parameters
    ----------
    asked : Perturbation
    network : nn.Module
        Takes images in [0, 1].
    precision : str
        Of the recipe.
    dice : torch.Generator
        Draws where the noise starts, on the processor.
    """

    def __init__(self, asked: Perturbation, network: nn.Module, precision: str, dice: torch.Generator) -> None:
        self.asked, self.network, self.precision, self.dice = asked, network, precision, dice

    def apply(self, images: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
        """Return the images with the noise found, in [0, 1], none of it larger than the budget.

        Parameters
        ----------
        images : (n, 3, h, w) float32 in [0, 1]
        labels : (n,) int64, or (n, K) float32
        criterion : callable
            From logits and labels to the loss that is raised; how it weighs the images of a batch does not matter.
        """
        eps, step = self.asked.eps, self.asked.step
        low, high = (images - eps).clamp_min(0), (images + eps).clamp_max(1)
        start = torch.rand(images.shape, generator=self.dice).to(images.device)
        point = torch.minimum(torch.maximum(images + eps * (2 * start - 1), low), high)
        training = self.network.training
        self.network.eval()
        try:
            for _ in range(self.asked.steps):
                slope = self._slope(point, labels, criterion)
                point = torch.minimum(torch.maximum(point + step * slope.sign(), low), high)
        finally:
            self.network.train(training)
        return point

    def _slope(self, point: Tensor, labels: Tensor, criterion: Criterion) -> Tensor:
        point = point.detach().requires_grad_()
        with autocast(self.precision, point.device.type):
            logits = self.network(point)
        return torch.autograd.grad(criterion(logits.float(), labels), point)[0]
