"""The command line: parse, call, print. Nothing numeric is imported before a command runs."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

import evenhand
from evenhand.cli import attack as attack_
from evenhand.cli import decisions as decisions_
from evenhand.cli import handover as handover_
from evenhand.cli import jobs as jobs_
from evenhand.cli import options
from evenhand.cli import rates as rates_
from evenhand.cli import reference as reference_
from evenhand.cli import study as study_
from evenhand.cli import tune as tune_
from evenhand.errors import EvenhandError

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Train image classifiers that treat every class fairly, from small, lopsided, partly mislabelled data.",
    epilog="Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 data, 4 model file, "
    "5 export.",
)


def _version(asked: bool) -> None:
    if asked:
        print(evenhand.__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    del version


@app.command()
def run(
    data: options.Data,
    out: options.Out = None,
    test: options.Test = None,
    edits: options.Edits = None,
    grown: options.Grown = False,
    preset: options.Preset = "standard",
    remedy: options.Remedies = None,
    allow_stacking: options.Stacking = False,
    repair: options.Repairs = None,
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: options.RecipeName = None,
    change: options.Changes = None,
    trust: options.Trust = 0.5,
    detector: options.Detector = "posterior",
    refit: options.Refit = "train",
    distil: options.Distil = False,
    costs: options.CostFile = None,
    prior: options.PriorOfUse = None,
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    seed: options.Seed = 0,
    halving: options.Halving = None,
    what_next: options.WhatNext = None,
    time_limit: options.TimeLimit = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Audit, compare remedies, choose, train, test once, report: the main job."""
    words = dict(locals())
    jobs_.whole_run("run", options.settings("run", words), json=json, quiet=quiet)


@app.command()
def demo(
    out: options.Out = None,
    scale: Annotated[float, typer.Option("--scale", help="Size of the demo set: 1 is 5,625 training images.")] = 1.0,
    long_tailed: Annotated[
        bool,
        typer.Option(
            "--long-tailed", help="Draw ten kinds instead, 1,000 to 10 training images each, all labels right."
        ),
    ] = False,
    data_only: Annotated[bool, typer.Option("--data-only", help="Only write the pictures.")] = False,
    preset: options.Preset = "quick",
    seed: options.Seed = 0,
    halving: options.Halving = None,
    what_next: options.WhatNext = None,
    time_limit: options.TimeLimit = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the main job on built-in pictures with known faults; needs no files and no network."""
    words = dict(locals())
    jobs_.demo(words, scale=scale, long_tailed=long_tailed, data_only=data_only, json=json, quiet=quiet)


@app.command()
def audit(
    data: options.Data,
    out: options.Out = None,
    test: options.Test = None,
    edits: options.Edits = None,
    grown: options.Grown = False,
    preset: options.Preset = "standard",
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: options.RecipeName = None,
    change: options.Changes = None,
    detector: options.Detector = "posterior",
    folds: options.Folds = None,
    seed: options.Seed = 0,
    time_limit: options.TimeLimit = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what is wrong with the data: class counts, unreadable files, duplicates, suspected label errors."""
    words = dict(locals())
    jobs_.audit(options.settings("audit", words), json=json, quiet=quiet)


@app.command()
def compare(
    context: typer.Context,
    data: options.Data,
    study: options.Study = None,
    out: options.Out = None,
    test: options.Test = None,
    edits: options.Edits = None,
    grown: options.Grown = False,
    preset: options.Preset = "standard",
    remedy: options.Remedies = None,
    allow_stacking: options.Stacking = False,
    repair: options.Repairs = None,
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: options.RecipeName = None,
    change: options.Changes = None,
    trust: options.Trust = 0.5,
    detector: options.Detector = "posterior",
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    seed: options.Seed = 0,
    halving: options.Halving = None,
    what_next: options.WhatNext = None,
    time_limit: options.TimeLimit = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge remedies side by side, on the same folds and seeds; train no final model."""
    words = dict(locals())
    asked = study_.with_study(study, options.settings("compare", words), study_.told(context))
    jobs_.compare(asked, json=json, quiet=quiet)


@app.command()
def train(
    data: options.Data,
    out: options.Out = None,
    test: options.Test = None,
    edits: options.Edits = None,
    grown: options.Grown = False,
    preset: options.Preset = "standard",
    remedy: options.Remedies = None,
    allow_stacking: options.Stacking = False,
    repair: options.Repairs = "none",
    classes: options.Classes = None,
    size: options.Size = None,
    model: options.ModelName = None,
    recipe: options.RecipeName = None,
    change: options.Changes = None,
    trust: options.Trust = 0.5,
    detector: options.Detector = "posterior",
    refit: options.Refit = "train",
    distil: options.Distil = False,
    costs: options.CostFile = None,
    prior: options.PriorOfUse = None,
    folds: options.Folds = None,
    seed: options.Seed = 0,
    time_limit: options.TimeLimit = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train one model with one remedy and one repair, with its out-of-fold figure."""
    words = dict(locals())
    jobs_.whole_run("train", options.single("train", words), json=json, quiet=quiet)


@app.command()
def evaluate(
    model_path: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model folder, or a PyTorch file of weights together with --model."),
    ],
    data: options.Data,
    model: options.ModelName = None,
    classes: options.Classes = None,
    size: options.Size = None,
    split: Annotated[
        str, typer.Option("--split", help="train, val, test or all. [default: test where there is one, else all]")
    ] = "auto",
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="MODEL", help="Another model folder, compared with on the same images."),
    ] = None,
    costs: options.CostFile = None,
    prior: options.PriorOfUse = None,
    reject_below: options.RejectBelow = None,
    edits: options.Edits = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compute every figure of a trained model on labelled images."""
    words = dict(locals())
    jobs_.evaluate(options.evaluation(words), json=json, quiet=quiet)


@app.command()
def attack(
    model_path: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, a PyTorch file of weights together with --model, or an .onnx file, which can only be "
            "asked (--attack square).",
        ),
    ],
    data: options.Data,
    attack: attack_.AttackName = "pgd",
    norm: attack_.Norm = None,
    eps: attack_.Eps = None,
    target: attack_.Target = None,
    out: options.Out = None,
    model: options.ModelName = None,
    classes: options.Classes = None,
    size: options.Size = None,
    split: attack_.Split = "auto",
    limit: attack_.Limit = None,
    examples: attack_.Examples = 12,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Break a model: adversarial examples, what is left of its accuracy, and whether rare classes are more fragile."""
    words = dict(locals())
    attack_.attack(words, json=json, quiet=quiet)


app.command("lr")(rates_.lr)
app.command("tune")(tune_.tune)
app.command()(reference_.reference)


@app.command()
def report(
    run_folder: options.Run,
    json: options.Json = False,
) -> None:
    """Write a run's report again from its files."""
    jobs_.report(run_folder, json=json)


@app.command()
def review(
    run_folder: options.Run,
    port: Annotated[int, typer.Option("--port", help="Where the page is served; 0 takes any free port.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Who decides. [default: your user name]")] = None,
    json: options.Json = False,
) -> None:
    """Open a page on this machine to settle suspected labels, one key a picture; needs evenhand[serve]."""
    decisions_.review(run_folder, port=port, browser=not no_browser, reviewer=reviewer, json=json)


@app.command()
def edits(
    run_folder: options.Run,
    to: Annotated[Path | None, typer.Option("--to", help="Write a CSV of corrected labels that DATA can be.")] = None,
    decisions: Annotated[Path | None, typer.Option("--decisions", help="Write the decisions as CSV.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Copy the pictures to a new folder, sorted by corrected label.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Link the pictures instead of copying them.")] = False,
    json: options.Json = False,
) -> None:
    """Say what was decided about the labels of a run, and export it."""
    decisions_.edits(run_folder, to=to, decisions=decisions, folder=folder, link=link, json=json)


app.command()(handover_.export)
app.command()(handover_.predict)
app.command()(handover_.serve)


def main() -> None:
    """Run the command line; every error ends in a sentence and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A class name that the terminal cannot show is no reason to lose the results.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="evenhand", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this code and says nothing
            raise KeyboardInterrupt
    except EvenhandError as error:
        _fail(str(error), error.exit_code, error)
    except TyperException as error:
        _fail(error.format_message(), error.exit_code, error)
    except typer.Abort as error:  # typer's word for an end of file, which no command asks people for
        _fail(f"{error.__cause__ or error}\nSet EVENHAND_DEBUG=1 to see where.", 1, error)
    except KeyboardInterrupt:
        _fail("Interrupted. What is finished is kept; the same command goes on from there.", INTERRUPTED, None)
    except BrokenPipeError:
        # Whoever read our output has stopped reading; there is nobody to tell.
        _drop_output()
        sys.exit(1)
    except Exception as error:
        _fail(_words(error), 1, error)
    sys.exit(code if isinstance(code, int) else 0)


def _words(error: Exception) -> str:
    """Return what to say of an error that no room has put into words."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        from evenhand.disk import unwritable

        return str(unwritable(Path(error.filename or "the results"), error))
    return f"{type(error).__name__}: {error}\nSet EVENHAND_DEBUG=1 to see where."


def _fail(message: str, code: int, error: BaseException | None) -> None:
    if error is not None and os.environ.get("EVENHAND_DEBUG"):
        traceback.print_exception(error)
    print(f"Error: {message}", file=sys.stderr)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_output()
    sys.exit(code)


def _drop_output() -> None:
    """Let what could not be written go nowhere; Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
