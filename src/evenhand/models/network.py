"""What every network has: first layers that experts can share, a tail from there to features, and a last layer."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class Network(nn.Module):
    """A classifier in three parts; a network says what is in the first two, and how its last layer is called."""

    SHARED: ClassVar[tuple[str, ...]]
    """Names of the modules of the first part."""
    LAST: ClassVar[str]
    """Name of the last layer, from features to logits."""

    def shared(self, pixels: Tensor) -> Tensor:
        """Return what the first layers make of (n, 3, h, w) pixels in [0, 1]."""
        raise NotImplementedError

    def tail(self, hidden: Tensor) -> Tensor:
        """Return the (n, D) features that the tail makes of what the first layers made."""
        raise NotImplementedError

    @property
    def last(self) -> nn.Module:
        """The last layer."""
        layer: nn.Module = getattr(self, self.LAST)
        return layer

    def put_last(self, layer: nn.Module) -> None:
        """Put another layer in place of the last one."""
        setattr(self, self.LAST, layer)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the (n, D) activations under the last layer; `pixels` is (n, 3, h, w) in [0, 1]."""
        return self.tail(self.shared(pixels))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the (n, K) logits; `pixels` is (n, 3, h, w) in [0, 1]."""
        logits: Tensor = self.last(self.features(pixels))
        return logits
