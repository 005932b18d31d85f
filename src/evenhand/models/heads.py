"""What may stand on a network's first layers in place of one linear layer: cosines, or several experts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from evenhand.errors import UsageError, suggest
from evenhand.models.network import Network

HEADS = ("linear", "cosine")


@dataclass(frozen=True)
class Shape:
    """What stands on a network's first layers: a last layer, linear or cosine, at the end of one tail or of several.

    `scale` is what cosines are multiplied by at the beginning; it is kept with the weights.
    """

    head: str = "linear"
    experts: int = 1
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises
        ------
        UsageError
            When the last layer is unknown or there is no tail.
        """
        if self.head not in HEADS:
            raise UsageError(f"There is no last layer {self.head!r}. {suggest(self.head, HEADS)}")
        if self.experts < 1:
            raise UsageError(f"A network needs at least 1 expert, not {self.experts}.")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


PLAIN = Shape()
"""One linear layer at the end of one tail."""


class Cosine(nn.Module):
    """`scale` times the cosine between features and the vector of each class.

    Parameters
    ----------
    features, n_classes : int
        D and K.
    scale : float
        Kept with the weights, since predictions depend on it.
    """

    def __init__(self, features: int, n_classes: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_classes, features))
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor(float(scale)))

    def forward(self, features: Tensor) -> Tensor:
        """Return (n, K) logits of (n, D) features."""
        return self.scale * functional.linear(functional.normalize(features), functional.normalize(self.weight))


class Experts(nn.Module):
    """Several networks on the first layers of one: the logits of each in training, the mean of them afterwards.

    Parameters
    ----------
    members : sequence of Network
        Of one kind; all but the first lose their first layers.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        for member in members[1:]:
            for name in member.SHARED:
                delattr(member, name)
        self.members = nn.ModuleList(members)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the (n, E * D) features of all experts, one after the other."""
        return torch.cat(self._tails(pixels), dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (n, E, K) logits in training mode, and their mean over the experts, (n, K), otherwise."""
        tails = zip(self.members, self._tails(pixels), strict=True)
        each = torch.stack([_network(member).last(features) for member, features in tails], dim=1)
        return each if self.training else each.mean(dim=1)

    def _tails(self, pixels: Tensor) -> list[Tensor]:
        hidden = _network(self.members[0]).shared(pixels)
        return [_network(member).tail(hidden) for member in self.members]


def _network(module: nn.Module) -> Network:
    """Return the module, which is one of the members put in."""
    if not isinstance(module, Network):
        raise TypeError(f"an expert must be a Network, not {type(module).__name__}")
    return module
