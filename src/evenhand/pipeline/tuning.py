"""Tuning, from a folder of pictures to a report: audit, search, and the best beside the default on fresh folds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evenhand.disk import write_text
from evenhand.errors import EvenhandError
from evenhand.pipeline.auditing import write_findings
from evenhand.pipeline.desk import Desk, opened
from evenhand.progress import SILENT, Progress
from evenhand.reporting.rebuild import rebuild_report
from evenhand.settings.commands import Settings
from evenhand.settings.presets import PRESETS
from evenhand.settings.study_file import study_text
from evenhand.study.bench import Bench
from evenhand.study.forecast import MARGIN, Forecast
from evenhand.study.judging import Candidate
from evenhand.study.label_audit import LabelAudit, audit_labels, examiner_recipe
from evenhand.study.time_limit import SAFETY, TimeLimit
from evenhand.study.tuning.figures import BEST, FOLDER, JOURNAL, Settled, Tuning, write_tuning
from evenhand.study.tuning.importance import mattered
from evenhand.study.tuning.journal import optuna, prepare
from evenhand.study.tuning.search import Search, best_of, portable, search, tried
from evenhand.study.tuning.settle import APART, rivals, settled
from evenhand.study.tuning.space import Space, space_of
from evenhand.training.precision import seconds_an_image

TRIALS = 40
"""Trials where neither these nor a time limit are named."""
REMEDIES = ("none", "sampler", "class-weights", "balanced-softmax", "logit-adjust")
"""Remedies searched where none is named: plain training, and one of each way to make up for the class counts."""
DEFAULT_REMEDY = "balanced-softmax"
"""What `train` does about the class counts where nothing is said."""
FRESH_SEEDS = 2
"""Trainings a fold of the last comparison: with fewer the interval would be wide."""
REST = 8.0
"""Seconds for what is no training: figures, their intervals, the report."""
LEAST = 0.4
"""Share of the time that is left to the search, however long the last comparison would take."""


@dataclass(frozen=True)
class Plan:
    """What a call of `tune` sets out to do."""

    space: Space
    default: Candidate
    seeds: int
    """Trainings a fold of the last comparison."""
    trials: int | None
    limit: TimeLimit | None


def tune(settings: Settings, progress: Progress = SILENT, *, trials: int | None = None) -> tuple[Tuning, Path]:
    """Search for settings, hold the best against the default on fresh folds; return what was found and the report.

    The same call goes on where it was stopped: no training is done twice. A call with more trials, or with another time
    limit, carries the search on.

    Parameters
    ----------
    settings : Settings
        The words of the command.
    progress : Progress
        Told how far the work is.
    trials : int, optional
        Points to try, over all calls; by default as many as the time limit allows, or 40 without one.

    Raises
    ------
    DataError
        When the data cannot be used, or the run folder holds other data.
    UsageError
        When Optuna is not installed, or the run folder holds a run with other settings.
    EvenhandError
        When not a single trial was finished in time.
    """
    with optuna():
        # Said before any work, where the library is missing.
        limit = TimeLimit(settings.time_limit, settings.started) if settings.time_limit else None
    asked = replace(settings, time_limit=None, remedies=settings.remedies or REMEDIES)
    with opened(asked, "tune", progress, words=_words(settings, trials)) as desk:
        plan = _plan(desk, settings, trials, limit)
        progress.note(_expected(desk, plan).sentence())
        bench = desk.bench()
        labels = _labels(desk, bench)
        write_findings(desk, labels)
        found = _search(desk, plan, bench, labels)
        search(found, desk.engine, progress)
        told = _conclude(desk, plan, found)
        write_tuning(desk.run.path, told)
        write_text(desk.run.path / FOLDER / BEST, best_file(settings, told))
        return told, rebuild_report(settings.out)


def _plan(desk: Desk, settings: Settings, trials: int | None, limit: TimeLimit | None) -> Plan:
    model = desk.preset.screen
    base = desk.recipe(model)
    space = space_of(
        base,
        desk.preset.remedies,
        desk.preset.repairs,
        fixed=settings.changes.keys() - {"epochs"},
        stacking=settings.allow_stacking,
    )
    usual = replace(
        desk,
        preset=replace(desk.preset, recipe=PRESETS[settings.preset].recipe),
        settings=replace(desk.settings, changes={}),
    )
    return Plan(
        space=space,
        default=Candidate(DEFAULT_REMEDY, "none", usual.recipe(model)),
        seeds=settings.seeds or max(FRESH_SEEDS, desk.preset.seeds),
        trials=trials or (None if limit else TRIALS),
        limit=limit,
    )


def _labels(desk: Desk, bench: Bench, *, repairs: bool = True) -> LabelAudit | None:
    """Return what is believed about the labels, by networks that left the folds of this bench out in turn."""
    preset = desk.preset
    if not preset.rounds:
        return None
    nested = repairs and set(preset.repairs) != {"none"}
    networks = preset.examinations("tune")
    return audit_labels(bench, desk.recipe(preset.examiner), networks, nested=nested, detector=desk.settings.detector)


def _search(desk: Desk, plan: Plan, bench: Bench, labels: LabelAudit | None) -> Search:
    """Return what the workers are given, after making the journal ready for them."""
    journal = desk.run.path.absolute() / FOLDER / JOURNAL
    prepare(journal, plan.space.starts(DEFAULT_REMEDY))
    deadline = None
    if plan.limit:
        left = plan.limit.left() - REST
        deadline = time.time() + max(LEAST * left, left - SAFETY * _last(desk, plan))
    return Search(
        journal=journal,
        bench=portable(bench),
        audit=labels,
        space=plan.space,
        trust=desk.settings.trust,
        seed=desk.settings.seed,
        workers=desk.engine.jobs,
        trials=plan.trials,
        deadline=deadline,
        patience=MARGIN * _views(bench, plan) * seconds_an_image(plan.space.base, desk.scan.dataset.size, desk.device),
    )


def _views(bench: Bench, plan: Plan) -> float:
    """Return how many images a training of the search sees."""
    return plan.space.base.epochs * len(bench.rows) * (bench.n_folds - 1) / bench.n_folds


def _conclude(desk: Desk, plan: Plan, found: Search) -> Tuning:
    """Return all that is known when the search is over: the best is judged anew beside what it should beat."""
    trials, keys, begun = tried(found.journal, plan.space)
    best = best_of(trials)
    if best is None:
        raise EvenhandError(
            "Not a single trial was finished: there was no time for one. Give a longer --time-limit; the same command "
            "goes on from here."
        )
    candidate = plan.space.candidate(best.point)
    against = rivals(candidate, plan.default, plan.space.base)
    settings = desk.settings
    other = replace(desk, settings=replace(settings, seed=settings.seed + APART))
    fresh = other.bench(scope="fresh")
    labels = _labels(other, fresh, repairs=candidate.repair != "none")
    told = settled(fresh, labels, (best, candidate), against, trust=settings.trust, seeds=_seeds(desk, plan))
    base = plan.space.base
    return Tuning(
        settings=plan.space.settings,
        trials=tuple(trials),
        mattered=mattered(plan.space.settings, trials, settings.seed),
        best=told,
        model=base.model,
        base=desk.preset.recipe,
        epochs=base.epochs,
        folds=len(found.bench.judged),
        images=len(found.bench.rows),
        expected=found.audit is not None,
        trainings=len(keys),
        seconds=round(sum(desk.run.seconds(key) for key in keys), 1),
        limit=plan.limit.seconds if plan.limit else None,
        unfinished=begun,
    )


def _seeds(desk: Desk, plan: Plan) -> int:
    """Return how many trainings a fold there is time for in the last comparison, at least one."""
    if plan.limit is None:
        return plan.seeds
    left = plan.limit.left() - REST
    fits = [seeds for seeds in range(1, plan.seeds + 1) if _judging(desk, plan, seeds) <= left]
    return max(fits, default=1)


def _judging(desk: Desk, plan: Plan, seeds: int) -> float:
    """Return about how many seconds the best, the default and the recipe take to be judged on fresh folds."""
    size, device, preset = desk.scan.dataset.size, desk.device, desk.preset
    folds = min(preset.judged or preset.folds, preset.folds)
    images = len(desk.bench().rows) * (preset.folds - 1) / preset.folds
    recipes = (plan.default.recipe, plan.space.base, plan.space.base)
    once = sum(seconds_an_image(recipe, size, device) * recipe.epochs for recipe in recipes) * images
    return MARGIN * once * folds * seeds / desk.engine.jobs


def _audited(desk: Desk) -> tuple[int, float]:
    """Return how many networks an audit of the labels trains, and about how many seconds they take."""
    preset = desk.preset
    if not preset.rounds:
        return 0, 0.0
    folds, judged = preset.folds, min(preset.judged or preset.folds, preset.folds)
    number = sum(preset.examinations("tune")) * folds
    if set(preset.repairs) != {"none"}:
        number += judged * (folds - 1) - judged * (judged - 1) // 2
    recipe = examiner_recipe(desk.recipe(preset.examiner))
    images = len(desk.bench().rows) * (folds - 1) / folds * recipe.epochs
    speed = seconds_an_image(recipe, desk.scan.dataset.size, desk.device)
    return number, MARGIN * number * images * speed / desk.engine.jobs


def _last(desk: Desk, plan: Plan) -> float:
    """Return the seconds to be kept for what comes after the search."""
    return _judging(desk, plan, plan.seeds) + _audited(desk)[1]


def _expected(desk: Desk, plan: Plan) -> Forecast:
    """Return what will be done, were no trial stopped early."""
    bench = desk.bench()
    folds = len(bench.judged)
    speed = seconds_an_image(plan.space.base, desk.scan.dataset.size, desk.device)
    audits, seconds = _audited(desk)
    each = MARGIN * _views(bench, plan) * speed / desk.engine.jobs
    number = (plan.trials or 0) * folds
    total = 2 * seconds + each * number + _judging(desk, plan, plan.seeds)
    if plan.limit:
        total = plan.limit.seconds
        number = number or int(max(0.0, total - 2 * seconds - _judging(desk, plan, plan.seeds)) / each)
    size = 60_000 + len(bench.rows) * (8 + 4 * bench.n_classes) / bench.n_folds
    trainings = number + 2 * audits + 3 * folds * plan.seeds
    return Forecast(trainings, total, round(trainings * size))


def best_file(settings: Settings, found: Tuning) -> str:
    """Return the best as a study file: `compare --study` trains by it, with its remedy or with others typed."""
    best: Settled = found.best
    asked = Settings(
        data=settings.data,
        out=settings.out,
        preset=settings.preset,
        classes=settings.classes,
        size=settings.size,
        remedies=(best.remedy,),
        repairs=(best.repair,),
        allow_stacking=settings.allow_stacking,
        trust=settings.trust,
        detector=settings.detector,
        model=found.model,
        recipe=found.base,
        changes={**settings.changes, **best.changes},
        folds=settings.folds,
        seeds=settings.seeds,
        seed=settings.seed,
    )
    return study_text(asked)


def _words(settings: Settings, trials: int | None) -> Sequence[str]:
    """Return the words of the command that may differ from one call to the next."""
    told = ["--trials", str(trials)] if trials else []
    return [*told, "--time-limit", f"{settings.time_limit:g}s"] if settings.time_limit else told
