"""The reference CNN: two 5x5 convolutions and three linear layers, about 62,000 parameters at 32x32 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evenhand.errors import DataError
from evenhand.models.network import Network

SMALLEST_SIDE = 16
GRID = 5
"""Side of the feature map at 32x32 pixels; larger images are averaged down to it, so the weights fit any size."""


class Simple(Network):
    """The reference study's network, with the keys of its checkpoint: conv1, conv2, fc1, fc2, fc3.

    Parameters
    ----------
    n_classes : int
        Number of classes, K.
    size : tuple of int
        Height and width of the images in pixels, at least 16 each.

    Raises
    ------
    DataError
        When the images are too small for two 5x5 convolutions with pooling.
    """

    SHARED = ("conv1", "conv2")
    LAST = "fc3"

    def __init__(self, n_classes: int, size: tuple[int, int]) -> None:
        super().__init__()
        if min(size) < SMALLEST_SIDE:
            raise DataError(
                f"The model 'simple' needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, not "
                f"{size[0]}x{size[1]}. Use --size {SMALLEST_SIDE} or more."
            )
        height, width = (min(GRID, ((side - 4) // 2 - 4) // 2) for side in size)
        self.grid = (height, width)
        self.conv1 = nn.Conv2d(3, 16, 5)
        self.conv2 = nn.Conv2d(16, 16, 5)
        self.fc1 = nn.Linear(16 * height * width, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, n_classes)

    def shared(self, pixels: Tensor) -> Tensor:
        """Return the pooled maps of the convolutions; `pixels` is (n, 3, h, w) in [0, 1]."""
        hidden = pixels * 2 - 1
        # The maximum of rectified values is the rectified maximum, and pooling first leaves a quarter to rectify.
        hidden = functional.relu(functional.max_pool2d(self.conv1(hidden), 2))
        hidden = functional.relu(functional.max_pool2d(self.conv2(hidden), 2))
        return hidden if tuple(hidden.shape[2:]) == self.grid else functional.adaptive_avg_pool2d(hidden, self.grid)

    def tail(self, hidden: Tensor) -> Tensor:
        """Return the (n, 84) activations of the second linear layer."""
        hidden = functional.dropout(functional.relu(self.fc1(torch.flatten(hidden, 1))), 0.5, self.training)
        return functional.dropout(functional.relu(self.fc2(hidden)), 0.5, self.training)
