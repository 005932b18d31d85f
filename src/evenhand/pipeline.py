"""From a folder of pictures to a trained model and a report: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.attacks.own_model import OwnNetwork
from evenhand.attacks.stress import OPERATIONS, STRESSED, stress
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.auditing.confused import confused_pairs
from evenhand.auditing.detectors import OWN
from evenhand.auditing.duplicates import duplicates, training_rows
from evenhand.auditing.files import write_audit
from evenhand.auditing.label_likelihood import FEWEST
from evenhand.auditing.labels import label_issues
from evenhand.auditing.odd_images import odd_images
from evenhand.compared import Compared
from evenhand.data.manifest import SPLITS
from evenhand.desk import Desk, opened
from evenhand.disk import write_table
from evenhand.errors import DataError
from evenhand.exporting.card import write_card
from evenhand.finishing import Chosen, description, finished, refitted, tested
from evenhand.outlook import entered, keep_study, replayed, what_next
from evenhand.progress import SILENT, Progress
from evenhand.records import Audit, Choice, Evaluation, Judged, RemedyResult, TestResult
from evenhand.reporting.gather import gather
from evenhand.reporting.report import write_report
from evenhand.reporting.robustness_page import write_robustness
from evenhand.settings import Settings
from evenhand.study.bench import Bench
from evenhand.study.compare import best_of_each, choose, finalists, nested, ranked
from evenhand.study.conclude import compared
from evenhand.study.economy import Economy, Timed, write_economy
from evenhand.study.judging import Score, judge, with_recipe
from evenhand.study.label_audit import WHOLE, LabelAudit, audit_labels, refined
from evenhand.study.leak_figures import Leakage, write_leakage
from evenhand.study.leakage import COMMANDS, measure_leakage
from evenhand.study.next_steps import WhatNext
from evenhand.study.replay import Replay
from evenhand.study.results import write_judged, write_results
from evenhand.study.time_limit import COMPARISON, FINAL, FINALISTS, START, left_out
from evenhand.study.trial import Targets
from evenhand.training.model_file import Model, save_model

STRESS_SECONDS = OPERATIONS / 1e10
"""What the stress takes at most, on a core that does ten thousand million operations a second."""


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: rows best first, the choice, and the honest figure of choosing."""

    results: tuple[RemedyResult, ...]
    choice: Choice
    nested: Evaluation
    economy: Economy
    """What was not done: candidates that stopped early, and what a time limit left out."""
    what_next: WhatNext | None = None
    """What would help from here; None where it was not asked for."""
    replay: Replay | None = None
    """The reference study's table beside one's own, where it is replayed."""
    compared: tuple[Compared, ...] = ()
    """What the comparison adds to each row."""
    posterior: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    """What the audit believed of each training image while it judged; None without an audit."""

    @property
    def chosen(self) -> Chosen:
        """What the final model is made from."""
        return Chosen(self.choice, self.results, self.posterior)


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
        desk, audit, comparison, repaired = _compare(asked)
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
        desk, audit, comparison, _ = _compare(asked)
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
            labels, notes = _label_audit(desk), []
        except DataError as error:
            labels, notes = None, [f"The labels could not be checked. {error}"]
        found = _write_audit(desk, labels, notes)
        _economy(asked, desk, Economy())
        return found, rebuild_report(settings.out)


def _label_audit(desk: Desk) -> LabelAudit | None:
    """Return the label models that repairs need; None where the preset looks for no label errors."""
    preset, networks = desk.preset, desk.preset.examinations(desk.run.command)
    # Label models that leave a fold out are needed only where repairs are judged.
    repairs = desk.run.command != "audit" and set(preset.repairs) != {"none"}
    bench = desk.bench()
    desk.announce()
    if not networks:
        return None
    return audit_labels(bench, desk.recipe(preset.examiner), networks, nested=repairs, detector=desk.settings.detector)


def _write_audit(desk: Desk, labels: LabelAudit | None, notes: Sequence[str] = ()) -> Audit:
    """Write and return what is wrong with the data; `notes` are sentences to say besides."""
    found = _describe(desk, labels, [*desk.scan.notes, *notes])
    write_audit(desk.run.path / "audit", found)
    return found


def audit_without_labels(desk: Desk) -> Audit:
    """Write and return what is wrong with the data, the labels aside: no network is trained."""
    return _write_audit(desk, None)


def _describe(desk: Desk, labels: LabelAudit | None, notes: list[str]) -> Audit:
    manifest = desk.manifest
    rows = training_rows(manifest)
    dropped = len(manifest.where("train")) - len(rows)
    if dropped:
        notes.append(
            f"{dropped} training images are copies of test images, or share a group with one; "
            "they are left out of training."
        )
    small = [name for name, count in manifest.counts("train").items() if count < FEWEST]
    if labels and small:
        notes.append(f"Too few images to judge the labels of: {', '.join(small)}.")
    if labels and desk.settings.detector != OWN:
        notes.append(
            f"The suspects are those of the detector {desk.settings.detector}; how many labels are wrong is evenhand's "
            "own estimate."
        )
    paths = [manifest.paths[row] for row in rows]
    return Audit(
        classes=manifest.classes,
        counts={split: manifest.counts(split) for split in SPLITS},
        findings=desk.scan.findings,
        duplicates=duplicates(manifest, desk.scan.near),
        issues=label_issues(labels.whole, manifest.given[rows], paths, manifest.classes) if labels else (),
        wrong_labels=labels.whole.wrong if labels else None,
        pairs=confused_pairs(labels.whole, manifest.given[rows], manifest.classes) if labels else (),
        notes=tuple(notes),
        odd=odd_images(desk.scan.dataset, desk.scan.sizes),
    )


def _compare(desk: Desk) -> tuple[Desk, Audit, Comparison, Targets]:
    """Audit, screen every candidate, judge the best again with the larger model, write down the choice.

    The desk comes back with what was left out for want of time.
    """
    desk = desk.fitted(START)
    labels = _label_audit(desk)
    _write_audit(desk, labels)
    desk = desk.fitted(COMPARISON)
    preset, bench = desk.preset, desk.bench()
    repairs = [repair for repair in preset.repairs if labels or repair == "none"]
    screened = judge(
        bench,
        entered(desk, repairs),
        labels,
        trust=desk.settings.trust,
        seeds=preset.seeds,
        title="Comparing the groups" if preset.groups else f"Comparing remedies with the model {preset.screen}",
        halving=preset.halving,
        room=desk.room(bench, FINALISTS),
    )
    final: list[Score] = []
    desk = desk.fitted(FINALISTS)
    preset = desk.preset
    if preset.finalists:
        leading = finalists(screened, preset.finalists)
        final = judge(
            bench,
            with_recipe(leading, desk.recipe(preset.model)),
            labels,
            trust=desk.settings.trust,
            seeds=preset.seeds,
            title=f"Judging {len(leading)} finalists with the model {preset.model}",
            halving=preset.halving,
            room=desk.room(bench, FINAL),
        )
    comparison = _conclude(desk, bench, [*screened, *final], labels)
    desk = desk.with_curves()
    if labels is None:
        comparison = replace(comparison, what_next=what_next(desk, bench, comparison.choice, None))
        return desk, _write_audit(desk, None), comparison, bench.workplace.targets(bench.as_given)
    judged = [score.result for score in final or screened]
    better = refined(labels, bench, judged, detector=desk.settings.detector)
    chosen = better.targets(bench, WHOLE, comparison.choice.repair, desk.settings.trust)
    comparison = replace(comparison, what_next=what_next(desk, bench, comparison.choice, (labels, better)))
    return desk, _write_audit(desk, better), comparison, bench.workplace.targets(chosen)


def _conclude(desk: Desk, bench: Bench, scores: list[Score], labels: LabelAudit | None) -> Comparison:
    rows = best_of_each(scores)
    results = tuple(score.result for score in rows)
    beside = compared(bench, rows, ranked(scores), labels.whole.posterior if labels else None)
    choice = choose(scores, desk.preset.folds)
    honest = nested(bench, scores)
    write_judged(desk.run.path, [Judged.of(score.result) for score in scores])
    write_results(desk.run.path, results, choice, honest, beside)
    write_table(
        desk.run.path / "timings.csv",
        ["remedy", "repair", "model", "seconds"],
        [[result.remedy, result.repair, result.model, result.seconds] for result in results],
    )
    economy = Economy.of(score.result for score in scores)
    posterior = labels.whole.posterior if labels else None
    return Comparison(results, choice, honest, economy, compared=beside, posterior=posterior)


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


def rebuild_report(run: Path) -> Path:
    """Write ``report.html`` from the files of a run folder; return its place.

    Raises
    ------
    UsageError
        When the folder is no run.
    """
    return write_report(gather(run), run / "report.html")


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
