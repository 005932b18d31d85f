"""Study files: the settings of a comparison as a TOML file, read, checked and written; nothing of the data is in it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenhand.errors import UsageError, suggest
from evenhand.settings.commands import Settings
from evenhand.settings.groups import Group

NAME = "study.toml"
"""In the run folder: the settings of the comparison that it holds."""

Names = Annotated[list[str], Field(min_length=1)]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    """What the file and its groups may both say."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=_dashed, protected_namespaces=())

    remedies: Names | None = None
    repairs: Names | None = None
    model: str | None = None
    recipe: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)


class _Group(_Table):
    """A [[compare]] table."""

    name: Annotated[str, Field(min_length=1, max_length=40)]


class _File(_Table):
    """The whole file."""

    preset: str | None = None
    classes: Names | None = None
    size: int | str | None = None
    allow_stacking: bool | None = None
    trust: float | None = None
    detector: str | None = None
    folds: int | None = None
    seeds: int | None = None
    seed: int | None = None
    halving: bool | None = None
    what_next: bool | None = None
    compare: list[_Group] = Field(default_factory=list)


@dataclass(frozen=True)
class Study:
    """What a study file says: settings by the name of their field, and changes of the recipe as they are typed."""

    said: Mapping[str, Any] = field(default_factory=dict)
    size: str | None = None
    changes: tuple[str, ...] = ()
    """``name=value``, as for ``--set``."""
    groups: tuple[tuple[Group, tuple[str, ...]], ...] = ()
    """Groups without their changes of the recipe, and these."""


def read_study(path: Path) -> Study:
    """Return what a study file says.

    Raises
    ------
    UsageError
        When there is no such file, it is not TOML, or it says something that no comparison can be told.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"There is no study file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The study file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The study file {path} is not TOML: {error}.") from error
    try:
        file = _File.model_validate(told)
    except ValidationError as error:
        raise UsageError(f"The study file {path}: {_words(error)}") from error
    _refuse_twins(path, [group.name for group in file.compare])
    if file.compare and file.remedies:
        raise UsageError(
            f"The study file {path}: it has remedies of its own and [[compare]] groups. Give every group its remedies, "
            "and leave out those outside."
        )
    return Study(
        said=_said(file),
        size=None if file.size is None else str(file.size),
        changes=_changes(file.set),
        groups=tuple((_group(one), _changes(one.set)) for one in file.compare),
    )


def _refuse_twins(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"The study file {path}: two [[compare]] groups are called {name!r}. Name them apart.")


def _said(file: _File) -> dict[str, Any]:
    """Return the settings that the file names, by the names of their fields."""
    apart = ("set", "compare", "size")
    found = {name: getattr(file, name) for name in type(file).model_fields if name not in apart}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if value is not None
    }


def _group(one: _Group) -> Group:
    return Group(
        name=one.name,
        remedies=tuple(one.remedies) if one.remedies else None,
        repairs=tuple(one.repairs) if one.repairs else None,
        model=one.model,
        recipe=one.recipe,
    )


def _changes(table: Mapping[str, Any], before: str = "") -> tuple[str, ...]:
    """Return the settings of a recipe as ``name=value``; ``augmentation`` is a table within the table."""
    found: list[str] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _changes(value, f"{before}{name}.")
        else:
            found.append(f"{before}{name}={str(value).lower() if isinstance(value, bool) else value}")
    return tuple(found)


def _words(error: ValidationError) -> str:
    """Return the first fault in plain words: which key, what is wrong, what would be right."""
    fault = error.errors(include_url=False)[0]
    place = fault["loc"]
    key = _place(place)
    if fault["type"] == "extra_forbidden":
        within: type[_Table] = _Group if place[0] == "compare" else _File
        known = [_dashed(name) for name in within.model_fields]
        return f"it cannot say {key!r}. {suggest(str(place[-1]), known)}"
    if fault["type"] == "missing":
        return f"{key!r} is missing."
    kind = _KINDS.get(fault["type"], fault["msg"].lower())
    return f"{key!r} {kind}, and cannot be {fault['input']!r}."


_KINDS = {
    "int_type": "is a whole number",
    "float_type": "is a number",
    "bool_type": "is true or false",
    "string_type": "is a text in quotes",
    "list_type": "is a list, in square brackets",
    "dict_type": "is a table",
    "model_type": "is a table",
    "model_attributes_type": "is a table",
    "too_short": "names at least one",
    "string_too_short": "is a text that is not empty",
    "string_too_long": "is a short text, of 40 characters at most",
}
"""What should have stood there, by the name that pydantic has for the fault."""


def _place(parts: tuple[int | str, ...]) -> str:
    """Return a place in the file as people write it: ``compare[2].model``, counted from 1."""
    found = ""
    for part in parts:
        # An alternative of a type, such as `size` has two, is no place in the file.
        if isinstance(part, int):
            found += f"[{part + 1}]"
        elif part not in ("int", "str"):
            found += f".{part}" if found else part
    return found


def study_text(settings: Settings) -> str:
    """Return the study file that asks for the same comparison: everything that was said, nothing that was not."""
    lines = ["# Replay with: evenhand compare DATA --study " + NAME]
    for name, value in _plain(settings).items():
        if value is not None:
            lines.append(f"{_dashed(name)} = {_toml(value)}")
    lines += _set_table("set", settings.changes)
    for group in settings.groups:
        lines += ["", "[[compare]]", f"name = {_toml(group.name)}"]
        for name in ("remedies", "repairs", "model", "recipe"):
            value = getattr(group, name)
            if value is not None:
                lines.append(f"{name} = {_toml(value)}")
        lines += _set_table("compare.set", group.changes)
    return "\n".join(lines) + "\n"


def _plain(settings: Settings) -> dict[str, Any]:
    """Return what the settings say of themselves, by the keys of the file; None for what was not said."""
    found = {name: getattr(settings, name) for name in _File.model_fields if hasattr(settings, name)}
    return found | {
        "size": "{}x{}".format(*settings.size) if settings.size else None,
        "allow_stacking": settings.allow_stacking or None,
    }


def _set_table(title: str, changes: Mapping[str, Any]) -> list[str]:
    return ["", f"[{title}]", *(f"{name} = {_toml(value)}" for name, value in changes.items())] if changes else []


def _toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A basic string of TOML has the escapes of JSON, and may not hold the one control character that JSON leaves be.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
