"""Judging: every candidate on the same folds and seeds, each training judged on images that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import Doubles
from evenhand.evaluation.intervals import fold_interval
from evenhand.evaluation.label_noise import expected_balanced_accuracy
from evenhand.evaluation.metrics import evaluate
from evenhand.records import Curve, Floats, Interval, Ints, RemedyResult
from evenhand.remedies.catalogue import canonical, plan_for, tunings
from evenhand.remedies.counting import trained_counts
from evenhand.study.bench import Bench, Outcome
from evenhand.study.cross_fitting import cross_fitted
from evenhand.study.label_audit import WHOLE, LabelAudit
from evenhand.training.predict import softmax
from evenhand.training.recipe import Recipe


@dataclass(frozen=True)
class Candidate:
    """A remedy with a repair, trained by a recipe."""

    remedy: str
    repair: str
    recipe: Recipe


@dataclass(frozen=True)
class Score:
    """A candidate's result, and the figure it is judged by in each (seed, fold) for paired comparisons."""

    candidate: Candidate
    result: RemedyResult
    by_fold: NDArray[np.float64]
    """(seeds, folds) balanced accuracy: expected on the true labels where there is an audit, else on the given ones."""
    settled: str = ""
    """The remedy with what was to be tuned chosen on all out-of-fold predictions; empty where nothing was."""


def candidates(remedies: Sequence[str], repairs: Sequence[str], recipe: Recipe) -> list[Candidate]:
    """Return every remedy with every repair; remedies of the same canonical form once.

    Whether corrections may be stacked was asked before.
    """
    names = list(dict.fromkeys(canonical(remedy, allow_stacking=True) for remedy in remedies))
    return [Candidate(remedy, repair, recipe) for repair in dict.fromkeys(repairs) for remedy in names]


def with_recipe(scores: Sequence[Score], recipe: Recipe) -> list[Candidate]:
    """Return the candidates of some scores, to be trained by another recipe."""
    return [replace(score.candidate, recipe=recipe) for score in scores]


def judge(
    bench: Bench, candidates: Sequence[Candidate], audit: LabelAudit | None, *, trust: float, seeds: int, title: str
) -> list[Score]:
    """Return the out-of-fold scores of candidates, in the order given.

    Every candidate sees the same folds, seeds, order of images and crops. A repair was estimated without the fold
    that judges it. With an audit the candidates are judged by the balanced accuracy expected on the true labels: on the
    given ones a candidate that repeats their errors would win. The audit's networks have not seen the images that they
    judge, and are not those of the candidates.

    Parameters
    ----------
    bench : Bench
        The training images.
    candidates : sequence of Candidate
        What to judge.
    audit : LabelAudit or None
        Needed when a candidate repairs labels.
    trust : float
        Suspicion from which a repair acts.
    seeds : int
        Trainings a fold.
    title : str
        Said above the progress bar.
    """
    targets = {
        (repair, fold): audit.targets(bench, fold, repair, trust) if audit else bench.as_given
        for repair in {candidate.repair for candidate in candidates}
        for fold in (*bench.judged, WHOLE)
    }
    asked = [
        {
            (text, seed, fold): bench.trial(
                text, candidate.recipe, held=[fold], targets=targets[candidate.repair, fold], number=seed
            )
            for text in tunings(candidate.remedy)
            for seed in range(seeds)
            for fold in bench.judged
        }
        for candidate in candidates
    ]
    outcomes = bench.carry_out([trial for trials in asked for trial in trials.values()], title)
    scores = []
    for candidate, trials in zip(candidates, asked, strict=True):
        kept = {fold: targets[candidate.repair, fold] for fold in (*bench.judged, WHOLE)}
        found = {
            place: _Prediction.of(bench, place[0], outcomes[trial], kept[place[2]], place[2])
            for place, trial in trials.items()
        }
        chosen = _settled(bench, tunings(candidate.remedy), found, audit)
        taken = {(seed, fold): (chosen[fold], seed, fold) for seed in range(seeds) for fold in bench.judged}
        mine = {place: found[full] for place, full in taken.items()}
        used = [trials[full] for full in taken.values()]
        keys = tuple(dict.fromkeys(key for trial in used for key in (trial.parent, trial.key) if key))
        posterior = audit.whole.posterior if audit else None
        score = _score(bench, candidate, mine, kept[WHOLE], keys, posterior)
        scores.append(replace(score, settled=chosen[WHOLE] if chosen[WHOLE] != candidate.remedy else ""))
    return scores


@dataclass(frozen=True)
class _Prediction:
    """What one training predicts for the fold that it was not shown."""

    positions: Ints
    """Positions among the training images."""
    probabilities: Floats
    curve: Curve

    @classmethod
    def of(cls, bench: Bench, remedy: str, outcome: Outcome, targets: str, fold: int) -> _Prediction:
        offsets = post_offsets(bench, remedy, targets, fold)
        # A network that diverged predicts no numbers; it is judged as one that cannot tell the classes apart.
        logits = np.nan_to_num(outcome.logits, nan=0.0, posinf=1e30, neginf=-1e30)
        return cls(np.searchsorted(bench.rows, outcome.rows), softmax(logits + offsets), outcome.curve)

    @property
    def classes(self) -> Ints:
        found: Ints = self.probabilities.argmax(axis=1)
        return found


def _settled(
    bench: Bench,
    texts: Sequence[str],
    found: dict[tuple[str, int, int], _Prediction],
    audit: LabelAudit | None,
) -> dict[int, str]:
    """Return for each fold, and for all together, which of the texts counts; see `cross_fitting`."""
    if len(texts) == 1:
        return dict.fromkeys((*bench.judged, WHOLE), texts[0])

    def figure(scope: int, positions: Ints, predicted: Ints) -> float:
        if audit is None:
            return balanced_accuracy(bench.given[positions], predicted, bench.n_classes)
        # The label model that was made without the fold, where there is one.
        known = scope if scope in audit.models else WHOLE
        place = np.searchsorted(audit.members[known], positions)
        return expected_balanced_accuracy(predicted, audit.models[known].posterior[place])

    predicted = {place: (prediction.positions, prediction.classes) for place, prediction in found.items()}
    return cross_fitted(texts, predicted, figure, WHOLE)


def _score(
    bench: Bench,
    candidate: Candidate,
    found: dict[tuple[int, int], _Prediction],
    targets: str,
    keys: tuple[str, ...],
    posterior: Doubles | None,
) -> Score:
    seeds = 1 + max(seed for seed, _ in found)
    probabilities = np.zeros((len(bench.rows), bench.n_classes))
    plain, expected = (np.zeros((seeds, len(bench.judged))) for _ in range(2))
    for (seed, fold), prediction in found.items():
        here = prediction.positions
        probabilities[here] += prediction.probabilities / seeds
        plain[seed, fold] = balanced_accuracy(bench.given[here], prediction.classes, bench.n_classes)
        if posterior is not None:
            expected[seed, fold] = expected_balanced_accuracy(prediction.classes, posterior[here])
    seen = np.flatnonzero(np.isin(bench.fold, bench.judged))
    evaluation = evaluate(bench.given[seen], probabilities[seen], bench.classes)
    given = _around(evaluation.balanced_accuracy, plain, bench.n_folds)
    result = RemedyResult(
        remedy=candidate.remedy,
        repair=candidate.repair,
        model=candidate.recipe.model,
        evaluation=evaluation,
        probabilities=probabilities[seen].astype(np.float32),
        indices=bench.rows[seen],
        trained_counts=_trained_counts(bench, candidate.remedy, targets),
        curve=found[0, 0].curve,
        trials=keys,
        low=given.low,
        high=given.high,
        seconds=round(sum(bench.run.seconds(key) for key in keys), 3),
        by_fold=tuple((plain if posterior is None else expected).ravel().tolist()),
        expected=None
        if posterior is None
        else _expected(probabilities[seen].argmax(axis=1), posterior[seen], given, expected, bench.n_folds),
    )
    return Score(candidate, result, plain if posterior is None else expected)


def _expected(
    predicted: Ints, posterior: Doubles, given: Interval, by_fold: NDArray[np.float64], folds: int
) -> Interval:
    """Return the expected figure; with one training its interval is as wide as that on the given labels."""
    value = expected_balanced_accuracy(predicted, posterior)
    shift = value - given.value
    return _around(Interval(value, max(0.0, given.low + shift), min(1.0, given.high + shift)), by_fold, folds)


def _around(pooled: Interval, by_fold: NDArray[np.float64], folds: int) -> Interval:
    """Return the pooled figure with its 95 % interval across trainings; with one training, with its own."""
    if by_fold.size < 2:
        return pooled
    spread = fold_interval(by_fold.ravel(), 1 / (folds - 1))
    low, high = pooled.value - (spread.value - spread.low), pooled.value + (spread.high - spread.value)
    return Interval(pooled.value, max(0.0, low), min(1.0, high))


def post_offsets(bench: Bench, remedy: str, targets: str, fold: int) -> Floats:
    """Return (K,) what the remedy adds to finished logits, from the labels that were trained on without `fold`."""
    kept = bench.workplace.targets(targets)
    labels = kept.labels[kept.keep & (bench.fold != fold)]
    post = plan_for(remedy, labels, bench.n_classes, allow_stacking=True).post
    return np.asarray(post.logit_offsets if post else np.zeros(bench.n_classes), dtype=np.float32)


def balanced_accuracy(labels: Ints, predicted: Ints, n_classes: int) -> float:
    """Return the mean recall of the classes that occur in `labels`."""
    support = np.bincount(labels, minlength=n_classes)
    right = np.bincount(labels[labels == predicted], minlength=n_classes)
    return float((right[support > 0] / support[support > 0]).mean())


def _trained_counts(bench: Bench, remedy: str, targets: str) -> tuple[int, ...]:
    kept = bench.workplace.targets(targets)
    labels = kept.labels[kept.keep]
    plan = plan_for(remedy, labels, bench.n_classes, allow_stacking=True)
    return trained_counts(plan, labels, bench.n_classes)
