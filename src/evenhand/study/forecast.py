"""How long a run will take and how much room it needs, said before it begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from evenhand.records.values import Ints
from evenhand.remedies.catalogue import plan_for, trained_part, trunk_part
from evenhand.remedies.counting import passes, trained_counts
from evenhand.settings.presets import Preset
from evenhand.study import what_next
from evenhand.study.final import stretched
from evenhand.study.leakage import REMEDY, Leaks, held_folds, split_recipe, split_seeds
from evenhand.training.recipe import Recipe

Recipes = Callable[..., Recipe]
"""From a model's name to its recipe; with `group`, to that of a group of a study file."""

CURVES = "curves"
"""The stage that draws learning curves."""
CURVE_BYTES = 32
"""A line of ``curve.csv``."""
FEATURE_BYTES = 200
"""What the label audit keeps of an image beside its logits: some hundred features of half precision."""
TRUNK_BYTES = 800
"""What is kept of an image and its mirror image for second trainings: some hundred features each."""
MARGIN = 1.3
"""Workers that share a machine's memory slow each other down; and it is better to be done early."""


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take."""

    trainings: int
    seconds: float
    bytes: int
    curves: int = 0
    """How many of the trainings are for learning curves."""
    share: float = 0.0
    """Share of the time that these take."""

    def sentence(self) -> str:
        """Return it in words."""
        size = max(1, round(self.bytes / 1e6))
        found = f"{self.trainings} trainings: {_time(self.seconds)} from the start, and {size} MB in the run folder."
        if self.curves:
            found += (
                f" {self.curves} of them, about {100 * self.share:.0f} % of the time, draw learning curves "
                "(--no-what-next leaves them out)."
            )
        return found


@dataclass(frozen=True)
class Work:
    """Some trainings of one kind: how many, the images each trains on and predicts, and its recipe."""

    number: int
    images: float
    predicted: float
    recipe: Recipe
    longer: float = 1.0
    """Images an epoch over those of the training part, where the recipe lets a remedy make epochs longer."""
    kept: int = 0
    """Bytes kept of a predicted image beside its logits."""
    passes: int = 1
    """Ways through the network that an image takes, where others take one; see `counting.passes`."""

    @property
    def views(self) -> float:
        """Images that all of them see."""
        return self.number * self.each

    @property
    def each(self) -> float:
        """Images that one of them sees, as often as each goes through the network."""
        return self.passes * self.images * self.recipe.epochs * (1.0 if self.recipe.equal_work else self.longer)


def forecast(
    labels: Ints,
    n_classes: int,
    preset: Preset,
    recipes: Recipes,
    speed: Callable[[Recipe], float],
    *,
    jobs: int,
    command: str,
    refit: bool,
    leaks: Leaks | None = None,
    replayed: int = 0,
) -> Forecast:
    """Return what a command's trainings will take; those that are finished already are counted too.

    Parameters
    ----------
    labels : (n,) int64
        Given labels of the training images.
    n_classes : int
        K.
    preset : Preset
        What will be done.
    recipes : callable
        From a model's name to its recipe.
    speed : callable
        From a recipe to seconds an image on one core.
    jobs : int
        Workers.
    command : str
        audit, compare, or one that trains a final model.
    refit : bool
        Whether the final model is trained once more on all images.
    leaks : Leaks, optional
        What will be measured of them.
    replayed : int
        Test images that the reference study's experiments are judged on besides; 0 where it is not replayed.
    """
    stages = stages_of(labels, n_classes, preset, recipes, command=command, refit=refit, leaks=leaks)
    if replayed:
        once = replace(preset, seeds=1, judged=1, repairs=("none",))
        each = _screening(labels, n_classes, once, recipes(preset.screen))
        stages["replay"] = [replace(work, images=len(labels), predicted=replayed) for work in each]
    work = [part for parts in stages.values() for part in parts]
    cells = sum(part.number * part.predicted * (8 + 4 * n_classes + part.kept) for part in work)
    curves = sum(part.views / part.passes / part.recipe.batch for part in work) * CURVE_BYTES
    seconds = sum(part.views * speed(part.recipe) for part in work if part.number)
    drawn = stages.get(CURVES, [])
    return Forecast(
        trainings=sum(part.number for part in work),
        seconds=MARGIN * seconds / jobs,
        bytes=round(cells + curves),
        curves=sum(part.number for part in drawn),
        share=sum(part.views * speed(part.recipe) for part in drawn) / (seconds or 1.0),
    )


def stages_of(
    labels: Ints,
    n_classes: int,
    preset: Preset,
    recipes: Recipes,
    *,
    command: str,
    refit: bool,
    leaks: Leaks | None = None,
    chosen: str = "",
) -> dict[str, list[Work]]:
    """Return the trainings of each stage of a command: audit, screening, finalists, curves, final, leakage.

    Parameters are those of `forecast`; `chosen` is the remedy that the comparison has chosen, empty where it has not
    come so far.
    """
    found: dict[str, list[Work]] = {"audit": _audit(len(labels), preset, recipes(preset.examiner), command)}
    if command != "audit":
        found |= _comparison(labels, n_classes, preset, recipes)
    if command in what_next.COMMANDS and preset.what_next:
        found[CURVES] = _curves(len(labels), n_classes, preset, recipes, chosen)
    if command not in ("audit", "compare"):
        final = stretched(recipes(preset.model), preset.stretch)
        each = _passes(preset, chosen)
        found["final"] = [Work(preset.members * (2 if refit else 1), len(labels), 0, final, passes=each)]
        if preset.distil:
            # Every teacher looks at each image as the student does; looking takes a third of learning.
            looking = len(labels) * (1 + preset.members / 3)
            found["final"].append(Work(2 if refit else 1, looking, 0, final, passes=each))
    if leaks:
        found["leakage"] = _leakage(len(labels), leaks, preset, recipes(preset.screen))
    return found


def _audit(n: int, preset: Preset, recipe: Recipe, command: str) -> list[Work]:
    """Return the trainings of the label audit: see `label_audit.audit_labels`."""
    folds = preset.folds
    judged = min(preset.judged or folds, folds)
    nested = command != "audit" and set(preset.repairs) != {"none"} and folds > 2
    work = []
    for number, models in enumerate(preset.examinations(command)):
        work.append(Work(models * folds, n * (folds - 1) / folds, n / folds, recipe, kept=FEATURE_BYTES))
        if nested:
            # In the first round the network that leaves out two folds serves both.
            pairs = judged * (folds - 1) - (judged * (judged - 1) // 2 if number == 0 else 0)
            work.append(Work(models * pairs, n * (folds - 2) / folds, 2 * n / folds, recipe, kept=FEATURE_BYTES))
    return work


def _comparison(labels: Ints, n_classes: int, preset: Preset, recipes: Recipes) -> dict[str, list[Work]]:
    folds = preset.folds
    judged = min(preset.judged or folds, folds)
    if preset.groups:
        parts = [replace(preset, remedies=one.remedies or (), repairs=one.repairs or ()) for one in preset.groups]
        made = [recipes(one.model, group=one) for one in preset.groups]
        pairs = zip(parts, made, strict=True)
        return {"screening": [work for part, recipe in pairs for work in _screening(labels, n_classes, part, recipe)]}
    screening = _screening(labels, n_classes, preset, recipes(preset.screen))
    finalists = min(preset.finalists, sum(work.number for work in screening) // (preset.seeds * judged))
    part = len(labels) * (folds - 1) / folds
    number = finalists * preset.seeds * judged
    final = Work(number, part, len(labels) / folds, recipes(preset.model), passes=_passes(preset, ""))
    return {"screening": screening, "finalists": [final]}


def _screening(labels: Ints, n_classes: int, preset: Preset, recipe: Recipe) -> list[Work]:
    """Return the trainings of every remedy with every repair by one recipe."""
    folds = preset.folds
    judged = min(preset.judged or folds, folds)
    repairs = [repair for repair in dict.fromkeys(preset.repairs) if preset.rounds or repair == "none"]
    # A second training, of the last layer alone, takes no time to speak of.
    trained = dict.fromkeys(trunk_part(remedy) for remedy in preset.remedies)
    twice = {trunk_part(remedy) for remedy in preset.remedies if trunk_part(remedy) != trained_part(remedy)}
    return [
        Work(
            len(repairs) * preset.seeds * judged,
            len(labels) * (folds - 1) / folds,
            len(labels) / folds,
            recipe,
            _longer(remedy, labels, n_classes),
            # Of all images, not only of those predicted.
            kept=TRUNK_BYTES * folds if remedy in twice else 0,
            passes=passes(plan_for(remedy, labels, n_classes, allow_stacking=True)),
        )
        for remedy in trained
    ]


def _curves(n: int, n_classes: int, preset: Preset, recipes: Recipes, chosen: str) -> list[Work]:
    """Return the trainings on fewer images: see `what_next.measure_what_next`. They take as long as on all images."""
    drawn = what_next.extent(preset, n_classes, recipes)
    part = n * (preset.folds - 1) / preset.folds
    if not drawn:
        return []
    return [Work(drawn.trainings, part, n / preset.folds, recipes(preset.screen), passes=_passes(preset, chosen))]


def _leakage(n: int, leaks: Leaks, preset: Preset, recipe: Recipe) -> list[Work]:
    """Return the trainings that measure what leaks are worth: see `leakage.measure_leakage`."""
    work, held, folds = [], held_folds(preset), preset.folds
    if len(leaks.copies):
        everyone = n + len(leaks.copies)
        cut = split_recipe(recipe, preset, everyone)
        for images in (everyone, n):
            work.append(Work(split_seeds(preset), images, len(leaks.tests), cut))
    if len(leaks.grouped):
        # The comparison has trained the half without a leak where it judges the same remedy in all folds.
        shared = REMEDY in map(trained_part, preset.remedies) and "none" in preset.repairs and not preset.judged
        work.append(Work((1 if shared else 2) * preset.seeds * held, n * (folds - 1) / folds, n / folds, recipe))
    return work


def _passes(preset: Preset, chosen: str) -> int:
    """Return the passes of the remedy that was chosen; where none is yet, the most that any takes."""
    groups = [remedy for group in preset.groups for remedy in group.remedies or ()]
    names = [chosen] if chosen else [*preset.remedies, *groups]
    labels = np.repeat(np.arange(2), 50)
    return max((passes(plan_for(name, labels, 2, allow_stacking=True)) for name in names), default=1)


def _longer(remedy: str, labels: Ints, n_classes: int) -> float:
    plan = plan_for(remedy, labels, n_classes, allow_stacking=True)
    return sum(trained_counts(plan, labels, n_classes)) / len(labels)


def _time(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    minutes = seconds / 60
    if minutes < 90:
        return f"about {math.ceil(minutes)} minutes"
    return f"about {minutes / 60:.1f} hours"
