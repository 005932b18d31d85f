"""Early stopping: watches the loss on an inner slice of the training images and keeps the best weights seen."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evenhand.records.values import Pixels
from evenhand.training.averaging import Average
from evenhand.training.predict import predict
from evenhand.training.recipe import Recipe


class EarlyStop:
    """The losses on the inner slice so far, and the weights of the smallest.

    Parameters
    ----------
    network : nn.Module
        Under training.
    pixels : (n, height, width, 3) uint8
        Of the inner slice.
    rows : (n, K) float64
        Its label rows.
    recipe : Recipe
        Says how many epochs without improvement are waited for.
    """

    def __init__(self, network: nn.Module, pixels: Pixels, rows: NDArray[np.float64], recipe: Recipe) -> None:
        self._network, self._pixels, self._rows, self._recipe = network, pixels, rows, recipe
        # Each class counts alike: on lopsided data the plain mean would watch the largest class alone.
        share = rows.sum(axis=0)
        self._weights = (rows / np.maximum(share, 1)).sum(axis=1) / (share > 0).sum()
        self.losses: list[float] = []
        self.best: dict[str, Tensor] = {}

    def should_stop(self, average: Average | None) -> bool:
        """Look at the network, or at its average, and return whether it has not improved for long enough."""
        with average.shown() if average else nullcontext():
            logits = torch.from_numpy(predict(self._network, self._pixels, self._recipe))
            each = -(torch.log_softmax(logits.double(), dim=1).numpy() * self._rows).sum(axis=1)
            self.losses.append(float((each * self._weights).sum()))
            if self.losses[-1] <= min(self.losses):
                self.best = {name: value.detach().clone() for name, value in self._network.state_dict().items()}
        return len(self.losses) - 1 - int(np.argmin(self.losses)) >= self._recipe.early_stopping
