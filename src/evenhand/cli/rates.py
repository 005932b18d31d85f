"""The command that studies learning rates: its words, what it calls, what it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.errors import UsageError

if TYPE_CHECKING:
    from evenhand.study.rate_figures import RateStudy

MOST_RATES = 200
RANGE = (0.0, 1e6)
"""What a recipe takes as its learning rate; nothing moves at 0."""

Rates = Annotated[
    list[str] | None, typer.Option("--rate", help="A learning rate to try, for example 1e-3. May be given many times.")
]
Grids = Annotated[
    list[str] | None,
    typer.Option(
        "--grid", help="LOW:HIGH:N tries N rates, each the same factor above the one before. May be repeated."
    ),
]
Find = Annotated[
    bool,
    typer.Option(
        "--find", help="Let range tests suggest a rate, and check it against others trained in full around it."
    ),
]
Tests = Annotated[int, typer.Option("--tests", help="Range tests that --find repeats, with other random draws.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Epochs of each training. [default: as the recipe says]")]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="Whose recipe is trained with: quick, standard, thorough, or reference. [default: reference, plain SGD at "
        "one rate; with --find standard, what train uses]",
    ),
]
Remedy = Annotated[str, typer.Option("--remedy", help="What to train with; A+B composes.")]


def lr(
    data: options.Data,
    rate: Rates = None,
    grid: Grids = None,
    find: Find = False,
    tests: Tests = 3,
    epochs: Epochs = None,
    seeds: options.Seeds = None,
    out: options.Out = None,
    edits: options.Edits = None,
    preset: Preset = None,
    remedy: Remedy = "none",
    allow_stacking: options.Stacking = False,
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: options.RecipeName = None,
    change: options.Changes = None,
    folds: options.Folds = 5,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train at several learning rates; say of each whether it is too small, slow, converges, unstable or diverges."""
    study_rates(dict(locals()), json=json, quiet=quiet)


def study_rates(words: Mapping[str, Any], *, json: bool, quiet: bool) -> None:
    """Study learning rates and print the verdicts."""
    rates = asked_rates(words["rate"], words["grid"])
    if not rates and not words["find"]:
        raise UsageError(
            "Name rates with --rate 0.01 (as many as you like) or --grid 1e-5:1:6, or let --find suggest one."
        )
    if words["tests"] < 1:
        raise UsageError(f"--tests must be at least 1, not {words['tests']}.")
    changes = [*(words["change"] or ()), *([f"epochs={words['epochs']}"] if words["epochs"] is not None else [])]
    if any(change.partition("=")[0].strip() == "learning_rate" for change in changes):
        raise UsageError("lr tries the rates of --rate, --grid and --find; leave --set learning_rate out.")
    preset = words["preset"] or ("standard" if words["find"] else "reference")
    asked = {**words, "preset": preset, "change": changes, "remedy": [words["remedy"]], "repair": "none"}
    settings = options.settings("lr", asked)
    from evenhand.pipeline import learning_rates as studying

    study, report = studying.learning_rates(
        settings, rates, progress(quiet=quiet), tests=words["tests"] if words["find"] else 0
    )
    if json:
        show.print_json("lr", run=str(settings.out), **told(study), report=str(report))
        return
    for line in lines(study):
        print(line)
    show.print_places([("Tables", settings.out / "learning_rate"), ("Report", report)])


def asked_rates(rates: Sequence[str] | None, grids: Sequence[str] | None) -> tuple[float, ...]:
    """Return the rates asked for, ascending, each once.

    Raises
    ------
    UsageError
        When a text is no rate or no grid, or there are more rates than anybody could look at.
    """
    found = {_rate(text, f"--rate {text}") for text in rates or ()}
    for text in grids or ():
        found.update(_grid(text))
    if len(found) > MOST_RATES:
        raise UsageError(f"{len(found)} rates are too many; at most {MOST_RATES} are tried at once.")
    return tuple(sorted(found))


def _rate(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is no number. A learning rate is written as 0.001 or 1e-3.") from error
    if not RANGE[0] < value <= RANGE[1]:
        raise UsageError(f"{where}: a learning rate is above 0 and at most {RANGE[1]:g}.")
    return value


def _grid(text: str) -> list[float]:
    parts = text.split(":")
    number = int(parts[2]) if len(parts) == 3 and parts[2].strip().isdecimal() else 0
    if len(parts) != 3 or not 2 <= number <= MOST_RATES:
        raise UsageError(f"--grid takes LOW:HIGH:N with N from 2 to {MOST_RATES}, for example 1e-5:1:6, not {text!r}.")
    low, high = (_rate(part, f"--grid {text}") for part in parts[:2])
    if not low < high:
        raise UsageError(f"--grid {text}: the first rate must be below the second.")
    # Rounded to what people would have written, so that 1e-5:1:6 contains 0.01 and not a neighbour of it.
    return [float(f"{low * (high / low) ** (place / (number - 1)):.6g}") for place in range(number)]


def told(study: RateStudy) -> dict[str, Any]:
    """Return what ``--json`` says of a study."""
    from evenhand.study.rate_words import explain

    finder = study.finder
    return {
        "rates": [
            {
                "rate": row.rate,
                "verdict": row.verdict.kind,
                "final_loss": row.final_loss,
                "step": row.verdict.step,
                "validation_loss": row.validation_loss,
                "start_loss": row.verdict.start,
                "noise": row.verdict.noise,
                "tied": row.tied,
                "trainings": row.verdict.trainings,
                "explanation": explain(row, study),
            }
            for row in study.rows
        ],
        "suggested": study.suggested,
        "best": study.best,
        "finder": (
            {
                "suggested": finder.suggested,
                "low": finder.low,
                "high": finder.high,
                "each": list(finder.each),
                "epochs": finder.epochs,
            }
            if finder
            else None
        ),
    }


def lines(study: RateStudy) -> list[str]:
    """Return what people read: a line a rate, and the conclusion."""
    from evenhand.study.rate_words import KIND_WORDS, explain, finder_words, rate_words, summary

    found = [f"{rate_words(row.rate)} {KIND_WORDS[row.verdict.kind]}. {explain(row, study)}" for row in study.rows]
    if study.finder:
        found += finder_words(study.finder, study)
    return [*found, summary(study)]
