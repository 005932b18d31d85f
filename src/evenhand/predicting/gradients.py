"""Integrated gradients: how much each pixel contributes to the answer, so that the contributions add up to it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evenhand.exporting.whole_model import WholeModel
from evenhand.records.values import Pixels

STEPS = 64


class IntegratedGradients:
    """The method of Sundararajan, Taly and Yan (2017), for one model.

    Parameters
    ----------
    whole : WholeModel
        A network from pixels to probabilities; mirror images, members and temperature count too.
    """

    def __init__(self, whole: WholeModel) -> None:
        self._whole = whole

    def __call__(self, pixels: Pixels, label: int) -> NDArray[np.float64]:
        """Return an (h, w) map of contributions to the log-odds of a class, which add up to `gain`.

        The path leads straight from the picture's mean colour to the picture, in `STEPS` steps taken at their middles.

        Parameters
        ----------
        pixels : (h, w, 3) uint8
            Of the model's size.
        label : int
            The class.
        """
        image, start = _ends(pixels)
        total = torch.zeros_like(image)
        for first in range(0, STEPS, 16):
            share = ((torch.arange(first, min(STEPS, first + 16)) + 0.5) / STEPS).view(-1, 1, 1, 1)
            between = (start + share * (image - start)).requires_grad_()
            (slope,) = torch.autograd.grad(self._log_odds(between, label).sum(), between)
            total += slope.sum(dim=0, keepdim=True) / STEPS
        found: NDArray[np.float64] = ((image - start) * total).sum(dim=(0, 1)).double().numpy()
        return found

    def gain(self, pixels: Pixels, label: int) -> float:
        """Return the log-odds of a class for a picture, minus those for its mean colour alone."""
        with torch.no_grad():
            both = self._log_odds(torch.cat(_ends(pixels)), label)
        return float(both[0] - both[1])

    def _log_odds(self, images: Tensor, label: int) -> Tensor:
        answers = self._whole.of_scaled(images)
        others = [place for place in range(answers.shape[1]) if place != label]
        # From the other classes' probabilities: 1 - p would be zero in float32 where the model is very sure.
        return answers[:, label].clamp_min(1e-12).log() - answers[:, others].sum(dim=1).clamp_min(1e-12).log()


def _ends(pixels: Pixels) -> tuple[Tensor, Tensor]:
    """Return the picture and its mean colour as (1, 3, h, w) in [0, 1]."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].to(torch.float32) / 255
    return image, image.mean(dim=(2, 3), keepdim=True).expand_as(image)
