"""The command that searches for settings: its words, what it calls, what it prints."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.errors import UsageError

if TYPE_CHECKING:
    from evenhand.records.values import Interval
    from evenhand.study.tuning.figures import Rival, Tuning

PRESETS = ("quick", "standard", "thorough")
MOST_TRIALS = 10_000

Trials = Annotated[
    int | None,
    typer.Option("--trials", help="Points to try, over all calls. [default: 40; with --time-limit as many as it fits]"),
]
Remedies = Annotated[
    list[str] | None,
    typer.Option(
        "--remedy",
        help="A remedy to search among, with its parameters; A:name=value fixes one. May be given many times. "
        "[default: none, sampler, class-weights, balanced-softmax, logit-adjust]",
    ),
]
Preset = Annotated[str, typer.Option("--preset", help="How much work: quick, standard or thorough.")]
Recipe = Annotated[
    str | None,
    typer.Option("--recipe", help="Recipe to search from: quick, standard or reference. [default: as the preset]"),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Fix a setting of the recipe, which is then not searched: momentum=0. May be repeated."),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", help="Trainings a fold of the last comparison, on fresh folds. [default: 2]")
]


def tune(
    data: options.Data,
    trials: Trials = None,
    time_limit: options.TimeLimit = None,
    out: options.Out = None,
    edits: options.Edits = None,
    preset: Preset = "standard",
    remedy: Remedies = None,
    allow_stacking: options.Stacking = False,
    repair: options.Repairs = None,
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: Recipe = None,
    change: Changes = None,
    trust: options.Trust = 0.5,
    detector: options.Detector = "posterior",
    folds: options.Folds = None,
    seeds: Seeds = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for the settings that do best out of fold, and hold them against the default; needs evenhand[tune]."""
    search(dict(locals()), json=json, quiet=quiet)


def search(words: Mapping[str, Any], *, json: bool, quiet: bool) -> None:
    """Search for settings and print what was found."""
    trials = words["trials"]
    if trials is not None and not 1 <= trials <= MOST_TRIALS:
        raise UsageError(f"--trials must be from 1 to {MOST_TRIALS:,}, not {trials}.")
    if words["preset"] not in PRESETS:
        raise UsageError(
            f"tune takes --preset {', '.join(PRESETS)}, not {words['preset']!r}. To search from the recipe of the "
            "reference study, say --recipe reference."
        )
    settings = options.settings("tune", words)
    from evenhand.pipeline import tuning

    found, report = tuning.tune(settings, progress(quiet=quiet), trials=trials)
    if json:
        show.print_json("tune", run=str(settings.out), **told(found), report=str(report))
        return
    for line in lines(found):
        print(line)
    show.print_places([("Tables, study file", settings.out / "tune"), ("Report", report)])


def told(found: Tuning) -> dict[str, Any]:
    """Return what ``--json`` says of a search."""
    best = found.best
    return {
        "best": {
            "trial": best.number,
            "remedy": best.remedy,
            "repair": best.repair,
            "model": found.model,
            "recipe": found.base,
            "settings": best.changes,
            "searched": best.searched,
            **_ends("balanced_accuracy", best.figure),
        },
        "value": best.figure.value,
        "interval": [best.figure.low, best.figure.high],
        "default": _rival(best.rivals[0]),
        "against": [_rival(rival) for rival in best.rivals],
        "verdict": best.verdict,
        "trials": len(found.trials),
        "stopped": found.stopped,
        "unfinished": found.unfinished,
        "trainings": found.trainings,
        "expected": found.expected,
        "importance": [{"setting": one.name, **_ends("share", one.share)} for one in found.mattered],
    }


def _rival(rival: Rival) -> dict[str, Any]:
    return {
        "name": rival.name,
        "remedy": rival.remedy,
        "repair": rival.repair,
        "recipe": rival.recipe,
        **_ends("balanced_accuracy", rival.figure),
        **_ends("difference", rival.difference),
        "p": rival.p,
        "verdict": rival.verdict,
    }


def _ends(name: str, found: Interval) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def lines(found: Tuning) -> list[str]:
    """Return what people read: the conclusion, what mattered, and the command that trains so."""
    from evenhand.study.tuning.words import summary, train_words

    said = summary(found)
    if found.mattered:
        shares = (f"{one.name} {100 * one.share.value:.0f}%" for one in found.mattered[:4])
        said.append(f"What mattered most: {', '.join(shares)}.")
    return [*said, f"Train so: evenhand train DATA {shlex.join(train_words(found))}"]
