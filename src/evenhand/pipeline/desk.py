"""The desk: what every step of a run works with, from the claimed folder to the workers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evenhand.auditing.decisions import Decisions, read_decisions
from evenhand.auditing.detectors import check_detector
from evenhand.auditing.duplicates import training_rows
from evenhand.auditing.ledger import Applied, apply, as_trained, fingerprint
from evenhand.auditing.scan import Scan, scan
from evenhand.data.folds import fold_of
from evenhand.data.manifest import Dataset, Manifest, write_manifest
from evenhand.disk import check_room, write_table
from evenhand.engines.catalogue import engine_named
from evenhand.engines.engine import Engine
from evenhand.engines.local import cores
from evenhand.errors import UsageError
from evenhand.models.catalogue import resolved_model
from evenhand.pipeline.backbones import by_content, in_use, looked_through, refuse_what_needs_pictures
from evenhand.pipeline.growing import Growth, drop_superseded, grown, kept_size
from evenhand.progress import Progress
from evenhand.remedies.catalogue import canonical
from evenhand.settings.commands import Settings
from evenhand.settings.costs import COSTS, Uses
from evenhand.settings.groups import Group
from evenhand.settings.presets import Preset
from evenhand.settings.resolving import resolved
from evenhand.store import RunFolder
from evenhand.study.bench import Bench
from evenhand.study.final import stretched
from evenhand.study.forecast import CURVES, forecast, stages_of
from evenhand.study.judging import Room
from evenhand.study.leakage import COMMANDS, find_leaks
from evenhand.study.replay import PRESET as REFERENCE
from evenhand.study.time_limit import FINAL, SAFETY, Other, Pace, TimeLimit, fitted, makespan, needed
from evenhand.study.trial import Trial, Workplace, environment
from evenhand.tracking.catalogue import check_name, track, tracker_named
from evenhand.training.device import device_named
from evenhand.training.precision import seconds_an_image, settled
from evenhand.training.recipe import Recipe, recipe

MOST_EPOCHS = 200
"""Epochs that small data are given at most: what has been seen two hundred times has nothing left to tell."""


@dataclass(frozen=True)
class Desk:
    """What every step of a run works with."""

    settings: Settings
    preset: Preset
    scan: Scan
    run: RunFolder
    engine: Engine
    device: str
    progress: Progress
    edited: Applied | None = None
    limit: TimeLimit | None = None
    pace: Pace | None = None
    """How long trainings take; there with a time limit."""
    chosen: str = ""
    """The remedy that the comparison has chosen; empty before."""

    @property
    def manifest(self) -> Manifest:
        """The manifest of all images; where there are edits, training labels are the corrected ones."""
        manifest: Manifest = self.scan.dataset.manifest
        return manifest

    def recipe(self, model: str, *, group: Group | None = None, **changes: Any) -> Recipe:
        """Return the preset's recipe for a model, or that of a group, its precision settled.

        On a few hundred images the epochs of the preset would be over before a network has learnt anything: unless
        somebody asked for a number of epochs, there are so many that the preset's least number of images is seen.
        """
        asked = group.changes if group else self.settings.changes
        wanted = recipe((group and group.recipe) or self.preset.recipe, model, **asked)
        if "epochs" not in asked:
            # A demo set that somebody wants small is meant to be quick.
            views = self.preset.least_views * min(1.0, self.settings.scale or 1.0)
            least = min(MOST_EPOCHS, math.ceil(views / max(1, len(training_rows(self.manifest)))))
            wanted = replace(wanted, epochs=max(wanted.epochs, least))
        wanted = stretched(wanted, self.preset.shorter)
        copy = self.run.path / "precision.json"
        return settled(replace(wanted, **changes), self.scan.dataset.size, self.device, copy=copy)

    @property
    def replays(self) -> bool:
        """Whether the comparison is that of the reference study, whose table then stands beside it."""
        asked = self.settings.preset == REFERENCE and not self.preset.groups
        return asked and self.run.command == "compare"

    def announce(self) -> None:
        """Say how long the trainings will take and how much room they need.

        Raises
        ------
        EvenhandError
            When the disk has not that room.
        """
        expected = forecast(
            self.manifest.given[training_rows(self.manifest)],
            len(self.manifest.classes),
            self.preset,
            self.recipe,
            self._speed,
            jobs=self.engine.jobs,
            command=self.run.command,
            refit=self.settings.refit == "all",
            leaks=find_leaks(self.manifest) if self.run.command in COMMANDS else None,
            replayed=len(self.manifest.where("test")) if self.replays else 0,
        )
        check_room(self.run.path, expected.bytes, "The trainings")
        self.progress.note(expected.sentence())
        if self.preset.halving and self.run.command != "audit":
            self.progress.note("Remedies that are clearly behind stop early, so it may take less.")

    def _speed(self, recipe: Recipe) -> float:
        return seconds_an_image(recipe, self.scan.dataset.size, self.device)

    def fitted(self, point: int, **changes: Any) -> Desk:
        """Return the desk with as much left out as the time limit asks for, at a point of `time_limit`; see `fitted`.

        Parameters
        ----------
        point : int
            START, COMPARISON, FINALISTS or FINAL.
        **changes
            What is known by now of the preset.
        """
        preset = replace(self.preset, **changes)
        if self.limit is None:
            return replace(self, preset=preset)
        if self.pace:
            self.pace.feel()
        left = self.limit.left() - self._rest(preset, point)
        return replace(self, preset=fitted(preset, left, lambda less: self.needed(less, point), point))

    def needed(self, preset: Preset, point: int) -> float:
        """Return the seconds that trainings take from a point on, at the least."""
        if self.pace is None:
            return 0.0
        other = replace(self, preset=preset)
        labels = self.manifest.given[training_rows(self.manifest)]
        refit, command = self.settings.refit == "all", self.run.command
        stages = stages_of(
            labels,
            len(self.manifest.classes),
            preset,
            other.recipe,
            command=command,
            refit=refit,
            chosen=self.chosen,
        )
        trainings = preset.seeds * min(preset.judged or preset.folds, preset.folds)
        return needed(stages, point, trainings, self.pace, self.engine.jobs)

    def room(self, bench: Bench, point: int) -> Room | None:
        """Return what tells a comparison how many candidates there is time for; the rest of the run is kept free."""
        limit, pace = self.limit, self.pace
        if limit is None or pace is None:
            return None

        def fit(upcoming: Sequence[Sequence[Trial]]) -> int:
            left = limit.left() - self._rest(self.preset, point) - self.needed(self.preset, point)
            asked: dict[Trial, float] = {}
            for number, trials in enumerate(upcoming):
                for trial in trials:
                    if not trial.parent and not bench.run.has_trial(trial.key):
                        asked[trial] = pace.seconds(trial.recipe, bench.work(trial))
                if SAFETY * makespan([(1, seconds) for seconds in asked.values()], self.engine.jobs) > left:
                    return number
            return len(upcoming)

        return fit

    def time_for(self, seconds: float) -> bool:
        """Return whether there is time for so many seconds' work before the report is written."""
        return self.limit is None or SAFETY * seconds <= self.limit.left() - self._rest(self.preset, FINAL)

    def time_for_leakage(self) -> bool:
        """Return whether there is time to measure what leaks are worth."""
        if self.pace is None:
            return True
        pace, labels = self.pace, self.manifest.given[training_rows(self.manifest)]
        stages = stages_of(
            labels,
            len(self.manifest.classes),
            self.preset,
            self.recipe,
            command=self.run.command,
            refit=False,
            leaks=find_leaks(self.manifest),
        )
        works = stages["leakage"]
        seconds = makespan([(work.number, pace.seconds(work.recipe, work.each)) for work in works], self.engine.jobs)
        again = self.needed(self.preset, FINAL) / 2 if self.settings.refit == "all" else 0.0
        return self.time_for(seconds + again)

    def with_curves(self) -> Desk:
        """Return the desk without learning curves where a time limit leaves no room for them and a final model."""
        if self.limit is None or self.pace is None or not self.preset.what_next:
            return self
        labels, command = self.manifest.given[training_rows(self.manifest)], self.run.command
        stages = stages_of(
            labels,
            len(self.manifest.classes),
            self.preset,
            self.recipe,
            command=command,
            refit=False,
            chosen=self.chosen,
        )
        works = [(work.number, self.pace.seconds(work.recipe, work.each)) for work in stages.get(CURVES, ())]
        seconds = SAFETY * makespan(works, self.engine.jobs) + self.needed(self.preset, FINAL)
        fits = seconds <= self.limit.left() - self._rest(self.preset, FINAL)
        return self if fits else replace(self, preset=replace(self.preset, what_next=False))

    def _rest(self, preset: Preset, point: int) -> float:
        """Return the seconds that everything but training takes from a point on: figures, intervals, the report."""
        manifest = self.manifest
        other = Other(len(training_rows(manifest)), len(manifest.where("test")), len(manifest.classes))
        return (self.pace.slow if self.pace else 1.0) * other.seconds(preset, point)

    def workplace(self, scope: str = "study") -> Workplace:
        """Return where workers find the data."""
        return Workplace(
            # Workers on other machines have another working folder.
            run=self.run.path.absolute(),
            pixels=_pixel_file(self.scan),
            n_classes=len(self.manifest.classes),
            device=self.device,
            scope=scope,
            backbones=in_use(self.settings),
        )

    def bench(self, rows: Any = None, *, scope: str = "study", fold: Any = None) -> Bench:
        """Return the bench for training on `rows` of the manifest, by default the training rows in dealt folds."""
        rows = training_rows(self.manifest) if rows is None else rows
        return Bench(
            self.run,
            self.scan.dataset,
            self.workplace(scope),
            rows,
            folds=self.preset.folds,
            judged=self.preset.judged,
            seed=self.settings.seed,
            engine=self.engine,
            progress=self.progress,
            settled=self.edited.settled[rows] if self.edited else None,
            fold=fold,
            watch=self.pace.learn if self.pace else None,
        )


@contextmanager
def opened(settings: Settings, command: str, progress: Progress, *, words: Sequence[str] = ()) -> Iterator[Desk]:
    """Claim the run folder, decode the images, check that they are the folder's, and start the workers.

    `words` are those of the command that may differ from one call to the next; they are kept, to be said again.
    """
    limit = TimeLimit(settings.time_limit, settings.started) if settings.time_limit else None
    settings = by_content(settings)
    preset = _checked(settings, command)
    decisions = read_decisions(settings.edits) if settings.edits else None
    asked = settings.to_json() | {"edits": fingerprint(decisions.in_force) if decisions else None}
    if command == "audit":
        # Another detector reads the same networks: the same folder gives its answer in seconds.
        asked["detector"] = None
    device = device_named(settings.device)
    jobs = settings.jobs or cores()
    with RunFolder.claim(settings.out, settings=asked, command=command) as run:
        found = scan(
            settings.data,
            cache=run.path / "cache",
            test=settings.test,
            classes=settings.classes,
            size=settings.size,
            kept=kept_size(run, grown=settings.grown),
            jobs=jobs,
            progress=progress,
        )
        data = found.dataset.manifest
        edited = apply(data, decisions.in_force) if decisions else None
        if decisions and edited:
            found = _edited(found, edited, decisions)
        manifest = found.dataset.manifest
        if settings.costs:
            # Needed at the end alone, but of other classes it would be refused after all the work.
            known = (1 / len(manifest.classes),) * len(manifest.classes)
            Uses(known, known).decided(settings.costs, settings.prior, manifest.classes)
        if command != "audit":
            # Said before the run is written down: a folder that holds nothing but a refusal would be in the way.
            rows = training_rows(manifest)
            fold_of(manifest.given[rows], manifest.group[rows], preset.folds, settings.seed, manifest.classes)
            refuse_what_needs_pictures(settings, preset, manifest.given[rows], len(manifest.classes))
        growth = grown(run, data, asked=settings.grown) or Growth.known(run)
        if growth:
            found = replace(found, notes=(*found.notes, growth.sentence()))
        facts = _facts(settings, found, edited) | ({"grown": growth.to_json()} if growth else {})
        run.bind(data.fingerprint(), facts | ({"words": list(words)} if words else {}))
        if growth:
            drop_superseded(run.path / "cache", _pixel_file(found))
        trackers = [tracker_named(asked_for, run.path) for asked_for in settings.track]
        write_manifest(run.path / "manifest.csv", edited.manifest if edited else data)
        if settings.costs:
            write_table(run.path / COSTS, *settings.costs.as_table())
        for note in found.notes:
            progress.note(note)
        with _engine(settings, device, run.path) as engine:
            for note in getattr(engine, "notes", ()):
                progress.note(note)
            looked_through(settings, preset, _pixel_file(found), engine, progress)
            desk = Desk(settings, preset, found, run, engine, device, progress, edited, limit)
            yield replace(desk, pace=Pace(desk._speed) if limit else None)
        for tracker in trackers:
            track(run, tracker, progress)


def _engine(settings: Settings, device: str, folder: Path) -> AbstractContextManager[Engine]:
    """Return the engine that was asked for; nodes of a cluster must compute what this machine would."""
    return engine_named(
        settings.engine,
        settings.jobs,
        address=settings.address,
        gpu=device != "cpu",
        folder=folder.absolute(),
        alike=environment,
        may_differ=("machine",),
    )


def _edited(found: Scan, edited: Applied, decisions: Decisions) -> Scan:
    """Return the scan that work goes by: training labels as corrected, and notes of what the edits did."""
    dataset = Dataset(as_trained(edited.manifest), found.dataset.pixels)
    return replace(found, dataset=dataset, notes=(*found.notes, edited.sentence(), *decisions.notes()))


def _checked(settings: Settings, command: str) -> Preset:
    """Return the preset in force; refuse before any work what would fail in the middle of it.

    Raises
    ------
    UsageError
        When a remedy, model or setting is unknown, or the run folder would lie inside the data.
    """
    preset = resolved(settings)
    for remedy in preset.remedies:
        canonical(remedy, allow_stacking=settings.allow_stacking)
    check_detector(settings.detector)
    for asked_for in settings.track:
        check_name(asked_for)
    asked = [(group.model or "", group.recipe or "", group.changes) for group in preset.groups]
    models = {preset.screen, preset.model, preset.examiner}
    for model, name, changes in [*((model, preset.recipe, settings.changes) for model in models), *asked]:
        recipe(name, resolved_model(model), **changes)
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


def _facts(settings: Settings, found: Scan, edited: Applied | None) -> dict[str, Any]:
    """Return what ``study.json`` says beside the settings: enough to write the report again without the data."""
    return {
        "data": str(settings.data),
        "test": str(settings.test) if settings.test else None,
        "edits": [str(path) for path in settings.edits],
        "decided": asdict(edited.decided) if edited else None,
        "classes": list(found.dataset.manifest.classes),
        "size": list(found.dataset.size),
        "pixels": f"cache/{_pixel_file(found).name}",
        "environment": environment(),
        "engine": settings.engine,
    } | ({"same_bytes_again": False} if settings.time_limit else {})


def _pixel_file(found: Scan) -> Path:
    """Return the file behind the memory-mapped pixels."""
    return Path(str(getattr(found.dataset.pixels, "filename")))  # noqa: B009 - numpy's type does not tell of it
