"""The networks by name, and how one is built from a name, a size and a number of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from evenhand.errors import UsageError, suggest
from evenhand.models.heads import PLAIN, Cosine, Experts, Shape
from evenhand.models.network import Network
from evenhand.models.pretrained import find, is_pretrained
from evenhand.models.pretrained_network import TRUNK, OnFeatures, Pretrained, Trunk, trunk_of
from evenhand.models.resnet import ResNet
from evenhand.models.simple import Simple

MODELS: dict[str, Callable[[int, tuple[int, int], int], Network]] = {
    "simple": lambda n_classes, size, _width: Simple(n_classes, size),
    "resnet": lambda n_classes, size, width: ResNet(n_classes, size, width),
}


def resolved_model(name: str) -> str:
    """Return the name by which a run knows a model: a key of `MODELS`, or that of a backbone's content.

    Raises
    ------
    UsageError
        When there is none of that name.
    ModelFileError
        When there is a backbone that cannot be used.
    """
    if is_pretrained(name):
        return find(name).name
    if name not in MODELS:
        raise UsageError(
            f"There is no model {name!r}. {suggest(name, MODELS)} A pre-trained one is named hf:NAME or hf:FOLDER."
        )
    return name


def build(
    name: str,
    *,
    n_classes: int,
    size: tuple[int, int],
    width: int = 24,
    shape: Shape = PLAIN,
    backbone: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Return a freshly initialised network (from torch's global random state).

    Parameters
    ----------
    name : str
        A key of `MODELS`, or a backbone that `resolved_model` has named.
    n_classes : int
        Number of classes, K >= 2.
    size : tuple of int
        Height and width of the images, in pixels.
    width : int
        Channels after the stem of `resnet`; `simple` has none.
    shape : Shape
        What stands on the first layers.
    backbone : mapping, optional
        What describes a backbone whose weights will be loaded; without it they come from where it was found.

    Raises
    ------
    UsageError
        When no network has that name.
    DataError
        When the images are too small for it.
    ModelFileError
        When a backbone cannot be used.
    """
    if is_pretrained(name):
        trunk = Trunk(dict(backbone), size) if backbone else trunk_of(name, size)
        return _shaped([Pretrained(n_classes, trunk) for _ in range(shape.experts)], n_classes, shape)
    if name not in MODELS:
        raise UsageError(f"There is no model {name!r}. {suggest(name, MODELS)}")
    return _shaped([MODELS[name](n_classes, size, width) for _ in range(shape.experts)], n_classes, shape)


def on_features(*, n_classes: int, width: int, shape: Shape = PLAIN) -> nn.Module:
    """Return what is trained on the features of a frozen backbone, freshly initialised; see `OnFeatures`.

    Parameters
    ----------
    n_classes : int
        Number of classes, K.
    width : int
        Number of features, D.
    shape : Shape
        What stands on the features.
    """
    return _shaped([OnFeatures(n_classes, width) for _ in range(shape.experts)], n_classes, shape)


def with_trunk(
    members: Sequence[nn.Module], name: str, *, n_classes: int, size: tuple[int, int], shape: Shape = PLAIN
) -> tuple[nn.Module, ...]:
    """Return whole networks in evaluation mode from what was trained `on_features`; they share one backbone."""
    trunk = trunk_of(name, size)
    found = []
    for member in members:
        network = _shaped([Pretrained(n_classes, trunk) for _ in range(shape.experts)], n_classes, shape)
        network.load_state_dict(
            member.state_dict() | {key: value for key, value in network.state_dict().items() if TRUNK in key}
        )
        found.append(network.eval())
    return tuple(found)


def _shaped(members: Sequence[Network], n_classes: int, shape: Shape) -> nn.Module:
    for member in members:
        if shape.head == "cosine" and isinstance(member.last, nn.Linear):
            member.put_last(Cosine(member.last.in_features, n_classes, shape.scale))
    return Experts(members) if shape.experts > 1 else members[0]
