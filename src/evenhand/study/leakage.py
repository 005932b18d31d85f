"""What leaks are worth: the same trainings with copies of the judged images in training, and without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.duplicates import training_rows
from evenhand.data.folds import separated
from evenhand.data.manifest import Manifest
from evenhand.evaluation.intervals import wilson
from evenhand.evaluation.resampling import balanced_accuracy_interval, paired_difference
from evenhand.records.values import Interval, Ints
from evenhand.settings.presets import Preset
from evenhand.study.bench import Bench, Outcome, carry_out
from evenhand.study.leak_figures import Contrast, Leak, Leakage, LeakScore
from evenhand.study.trial import Targets, Trial
from evenhand.training.recipe import Recipe

REMEDY = "balanced-softmax"
"""It makes up for the class counts and shows every image once an epoch, so that an image more or less leaves the order
of the others as it is: the two trainings of a pair differ in little else. Comparisons have often trained it already."""
COMMANDS = ("run", "demo")
"""The commands that measure; the others train no more than they were asked to."""
LEAST_SEEDS = 2
"""One training with a leak and one without differ by chance alone; from two pairs that chance can be seen."""
LEAST_EPOCHS = 2
RESAMPLES = 2000
DRAWS = 20
"""Folds that ignore groups are drawn again, at most so often, until they part one."""

Rights = NDArray[np.bool_]


@dataclass(frozen=True)
class Leaks:
    """Rows of the manifest through which something can leak."""

    tests: Ints
    """All test images."""
    copies: Ints
    """Training images that belong to a test image."""
    leaked: Ints
    """Test images that a training image belongs to."""
    grouped: Ints
    """Other training images that share a group with one another."""


def find_leaks(manifest: Manifest) -> Leaks:
    """Return what leaks as the data are split, and what would leak between folds that ignore groups."""
    train, tests, safe = manifest.where("train"), manifest.where("test"), training_rows(manifest)
    copies = np.setdiff1d(train, safe)
    pixels = {manifest.pixel_sha256[row] for row in copies.tolist()}
    touched = np.isin(manifest.group[tests], manifest.group[copies])
    same = np.array([manifest.pixel_sha256[row] in pixels for row in tests.tolist()], dtype=bool)
    _, member, sizes = np.unique(manifest.group[safe], return_inverse=True, return_counts=True)
    return Leaks(tests, copies, tests[touched | same], safe[sizes[member] > 1])


def split_seeds(preset: Preset) -> int:
    """Return how many pairs of trainings measure what leaks into the test."""
    return max(LEAST_SEEDS, preset.seeds)


def split_recipe(recipe: Recipe, preset: Preset, n: int) -> Recipe:
    """Return the recipe of the trainings on `n` images that measure what leaks into the test: on many, it is cut."""
    if preset.leak_views is None:
        return recipe
    return replace(recipe, epochs=min(recipe.epochs, max(LEAST_EPOCHS, preset.leak_views // n)))


def held_folds(preset: Preset) -> int:
    """Return in how many folds it is measured what parted groups are worth."""
    return preset.folds if preset.leak_folds is None else min(preset.leak_folds, preset.folds)


@dataclass(frozen=True)
class _Pairs:
    """Trainings with a leak and without it, by repetition and held-out fold, and the images that both judge."""

    leaky: Mapping[tuple[int, int], tuple[Bench, Trial]]
    safe: Mapping[tuple[int, int], tuple[Bench, Trial]]
    judged: Ints
    """Rows of the manifest, ascending."""
    part: Ints
    """Which training of a repetition judges each of them."""
    leaked: Rights
    """Which of them leak."""
    images: int
    recipe: Recipe

    @property
    def asked(self) -> list[tuple[Bench, Trial]]:
        return [*self.leaky.values(), *self.safe.values()]


def measure_leakage(
    benches: Callable[..., Bench], manifest: Manifest, recipe: Recipe, preset: Preset, *, title: str
) -> Leakage:
    """Return what leaks are worth; where nothing leaks, nothing is trained.

    Into the test: a network is trained on the training images as they are split, and one on those that a model may be
    trained on; both are judged on all test images. Between folds: networks are trained on the run's own folds, and on
    folds that part its groups and are otherwise the same. A pair shares its seed, and with it order, crops and flips.

    Parameters
    ----------
    benches : callable
        Returns the bench of the run; with `rows`, `scope` and `fold`, one for other images and folds.
    manifest : Manifest
        All images. Test labels are read.
    recipe : Recipe
        Of the networks: that of the comparison.
    preset : Preset
        Says how many trainings, of how many epochs.
    title : str
        Said above the progress bar.
    """
    leaks = find_leaks(manifest)
    split = _across_the_split(benches, manifest, leaks, recipe, preset)
    folds = _across_folds(benches, manifest, leaks, recipe, preset)
    outcomes = carry_out([one for pairs in (split, folds) if pairs for one in pairs.asked], title)
    return Leakage(
        model=recipe.model,
        remedy=REMEDY,
        tests=len(leaks.tests),
        grouped=len(leaks.grouped),
        test=_leak(split, outcomes, manifest) if split else None,
        folds=_leak(folds, outcomes, manifest) if folds else None,
    )


def _across_the_split(
    benches: Callable[..., Bench], manifest: Manifest, leaks: Leaks, recipe: Recipe, preset: Preset
) -> _Pairs | None:
    if not len(leaks.copies):
        return None
    train = manifest.where("train")
    recipe = split_recipe(recipe, preset, len(train))
    rows = np.sort(np.concatenate([train, leaks.tests]))
    # The test images are the fold that is held out; nothing is trained on them.
    bench = benches(rows, scope="leakage", fold=np.isin(rows, leaks.tests).astype(np.int64))
    without = bench.save(Targets(~np.isin(rows, leaks.copies), bench.given))
    leaky, safe = (
        {
            (seed, 0): (bench, bench.trial(REMEDY, recipe, held=[1], targets=targets, number=seed))
            for seed in range(split_seeds(preset))
        }
        for targets in (bench.as_given, without)
    )
    judged = leaks.tests
    part, leaked = np.zeros(len(judged), dtype=np.int64), np.isin(judged, leaks.leaked)
    return _Pairs(leaky, safe, judged, part, leaked, len(leaks.copies), recipe)


def _across_folds(
    benches: Callable[..., Bench], manifest: Manifest, leaks: Leaks, recipe: Recipe, preset: Preset
) -> _Pairs | None:
    if not len(leaks.grouped) or not held_folds(preset):
        return None
    safe = benches()
    groups = manifest.group[safe.rows]
    for draw in range(DRAWS):
        fold = separated(safe.fold, safe.given, groups, safe.n_folds, safe.seed + draw)
        parted = _parted(fold, groups)
        # Where both keep an image, both judge it; the folds are taken in which most is to be seen.
        seen = np.bincount(fold[parted & (fold == safe.fold)], minlength=safe.n_folds)
        if seen.any():
            break
    else:
        return None
    plain = benches(safe.rows, scope="ungrouped", fold=fold)
    held = sorted(np.argsort(-seen, kind="stable")[: held_folds(preset)].tolist())
    judged = np.flatnonzero(np.isin(fold, held) & np.isin(safe.fold, held))
    leaky, kept = (
        {
            (seed, number): (bench, bench.trial(REMEDY, recipe, held=[number], number=seed))
            for seed in range(preset.seeds)
            for number in held
        }
        for bench in (plain, safe)
    )
    return _Pairs(leaky, kept, safe.rows[judged], fold[judged], parted[judged], len(leaks.grouped), recipe)


def _parted(fold: Ints, groups: Ints) -> Rights:
    """Return (n,) whether another image of the same group lies in another fold."""
    _, member = np.unique(groups, return_inverse=True)
    lowest, highest = np.full(member.max(initial=-1) + 1, fold.max(initial=0)), np.zeros(member.max(initial=-1) + 1)
    np.minimum.at(lowest, member, fold)
    np.maximum.at(highest, member, fold)
    apart: Rights = (lowest < highest)[member]
    return apart


def _leak(pairs: _Pairs, outcomes: Mapping[Trial, Outcome], manifest: Manifest) -> Leak:
    labels, n_classes = manifest.given[pairs.judged], len(manifest.classes)
    leaky, safe = (_rights(arm, outcomes, manifest)[:, pairs.judged] for arm in (pairs.leaky, pairs.safe))

    def score(which: Rights) -> LeakScore:
        return _score(leaky[:, which], safe[:, which], labels[which], pairs.part[which], n_classes)

    leaked, everyone = pairs.leaked, np.ones(len(labels), dtype=bool)
    support = np.bincount(labels, minlength=n_classes)
    own = np.bincount(labels[leaked], minlength=n_classes)
    direct = paired_difference(
        leaky[:, leaked],
        safe[:, leaked],
        labels[leaked],
        own / np.maximum(support, 1) / (support > 0).sum(),
        part=pairs.part[leaked],
        seed=0,
        resamples=RESAMPLES,
    )
    return Leak(
        images=pairs.images,
        pairs=len(pairs.leaky),
        epochs=pairs.recipe.epochs,
        whole=score(everyone),
        leaked=score(leaked),
        others=score(~leaked) if not leaked.all() else None,
        direct=direct,
    )


def _rights(
    arm: Mapping[tuple[int, int], tuple[Bench, Trial]], outcomes: Mapping[Trial, Outcome], manifest: Manifest
) -> Rights:
    """Return (S, images of the manifest) whether each repetition names an image as labelled."""
    right = np.zeros((1 + max(seed for seed, _ in arm), len(manifest)), dtype=bool)
    for (seed, _), (_, trial) in arm.items():
        outcome = outcomes[trial]
        # A network that diverged predicts no numbers; it is judged as one that cannot tell the classes apart.
        called = np.nan_to_num(outcome.logits, nan=0.0, posinf=1e30, neginf=-1e30).argmax(axis=1)
        right[seed, outcome.rows] = called == manifest.given[outcome.rows]
    return right


def _score(leaky: Rights, safe: Rights, labels: Ints, part: Ints, n_classes: int) -> LeakScore:
    support = np.bincount(labels, minlength=n_classes)
    balanced = (support > 0) / (support > 0).sum()
    arms = [np.bincount(labels, weights=arm.mean(axis=0), minlength=n_classes) for arm in (leaky, safe)]
    shares = [balanced_accuracy_interval(arm, support, seed=0, resamples=RESAMPLES) for arm in arms]
    plain = [Interval(float(arm.sum() / len(labels)), *map(float, wilson(arm.sum(), len(labels)))) for arm in arms]

    def difference(weights: NDArray[np.float64]) -> Interval:
        return paired_difference(leaky, safe, labels, weights, part=part, seed=0, resamples=RESAMPLES)

    return LeakScore(
        n=len(labels),
        balanced_accuracy=Contrast(shares[0], shares[1], difference(balanced)),
        accuracy=Contrast(plain[0], plain[1], difference(support / len(labels))),
    )
