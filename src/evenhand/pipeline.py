"""From a folder of pictures to a trained model and a report: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.duplicates import exact_duplicates, training_rows
from evenhand.auditing.files import write_audit
from evenhand.auditing.labels import FEWEST, confused_pairs, label_issues
from evenhand.auditing.scan import Scan, scan
from evenhand.data.folds import fold_of
from evenhand.data.manifest import SPLITS, Manifest, write_manifest
from evenhand.engines.local import LocalEngine, cores
from evenhand.errors import DataError, UsageError, suggest
from evenhand.evaluation.metrics import evaluate as evaluate_probabilities
from evenhand.models.catalogue import MODELS
from evenhand.progress import SILENT, Progress
from evenhand.records import Audit, Choice, Evaluation, RemedyResult, TestResult
from evenhand.remedies.catalogue import canonical
from evenhand.reporting.gather import gather
from evenhand.reporting.report import write_report
from evenhand.settings import Preset, Settings, resolved
from evenhand.store import RunFolder, write_table
from evenhand.study.bench import Bench
from evenhand.study.compare import Score, best_of_each, candidates, choose, judge, nested, ranked, with_recipe
from evenhand.study.final import train_final
from evenhand.study.label_audit import WHOLE, LabelAudit, audit_labels, refined
from evenhand.study.results import write_results, write_test
from evenhand.study.trial import Targets, Workplace, environment
from evenhand.training.device import device_named
from evenhand.training.model_file import Model, save_model
from evenhand.training.precision import settled
from evenhand.training.recipe import Recipe, recipe


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: rows best first, the choice, and the honest figure of choosing."""

    results: tuple[RemedyResult, ...]
    choice: Choice
    nested: Evaluation


@dataclass(frozen=True)
class RunOutcome:
    """What `run` leaves: everything `compare` finds, the model's place, and the test figures where there is a test."""

    audit: Audit
    comparison: Comparison
    model: Path
    test: TestResult | None
    report: Path


def run(settings: Settings, progress: Progress = SILENT, *, command: str = "run") -> RunOutcome:
    """Audit, compare, choose, train, test once, report. A run that was cut short goes on where it stopped.

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
    with _opened(settings, command, progress) as desk:
        audit, comparison, repaired = _compare(desk)
        model = _train(desk, desk.bench(), comparison.choice, repaired)
        test = _test(desk, model)
        if settings.refit == "all":
            model = _refit(desk, comparison.choice, repaired)
        folder = _save(desk, model, comparison, audit, test)
        return RunOutcome(audit, comparison, folder, test, rebuild_report(settings.out))


def compare(settings: Settings, progress: Progress = SILENT) -> tuple[Audit, Comparison, Path]:
    """Audit and compare; return both and the report's place. Raises as `run` does."""
    with _opened(settings, "compare", progress) as desk:
        audit, comparison, _ = _compare(desk)
        return audit, comparison, rebuild_report(settings.out)


def audit(settings: Settings, progress: Progress = SILENT) -> tuple[Audit, Path]:
    """Say what is wrong with the data; return that and the report's place.

    Raises
    ------
    DataError
        When there are no images, or the run folder holds other data.
    """
    with _opened(settings, "audit", progress) as desk:
        try:
            labels, notes = _label_audit(desk), []
        except DataError as error:
            labels, notes = None, [f"The labels could not be checked. {error}"]
        return _write_audit(desk, labels, notes), rebuild_report(settings.out)


@dataclass(frozen=True)
class _Desk:
    """What every step of a run works with."""

    settings: Settings
    preset: Preset
    scan: Scan
    run: RunFolder
    engine: LocalEngine
    device: str
    progress: Progress

    @property
    def manifest(self) -> Manifest:
        manifest: Manifest = self.scan.dataset.manifest
        return manifest

    def recipe(self, model: str, **changes: Any) -> Recipe:
        """Return the preset's recipe for a model, its precision settled."""
        wanted = recipe(self.preset.recipe, model, **self.settings.changes)
        return settled(replace(wanted, **changes), self.scan.dataset.size, self.device)

    def workplace(self, scope: str = "study") -> Workplace:
        return Workplace(
            run=self.run.path,
            pixels=_pixel_file(self.scan),
            n_classes=len(self.manifest.classes),
            device=self.device,
            scope=scope,
        )

    def bench(self, rows: Any = None, *, scope: str = "study") -> Bench:
        """Return the bench for training on `rows` of the manifest, by default the training rows."""
        return Bench(
            self.run,
            self.scan.dataset,
            self.workplace(scope),
            training_rows(self.manifest) if rows is None else rows,
            folds=self.preset.folds,
            judged=self.preset.judged,
            seed=self.settings.seed,
            engine=self.engine,
            progress=self.progress,
        )


@contextmanager
def _opened(settings: Settings, command: str, progress: Progress) -> Iterator[_Desk]:
    """Claim the run folder, decode the images, check that they are the folder's, and start the workers."""
    preset = _checked(settings, command)
    device = device_named(settings.device)
    jobs = settings.jobs or cores()
    with RunFolder.claim(settings.out, settings=settings.to_json(), command=command) as run:
        found = scan(
            settings.data,
            cache=run.path / "cache",
            test=settings.test,
            classes=settings.classes,
            size=settings.size,
            jobs=jobs,
            progress=progress,
        )
        manifest = found.dataset.manifest
        if command != "audit":
            # Said before the run is written down: a folder that holds nothing but a refusal would be in the way.
            rows = training_rows(manifest)
            fold_of(manifest.given[rows], manifest.group[rows], preset.folds, settings.seed, manifest.classes)
        run.bind(manifest.fingerprint(), _facts(settings, found))
        write_manifest(run.path / "manifest.csv", manifest)
        for note in found.notes:
            progress.note(note)
        with LocalEngine(jobs) as engine:
            yield _Desk(settings, preset, found, run, engine, device, progress)


def _checked(settings: Settings, command: str) -> Preset:
    """Return the preset in force; refuse before any work what would fail in the middle of it.

    Raises
    ------
    UsageError
        When a remedy, model or setting is unknown, or the run folder would lie inside the data.
    """
    preset = resolved(settings)
    for remedy in preset.remedies:
        canonical(remedy)
    for model in {preset.screen, preset.model}:
        if model not in MODELS:
            raise UsageError(f"There is no model {model!r}. {suggest(model, MODELS)}")
        recipe(preset.recipe, model, **settings.changes)
    if command != "audit" and preset.folds < 3 and set(preset.repairs) != {"none"}:
        raise UsageError(
            "A repair needs at least 3 folds: it is estimated without the fold that judges it, on folds that are "
            "predicted in turn. Use --folds 3, or --repair none."
        )
    for folder in (settings.data, settings.test):
        if folder and folder.is_dir() and settings.out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{settings.out} lies inside {folder}; nothing is written there. Name a folder with --out."
            )
    return preset


def _facts(settings: Settings, found: Scan) -> dict[str, Any]:
    """Return what ``study.json`` says beside the settings: enough to write the report again without the data."""
    return {
        "data": str(settings.data),
        "test": str(settings.test) if settings.test else None,
        "classes": list(found.dataset.manifest.classes),
        "size": list(found.dataset.size),
        "pixels": f"cache/{_pixel_file(found).name}",
        "environment": environment(),
    }


def _pixel_file(found: Scan) -> Path:
    """Return the file behind the memory-mapped pixels."""
    return Path(str(getattr(found.dataset.pixels, "filename")))  # noqa: B009 - numpy's type does not tell of it


def _label_audit(desk: _Desk) -> LabelAudit | None:
    """Return the label models that repairs need; None where the preset looks for no label errors."""
    alone = desk.run.command == "audit"
    rounds = max(1, desk.preset.rounds) if alone else desk.preset.rounds
    # Label models that leave a fold out are needed only where repairs are judged.
    repairs = not alone and set(desk.preset.repairs) != {"none"}
    bench = desk.bench()
    return audit_labels(bench, desk.recipe(desk.preset.screen), rounds, nested=repairs) if rounds else None


def _write_audit(desk: _Desk, labels: LabelAudit | None, notes: Sequence[str] = ()) -> Audit:
    """Write and return what is wrong with the data; `notes` are sentences to say besides."""
    found = _describe(desk, labels, [*desk.scan.notes, *notes])
    write_audit(desk.run.path / "audit", found)
    return found


def _describe(desk: _Desk, labels: LabelAudit | None, notes: list[str]) -> Audit:
    manifest = desk.manifest
    duplicates = exact_duplicates(manifest)
    rows = training_rows(manifest)
    dropped = len(manifest.where("train")) - len(rows)
    if dropped:
        notes.append(f"{dropped} training images are copies of test images; they are left out of training.")
    small = [name for name, count in manifest.counts("train").items() if count < FEWEST]
    if labels and small:
        notes.append(f"Too few images to judge the labels of: {', '.join(small)}.")
    paths = [manifest.paths[row] for row in rows]
    return Audit(
        classes=manifest.classes,
        counts={split: manifest.counts(split) for split in SPLITS},
        findings=desk.scan.findings,
        duplicates=duplicates,
        issues=label_issues(labels.whole, manifest.given[rows], paths, manifest.classes) if labels else (),
        wrong_labels=labels.whole.wrong if labels else None,
        pairs=confused_pairs(labels.whole, manifest.classes) if labels else (),
        notes=tuple(notes),
    )


def _compare(desk: _Desk) -> tuple[Audit, Comparison, Targets]:
    """Audit, screen every candidate, judge the best again with the larger model, write down the choice."""
    labels = _label_audit(desk)
    _write_audit(desk, labels)
    preset, bench = desk.preset, desk.bench()
    repairs = [repair for repair in preset.repairs if labels or repair == "none"]
    screened = judge(
        bench,
        candidates(preset.remedies, repairs, desk.recipe(preset.screen)),
        labels,
        trust=desk.settings.trust,
        seeds=preset.seeds,
        title=f"Comparing remedies with the model {preset.screen}",
    )
    finalists: list[Score] = []
    if preset.finalists:
        finalists = judge(
            bench,
            with_recipe(ranked(screened)[: preset.finalists], desk.recipe(preset.model)),
            labels,
            trust=desk.settings.trust,
            seeds=preset.seeds,
            title=f"Judging {preset.finalists} finalists with the model {preset.model}",
        )
    comparison = _conclude(desk, bench, [*screened, *finalists])
    if labels is None:
        return _write_audit(desk, None), comparison, bench.workplace.targets(bench.as_given)
    labels = refined(labels, bench, [score.result for score in finalists or screened])
    chosen = labels.targets(bench, WHOLE, comparison.choice.repair, desk.settings.trust)
    return _write_audit(desk, labels), comparison, bench.workplace.targets(chosen)


def _conclude(desk: _Desk, bench: Bench, scores: list[Score]) -> Comparison:
    results = tuple(score.result for score in best_of_each(scores))
    choice = choose(scores, desk.preset.folds)
    honest = nested(bench, scores)
    write_results(desk.run.path, results, choice, honest)
    write_table(
        desk.run.path / "timings.csv",
        ["remedy", "repair", "model", "seconds"],
        [[result.remedy, result.repair, result.model, result.seconds] for result in results],
    )
    return Comparison(results, choice, honest)


def _train(desk: _Desk, bench: Bench, choice: Choice, targets: Targets) -> Model:
    base = desk.recipe(choice.model)
    return train_final(
        bench,
        choice.remedy,
        replace(base, epochs=max(1, round(base.epochs * desk.preset.stretch))),
        targets,
        members=desk.preset.members,
        size=desk.scan.dataset.size,
        title="Training the final model",
    )


def _test(desk: _Desk, model: Model) -> TestResult | None:
    """Judge the model on the test images, once; without any, the out-of-fold figure is the headline."""
    manifest = desk.manifest
    rows = manifest.where("test")
    if not len(rows):
        return None
    probabilities = model.probabilities(desk.scan.dataset.pixels[rows])
    result = TestResult(
        evaluation=evaluate_probabilities(manifest.given[rows], probabilities, manifest.classes),
        probabilities=probabilities,
        indices=rows,
        corrected=(
            evaluate_probabilities(manifest.corrected[rows], probabilities, manifest.classes)
            if (manifest.corrected[rows] != manifest.given[rows]).any()
            else None
        ),
    )
    write_test(desk.run.path, result)
    return result


def _refit(desk: _Desk, choice: Choice, repaired: Targets) -> Model:
    """Train the choice once more on every image; validation and test labels are taken as given."""
    rows = np.arange(len(desk.manifest), dtype=np.int64)
    bench = desk.bench(rows, scope="everything")
    positions = np.searchsorted(rows, training_rows(desk.manifest))
    targets = Targets.placed(bench.given, positions, repaired.keep, repaired.labels, bench.n_classes)
    return _train(desk, bench, choice, targets)


def rebuild_report(run: Path) -> Path:
    """Write ``report.html`` from the files of a run folder; return its place.

    Raises
    ------
    UsageError
        When the folder is no run.
    """
    return write_report(gather(run), run / "report.html")


def _save(desk: _Desk, model: Model, comparison: Comparison, audit: Audit, test: TestResult | None) -> Path:
    folder = desk.run.path / "model"
    facts = {
        "remedy": comparison.choice.remedy,
        "repair": comparison.choice.repair,
        "trained_on": desk.settings.refit,
        "data": desk.manifest.fingerprint(),
        "training_counts": audit.counts["train"],
        "out_of_fold": comparison.nested.to_json(),
        "test": test.evaluation.to_json() if test else None,
        "environment": environment(),
    }
    save_model(model, folder, facts)
    return folder
