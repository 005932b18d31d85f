"""The final model: the choice, trained again on the whole training part, several times, and averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save

from evenhand.disk import write_bytes
from evenhand.models.catalogue import build, on_features, with_trunk
from evenhand.models.heads import Shape
from evenhand.remedies.catalogue import plan_for
from evenhand.study.bench import Bench
from evenhand.study.trial import Targets, Trial, Workplace, second_training, train, training_pixels
from evenhand.study.trunks import Trunk
from evenhand.training.loop import shape_of
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe

MEMBER_NUMBER = 500
"""Members of the final model are numbered from here, so that they repeat no trial of the comparison."""


def stretched(recipe: Recipe, factor: float) -> Recipe:
    """Return the recipe of a final model: that of the comparison with `factor` times the epochs, at least one."""
    return replace(recipe, epochs=max(1, round(recipe.epochs * factor)))


def train_final(
    bench: Bench, remedy: str, recipe: Recipe, targets: Targets, *, members: int, size: tuple[int, int], title: str
) -> Model:
    """Return the averaged model of several trainings on all images of the bench that the targets keep.

    Members that are already in the run folder are only read.

    Parameters
    ----------
    bench : Bench
        Its images are the training set; its folds are not used.
    remedy : str
        The chosen remedy.
    recipe : Recipe
        Of the final model.
    targets : Targets
        The labels as the chosen repair leaves them.
    members : int
        Number of trainings.
    size : tuple of int
        Height and width of the images, in pixels.
    title : str
        Said above the progress bar.
    """
    trials = member_trials(bench, remedy, recipe, bench.save(targets), members)
    tasks = [(bench.workplace, trial, place_of(bench.workplace, trial.key)) for trial in trials]
    missing = [task for task in tasks if not task[2].exists()]
    with bench.progress.stage(title, members) as tick:
        tick(members - len(missing))
        bench.engine.map(train_member, missing, tick)
    plan = plan_for(remedy, targets.labels[targets.keep], bench.n_classes, allow_stacking=True)
    shape = shape_of(plan)
    found = tuple(load_member(place, recipe, shape, bench.n_classes, size) for _, _, place in tasks)
    return Model(
        classes=bench.classes,
        size=size,
        recipe=recipe,
        members=whole(found, recipe, shape, bench.n_classes, size),
        flips=recipe.augmentation.flip_horizontal,
        logit_offsets=plan.post.logit_offsets if plan.post else None,
        shape=shape,
    )


def member_trials(bench: Bench, remedy: str, recipe: Recipe, targets: str, members: int) -> list[Trial]:
    """Return the trainings of the members; `targets` is the name of their labels."""
    return [
        bench.trial(remedy, recipe, held=(), targets=targets, number=MEMBER_NUMBER + number)
        for number in range(members)
    ]


def train_member(task: tuple[Workplace, Trial, Path]) -> str:
    """Train one member and write its weights. Runs in a worker process."""
    workplace, trial, place = task
    chosen = np.flatnonzero(workplace.targets(trial.targets).keep).astype(np.int64)
    fitted, _ = train(workplace, trial, chosen)
    if trial.parent:
        trunk = Trunk.of(fitted.network, training_pixels(workplace, trial.recipe), trial.recipe)
        last: torch.nn.Module = fitted.network.last  # type: ignore[assignment]
        second_training(workplace, trial, trunk, chosen).layer.write(last)
    weights = {name: value.detach().cpu().contiguous() for name, value in fitted.network.state_dict().items()}
    place.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(place, save(weights))
    return trial.key


def place_of(workplace: Workplace, key: str) -> Path:
    """Return where the weights of a member are kept."""
    return workplace.run / "cache" / "members" / f"{key}.safetensors"


def load_member(place: Path, recipe: Recipe, shape: Shape, n_classes: int, size: tuple[int, int]) -> torch.nn.Module:
    """Return what was trained, in evaluation mode, from its weights: a network, or what stands on a frozen backbone."""
    weights = load_file(place)
    if recipe.frozen:
        width = next(len(value) for name, value in weights.items() if name.endswith("scaling.middle"))
        network = on_features(n_classes=n_classes, width=width, shape=shape)
    else:
        network = build(recipe.model, n_classes=n_classes, size=size, width=recipe.width, shape=shape)
    network.load_state_dict(weights)
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval()


def whole(
    members: tuple[torch.nn.Module, ...], recipe: Recipe, shape: Shape, n_classes: int, size: tuple[int, int]
) -> tuple[torch.nn.Module, ...]:
    """Return networks that look at pixels, made from what was trained: a frozen backbone is put under it."""
    if not recipe.frozen:
        return members
    return with_trunk(members, recipe.model, n_classes=n_classes, size=size, shape=shape)
