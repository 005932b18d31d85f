"""The options that commands share, and how they become `Settings`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from evenhand.errors import UsageError, suggest
from evenhand.settings.commands import Evaluate, Settings, default_out
from evenhand.settings.costs import read_costs, read_prior

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder with one folder a class (with or without train/val/test above them), a CSV or Parquet file, an "
        ".npz, a pickle of (tensor, label) pairs, or a .zip or .tar of any of these.",
        show_default=False,
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder; made when missing. [default: evenhand-runs/NAME]")]
Test = Annotated[Path | None, typer.Option("--test", help="Test images, when they lie apart from DATA.")]
Edits = Annotated[
    list[Path] | None,
    typer.Option(
        "--edits", help="A ledger of decisions about labels (RUN/edits.jsonl) to go by. May be given many times."
    ),
]
Preset = Annotated[str, typer.Option("--preset", help="How much work: quick, standard, thorough, or reference.")]
Remedies = Annotated[
    list[str] | None,
    typer.Option("--remedy", help="A remedy to compare; A+B composes, A:name=value sets. May be given many times."),
]
Stacking = Annotated[
    bool, typer.Option("--allow-stacking", help="Let A+B make up for the class counts twice, which is refused else.")
]
Repairs = Annotated[
    str | None, typer.Option("--repair", help="What to do about suspected labels: none, drop, relabel, soft; commas.")
]
Classes = Annotated[str | None, typer.Option("--classes", help="The classes in the order wanted, with commas.")]
Size = Annotated[str | None, typer.Option("--size", help="Side of the images in pixels, N or HEIGHTxWIDTH.")]
ModelName = Annotated[
    str | None, typer.Option("--model", help="The network: simple, resnet, or a pre-trained one as hf:NAME_OR_FOLDER.")
]
RecipeName = Annotated[str | None, typer.Option("--recipe", help="Recipe: quick, standard, thorough or reference.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="One setting of the recipe, for example epochs=20. May be repeated.")
]
Trust = Annotated[float, typer.Option("--trust", help="Suspicion above which a repair acts on a label, 0 to 1.")]
Detector = Annotated[
    str,
    typer.Option("--detector", help="Who names the suspected labels: posterior, or one of cleanlab's (cleanlab:both)."),
]
Refit = Annotated[str, typer.Option("--refit", help="Train the final model on the training images (train) or on all.")]
Folds = Annotated[int | None, typer.Option("--folds", help="Parts of the cross-validation.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Trainings a fold.")]
Seed = Annotated[int, typer.Option("--seed", help="Of every random draw.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Worker processes. [default: one a core]")]
Halving = Annotated[
    bool | None,
    typer.Option(
        "--halving/--no-halving",
        help="Stop remedies early that are clearly behind; the preset standard does.",
        show_default=False,
    ),
]
WhatNext = Annotated[
    bool | None,
    typer.Option(
        "--what-next/--no-what-next",
        help="Draw learning curves, to say what more pictures would bring; standard and thorough do.",
        show_default=False,
    ),
]
Study = Annotated[
    Path | None, typer.Option("--study", metavar="FILE.toml", help="A study file with settings; options win over it.")
]
TimeLimit = Annotated[
    str | None,
    typer.Option("--time-limit", help="Be done within this time, and say what was left out: 90s, 20m, 1h30m."),
]
Engine = Annotated[
    str, typer.Option("--engine", help="Where trainings run: local, or ray on a cluster (needs evenhand[ray]).")
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="HOST:PORT of the Ray cluster. [default: RAY_ADDRESS, or one on this machine]"),
]
Distil = Annotated[
    bool, typer.Option("--distil", help="Teach the final networks to a single one: as small and fast as one of them.")
]
CostFile = Annotated[
    Path | None,
    typer.Option(
        "--costs",
        metavar="FILE.csv",
        help="What mistakes cost: rows are true classes, columns decisions. Decisions then cost least.",
    ),
]
PriorOfUse = Annotated[
    str | None,
    typer.Option(
        "--prior",
        help="How common the classes will be where decisions are made: balanced, training, or A=0.9,B=0.1. "
        "[default: as common as the model's probabilities take them to be]",
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME[:PLACE]",
        help="Write finished trainings for tensorboard or mlflow, into RUN/tracking or PLACE. May be given many times.",
    ),
]
RejectBelow = Annotated[
    float | None, typer.Option("--reject-below", help="Give no answer that is less probable than this, 0 to 1.")
]
Grown = Annotated[
    bool, typer.Option("--grown", help="Go on in a run folder to whose data images were added; what was found is kept.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]


def names(text: str | None) -> tuple[str, ...] | None:
    """Return the names of a list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None


def duration(text: str | None) -> float | None:
    """Return seconds from ``90s``, ``20m``, ``2h`` or ``1h30m``.

    Raises
    ------
    UsageError
        When the text is no length of time, or none above zero.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.replace(" ", "").lower(), re.ASCII)
    parts = found.groups() if found else ()
    seconds = sum(int(part or 0) * size for part, size in zip(parts, (3600, 60, 1), strict=False))
    if not seconds:
        raise UsageError(f"--time-limit takes hours, minutes or seconds, as in 90s, 20m or 1h30m, not {text!r}.")
    return float(seconds)


def image_size(text: str | None) -> tuple[int, int] | None:
    """Return height and width from ``N`` or ``HEIGHTxWIDTH``.

    Raises
    ------
    UsageError
        When the text is neither, or a side is not 1 to 4096.
    """
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(1 <= side <= 4096 for side in sides):
        raise UsageError(f"--size takes a side of 1 to 4096 pixels, N or HEIGHTxWIDTH, not {text!r}.")
    return (sides[0], sides[-1])


def recipe_changes(settings: list[str] | None) -> dict[str, Any]:
    """Return recipe settings from ``name=value`` texts; augmentation is set as ``augmentation.crop=4``.

    Raises
    ------
    UsageError
        When a text has no value, or a name or value no recipe could take.
    """
    if not settings:
        return {}
    from evenhand.training.recipe import read_change

    changes: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set takes name=value, not {text!r}.")
        changes[name.strip()] = read_change(name.strip(), value.strip())
    return changes


def settings(command: str, words: Mapping[str, Any]) -> Settings:
    """Return the settings that the words of a command ask for; words a command does not have stay as the preset says.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    """
    return Settings(
        data=words["data"],
        out=words["out"] or default_out(command, words["data"]),
        test=words.get("test"),
        edits=tuple(words.get("edits") or ()),
        preset=words.get("preset", "standard"),
        classes=names(words.get("classes")),
        size=image_size(words.get("size")),
        remedies=tuple(words["remedy"]) if words.get("remedy") else None,
        allow_stacking=bool(words.get("allow_stacking")),
        repairs=names(words.get("repair")),
        trust=words.get("trust", 0.5),
        detector=words.get("detector", "posterior"),
        model=words.get("model"),
        recipe=words.get("recipe"),
        changes=recipe_changes(words.get("change")),
        folds=words.get("folds"),
        seeds=words.get("seeds"),
        seed=words["seed"],
        refit=words.get("refit", "train"),
        scale=words.get("scale"),
        halving=words.get("halving"),
        time_limit=duration(words.get("time_limit")),
        what_next=words.get("what_next"),
        distil=bool(words.get("distil")),
        grown=bool(words.get("grown")),
        track=tuple(words.get("track") or ()),
        **costs(words),
        device=device_name(words["device"]),
        jobs=words["jobs"],
        engine=words.get("engine", "local"),
        address=words.get("address"),
        started=words.get("started") or time.monotonic(),
    )


def costs(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return `costs` and `prior` as the words of a command state them, None where they do not.

    Raises
    ------
    UsageError
        When the table cannot be read, or the prior is none.
    """
    table, prior = words.get("costs"), words.get("prior")
    return {
        "costs": read_costs(table) if table is not None else None,
        "prior": read_prior(prior) if prior is not None else None,
    }


def single(command: str, words: Mapping[str, Any]) -> Settings:
    """Return the settings of a command that takes one remedy and one repair.

    Raises
    ------
    UsageError
        When there are several, or a word cannot be meant.
    """
    found = settings(command, {**words, "remedy": words["remedy"] or ["balanced-softmax"]})
    if len(found.remedies or ()) != 1 or len(found.repairs or ()) != 1:
        raise UsageError(f"{command} takes one --remedy (A+B composes) and one --repair; use compare for several.")
    return found


def evaluation(words: Mapping[str, Any]) -> Evaluate:
    """Return what `evaluate` was asked for.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    """
    return Evaluate(
        model=words["model_path"],
        data=words["data"],
        network=words["model"],
        classes=names(words["classes"]),
        size=image_size(words["size"]),
        split=words["split"],
        edits=tuple(words.get("edits") or ()),
        device=device_name(words["device"]),
        jobs=words["jobs"],
        against=words.get("against"),
        reject_below=words.get("reject_below"),
        **costs(words),
    )


def device_name(name: str) -> str:
    """Return the device asked for.

    Raises
    ------
    UsageError
        When there is no such kind of device.
    """
    known = ("auto", "cpu", "cuda")
    if name.split(":")[0] not in known:
        raise UsageError(f"There is no device {name!r}. {suggest(name, known)}")
    return name
