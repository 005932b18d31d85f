"""What attacks climb: losses that grow towards success, one number an image, none of which vanishes by scale alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from evenhand.errors import UsageError

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""From (n, K) logits, (n,) labels and, when aimed, (n,) targets to (n,) values."""


def cross_entropy(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the log-odds against the label, or for the target: its gradient has the direction of cross-entropy's.

    Cross-entropy is softplus of these log-odds, so signs, directions and the order of points are the same; but where a
    network is so sure that the gradient of the cross-entropy is rounded to zero, this one is not.
    """
    named = labels if targets is None else targets
    against = torch.logsumexp(_without(logits, named), dim=1) - _of(logits, named)
    return against if targets is None else -against


def plain_cross_entropy(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return cross-entropy as it is usually computed, whose gradient is rounded to nothing where a network is sure."""
    named = labels if targets is None else targets
    found = functional.cross_entropy(logits, named, reduction="none")
    return found if targets is None else -found


def margin(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return by how much the best wrong class beats the label, or the target all others; positive means success."""
    named = labels if targets is None else targets
    behind = _without(logits, named).amax(dim=1) - _of(logits, named)
    return behind if targets is None else -behind


def dlr(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the difference of logits ratio (Croce and Hein 2020, equations 6 and 7): the margin, free of scale.

    Raises
    ------
    UsageError
        When there are fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise UsageError(
            f"The loss dlr divides by the distance of the first to the third and fourth logit, and there are "
            f"{logits.shape[1]} classes. Below four classes use the loss margin."
        )
    ordered = logits.topk(4, dim=1).values
    if targets is None:
        return margin(logits, labels) / (ordered[:, 0] - ordered[:, 2]).clamp_min(1e-12)
    spread = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    return (_of(logits, targets) - _of(logits, labels)) / spread.clamp_min(1e-12)


LOSSES: dict[str, Loss] = {"ce": cross_entropy, "margin": margin, "dlr": dlr, "plain-ce": plain_cross_entropy}


def succeeded(logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """Return (n,) bool: whether the label is lost, or the target reached, by more than float32 can be wrong about.

    The same image in another batch may give logits that differ in the last digits; a success must outlive that.
    """
    return margin(logits, labels, targets) > slack(logits)


def slack(logits: Tensor) -> Tensor:
    """Return (n,) how large a margin must be for float32 not to be wrong about its sign."""
    return 4e-6 * logits.abs().amax(dim=1).clamp_min(1e-6)


def _of(logits: Tensor, named: Tensor) -> Tensor:
    return logits.gather(1, named[:, None])[:, 0]


def _without(logits: Tensor, named: Tensor) -> Tensor:
    return logits.scatter(1, named[:, None], -torch.inf)
