"""What next: networks trained on fewer pictures say what more would bring; the comparison says the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.label_noise import expected_recall
from evenhand.records.comparison import Choice, Judged
from evenhand.records.values import Ints
from evenhand.remedies.counting import class_counts
from evenhand.settings.presets import Preset
from evenhand.study.bench import Bench, Outcome
from evenhand.study.judging import post_offsets
from evenhand.study.label_audit import WHOLE, LabelAudit
from evenhand.study.learning_curves import LIMIT, LearningCurve, Noise, fit, noise
from evenhand.study.next_steps import ClassCurve, Gain, Larger, Point, Reach, WhatNext
from evenhand.study.settling import paired, settling
from evenhand.study.subsets import nested_part
from evenhand.study.trial import Targets, Trial
from evenhand.training.recipe import Recipe

COMMANDS = ("run", "demo", "compare")
"""The commands that draw learning curves where they are asked to; the others compare nothing."""
SHARES = (0.25, 0.5)
"""Parts of the present pictures that are trained on, beside all of them."""
FACTORS = (1.5, LIMIT)
"""Times the present pictures that a gain is told for."""
FEWEST = 16
"""Pictures that a class needs, so that a quarter of them still is a class in every fold."""
SOME_CLASSES = 3
"""Classes that are measured one by one even where that is more than the share of the work."""
WORK = 0.1
"""Share of a run's work that the curves may take."""
STEPS = 24
"""Points that a curve is drawn through."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Extent:
    """How much is measured: so many classes one by one, in so many folds, with so many seeds."""

    classes: int
    folds: int
    seeds: int

    @property
    def trainings(self) -> int:
        """On parts of the pictures; those on all of them are the comparison's."""
        return (1 + self.classes) * len(SHARES) * self.folds * self.seeds


def extent(preset: Preset, n_classes: int, recipes: Callable[[str], Recipe]) -> Extent | None:
    """Return how much is measured, so that it takes about a tenth of a run's work; None where nothing can be.

    Folds are left out first, then classes; but two folds and three classes are measured wherever it is asked for. The
    work is counted in trainings of the comparison's smaller network, and not by the clock: the same run must measure
    the same on every machine.

    Parameters
    ----------
    preset : Preset
        What the run does.
    n_classes : int
        K.
    recipes : callable
        From a model's name to its recipe.
    """
    judged = min(preset.judged or preset.folds, preset.folds)
    if judged < 2:
        return None
    allowed = WORK * _trainings(preset, judged, recipes)

    def within(found: Extent) -> bool:
        return found.trainings <= allowed

    seeds = [Extent(n_classes, judged, number) for number in range(preset.seeds, 0, -1)]
    folds = [Extent(n_classes, number, 1) for number in range(judged - 1, 1, -1)]
    least = min(SOME_CLASSES, n_classes)
    classes = [Extent(number, 2, 1) for number in range(n_classes - 1, least, -1)]
    return next((found for found in [*seeds, *folds, *classes] if within(found)), Extent(least, 2, 1))


def _trainings(preset: Preset, judged: int, recipes: Callable[[str], Recipe]) -> float:
    """Return a run's work in trainings of the smaller network; half of the screening, since the weak stop early."""
    small = recipes(preset.screen)

    def price(model: str) -> float:
        recipe = recipes(model)
        return _WEIGHTS.get(model, 4.0) / _WEIGHTS.get(small.model, 4.0) * recipe.epochs / small.epochs

    screened = len(preset.remedies) * len(preset.repairs) * judged * preset.seeds / 2
    again = preset.finalists * judged * preset.seeds * price(preset.model)
    final = preset.members * preset.stretch * price(preset.model)
    return screened + again + final + preset.rounds * preset.folds * price(preset.examiner)


_WEIGHTS = {"simple": 1.0}
"""What an image costs a network, where a larger one costs about 4."""


@dataclass(frozen=True)
class _Column:
    """One training set of every repetition: a share of one class, or of all where `only` is None."""

    only: int | None
    share: float


_FULL = _Column(None, 1.0)


@dataclass(frozen=True)
class _Part:
    """What a repetition trains on for a column."""

    trial: Trial
    targets: str
    held: int
    share: float
    """As it came out, whole groups being taken."""


def measure_what_next(
    bench: Bench,
    groups: Ints,
    network: str,
    recipe: Recipe,
    preset: Preset,
    choice: Choice,
    judged: Sequence[Judged],
    audits: tuple[LabelAudit, LabelAudit] | None,
    *,
    trust: float,
    size: Extent | None,
    title: str,
) -> WhatNext:
    """Return what more pictures, settled suspects and a larger network would bring to the choice.

    For the curves the chosen remedy is trained on a quarter and on half of the pictures: of all classes at once, and of
    one class after the other. The trainings on all pictures are those of the comparison, in the same folds with the
    same seeds, and those on parts take as many steps.

    Parameters
    ----------
    bench : Bench
        The training images.
    groups : (n,) int64
        Their groups, which no part separates.
    network : str
        What candidates of that recipe are listed under.
    recipe : Recipe
        Of the comparison's smaller network.
    preset : Preset
        What was compared.
    choice : Choice
        What came of it.
    judged : sequence of Judged
        Every candidate with each of its networks.
    audits : pair of LabelAudit, optional
        By which the comparison judged, and the refined one that names the suspects.
    trust : float
        Suspicion from which a repair acts.
    size : Extent, optional
        How much is trained; None: no curve can be drawn.
    title : str
        Said above the progress bar.
    """
    whole = _whole(bench, audits, choice.repair, trust)
    counts = class_counts(whole.labels[whole.keep], bench.n_classes)
    curves: list[ClassCurve] = []
    trainings = repetitions = 0
    if size:
        classes = [int(label) for label in np.argsort(counts, kind="stable") if counts[label] >= FEWEST][: size.classes]
        columns = [_Column(only, share) for only in (None, *classes) for share in SHARES]
        table = _Table(bench, groups, recipe, choice, audits[0] if audits else None, trust, size)
        scores, shares = table.measured([*columns, _FULL], title)
        curves = _curves(scores, shares, columns, counts, bench)
        repetitions = size.folds * size.seeds
        trainings = len(columns) * repetitions
    measured = {curve.name for curve in curves}
    return WhatNext(
        figure="expected balanced accuracy" if audits else "balanced accuracy",
        network=network,
        remedy=choice.settled or choice.remedy,
        repair=choice.repair,
        trainings=trainings,
        repetitions=repetitions,
        curves=tuple(curves),
        unmeasured=tuple(name for name in bench.classes if name not in measured) if curves else (),
        settle=settling(bench, choice, judged, audits[1].whole if audits else None, curves, counts, network),
        larger=_larger(bench, preset, choice, judged, network),
    )


def _whole(bench: Bench, audits: tuple[LabelAudit, LabelAudit] | None, repair: str, trust: float) -> Targets:
    name = audits[1].targets(bench, WHOLE, repair, trust) if audits else bench.as_given
    return bench.workplace.targets(name)


@dataclass(frozen=True)
class _Table:
    """The trainings of all repetitions, and what they say."""

    bench: Bench
    groups: Ints
    recipe: Recipe
    choice: Choice
    audit: LabelAudit | None
    trust: float
    size: Extent

    @property
    def remedy(self) -> str:
        return self.choice.settled or self.choice.remedy

    def measured(self, columns: Sequence[_Column], title: str) -> tuple[Doubles, Doubles]:
        """Return (J, C, K) recalls, and (C,) the shares of the pictures that were really taken."""
        folds = list(self.bench.judged)[: self.size.folds]
        places = [(seed, fold) for seed in range(self.size.seeds) for fold in folds]
        parts = [[self._part(column, seed, fold) for column in columns] for seed, fold in places]
        outcomes = self.bench.carry_out([part.trial for row in parts for part in row], title)
        recalls = np.array([[self._recalls(part, outcomes[part.trial]) for part in row] for row in parts])
        return recalls, np.array([[part.share for part in row] for row in parts]).mean(axis=0)

    def _part(self, column: _Column, seed: int, fold: int) -> _Part:
        bench = self.bench
        name = self.audit.targets(bench, fold, self.choice.repair, self.trust) if self.audit else bench.as_given
        recipe, share = self.recipe, 1.0
        if column != _FULL:
            targets = bench.workplace.targets(name)
            soft = targets.labels.ndim == 2
            labels = (targets.labels.argmax(axis=1) if soft else targets.labels).astype(np.int64)
            among = targets.keep & (bench.fold != fold)
            kept = nested_part(
                labels, self.groups, bench.fold, among, column.share, bench.seed * 1000 + seed, only=column.only
            )
            mine = among if column.only is None else among & (labels == column.only)
            share = float((kept & mine).sum() / max(1, mine.sum()))
            name = bench.save(Targets(kept, targets.labels))
            # As many steps as on all pictures: what a curve shows must be the pictures' worth, not the training's.
            recipe = replace(recipe, epochs=max(1, round(recipe.epochs * among.sum() / kept.sum())))
        trial = bench.trial(self.remedy, recipe, held=[fold], targets=name, number=seed)
        return _Part(trial, name, fold, share)

    def _recalls(self, part: _Part, outcome: Outcome) -> Doubles:
        """Return (K,) the recall of each class in the held-out fold; NaN where it has none."""
        bench = self.bench
        offsets = post_offsets(bench, self.remedy, part.targets, part.held)
        called = (np.nan_to_num(outcome.logits, nan=0.0, posinf=1e30, neginf=-1e30) + offsets).argmax(axis=1)
        here = np.searchsorted(bench.rows, outcome.rows)
        believed = self.audit.whole.posterior if self.audit else np.eye(bench.n_classes)[bench.given]
        return expected_recall(called.astype(np.int64), believed[here])


def _curves(
    recalls: Doubles, shares: Doubles, columns: Sequence[_Column], counts: Doubles, bench: Bench
) -> list[ClassCurve]:
    """Return the curve of all classes together, and of each class that columns speak of."""
    ratio = 1 / (bench.n_folds - 1)
    balanced = np.nanmean(recalls, axis=2)
    spread = noise(balanced)
    found = []
    for only in dict.fromkeys(column.only for column in columns):
        mine = [place for place, column in enumerate(columns) if column.only == only]
        # Two parts may come out as the same one where a class is small; and the present pictures are the last column.
        chosen = [*(place for place in mine if shares[place] < 1), len(columns)]
        steps = [place for place, after in pairwise(chosen) if shares[place] < shares[after]]
        chosen = [*steps, len(columns)]
        if spread is None or len(chosen) < 2:
            continue
        own = None if only is None else _own(recalls[:, :, only], columns, only, chosen, shares, ratio)
        score = fit(shares[chosen].tolist(), balanced[:, chosen], spread, ratio)
        recall = [None if only is None else float(np.nanmean(recalls[:, place, only])) for place in chosen]
        images = round(float(counts.sum() if only is None else counts[only]))
        found.append(
            ClassCurve(
                name="" if only is None else bench.classes[only],
                images=images,
                points=tuple(
                    Point(round(images * shares[place]), float(balanced[:, place].mean()), recall[number])
                    for number, place in enumerate(chosen)
                ),
                course=tuple(_course(score, images)),
                gains=tuple(_gain(score, own, images, factor) for factor in FACTORS),
            )
        )
    return found


def _own(
    recalls: Doubles, columns: Sequence[_Column], only: int, chosen: Sequence[int], shares: Doubles, ratio: float
) -> LearningCurve | None:
    """Return the curve of a class's own recall, from the repetitions whose fold has images of it."""
    wanted = [place for place, column in enumerate(columns) if column.only in (only, None)]
    whole = recalls[np.isfinite(recalls).all(axis=1)]
    spread: Noise | None = noise(whole[:, [*wanted, len(columns)]])
    return fit(shares[list(chosen)].tolist(), whole[:, list(chosen)], spread, ratio) if spread else None


def _course(curve: LearningCurve, images: int) -> list[Reach]:
    """Return the fitted curve at sizes that are evenly spaced as people double them."""
    sizes = np.geomspace(curve.shares[0], LIMIT, STEPS)
    sizes[[0, -1]] = curve.shares[0], LIMIT
    reaches = [(size, curve.error(float(size))) for size in sizes]
    return [Reach(round(images * size), 1 - error.value, 1 - error.high, 1 - error.low) for size, error in reaches]


def _gain(score: LearningCurve, own: LearningCurve | None, images: int, factor: float) -> Gain:
    recall = own.gain(factor) if own else None
    return Gain(factor, round(images * (factor - 1)), score.gain(factor), recall, score.doubt(factor))


def _larger(bench: Bench, preset: Preset, choice: Choice, judged: Sequence[Judged], small: str) -> Larger:
    """Return what the step to the larger network brought, over the candidates that both networks were judged with."""
    large = preset.model
    if small == large or not preset.finalists:
        return Larger(small, "", choice.model, None, 0)
    by_name = {(one.remedy, one.repair, one.model): one for one in judged}
    pairs = [
        (one, by_name[one.remedy, one.repair, small])
        for one in judged
        if one.model == large and (one.remedy, one.repair, small) in by_name
    ]
    # Of candidates that were stopped early too little is known to hold the others up.
    longest = max((len(one.by_fold) for pair in pairs for one in pair), default=0)
    pairs = [pair for pair in pairs if all(len(one.by_fold) == longest for one in pair)]
    return Larger(small, large, choice.model, paired(pairs, bench) if pairs else None, len(pairs))
