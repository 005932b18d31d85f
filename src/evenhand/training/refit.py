"""A second training, of the last layer alone, on the features that a finished trunk finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evenhand.data.batches import occurrences, uniform
from evenhand.records.values import Floats, Ints
from evenhand.remedies.plan import Refit
from evenhand.remedies.synthesis import synthesise_features
from evenhand.training.loop import SYNTHETIC, one_hot
from evenhand.training.optimisers import OPTIMISERS, SCHEDULES
from evenhand.training.order import epoch_order
from evenhand.training.recipe import Recipe

RECIPE = Recipe(optimiser="adamw", learning_rate=0.01, weight_decay=0.01, schedule="cosine", batch=64)
"""Of every second training: features are standardised, so that one rate suits all."""
EPOCHS_APART = 1 << 20
"""Epochs are numbered from here: the draws of the second training are not those of the first."""


@dataclass(frozen=True)
class Layer:
    """A linear layer, from (n, D) features to (n, K) logits."""

    weight: Floats
    """(K, D) float32."""
    bias: Floats
    """(K,) float32."""

    @classmethod
    def of(cls, layer: nn.Module) -> Layer:
        """Return a copy of a network's last layer."""
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"a second training needs a linear last layer, not {type(layer).__name__}")
        weight, bias = (value.detach().float().cpu().numpy().copy() for value in (layer.weight, layer.bias))
        return cls(weight, bias)

    def write(self, layer: nn.Module) -> None:
        """Give a network's last layer these weights."""
        with torch.no_grad():
            for name, value in (("weight", self.weight), ("bias", self.bias)):
                layer.get_parameter(name).copy_(torch.from_numpy(value))

    def logits(self, views: Floats) -> Floats:
        """Return the (n, K) float32 logits of (V, n, D) features, averaged over the views of each image."""
        return np.asarray((views @ self.weight.T + self.bias).mean(axis=0), dtype=np.float32)


@dataclass(frozen=True)
class Refitted:
    """A last layer made anew, and the losses of its training, a step and an epoch."""

    layer: Layer
    step_loss: tuple[float, ...] = ()
    epoch_loss: tuple[float, ...] = ()


def refit(
    asked: Refit, views: Floats, targets: Ints | Floats, identity: Ints, layer: Layer, *, n_classes: int, seed: int
) -> Refitted:
    """Return the last layer that the plan asks for, as a function of the arguments alone.

    Parameters
    ----------
    asked : Refit
        What the plan says about the second training.
    views : (V, n, D) float32
        Features of the training images, and of their mirror images where V is 2; each draw takes one of the views.
    targets : (n,) int64 labels, or (n, K) float soft labels
    identity : (n,) int64
        Of each image.
    layer : Layer
        The last layer that the first training left.
    n_classes : int
        K.
    seed : int
        Of the trial.
    """
    if asked.method == "normalise":
        return Refitted(normalised(layer, asked.strength))
    if not np.isfinite(views).all():  # the first training diverged: nothing can be learned, and nothing is hidden
        return Refitted(layer)
    rows = one_hot(targets, n_classes)
    if asked.synthesis is not None:
        hard = targets if targets.ndim == 1 else targets.argmax(axis=1)
        made = [synthesise_features(asked.synthesis, view, hard.astype(np.int64), seed) for view in views]
        added = made[0][1]
        views = np.stack([np.concatenate([view, more]) for view, (more, _) in zip(views, made, strict=True)])
        rows = np.concatenate([rows, one_hot(added, n_classes)])
        identity = np.concatenate([identity, SYNTHETIC + np.arange(len(added), dtype=np.int64)])
    return _Second(asked, views, rows, identity, layer, seed).train()


def normalised(layer: Layer, strength: float) -> Layer:
    """Return the layer with each class's vector divided by its length to the power `strength`, without biases.

    Kang et al. (2020), eq. 4.
    """
    length = np.maximum(np.linalg.norm(layer.weight, axis=1, keepdims=True), 1e-12)
    return Layer((layer.weight / length**strength).astype(np.float32), np.zeros_like(layer.bias))


def smoothed(rows: NDArray[np.float64], smoothing: tuple[float, ...]) -> NDArray[np.float64]:
    """Return label rows of which each class keeps all but a part, spread evenly over the other classes.

    Zhong et al. (2021), eq. 5.

    Parameters
    ----------
    rows : (n, K) float64
    smoothing : (K,) float
        The part of each class.
    """
    part = np.asarray(smoothing)
    classes = len(part)
    spread = np.repeat(part[:, None] / (classes - 1), classes, axis=1)
    np.fill_diagonal(spread, 1 - part)
    return rows @ spread


class _Second:
    """The second training under way."""

    def __init__(
        self, asked: Refit, views: Floats, rows: NDArray[np.float64], identity: Ints, layer: Layer, seed: int
    ) -> None:
        self.asked, self.rows, self.identity, self.seed, self.layer = asked, rows, identity, seed, layer
        told = rows if asked.smoothing is None else smoothed(rows, asked.smoothing)
        self.labels = torch.from_numpy(told.astype(np.float32))
        self.middle = views.mean(axis=(0, 1), dtype=np.float64)
        self.spread = np.maximum(views.std(axis=(0, 1), dtype=np.float64), 1e-6)
        self.views = torch.from_numpy(((views - self.middle) / self.spread).astype(np.float32))
        # What the first training's layer says: kept in every method but the one that begins afresh.
        old = views @ layer.weight.T + layer.bias
        self.old = torch.from_numpy(old if asked.method != "retrain" else np.zeros_like(old))
        classes, width = layer.weight.shape
        # All begin at nothing learned, to which weight decay pulls them.
        self.change = torch.zeros(classes, requires_grad=asked.method in ("scale", "both"))
        self.weight = torch.zeros((classes, width), requires_grad=asked.method != "scale")
        self.bias = torch.zeros(classes, requires_grad=asked.method != "scale")
        self.learned = [value for value in (self.weight, self.bias, self.change) if value.requires_grad]

    def train(self) -> Refitted:
        losses: list[float] = []
        epochs: list[float] = []
        orders = [
            epoch_order(self.asked.draw, self.rows, self.identity, seed=self.seed, epoch=EPOCHS_APART + epoch)
            for epoch in range(self.asked.epochs)
        ]
        total = sum(math.ceil(len(order) / RECIPE.batch) for order in orders)
        move, schedule = OPTIMISERS[RECIPE.optimiser](self.learned, RECIPE), SCHEDULES[RECIPE.schedule]
        for epoch, order in enumerate(orders):
            view = self._views(order, EPOCHS_APART + epoch)
            before = len(losses)
            for first in range(0, len(order), RECIPE.batch):
                here = slice(first, first + RECIPE.batch)
                loss = self._loss(torch.from_numpy(order[here]), view[here])
                gradients = list(torch.autograd.grad(loss, self.learned))
                with torch.no_grad():
                    move(gradients, RECIPE.learning_rate * schedule(len(losses) / total))
                losses.append(float(loss.detach()))
            epochs.append(float(np.mean(losses[before:])))
        return Refitted(self._layer(), tuple(losses), tuple(epochs))

    def _views(self, order: Ints, epoch: int) -> Tensor:
        """Return which view of each image of an epoch is taken."""
        own = self.identity[order] + (occurrences(self.identity[order]) << 40)
        chosen = np.floor(uniform("view", self.seed, epoch, own) * len(self.views)).astype(np.int64)
        return torch.from_numpy(chosen)

    def _loss(self, rows: Tensor, view: Tensor) -> Tensor:
        logits = (1 + self.change) * self.old[view, rows] + self.views[view, rows] @ self.weight.T + self.bias
        return nn.functional.cross_entropy(logits, self.labels[rows])

    def _layer(self) -> Layer:
        """Return what was learned, in terms of the features as they are."""
        change, weight, bias = (value.detach().double().numpy() for value in (self.change, self.weight, self.bias))
        factors = (1 + change) * (self.asked.method != "retrain")
        plain = weight / self.spread
        return Layer(
            (factors[:, None] * self.layer.weight + plain).astype(np.float32),
            (factors * self.layer.bias + bias - plain @ self.middle).astype(np.float32),
        )
