"""The bench: carries out the trials a study asks for, each at most once, and hands back what they left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from evenhand.data.folds import fold_of
from evenhand.data.manifest import Dataset
from evenhand.engines.engine import Engine
from evenhand.progress import Progress
from evenhand.records.comparison import Curve
from evenhand.records.values import Floats, Ints, canonical_json, digest
from evenhand.remedies.catalogue import plan_for, trained_part, trunk_part
from evenhand.remedies.counting import passes, trained_counts
from evenhand.store import RunFolder
from evenhand.study.trial import Targets, Trial, Workplace, environment, execute, read_curve
from evenhand.training.recipe import Recipe

Watch = Callable[[Recipe, float, float], None]


@dataclass(frozen=True)
class Outcome:
    """What a trial left behind."""

    rows: Ints
    """Rows of the manifest that were predicted."""
    logits: Floats
    """(len(rows), K) float32."""
    curve: Curve
    diverged: bool
    features: Floats | None = None
    """(len(rows), d) float16 of length 1, where the trial was asked for them."""
    untrained: float | None = None
    """Training loss before the first step, where the trial was watched."""


class Bench:
    """The training images of a run, their folds, and the engine that works on them.

    Parameters
    ----------
    run : RunFolder
        Where trials are kept.
    dataset : Dataset
        All images of the run.
    workplace : Workplace
        What workers need to find the data.
    rows : (n,) int64
        Rows of the manifest that may be trained on.
    folds : int
        Number of folds; images of one group never straddle two of them.
    judged : int, optional
        How many folds are held out in comparisons, the first ones; by default all.
    seed : int
        Of the folds and of all trials.
    engine : Engine
        Where trials run.
    progress : Progress
        Told how far the work is.
    settled : (n,) bool, optional
        Images whose label somebody has decided on; they are no suspects.
    fold : (n,) int64, optional
        The fold of each image, where they are not to be dealt here.
    watch : callable, optional
        Told the recipe, the images seen and the seconds of every training that was carried out.
    """

    def __init__(
        self,
        run: RunFolder,
        dataset: Dataset,
        workplace: Workplace,
        rows: Ints,
        *,
        folds: int,
        judged: int | None = None,
        seed: int,
        engine: Engine,
        progress: Progress,
        settled: NDArray[np.bool_] | None = None,
        fold: Ints | None = None,
        watch: Watch | None = None,
    ) -> None:
        manifest = dataset.manifest
        self.run, self.workplace, self.engine, self.progress = run, workplace, engine, progress
        self.watch = watch
        self.classes, self.rows, self.seed = manifest.classes, rows, seed
        self.given = manifest.given[rows]
        self.settled = np.zeros(len(rows), dtype=bool) if settled is None else settled
        groups = manifest.group[rows]
        self.fold = fold_of(self.given, groups, folds, seed, manifest.classes) if fold is None else fold
        self.n_folds = folds
        self.judged = range(min(judged or folds, folds))
        workplace.save_rows(rows, self.fold)
        self._data = manifest.select(rows).fingerprint() + f"-{dataset.size[0]}x{dataset.size[1]}"
        # What computes a backbone's features, where there is one.
        library = {"transformers": version("transformers")} if workplace.backbones else {}
        self._environment = canonical_json(environment() | {"device": workplace.device} | library)
        self.as_given = self.save(Targets(np.ones(len(rows), dtype=bool), self.given))

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.classes)

    def save(self, targets: Targets) -> str:
        """Keep targets for trials to train on; return their name."""
        return self.workplace.save_targets(targets)

    def trial(
        self,
        remedy: str,
        recipe: Recipe,
        *,
        held: Sequence[int],
        targets: str | None = None,
        number: int = 0,
        features: bool = False,
        watched: bool = False,
    ) -> Trial:
        """Return the trial of one training; `number` tells repetitions with other random draws apart."""
        trained = trained_part(remedy)
        first = Trial(
            data=self._data,
            folds=digest(self.fold.tolist()),
            held=tuple(sorted(held)),
            targets=targets or self.as_given,
            remedy=trunk_part(trained),
            recipe=recipe,
            seed=self.seed * 1000 + number,
            environment=self._environment,
            watched=watched,
        )
        parent = first.key if first.remedy != trained else ""
        return replace(first, remedy=trained, features=features, parent=parent)

    def carry_out(self, trials: Sequence[Trial], title: str) -> dict[Trial, Outcome]:
        """Return the outcome of every trial; those already in the run folder are only read.

        Raises
        ------
        EvenhandError
            When a trial fails; the others are finished and kept.
        """
        return carry_out([(self, trial) for trial in trials], title)

    def _read(self, trial: Trial) -> Outcome:
        stored = self.run.read_trial(trial.key)
        return Outcome(
            rows=stored.arrays["rows"],
            logits=stored.arrays["logits"],
            curve=read_curve(stored.curve),
            diverged=stored.result["diverged_at"] is not None,
            features=stored.arrays.get("features"),
            untrained=stored.result.get("untrained"),
        )

    def work(self, trial: Trial) -> float:
        """Return about how many images the training of a trial sees, as often as each goes through the network."""
        plan = plan_for(trial.remedy, self.given, self.n_classes, allow_stacking=True)
        images = passes(plan) * trial.recipe.epochs * int((~np.isin(self.fold, trial.held)).sum())
        if trial.recipe.equal_work:
            return images
        return images * sum(trained_counts(plan, self.given, self.n_classes)) / len(self.given)


def carry_out(asked: Sequence[tuple[Bench, Trial]], title: str) -> dict[Trial, Outcome]:
    """Return the outcome of every trial, worked on at once though they be of several benches of one run.

    Raises
    ------
    EvenhandError
        When a trial fails; the others are finished and kept.
    """
    if not asked:
        return {}
    benches: dict[Trial, Bench] = {}
    for bench, trial in asked:
        benches.setdefault(trial, bench)
    missing = [trial for trial, bench in benches.items() if not bench.run.has_trial(trial.key)]
    # A second training waits for its first. One that is finished, but whose trunk is gone, is trained once more.
    second = [trial for trial in missing if trial.parent]
    for trial in second:
        benches.setdefault(trial.first, benches[trial])
    trunks = {trial.parent: trial.first for trial in second if not _has_trunk(benches[trial], trial)}
    first = list(dict.fromkeys([*(trial for trial in missing if not trial.parent), *trunks.values()]))
    # The longest first: one that is begun last would be waited for by idle workers.
    first.sort(key=lambda trial: benches[trial].work(trial), reverse=True)
    host = asked[0][0]
    with host.progress.stage(title, len(benches)) as tick:
        tick(len(benches) - len(first) - len(second))
        for trials in (first, second):
            places = {trial: replace(benches[trial].workplace, trunks=tuple(trunks)) for trial in trials}
            host.engine.map(execute, [(place, trial) for trial, place in places.items()], tick)
    for trial in first:
        if watch := benches[trial].watch:
            watch(trial.recipe, benches[trial].work(trial), benches[trial].run.seconds(trial.key))
    return {trial: bench._read(trial) for trial, bench in benches.items()}


def _has_trunk(bench: Bench, trial: Trial) -> bool:
    return bench.run.has_trial(trial.parent) and bench.workplace.trunk(trial.parent).is_file()
