"""A study file on the command line: what it says, where the command's own words do not say otherwise."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.cli import options

if TYPE_CHECKING:
    import typer

    from evenhand.settings.commands import Settings
    from evenhand.settings.groups import Group

FIELDS = {"remedy": "remedies", "repair": "repairs", "change": "changes"}
"""Options whose setting has another name."""


def told(context: typer.Context) -> set[str]:
    """Return the names of the settings that were typed, be it with their default value."""
    typed = (
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    )
    return {FIELDS.get(name, name) for name in typed}


def with_study(path: Path | None, asked: Settings, told: Collection[str]) -> Settings:
    """Return the settings with those of a study file wherever the command line said nothing.

    Single settings of the recipe are merged one by one. What was typed holds for every group of the file.

    Parameters
    ----------
    path : Path or None
        The study file, if one was named.
    asked : Settings
        By the command line alone.
    told : collection of str
        The settings that were typed.

    Raises
    ------
    UsageError
        When the file cannot be used.
    """
    if path is None:
        return asked
    from evenhand.settings.study_file import read_study

    study = read_study(path)
    said: dict[str, Any] = {name: value for name, value in study.said.items() if name not in told}
    if study.size and "size" not in told:
        said["size"] = options.image_size(study.size)
    groups = tuple(
        _under(replace(group, changes=options.recipe_changes(list(changes))), asked, told)
        for group, changes in study.groups
    )
    if groups:
        # Typed remedies are those of the groups by now.
        said["remedies"] = None
    return replace(
        asked, **said, changes={**options.recipe_changes(list(study.changes)), **asked.changes}, groups=groups
    )


def _under(group: Group, asked: Settings, told: Collection[str]) -> Group:
    """Return the group with what was typed in its place."""
    typed = {name: getattr(asked, name) for name in ("remedies", "repairs", "model", "recipe") if name in told}
    return replace(group, **typed, changes={**group.changes, **asked.changes})
