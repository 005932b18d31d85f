"""Trunks of finished networks, kept so that what was trained once need not be trained again for another last layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from evenhand.disk import write_arrays
from evenhand.records.values import Floats, Ints, Pixels
from evenhand.training.predict import features
from evenhand.training.recipe import Recipe
from evenhand.training.refit import Layer


@dataclass(frozen=True)
class Trunk:
    """What a trunk finds in images, and the last layer that was trained on it."""

    views: Floats
    """(V, n, D) float32 features of the images, and of their mirror images where V is 2."""
    layer: Layer

    @classmethod
    def of(cls, network: nn.Module, pixels: Pixels, recipe: Recipe) -> Trunk:
        """Return what a network's trunk finds in images; in mirror images too where the recipe trains on them.

        Parameters
        ----------
        network : nn.Module
            One of ours, with a linear last layer.
        pixels : (n, height, width, 3) uint8
        recipe : Recipe
            That it was trained by.
        """
        sides = (False, True) if recipe.augmentation.flip_horizontal else (False,)
        views = [features(network, pixels, recipe, mirrored=mirrored) for mirrored in sides]
        last: nn.Module = network.last  # type: ignore[assignment]
        return cls(np.stack(views), Layer.of(last))

    def select(self, positions: Ints) -> Floats:
        """Return the (V, m, D) features of some of the images."""
        return self.views[:, positions]

    def save(self, path: Path) -> None:
        """Write the trunk's findings, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {"views": self.views, "weight": self.layer.weight, "bias": self.layer.bias})

    @classmethod
    def load(cls, path: Path) -> Trunk:
        """Return what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["views"], Layer(file["weight"], file["bias"]))
