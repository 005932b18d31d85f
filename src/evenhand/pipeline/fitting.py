"""From pixels and labels in memory to a trained model, and nothing besides: what a scikit-learn estimator fits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from evenhand.errors import UsageError, suggest
from evenhand.models.catalogue import MODELS
from evenhand.models.pretrained import is_pretrained
from evenhand.pipeline.desk import MOST_EPOCHS
from evenhand.records.values import Ints, Pixels
from evenhand.remedies.catalogue import canonical
from evenhand.settings.presets import PRESETS
from evenhand.study.in_memory import train_in_memory
from evenhand.training.device import device_named
from evenhand.training.model_file import Model
from evenhand.training.precision import settled
from evenhand.training.recipe import Recipe, recipe


@dataclass(frozen=True)
class Fit:
    """How a model is trained, in the words of the command line. None means: as the preset says."""

    remedy: str = "balanced-softmax"
    preset: str = "quick"
    model: str | None = None
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    allow_stacking: bool = False
    members: int = 1
    """Networks whose probabilities are averaged."""
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When a preset or network is unknown, or there is no member.
        """
        if is_pretrained(self.network):
            raise UsageError(
                f"{self.network} is a pre-trained backbone, which is not fitted in memory. Train with evenhand.train, "
                "or use simple or resnet."
            )
        for kind, value, known in (("preset", self.preset, PRESETS), ("model", self.network, MODELS)):
            if value not in known:
                raise UsageError(f"There is no {kind} {value!r}. {suggest(value, known)}")
        if self.members < 1:
            raise UsageError(f"members must be at least 1, not {self.members}.")

    @property
    def network(self) -> str:
        """The network."""
        return self.model or (PRESETS[self.preset].screen if self.preset in PRESETS else "")

    def recipe_for(self, images: int) -> Recipe:
        """Return the recipe for so many images; each of few is seen as often as in a run of the preset.

        Raises
        ------
        UsageError
            When a name or setting is unknown, or a value out of range.
        """
        preset = PRESETS[self.preset]
        found = recipe(self.recipe or preset.recipe, self.network, **self.changes)
        if "epochs" in self.changes:
            return found
        least = min(MOST_EPOCHS, math.ceil(preset.least_views / images))
        return replace(found, epochs=max(found.epochs, least))


def fit_model(asked: Fit, pixels: Pixels, labels: Ints, classes: tuple[str, ...]) -> Model:
    """Return the model that is trained on all of the images, on the CPU, as a function of the arguments alone.

    Parameters
    ----------
    asked : Fit
        How.
    pixels : (n, height, width, 3) uint8
        At least one.
    labels : (n,) int64
        Numbers of classes.
    classes : tuple of str
        Their names, at least two.

    Raises
    ------
    UsageError
        When a remedy, network or setting is unknown.
    DataError
        When the images are too small for the network.
    """
    remedy = canonical(asked.remedy, allow_stacking=asked.allow_stacking)
    device = device_named(asked.device)
    size = (int(pixels.shape[1]), int(pixels.shape[2]))
    chosen = settled(asked.recipe_for(len(pixels)), size, device)
    return train_in_memory(
        pixels, labels, classes, remedy, chosen, members=asked.members, seed=asked.seed, device=device
    )
