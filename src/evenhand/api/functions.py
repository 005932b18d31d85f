"""The commands that look at data as functions: audit, compare, train and run, with the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.api import words as words_
from evenhand.api.data import DataLike, Place
from evenhand.api.results import AuditResult, ComparisonResult, RunResult
from evenhand.api.words import Names, Size, Table
from evenhand.pipeline import run as pipeline
from evenhand.settings.costs import Prior


def audit(
    data: DataLike,
    *,
    out: Place | None = None,
    test: DataLike | None = None,
    edits: Place | Sequence[Place] = (),
    grown: bool = False,
    preset: str = "standard",
    classes: Names | None = None,
    size: Size | None = None,
    model: str | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,
    detector: str = "posterior",
    folds: int | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    device: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    track: Names = (),
    quiet: bool = False,
) -> AuditResult:
    """Return what is wrong with the data: class counts, unreadable files, duplicates, suspected label errors.

    Parameters
    ----------
    data : path, Data or (images, labels)
        As `load` takes it.
    out : path, optional
        The run folder; by default one of ``evenhand-runs``. The same call goes on where it was stopped.
    test : path, Data or (images, labels), optional
        Test images that lie apart.
    edits : path or sequence of path
        Ledgers of decisions about labels to go by.
    grown : bool
        Go on in a run folder to whose data images were added; what was found is kept.
    preset : str
        How much work: quick, standard, thorough.
    classes : sequence of str, optional
        The classes in the order wanted.
    size : int or (int, int), optional
        Side of the images in pixels, or height and width; by default as the data are.
    model, recipe : str, optional
        The network and its training, by default as the preset says.
    set : mapping, optional
        Single settings of the recipe, for example ``{"epochs": 20, "augmentation.crop": 0}``.
    detector : str
        Who names the suspects.
    folds : int, optional
        Parts of the cross-validation, at least 2.
    seed : int
        Of every random draw.
    time_limit : float, optional
        In seconds.
    device : str
        auto, cpu or cuda.
    jobs : int, optional
        Worker processes; by default one a core.
    engine, address : str
        Where trainings run: local, or ray on a cluster.
    track : str or sequence of str
        Trackers that every training is written to, as for ``--track``; nothing by default.
    quiet : bool
        Whether to say nothing on stderr while working.

    Raises
    ------
    UsageError
        When a word cannot be meant, or the run folder holds a run with other settings.
    DataError
        When the data cannot be used, or the run folder holds other data.
    """
    words = dict(locals())
    settings = words_.settings("audit", words)
    found, report = pipeline.audit(settings, words_.progress(quiet))
    return AuditResult(settings.out, report, found)


def compare(
    data: DataLike,
    *,
    remedy: Names | None = None,
    repair: Names | None = None,
    out: Place | None = None,
    test: DataLike | None = None,
    edits: Place | Sequence[Place] = (),
    grown: bool = False,
    preset: str = "standard",
    allow_stacking: bool = False,
    classes: Names | None = None,
    size: Size | None = None,
    model: str | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,
    trust: float = 0.5,
    detector: str = "posterior",
    folds: int | None = None,
    seeds: int | None = None,
    seed: int = 0,
    halving: bool | None = None,
    what_next: bool | None = None,
    time_limit: float | None = None,
    device: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    track: Names = (),
    quiet: bool = False,
) -> ComparisonResult:
    """Return how remedies compare on the same folds and seeds; no final model is trained.

    Parameters
    ----------
    data, out, test, edits, grown, preset, classes, size, model, recipe, set
        As for `audit`.
    detector, folds, seed, time_limit, device, jobs, engine, address, track, quiet
        As for `audit`.
    remedy : str or sequence of str, optional
        What to compare; ``A+B`` composes, ``A:name=value`` sets. By default as the preset says.
    repair : str or sequence of str, optional
        What to do about suspected labels: none, drop, relabel, soft.
    allow_stacking : bool
        Let ``A+B`` make up for the class counts twice, which is refused else.
    trust : float
        Suspicion above which a repair acts on a label, 0 to 1.
    seeds : int, optional
        Trainings a fold.
    halving : bool, optional
        Whether to stop remedies early that are clearly behind.
    what_next : bool, optional
        Whether to draw learning curves, to say what more pictures would bring.

    Raises
    ------
    UsageError, DataError
        As for `audit`; also when a class has too few images for the folds.
    """
    words = dict(locals())
    settings = words_.settings("compare", words)
    found, comparison, report = pipeline.compare(settings, words_.progress(quiet))
    return ComparisonResult(settings.out, report, found, comparison)


def train(
    data: DataLike,
    *,
    remedy: str = "balanced-softmax",
    repair: str = "none",
    out: Place | None = None,
    test: DataLike | None = None,
    edits: Place | Sequence[Place] = (),
    grown: bool = False,
    preset: str = "standard",
    allow_stacking: bool = False,
    classes: Names | None = None,
    size: Size | None = None,
    model: str | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,
    trust: float = 0.5,
    detector: str = "posterior",
    refit: str = "train",
    distil: bool = False,
    costs: Table | None = None,
    prior: Prior | None = None,
    folds: int | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    device: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    track: Names = (),
    quiet: bool = False,
) -> RunResult:
    """Return one model, trained with one remedy and one repair, with its out-of-fold figure.

    Parameters
    ----------
    data, out, test, edits, grown, preset, classes, size, model, recipe, set
        As for `audit`.
    detector, folds, seed, time_limit, device, jobs, engine, address, track, quiet
        As for `audit`.
    remedy, repair : str
        One of each; ``A+B`` composes remedies.
    allow_stacking, trust
        As for `compare`.
    refit, distil, costs, prior
        As for `run`.

    Raises
    ------
    UsageError, DataError
        As for `compare`.
    """
    words = dict(locals())
    settings = words_.single("train", words)
    return RunResult(settings.out, pipeline.run(settings, words_.progress(quiet), command="train"))


def run(
    data: DataLike,
    *,
    out: Place | None = None,
    test: DataLike | None = None,
    edits: Place | Sequence[Place] = (),
    grown: bool = False,
    preset: str = "standard",
    remedy: Names | None = None,
    repair: Names | None = None,
    allow_stacking: bool = False,
    classes: Names | None = None,
    size: Size | None = None,
    model: str | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,
    trust: float = 0.5,
    detector: str = "posterior",
    refit: str = "train",
    distil: bool = False,
    costs: Table | None = None,
    prior: Prior | None = None,
    folds: int | None = None,
    seeds: int | None = None,
    seed: int = 0,
    halving: bool | None = None,
    what_next: bool | None = None,
    time_limit: float | None = None,
    device: str = "auto",
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    track: Names = (),
    quiet: bool = False,
) -> RunResult:
    """Return what the main job leaves: audit, compare remedies, choose, train, test once, report.

    Parameters
    ----------
    data, out, test, edits, grown, preset, classes, size, model, recipe, set
        As for `audit`.
    detector, folds, seed, time_limit, device, jobs, engine, address, track, quiet
        As for `audit`.
    remedy, repair, allow_stacking, trust, seeds, halving, what_next
        As for `compare`.
    refit : str
        Train the final model on the training images ("train"), or on all ("all") after the honest figure was taken.
    distil : bool
        Teach the final networks to a single one: as small and fast as one of them.
    costs : path or mapping, optional
        What mistakes cost: a CSV file, or true class → decision → cost. Decisions then cost least.
    prior : str or mapping, optional
        How common the classes will be where decisions are made: balanced, training, or the share of each.

    Raises
    ------
    UsageError, DataError
        As for `compare`.
    """
    words = dict(locals())
    settings = words_.settings("run", words)
    return RunResult(settings.out, pipeline.run(settings, words_.progress(quiet)))
