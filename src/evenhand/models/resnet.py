"""A compact residual network of the ResNet-9 kind, with a width setting and a strided stem for larger images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from evenhand.errors import DataError
from evenhand.models.network import Network

SMALLEST_SIDE = 8
STEM_SIDE = 48
"""The stem halves the image until its longer side is at most this many pixels."""


def _convolution(inside: int, outside: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions around which the input is added back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(self.first(hidden))  # type: ignore[no-any-return]


class ResNet(Network):
    """Stem, three stages that halve the map and widen it, residual blocks in the first and last, pooled linear head.

    Parameters
    ----------
    n_classes : int
        Number of classes, K.
    size : tuple of int
        Height and width of the images in pixels, at least 8 each.
    width : int
        Channels after the stem; the stages have 2, 4 and 8 times as many (4 times in the last, to stay compact).

    Raises
    ------
    DataError
        When the images are smaller than 8x8 pixels.
    """

    SHARED = ("stem", "stage1", "stage2")
    LAST = "head"

    def __init__(self, n_classes: int, size: tuple[int, int], width: int = 24) -> None:
        super().__init__()
        if min(size) < SMALLEST_SIDE:
            raise DataError(
                f"The model 'resnet' needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, not "
                f"{size[0]}x{size[1]}. Use --size {SMALLEST_SIDE} or more."
            )
        stride = 2 ** max(0, math.ceil(math.log2(max(size) / STEM_SIDE)))
        self.stem = _convolution(3, width, kernel=3 if stride == 1 else 2 * stride - 1, stride=stride)
        self.stage1 = nn.Sequential(_convolution(width, 2 * width), nn.MaxPool2d(2), _Residual(2 * width))
        self.stage2 = nn.Sequential(_convolution(2 * width, 4 * width), nn.MaxPool2d(2))
        self.stage3 = nn.Sequential(_convolution(4 * width, 4 * width), nn.MaxPool2d(2), _Residual(4 * width))
        self.head = nn.Linear(4 * width, n_classes)

    def shared(self, pixels: Tensor) -> Tensor:
        """Return the maps of the second stage; `pixels` is (n, 3, h, w) in [0, 1]."""
        hidden: Tensor = self.stage2(self.stage1(self.stem(pixels * 4 - 2)))
        return hidden

    def tail(self, hidden: Tensor) -> Tensor:
        """Return the (n, 4 * width) pooled activations of the third stage."""
        return torch.amax(self.stage3(hidden), dim=(2, 3))
