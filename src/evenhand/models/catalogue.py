"""The networks by name, and how one is built from a name, a size and a number of classes."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from evenhand.errors import UsageError, suggest
from evenhand.models.heads import PLAIN, Cosine, Experts, Shape
from evenhand.models.network import Network
from evenhand.models.resnet import ResNet
from evenhand.models.simple import Simple

MODELS: dict[str, Callable[[int, tuple[int, int], int], Network]] = {
    "simple": lambda n_classes, size, _width: Simple(n_classes, size),
    "resnet": lambda n_classes, size, width: ResNet(n_classes, size, width),
}


def build(name: str, *, n_classes: int, size: tuple[int, int], width: int = 24, shape: Shape = PLAIN) -> nn.Module:
    """Return a freshly initialised network (from torch's global random state).

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    n_classes : int
        Number of classes, K >= 2.
    size : tuple of int
        Height and width of the images, in pixels.
    width : int
        Channels after the stem of `resnet`; `simple` has none.
    shape : Shape
        What stands on the first layers.

    Raises
    ------
    UsageError
        When no network has that name.
    DataError
        When the images are too small for it.
    """
    if name not in MODELS:
        raise UsageError(f"There is no model {name!r}. {suggest(name, MODELS)}")
    members = [MODELS[name](n_classes, size, width) for _ in range(shape.experts)]
    for member in members:
        if shape.head == "cosine" and isinstance(member.last, nn.Linear):
            member.put_last(Cosine(member.last.in_features, n_classes, shape.scale))
    return Experts(members) if shape.experts > 1 else members[0]
