"""Studies of the recipe, from a folder of pictures to a report: what the learning rate does, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evenhand.auditing.duplicates import training_rows
from evenhand.pipeline.auditing import audit_without_labels
from evenhand.pipeline.desk import Desk, opened
from evenhand.progress import SILENT, Progress
from evenhand.reporting.rebuild import rebuild_report
from evenhand.settings.commands import Settings
from evenhand.study.learning_rate import HELD, RatePlan, expected, study_rates
from evenhand.study.rate_figures import RateStudy, write_rates
from evenhand.study.rate_finder import FIRST, LAST, around, find_rate
from evenhand.training.precision import seconds_an_image


def learning_rates(
    settings: Settings, rates: Sequence[float], progress: Progress = SILENT, *, tests: int = 0
) -> tuple[RateStudy, Path]:
    """Train at each learning rate; return what that shows and the report's place.

    The same call goes on where it was stopped, and a call with further rates trains only those.

    Parameters
    ----------
    settings : Settings
        The words of the command. Its one remedy is trained with; the fold held out is the first.
    rates : sequence of float
        What to try. With range tests it may be empty: then the suggestion is checked against rates around it.
    progress : Progress
        Told how far the work is.
    tests : int
        Range tests that suggest a rate first; 0: none.

    Raises
    ------
    DataError
        When the data cannot be used, or the run folder holds other data.
    UsageError
        When a training would be too short for a verdict, or the run folder holds a run with other settings.
    """
    with opened(settings, "lr", progress, words=_words(rates, tests)) as desk:
        plan = rate_plan(desk)
        plan.check()
        number = len(rates) or len(around(1.0))
        speed = seconds_an_image(plan.recipe, desk.scan.dataset.size, desk.device)
        short = tests * (LAST - FIRST + 1)
        progress.note(expected(plan, number, short, speed, desk.engine.jobs).sentence())
        audit_without_labels(desk)
        finder = find_rate(plan, tests) if tests else None
        suggested = finder.suggested if finder else None
        tried = {*rates, *([suggested] if suggested else [])} if rates else set(around(suggested) if suggested else ())
        study = study_rates(plan, sorted(tried), finder)
        write_rates(desk.run.path, study)
        return study, rebuild_report(settings.out)


def rate_plan(desk: Desk) -> RatePlan:
    """Return what is trained at each rate: judged on the validation images where there are any, else on a fold."""
    (remedy,) = desk.preset.remedies
    recipe, seeds = desk.recipe(desk.preset.screen), desk.preset.seeds
    manifest = desk.manifest
    own = manifest.where("val")
    if not len(own):
        return RatePlan(desk.bench(), recipe, remedy, seeds)
    train = training_rows(manifest)
    # A training image that belongs to a validation image would tell what it shows.
    train = train[~np.isin(manifest.group[train], manifest.group[own])]
    rows = np.sort(np.concatenate([train, own]))
    fold = np.where(np.isin(rows, own), HELD, HELD + 1).astype(np.int64)
    return RatePlan(desk.bench(rows, scope="rates", fold=fold), recipe, remedy, seeds, source="val")


def _words(rates: Sequence[float], tests: int) -> list[str]:
    """Return the words of the command that say which rates: they may differ from one call to the next."""
    told = [word for rate in rates for word in ("--rate", f"{rate:g}")]
    return [*told, "--find", "--tests", str(tests)] if tests else told
