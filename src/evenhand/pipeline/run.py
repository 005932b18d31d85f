"""From a folder of pictures to a trained model and a report: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evenhand.attacks.own_model import OwnNetwork
from evenhand.attacks.stress import OPERATIONS, STRESSED, stress
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.auditing.duplicates import training_rows
from evenhand.errors import DataError
from evenhand.exporting.card import write_card
from evenhand.pipeline.auditing import label_audit, write_findings
from evenhand.pipeline.comparing import Comparison, compared_all
from evenhand.pipeline.desk import Desk, opened
from evenhand.pipeline.finishing import description, finished, refitted, tested
from evenhand.pipeline.outlook import keep_study, replayed
from evenhand.progress import SILENT, Progress
from evenhand.records.audit import Audit
from evenhand.records.evaluation import TestResult
from evenhand.reporting.rebuild import rebuild_report
from evenhand.reporting.robustness_page import write_robustness
from evenhand.settings.commands import Settings
from evenhand.study.economy import Economy, Timed, write_economy
from evenhand.study.leak_figures import Leakage, write_leakage
from evenhand.study.leakage import COMMANDS, measure_leakage
from evenhand.study.time_limit import FINAL, START, left_out
from evenhand.training.model_file import Model, save_model

STRESS_SECONDS = OPERATIONS / 1e10
"""What the stress takes at most, on a core that does ten thousand million operations a second."""


@dataclass(frozen=True)
class RunOutcome:
    """What `run` leaves: everything `compare` finds, the model's place, and the test figures where there is a test."""

    audit: Audit
    comparison: Comparison
    model: Path
    test: TestResult | None
    report: Path
    leakage: Leakage | None = None
    """What leaks are worth; None for `train`, which measures nothing besides."""


def run(settings: Settings, progress: Progress = SILENT, *, command: str = "run") -> RunOutcome:
    """Audit, compare, choose, train, test once, stress, report. A run that was cut short goes on where it stopped.

    Parameters
    ----------
    settings : Settings
        The words of the command.
    progress : Progress
        Told how far the work is.
    command : str
        The command's name, kept in ``study.json``: a run folder belongs to one command.

    Raises
    ------
    DataError
        When the data cannot be used, or the run folder holds other data.
    UsageError
        When the run folder holds a run with other settings.
    """
    with opened(settings, command, progress) as asked:
        desk, audit, comparison, repaired = compared_all(asked)
        desk = desk.fitted(FINAL, model=comparison.choice.model)
        bench, chosen = desk.bench(), comparison.chosen
        temperature = chosen.temperature(bench, repaired)
        model = finished(desk, bench, chosen, repaired, temperature)
        test = tested(desk, model)
        leakage, untold = _leakage(desk)
        if settings.refit == "all":
            model, repaired = refitted(desk, chosen, training_rows(desk.manifest), repaired, temperature)
        made = description(desk, model, chosen, repaired, temperature)
        folder = _save(desk, model, made, audit, comparison, test)
        untold += _stress(desk, model, folder)
        write_card(folder)
        comparison = replace(comparison, economy=_economy(asked, desk, comparison.economy, untold))
        return RunOutcome(audit, comparison, folder, test, rebuild_report(settings.out), leakage)


def compare(settings: Settings, progress: Progress = SILENT) -> tuple[Audit, Comparison, Path]:
    """Audit and compare; return both and the report's place. Raises as `run` does."""
    with opened(settings, "compare", progress) as asked:
        keep_study(asked)
        desk, audit, comparison, _ = compared_all(asked)
        economy, replay = _economy(asked, desk, comparison.economy), replayed(desk, comparison.results)
        comparison = replace(comparison, economy=economy, replay=replay)
        return audit, comparison, rebuild_report(settings.out)


def audit(settings: Settings, progress: Progress = SILENT) -> tuple[Audit, Path]:
    """Say what is wrong with the data; return that and the report's place.

    Raises
    ------
    DataError
        When there are no images, or the run folder holds other data.
    """
    with opened(settings, "audit", progress) as asked:
        desk = asked.fitted(START)
        try:
            labels, notes = label_audit(desk), []
        except DataError as error:
            labels, notes = None, [f"The labels could not be checked. {error}"]
        found = write_findings(desk, labels, notes)
        _economy(asked, desk, Economy())
        return found, rebuild_report(settings.out)


def _economy(asked: Desk, desk: Desk, known: Economy, untold: Sequence[str] = ()) -> Economy:
    """Write and return what was not done, against what was asked for."""
    timed = None
    if desk.limit:
        timed = Timed(desk.limit.seconds, round(desk.limit.spent(), 1), (*left_out(asked.preset, desk.preset), *untold))
    found = replace(known, timed=timed)
    write_economy(desk.run.path, found)
    return found


def _leakage(desk: Desk) -> tuple[Leakage | None, tuple[str, ...]]:
    """Measure what leaks are worth, now that the choice is written down: test labels are read for it.

    The second value says that there was no time, where there was none.
    """
    if desk.run.command not in COMMANDS:
        return None, ()
    if not desk.time_for_leakage():
        return None, ("What leaks are worth was not measured.",)
    found = measure_leakage(
        desk.bench,
        desk.manifest,
        desk.recipe(desk.preset.screen),
        desk.preset,
        title="Measuring what leaked copies are worth",
    )
    write_leakage(desk.run.path / "audit", found)
    return found, ()


def _stress(desk: Desk, model: Model, folder: Path) -> tuple[str, ...]:
    """Attack the model a little, where it can be done on images that it has not seen; else the results say so.

    What comes back says that there was no time, where there was none.
    """
    if desk.run.command not in COMMANDS or desk.settings.preset not in STRESSED:
        return ()
    if not desk.time_for(STRESS_SECONDS):
        return ("How the model breaks was not measured.",)
    manifest = desk.manifest
    split = next(name for name in ("test", "val", "train") if len(manifest.where(name)))
    rows = manifest.where(split) if split != "train" else training_rows(manifest)
    seen = split == "train" or desk.settings.refit == "all"
    subject = Subject.of(Victim(OwnNetwork(model)), desk.scan.dataset, rows, folder, seen=seen)
    stress(subject, desk.run.path, seed=desk.settings.seed, progress=desk.progress)
    write_robustness(desk.run.path, f"{desk.run.path.name}/model", subject.model)
    return ()


def _save(
    desk: Desk, model: Model, made: dict[str, Any], audit: Audit, comparison: Comparison, test: TestResult | None
) -> Path:
    """Write the model folder: `made` says how it was made, the rest what is known of it."""
    known = {
        "out_of_fold": comparison.nested.to_json(),
        "test": test.evaluation.to_json() if test else None,
        "test_corrected": test.corrected.to_json() if test and test.corrected else None,
        "audit": audit.to_json(),
    }
    folder = desk.run.path / "model"
    save_model(model, folder, made | known)
    return folder
