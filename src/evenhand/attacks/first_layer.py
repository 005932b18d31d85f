"""A quicker gradient for the images themselves: that of the first convolution, which has but a few channels.

Libraries compute 16 channels at once, so that of three wanted 13 are thrown away, which was half of the cost of
attacking a small network. Here four neighbouring pixels count as one with four times the channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

MOST_CHANNELS = 4


class QuickFirstLayer(TorchFunctionMode):
    """Inside, convolutions of images with few channels have the quicker gradient where there is one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace the convolutions that this is about; leave everything else as it is."""
        if func is torch.conv2d and not kwargs and _fits(*args):
            images, weights, bias, _, padding = args[:5]
            return _Folded.apply(images, weights, bias, _pair(padding))  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


def _fits(
    images: Tensor,
    weights: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> bool:
    """Return whether a convolution is one of few channels, on a processor, and plain enough."""
    del bias
    return (
        images.device.type == "cpu"
        and images.dtype == weights.dtype == torch.float32
        and images.requires_grad
        and not weights.requires_grad
        and images.ndim == 4
        and images.shape[1] <= MOST_CHANNELS
        and images.shape[2] % 2 == images.shape[3] % 2 == 0
        and min(weights.shape[2:]) >= 3
        and not isinstance(padding, str)
        and all(side < size for side, size in zip(_pair(padding), weights.shape[2:], strict=True))
        and (_pair(stride), _pair(dilation), groups) == ((1, 1), (1, 1), 1)
    )


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


class _Folded(torch.autograd.Function):
    """The usual convolution, and its gradient for the images two by two pixels at a time."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weights: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(weights)
        ctx.padding, ctx.shape = padding, images.shape
        return torch.conv2d(images, weights, bias, 1, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (weights,) = ctx.saved_tensors
        n, channels, height, width = ctx.shape
        margin = (weights.shape[2] - 1 - ctx.padding[0], weights.shape[3] - 1 - ctx.padding[1])
        blocks = torch.conv2d(gradient, _folded(weights), None, 2, margin)
        # Of each block its two rows come apart, and pixels stay together with their channels.
        rows = blocks.permute(0, 2, 3, 1).reshape(n, height // 2, width // 2, 2, 2 * channels).transpose(2, 3)
        return rows.reshape(n, height, width, channels).permute(0, 3, 1, 2), None, None, None


def _folded(weights: Tensor) -> Tensor:
    """Return (4 * channels, outputs, kh + 1, kw + 1) weights that give the gradient of two by two pixels at once."""
    outputs, channels, tall, wide = weights.shape
    turned = weights.flip(2, 3).transpose(0, 1)
    folded = weights.new_zeros(2, 2, channels, outputs, tall + 1, wide + 1)
    for down in (0, 1):
        for across in (0, 1):
            folded[down, across, :, :, down : down + tall, across : across + wide] = turned
    return folded.reshape(4 * channels, outputs, tall + 1, wide + 1)
