"""Pre-trained backbones in a run: named by their content, checked before the work, and looked through once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evenhand.engines.engine import Engine
from evenhand.models.catalogue import resolved_model
from evenhand.models.pretrained import find, is_pretrained
from evenhand.progress import Progress
from evenhand.records.values import Ints
from evenhand.remedies.catalogue import plan_for
from evenhand.settings.commands import Settings
from evenhand.settings.presets import Preset
from evenhand.settings.resolving import resolved
from evenhand.training.frozen import keep_features, refuse_unfit
from evenhand.training.recipe import Recipe, recipe


def by_content(settings: Settings) -> Settings:
    """Return the settings with every backbone named by its content: a folder that was moved is the same backbone.

    Raises
    ------
    UsageError
        When a model is unknown, or not on this machine.
    ModelFileError
        When a backbone cannot be used.
    """
    groups = tuple(replace(one, model=resolved_model(one.model) if one.model else None) for one in settings.groups)
    return replace(settings, model=resolved_model(settings.model) if settings.model else None, groups=groups)


def in_use(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return name and folder of every backbone of settings that `by_content` returned."""
    names = dict.fromkeys(one.model for one in _recipes(settings, resolved(settings)) if is_pretrained(one.model))
    return tuple((found.name, str(found.folder)) for found in map(find, names))


def refuse_what_needs_pictures(settings: Settings, preset: Preset, labels: Ints, n_classes: int) -> None:
    """Refuse remedies that a frozen backbone leaves nothing to do for.

    Raises
    ------
    UsageError
        When there is one.
    """
    groups = preset.groups or (None,)
    for group in groups:
        model = (group and group.model) or preset.model
        name, changes = (group and group.recipe) or preset.recipe, group.changes if group else settings.changes
        if not recipe(name, model, **changes).frozen:
            continue
        for remedy in (group and group.remedies) or preset.remedies:
            refuse_unfit(plan_for(remedy, labels, n_classes, allow_stacking=True), remedy)


def looked_through(settings: Settings, preset: Preset, pixels: Path, engine: Engine, progress: Progress) -> None:
    """Keep the features of all pictures for every backbone that is frozen; what is there already is only read."""
    frozen: Sequence[str] = list(dict.fromkeys(one.model for one in _recipes(settings, preset) if one.frozen))
    for name in frozen:
        _, looked = keep_features(pixels, find(name), engine, progress)
        progress.note(
            f"{name} stays as it is: {looked} pictures were looked at, the others it knew. Its features are those of a "
            "picture and its mirror image; crops and colours that a recipe or remedy asks for need --set frozen=false."
        )


def _recipes(settings: Settings, preset: Preset) -> Iterator[Recipe]:
    """Yield the recipes of all networks of a run, their precision not yet settled."""
    for model in {preset.screen, preset.model, preset.examiner}:
        yield recipe(preset.recipe, model, **settings.changes)
    for group in preset.groups:
        yield recipe(group.recipe or preset.recipe, group.model or preset.model, **group.changes)
