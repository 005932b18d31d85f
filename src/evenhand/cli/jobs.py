"""What each command calls and prints. The numeric rooms are imported here, inside the functions, and nowhere above."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.cli import options, show
from evenhand.cli.console import progress

if TYPE_CHECKING:
    from evenhand.pipeline.run import RunOutcome
    from evenhand.settings.commands import Evaluate, Settings


def whole_run(command: str, settings: Settings, *, json: bool, quiet: bool) -> RunOutcome:
    """Run the whole way and print the choice, the test figures and the places of model and report."""
    from evenhand.pipeline import run as pipeline
    from evenhand.pipeline.told import told_run

    outcome = pipeline.run(settings, progress(quiet=quiet), command=command)
    test = outcome.test
    if json:
        show.print_json(command, **told_run(settings.out, outcome))
        return outcome
    show.print_audit(outcome.audit)
    show.print_comparison(outcome.comparison)
    if test:
        show.print_evaluation(test.evaluation, "The final model on the test images, labels as given")
        if test.corrected:
            show.print_evaluation(test.corrected, "The same on corrected labels")
    else:
        show.print_evaluation(
            outcome.comparison.nested, "No test images: out of fold, the choice of the remedy included"
        )
    if outcome.leakage:
        show.print_leakage(outcome.leakage)
    if outcome.comparison.what_next:
        show.print_what_next(outcome.comparison.what_next)
    show.print_places([("Model", outcome.model), ("Report", outcome.report)])
    return outcome


def demo(
    words: Mapping[str, Any], *, scale: float, long_tailed: bool, data_only: bool, json: bool, quiet: bool
) -> None:
    """Write the demo set, or the long-tailed one, and run on it."""
    # The making of the pictures counts for a time limit.
    started = time.monotonic()
    from evenhand.data.demo import make_demo, make_long_tailed

    folder = words["out"] or Path("long-tailed" if long_tailed else "demo")
    data = folder / "data"
    make = make_long_tailed if long_tailed else make_demo
    make(data, scale=scale, seed=words["seed"], progress=progress(quiet=quiet))
    if data_only and json:
        show.print_json("demo", data=str(data))
        return
    if data_only:
        show.print_places([("Pictures", data)])
        return
    asked = {**words, "data": data, "out": folder / "run", "scale": None if scale == 1 else scale, "started": started}
    whole_run("demo", options.settings("demo", asked), json=json, quiet=quiet)


def audit(settings: Settings, *, json: bool, quiet: bool) -> None:
    """Audit and print the findings."""
    from evenhand.pipeline import run as pipeline
    from evenhand.pipeline.told import told_audit

    found, report_file = pipeline.audit(settings, progress(quiet=quiet))
    if json:
        show.print_json("audit", **told_audit(settings.out, found, report_file))
        return
    show.print_audit(found)
    show.print_economy(settings.out)
    show.print_places([("Tables", settings.out / "audit"), ("Report", report_file)])


def compare(settings: Settings, *, json: bool, quiet: bool) -> None:
    """Compare and print the leaderboard."""
    from evenhand.pipeline import run as pipeline
    from evenhand.pipeline.told import told_comparison

    _, comparison, report_file = pipeline.compare(settings, progress(quiet=quiet))
    if json:
        show.print_json("compare", **told_comparison(settings.out, comparison, report_file))
        return
    show.print_comparison(comparison)
    if comparison.replay:
        show.print_replay(comparison.replay)
    if comparison.what_next:
        show.print_what_next(comparison.what_next)
    show.print_places([("Leaderboard", settings.out / "leaderboard.csv"), ("Report", report_file)])


def evaluate(request: Evaluate, *, json: bool, quiet: bool) -> None:
    """Evaluate a model and print every figure."""
    from evenhand.pipeline import evaluating
    from evenhand.pipeline.told import told_evaluation

    found, corrected, against = evaluating.evaluate_against(request, progress(quiet=quiet))
    if json:
        show.print_json("evaluate", **told_evaluation(request.model, found, corrected, against))
        return
    show.print_evaluation(found, f"{request.model} on {request.data}")
    if corrected:
        show.print_evaluation(corrected, "The same on corrected labels")
    if against:
        show.print_paired(against)


def report(run: Path, *, json: bool) -> None:
    """Write the report of a run again."""
    from evenhand.reporting.rebuild import rebuild_report

    place = rebuild_report(run)
    if json:
        show.print_json("report", run=str(run), report=str(place))
        return
    show.print_places([("Report", place)])
