"""From the words of a function to the settings of a command: the same names, with Python's own values."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evenhand.api.data import Data, DataLike, Place, load
from evenhand.errors import UsageError
from evenhand.progress import SILENT, LineProgress, Progress
from evenhand.settings.commands import Evaluate, Settings, default_out
from evenhand.settings.costs import Costs, Prior, read_costs, read_prior
from evenhand.training.recipe import read_change

Names = str | Sequence[str]
"""One name, or several."""
Size = int | tuple[int, int]
"""A side, or height and width, in pixels."""
Table = Place | Costs | Mapping[str, Mapping[str, float]]
"""What mistakes cost: a CSV file, or true class → decision → cost."""


def settings(command: str, words: Mapping[str, Any]) -> Settings:
    """Return the settings that a function's words ask for; words that it does not have stay as the preset says.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    DataError
        When there are no such data.
    """
    data = load(words["data"], test=words["test"], classes=names(words["classes"]))
    return Settings(
        data=data.path,
        out=out_of(command, data, words["out"]),
        test=data.test,
        edits=places(words["edits"]),
        grown=words["grown"],
        preset=words["preset"],
        classes=data.classes,
        size=size_of(words["size"]),
        remedies=remedies_of(words.get("remedy")),
        allow_stacking=bool(words.get("allow_stacking")),
        repairs=names(words.get("repair")),
        trust=words.get("trust", 0.5),
        detector=words.get("detector", "posterior"),
        model=words["model"],
        recipe=words["recipe"],
        changes=changes_of(words["set"]),
        folds=words["folds"],
        seeds=words.get("seeds"),
        seed=words["seed"],
        refit=words.get("refit", "train"),
        halving=words.get("halving"),
        time_limit=seconds(words["time_limit"]),
        what_next=words.get("what_next"),
        distil=bool(words.get("distil")),
        costs=costs_of(words.get("costs")),
        prior=prior_of(words.get("prior")),
        device=words["device"],
        jobs=words["jobs"],
        engine=words["engine"],
        address=words["address"],
        track=names(words["track"]) or (),
        started=time.monotonic(),
    )


def single(command: str, words: Mapping[str, Any]) -> Settings:
    """Return the settings of a function that takes one remedy and one repair.

    Raises
    ------
    UsageError
        When there are several, or a word cannot be meant.
    """
    found = settings(command, words)
    if len(found.remedies or ()) != 1 or len(found.repairs or ()) != 1:
        raise UsageError(f"{command} takes one remedy (A+B composes) and one repair; use compare for several.")
    return found


def evaluation(model: Path, words: Mapping[str, Any]) -> Evaluate:
    """Return what a function that judges a model was asked for.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    """
    data, split = judged(load(words["data"]), words["split"])
    return Evaluate(
        model=model,
        data=data.path,
        network=words["network"],
        classes=names(words["classes"]) or (data.classes if model.is_file() else None),
        size=size_of(words["size"]),
        split=split,
        edits=places(words.get("edits") or ()),
        device=words["device"],
        jobs=words["jobs"],
        against=words.get("against"),
        costs=costs_of(words.get("costs")),
        prior=prior_of(words.get("prior")),
        reject_below=words.get("reject_below"),
    )


def judged(data: Data, split: str) -> tuple[Data, str]:
    """Return the data that a model is judged on: test images that lie apart, unless another split is asked for.

    Raises
    ------
    UsageError
        When all images are asked for, and they lie in two places.
    """
    if data.test is None:
        return data, split
    if split == "all":
        raise UsageError(
            f"These data have their test images apart, in {data.test}. Judge one of the two: give {data.path} or "
            f"{data.test} itself."
        )
    return (Data(data.test, classes=data.classes), "auto") if split in ("auto", "test") else (data, split)


def out_of(command: str, data: Data, out: Place | None) -> Path:
    """Return the run folder: the one named, else one called after the data and the command."""
    return Path(out) if out is not None else default_out(command, data.path)


def names(said: Names | None) -> tuple[str, ...] | None:
    """Return names from one, from several, or from a text with commas between them, as the command line takes it."""
    if said is None:
        return None
    parts = said.split(",") if isinstance(said, str) else said
    return tuple(part.strip() for part in parts if part.strip()) or None


def remedies_of(said: Names | None) -> tuple[str, ...] | None:
    """Return remedies from one or several; a comma within one parts its parameters."""
    return (said,) if isinstance(said, str) else tuple(said) if said else None


def places(said: Place | Sequence[Place]) -> tuple[Path, ...]:
    """Return paths from one, or from several."""
    return tuple(map(Path, [said] if isinstance(said, str | os.PathLike) else said))


def size_of(said: Size | None) -> tuple[int, int] | None:
    """Return height and width from a side, or from both.

    Raises
    ------
    UsageError
        When it is neither, or a side is not 1 to 4096.
    """
    if said is None:
        return None
    sides = (said, said) if isinstance(said, int) else tuple(said)
    if len(sides) != 2 or not all(isinstance(side, int) and 1 <= side <= 4096 for side in sides):
        raise UsageError(f"size takes a side of 1 to 4096 pixels, or (height, width), not {said!r}.")
    return (sides[0], sides[1])


def changes_of(said: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return settings of a recipe by name; augmentation is set as ``"augmentation.crop"``.

    Raises
    ------
    UsageError
        When there is no such setting, or a value is of another kind.
    """
    return {name: read_change(name, str(value)) for name, value in (said or {}).items()}


def seconds(said: float | None) -> float | None:
    """Return a time limit in seconds.

    Raises
    ------
    UsageError
        When it is no number.
    """
    if said is not None and (isinstance(said, bool) or not isinstance(said, int | float)):
        raise UsageError(f"time_limit is a number of seconds, not {said!r}.")
    return None if said is None else float(said)


def costs_of(said: Table | None) -> Costs | None:
    """Return a table of costs from a file, or from true class → decision → cost.

    Raises
    ------
    UsageError
        When the table cannot be read, or is not square.
    """
    if said is None or isinstance(said, Costs):
        return said
    if not isinstance(said, Mapping):
        return read_costs(Path(said))
    try:
        return Costs.from_json(said, tuple(said))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            'costs takes a cost for each true class and decision, as in {"cat": {"cat": 0, "dog": 1}, '
            f'"dog": {{"cat": 5, "dog": 0}}}}; wrong or missing: {error}.'
        ) from error


def prior_of(said: Prior | None) -> Prior | None:
    """Return a prior of use: balanced, training, or the share of each class.

    Raises
    ------
    UsageError
        When it is none of these.
    """
    if isinstance(said, Mapping):
        return read_prior(",".join(f"{name}={share}" for name, share in said.items()))
    return None if said is None else read_prior(said)


def progress(quiet: bool) -> Progress:
    """Return where long work reports to: lines on stderr, or nowhere."""
    return SILENT if quiet else LineProgress()


__all__ = [
    "DataLike",
    "Names",
    "Place",
    "Size",
    "Table",
    "changes_of",
    "costs_of",
    "evaluation",
    "names",
    "out_of",
    "places",
    "prior_of",
    "progress",
    "remedies_of",
    "settings",
    "single",
    "size_of",
]
