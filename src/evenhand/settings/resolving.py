"""What a command really does: its preset, with everything that the user said in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evenhand.settings.commands import Settings
from evenhand.settings.groups import Group
from evenhand.settings.presets import PRESETS, Preset


def resolved(settings: Settings) -> Preset:
    """Return the preset of the settings with everything the user said in its place."""
    preset = PRESETS[settings.preset]
    said: dict[str, Any] = {
        "recipe": settings.recipe,
        "folds": settings.folds,
        "seeds": settings.seeds,
        "remedies": settings.remedies,
        "repairs": settings.repairs,
        "halving": settings.halving,
        "what_next": settings.what_next,
        "distil": settings.distil or None,
    }
    if settings.groups:
        said |= _of_groups(settings, preset)
    if settings.model:
        said |= {"model": settings.model, "screen": settings.model, "examiner": settings.model, "finalists": 0}
    told = replace(preset, **{name: value for name, value in said.items() if value is not None})
    if set(told.repairs) != {"none"}:
        # A repair acts on suspects, so somebody has to look for them.
        told = replace(told, rounds=max(1, told.rounds))
    # Folds that somebody asks for are all held out in turn.
    return replace(told, judged=None) if settings.folds else told


def _of_groups(settings: Settings, preset: Preset) -> dict[str, Any]:
    """Return what a preset does where groups are compared: all that they ask for, judged once, each by its recipe."""
    asked = [within(group, settings, preset) for group in settings.groups]
    return {
        name: tuple(dict.fromkeys(one for group in asked for one in getattr(group, name) or ()))
        for name in ("remedies", "repairs")
    } | {"finalists": 0, "model": asked[0].model, "screen": asked[0].model, "groups": tuple(asked)}


def within(group: Group, settings: Settings, preset: Preset) -> Group:
    """Return the group with everything that it does not say itself: as the settings say, or else the preset."""
    return replace(
        group,
        remedies=group.remedies or settings.remedies or preset.remedies,
        repairs=group.repairs or settings.repairs or preset.repairs,
        model=group.model or settings.model or preset.screen,
        recipe=group.recipe or settings.recipe or preset.recipe,
        changes={**settings.changes, **group.changes},
    )
