"""A final model trained in this process, from pixels and labels in memory: no folds, no run folder, no workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from evenhand.records.values import Ints, Pixels
from evenhand.remedies.catalogue import plan_for
from evenhand.study.final import MEMBER_NUMBER
from evenhand.study.trunks import Trunk
from evenhand.training.loop import TrainingSet, fit, inner_slice, shape_of
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe
from evenhand.training.refit import refit


def train_in_memory(
    pixels: Pixels,
    labels: Ints,
    classes: tuple[str, ...],
    remedy: str,
    recipe: Recipe,
    *,
    members: int = 1,
    seed: int = 0,
    device: str = "cpu",
) -> Model:
    """Return the averaged model of several trainings, on the CPU, as a function of the arguments alone.

    Parameters
    ----------
    pixels : (n, height, width, 3) uint8
    labels : (n,) int64
        Numbers of classes.
    classes : tuple of str
        Their names, K of them.
    remedy : str
        Canonical name; whether corrections may be stacked was asked before.
    recipe : Recipe
        Its precision is settled.
    members : int
        Number of trainings.
    seed : int
        Members have seeds of their own, made from it as in a run.
    device : str
        A torch device; every member trains on one thread, so that the result does not depend on how many there are.

    Raises
    ------
    DataError
        When the images are too small for the network.
    """
    data = TrainingSet(pixels, labels, np.arange(len(pixels), dtype=np.int64))
    plan = plan_for(remedy, labels, len(classes), allow_stacking=True)
    seeds = [seed * 1000 + MEMBER_NUMBER + number for number in range(members)]
    with one_thread():
        networks = [_member(data, remedy, recipe, len(classes), number, device).cpu() for number in seeds]
    return Model(
        classes=classes,
        size=(int(pixels.shape[1]), int(pixels.shape[2])),
        recipe=recipe,
        members=tuple(networks),
        flips=recipe.augmentation.flip_horizontal,
        logit_offsets=plan.post.logit_offsets if plan.post else None,
        shape=shape_of(plan),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _member(whole: TrainingSet, remedy: str, recipe: Recipe, n_classes: int, seed: int, device: str) -> nn.Module:
    """Train one network, and its last layer a second time where the remedy asks for it."""
    data, validation = whole, None
    if recipe.early_stopping:
        inner = inner_slice(whole, n_classes, seed)
        data, validation = whole.select(np.flatnonzero(~inner)), whole.select(np.flatnonzero(inner))
    plan = plan_for(remedy, data.targets, n_classes, allow_stacking=True)
    fitted = fit(data, plan, recipe, n_classes=n_classes, seed=seed, device=device, validation=validation)
    asked = plan_for(remedy, whole.targets, n_classes, allow_stacking=True).refit
    if asked is None:
        return fitted.network
    trunk = Trunk.of(fitted.network, whole.pixels, recipe)
    found = refit(asked, trunk.views, whole.targets, whole.identity, trunk.layer, n_classes=n_classes, seed=seed)
    last: nn.Module = fitted.network.last  # type: ignore[assignment]
    found.layer.write(last)
    return fitted.network
