"""The loss of a batch: cross-entropy, with what a plan changes about it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from evenhand.remedies.plan import Head, Loss
from evenhand.training.recipe import Recipe

SMALLEST = 1e-8
"""1 - p is raised to this before a power is taken: the slope of a root is infinite at 0."""

Criterion = Callable[[Tensor, Tensor], Tensor]
"""From logits and labels of a batch, (n,) int64 or (n, K) float32, to its loss."""


def criterion(asked: Loss | None, recipe: Recipe, device: str, head: Head | None = None) -> Criterion:
    """Return the loss of a batch: cross-entropy with the plan's changes and the recipe's smoothing.

    A soft label weighs as much as its classes do on average. The plan decides whether a batch is averaged by its size
    (the weight of an image does not depend on its neighbours) or by the sum of its weights. Logits of several experts,
    (n, E, K), have the mean of the losses of all, each with its own offsets.

    Parameters
    ----------
    asked : Loss or None
        None is plain cross-entropy.
    recipe : Recipe
        Its label smoothing counts.
    device : str
        A torch device.
    head : Head, optional
        Its offsets are those of the experts.
    """
    asked = asked or Loss()
    offsets, margins, weights = (
        None if values is None else torch.tensor(values, device=device)
        for values in (asked.logit_offsets, asked.margins, asked.class_weights)
    )
    own = torch.tensor(head.logit_offsets, device=device) if head and head.logit_offsets else None
    smoothing, focal = recipe.label_smoothing, asked.focal

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        if logits.ndim == 3:
            shifted = logits if own is None else logits + own
            return torch.stack([loss(part, labels) for part in shifted.unbind(dim=1)]).mean()
        if offsets is not None:
            logits = logits + offsets
        if margins is not None:
            logits = logits - margins * _rows(logits, labels)
        if weights is None and focal is None:
            return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        if focal is None:
            each = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
        else:
            each = _focal(logits, _rows(logits, labels), focal, smoothing)
        if weights is None:
            return each.mean()
        share = weights[labels] if labels.ndim == 1 else labels @ weights
        return (each * share).sum() / (share.sum() if asked.normalise == "batch" else len(labels))

    return loss


def _rows(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the labels as (n, K) float rows."""
    return labels if labels.ndim == 2 else functional.one_hot(labels, logits.shape[1]).to(logits.dtype)


def _focal(logits: Tensor, rows: Tensor, gamma: float, smoothing: float) -> Tensor:
    """Return the (n,) expected focal losses of label rows."""
    told = torch.log_softmax(logits, dim=1)
    missing = (1 - told.exp()).clamp(min=SMALLEST) ** gamma
    smoothed = rows * (1 - smoothing) + smoothing / rows.shape[1]
    return -(smoothed * missing * told).sum(dim=1)
