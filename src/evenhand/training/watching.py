"""Watching a training: the loss before its first step, and after each epoch on images that it does not see."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from evenhand.records.values import Pixels
from evenhand.training.averaging import Average
from evenhand.training.predict import predict
from evenhand.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from evenhand.training.losses import Criterion

BEFORE = 2048
"""Images on which the loss before the first step is measured."""


class Watch:
    """The plain cross-entropy on some images, after each epoch; nothing is decided by it.

    Parameters
    ----------
    network : nn.Module
        Under training.
    pixels : (n, height, width, 3) uint8
    rows : (n, K) float64
        Label rows.
    recipe : Recipe
        Decides precision and memory format.
    """

    def __init__(self, network: nn.Module, pixels: Pixels, rows: NDArray[np.float64], recipe: Recipe) -> None:
        self._network, self._pixels, self._rows, self._recipe = network, pixels, rows, recipe
        self.losses: list[float] = []

    def look(self, average: Average | None) -> None:
        """Measure the network, or its average."""
        with average.shown() if average else nullcontext():
            logits = torch.from_numpy(predict(self._network, self._pixels, self._recipe))
        told = torch.log_softmax(logits.double(), dim=1)
        # A probability of 0 for a class that no image shows is no loss: 0 times infinity would be NaN.
        each = torch.where(torch.from_numpy(self._rows) > 0, -told * torch.from_numpy(self._rows), 0.0).sum(dim=1)
        self.losses.append(float(each.mean()))


@torch.no_grad()
def mean_loss(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], criterion: Criterion) -> float:
    """Return the mean loss an image of a network as it is, in the mode that it is in.

    Parameters
    ----------
    network : nn.Module
        Batch norm counts what it is shown; give a copy where that matters.
    batches : iterable of (images, labels)
    criterion : callable
        As `losses.criterion` returns it.
    """
    total = images = 0.0
    for batch, labels in batches:
        total += float(criterion(network(batch).float(), labels)) * len(batch)
        images += len(batch)
    return total / images if images else float("nan")
