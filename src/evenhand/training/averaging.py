"""An exponential moving average of a network's weights, which is evaluated in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of a network's parameters and batch-norm statistics over its steps, the latest counting most.

    A step counts `decay` times as much as the one after it, and the weights of all steps sum to 1 from the first
    step on (the bias correction of Kingma and Ba 2015, section 3): the initial weights never count, so that short
    trainings can be averaged too.

    Parameters
    ----------
    network : nn.Module
        On its device and in its memory format; its tensors are changed in place by training.
    decay : float in (0, 1)
        About 1 / (1 - decay) steps count.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        # A counter of steps, which batch norm keeps, is no average.
        self._live = [value for value in network.state_dict().values() if value.is_floating_point()]
        self._mean: list[Tensor] = [value.clone() for value in self._live]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        self._steps += 1
        share = (1 - self._decay) / (1 - self._decay**self._steps)
        for mean, value in zip(self._mean, self._live, strict=True):
            mean.lerp_(value, share)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the network have the average inside the `with` block, and its own weights again afterwards."""
        own = [value.clone() for value in self._live]
        self.settle()
        try:
            yield
        finally:
            self._write(own)

    def settle(self) -> None:
        """Give the network the average for good."""
        self._write(self._mean)

    @torch.no_grad()
    def _write(self, values: list[Tensor]) -> None:
        for place, value in zip(self._live, values, strict=True):
            place.copy_(value)
