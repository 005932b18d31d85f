"""Judging: every candidate on the same folds and seeds, each training judged on images that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import Doubles
from evenhand.evaluation.intervals import by_seed, fold_interval
from evenhand.evaluation.label_noise import expected_balanced_accuracy
from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import TIME, WEAK, Curve, RemedyResult
from evenhand.records.values import Floats, Interval, Ints
from evenhand.remedies.catalogue import canonical, plan_for, tunings
from evenhand.remedies.counting import trained_counts
from evenhand.study.bench import Bench, Outcome
from evenhand.study.cross_fitting import cross_fitted
from evenhand.study.halving import LEVEL, looks, saving, stopping
from evenhand.study.label_audit import WHOLE, LabelAudit
from evenhand.study.trial import Trial
from evenhand.training.predict import softmax
from evenhand.training.recipe import Recipe


@dataclass(frozen=True)
class Candidate:
    """A remedy with a repair, trained by a recipe."""

    remedy: str
    repair: str
    recipe: Recipe
    group: str = ""
    """The group of a study file that gives the recipe; empty where all have the same."""

    @property
    def network(self) -> str:
        """What tells candidates of the same remedy and repair apart: the network, with the group where there is one."""
        return f"{self.recipe.model} ({self.group})" if self.group else self.recipe.model


@dataclass(frozen=True)
class Score:
    """A candidate's result, and the figure it is judged by in each (seed, fold) for paired comparisons."""

    candidate: Candidate
    result: RemedyResult
    by_fold: NDArray[np.float64]
    """(seeds, folds) balanced accuracy: expected on the true labels where there is an audit, else on the given ones;
    NaN for the trainings that a stopped candidate was spared."""
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


Room = Callable[[Sequence[Sequence[Trial]]], int]
"""From the next trainings of each candidate, the best first, to how many of these candidates there is time for."""


def judge(
    bench: Bench,
    candidates: Sequence[Candidate],
    audit: LabelAudit | None,
    *,
    trust: float,
    seeds: int,
    title: str,
    halving: bool = False,
    room: Room | None = None,
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
    halving : bool
        Whether candidates that are clearly behind stop early; see `halving`. Plain training never does.
    room : callable, optional
        Asked before each further round of trainings, about the rest of the first seed or about another seed; those
        that there is no time for stop, the weakest first. The one that leads and plain training finish the first seed.
    """
    targets = {
        (repair, fold): audit.targets(bench, fold, repair, trust) if audit else bench.as_given
        for repair in {candidate.repair for candidate in candidates}
        for fold in (*bench.judged, WHOLE)
    }
    places = [(seed, fold) for seed in range(seeds) for fold in bench.judged]
    entrants = [_Entrant(bench, candidate, audit, targets, places) for candidate in candidates]
    rounds = looks(seeds, len(bench.judged), often=room is not None) if halving or room else ()
    level = LEVEL / max(1, len(looks(seeds, len(bench.judged))))
    done, running = 0, entrants
    for end in (*rounds, len(places)):
        if room and done and not _time_for(running, end, bench, room):
            break
        running = [entrant for entrant in running if not entrant.stopped]
        asked = [trial for entrant in running for trial in entrant.trials(places[done:end])]
        said = f"{title}, trainings {done + 1} to {end} of {len(places)}" if rounds else title
        outcomes = bench.carry_out(asked, said)
        for entrant in running:
            entrant.hear(outcomes, places[done:end])
        done = end
        if halving and done in looks(seeds, len(bench.judged)):
            _halve(running, bench, level)
    for entrant in entrants:
        entrant.planned = done
    return [entrant.score() for entrant in entrants]


def _halve(running: Sequence[_Entrant], bench: Bench, level: float) -> None:
    """Stop those who are clearly behind."""
    scores = np.stack([by_seed(entrant.figures(), len(bench.judged)) for entrant in running])
    left = [entrant.trials(entrant.waiting) for entrant in running]
    spared = [number for number, entrant in enumerate(running) if entrant.plain]
    for number in stopping(scores, left, spared, folds=bench.n_folds, level=level):
        running[number].stopped = WEAK


def _time_for(running: Sequence[_Entrant], end: int, bench: Bench, room: Room) -> bool:
    """Stop those who there is no time for; return whether the rest is worth going on with."""
    running = [entrant for entrant in running if not entrant.stopped]
    merit = sorted(
        range(len(running)), key=lambda number: (-round(float(running[number].figures().mean()), 12), number)
    )
    # Plain training comes right after the one that leads: what everything is compared with.
    leading = [*merit[:1], *(number for number in merit[1:] if running[number].plain)]
    order = [*leading, *(number for number in merit if number not in leading)]
    done = len(running[0].figures())
    ahead = max(end, len(bench.judged)) - done
    upcoming = [running[number].trials(running[number].waiting[:ahead]) for number in order]
    fits = room(upcoming)
    if done >= len(bench.judged) and fits < min(2, len(running)):
        return False
    left = [entrant.trials(entrant.waiting) for entrant in running]
    for number in saving(set(order[max(fits, len(leading)) :]), left):
        running[number].stopped = TIME
    return True


class _Entrant:
    """A candidate on its way through the comparison: the trainings that it asks for, and what they predicted."""

    def __init__(
        self,
        bench: Bench,
        candidate: Candidate,
        audit: LabelAudit | None,
        targets: Mapping[tuple[str, int], str],
        places: Sequence[tuple[int, int]],
    ) -> None:
        self.bench, self.candidate, self.audit = bench, candidate, audit
        self.targets = {fold: targets[candidate.repair, fold] for fold in (*bench.judged, WHOLE)}
        self.texts = tunings(candidate.remedy)
        self.waiting = list(places)
        self.planned, self.stopped = len(places), ""
        self._asked = {
            (text, seed, fold): bench.trial(
                text, candidate.recipe, held=[fold], targets=self.targets[fold], number=seed
            )
            for text in self.texts
            for seed, fold in places
        }
        self._found: dict[tuple[str, int, int], _Prediction] = {}

    @property
    def plain(self) -> bool:
        """Whether this is plain training on the labels as given."""
        return (self.candidate.remedy, self.candidate.repair) == ("none", "none")

    def trials(self, places: Sequence[tuple[int, int]]) -> list[Trial]:
        """Return the trainings of some (seed, fold), with every value of what is to be tuned."""
        return [self._asked[text, seed, fold] for text in self.texts for seed, fold in places]

    def hear(self, outcomes: Mapping[Trial, Outcome], places: Sequence[tuple[int, int]]) -> None:
        """Take in the outcomes of the next places."""
        for text in self.texts:
            for seed, fold in places:
                outcome = outcomes[self._asked[text, seed, fold]]
                self._found[text, seed, fold] = _Prediction.of(self.bench, text, outcome, self.targets[fold], fold)
        self.waiting = self.waiting[len(places) :]

    def figures(self) -> NDArray[np.float64]:
        """Return (J,) the figure that counts in each training so far, all folds of the first seed first."""
        _, taken = self._taken()
        return np.array([_figure(self.bench, self.audit, prediction) for prediction in taken.values()])

    def score(self) -> Score:
        """Return what is known of the candidate now."""
        chosen, taken = self._taken()
        used = [self._asked[chosen[fold], seed, fold] for seed, fold in taken]
        keys = tuple(dict.fromkeys(key for trial in used for key in (trial.parent, trial.key) if key))
        posterior = self.audit.whole.posterior if self.audit else None
        score = _score(self.bench, self.candidate, taken, self.targets[WHOLE], keys, posterior, self.planned)
        stopped = self.stopped if len(taken) < self.planned else ""
        return replace(
            score,
            result=replace(score.result, stopped=stopped),
            settled=chosen[WHOLE] if chosen[WHOLE] != self.candidate.remedy else "",
        )

    def _taken(self) -> tuple[dict[int, str], dict[tuple[int, int], _Prediction]]:
        """Return which text counts for each fold, and its predictions in the order of the trainings."""
        chosen = _settled(self.bench, self.texts, self._found, self.audit)
        places = dict.fromkeys((seed, fold) for _, seed, fold in self._found)
        return chosen, {(seed, fold): self._found[chosen[fold], seed, fold] for seed, fold in places}


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
    planned: int,
) -> Score:
    repeats = Counter(fold for _, fold in found)
    probabilities = np.zeros((len(bench.rows), bench.n_classes))
    # NaN where a candidate that was stopped has no training.
    plain, expected = (np.full((planned // len(bench.judged) or 1, len(bench.judged)), np.nan) for _ in range(2))
    for (seed, fold), prediction in found.items():
        here = prediction.positions
        probabilities[here] += prediction.probabilities / repeats[fold]
        plain[seed, fold] = balanced_accuracy(bench.given[here], prediction.classes, bench.n_classes)
        if posterior is not None:
            expected[seed, fold] = expected_balanced_accuracy(prediction.classes, posterior[here])
    figures = plain if posterior is None else expected
    seen = np.flatnonzero(np.isin(bench.fold, list(repeats)))
    evaluation = evaluate(bench.given[seen], probabilities[seen], bench.classes)
    given = _around(evaluation.balanced_accuracy, plain, bench.n_folds)
    result = RemedyResult(
        remedy=candidate.remedy,
        repair=candidate.repair,
        model=candidate.network,
        evaluation=evaluation,
        probabilities=probabilities[seen].astype(np.float32),
        indices=bench.rows[seen],
        trained_counts=_trained_counts(bench, candidate.remedy, targets),
        curve=found[0, 0].curve,
        trials=keys,
        low=given.low,
        high=given.high,
        seconds=round(sum(bench.run.seconds(key) for key in keys), 3),
        by_fold=tuple(figures[np.isfinite(figures)].tolist()),
        planned=planned,
        expected=None
        if posterior is None
        else _expected(probabilities[seen].argmax(axis=1), posterior[seen], given, expected, bench.n_folds),
    )
    return Score(candidate, result, figures)


def _expected(
    predicted: Ints, posterior: Doubles, given: Interval, by_fold: NDArray[np.float64], folds: int
) -> Interval:
    """Return the expected figure; with one fold its interval is as wide as that on the given labels."""
    value = expected_balanced_accuracy(predicted, posterior)
    shift = value - given.value
    return _around(Interval(value, max(0.0, given.low + shift), min(1.0, given.high + shift)), by_fold, folds)


def _around(pooled: Interval, by_fold: NDArray[np.float64], folds: int) -> Interval:
    """Return the pooled figure with its 95 % interval across folds; with one fold, with its own."""
    known = by_seed(by_fold[np.isfinite(by_fold)], by_fold.shape[1])
    if known.shape[1] < 2:
        return pooled
    spread = fold_interval(known, 1 / (folds - 1))
    low, high = pooled.value - (spread.value - spread.low), pooled.value + (spread.high - spread.value)
    return Interval(pooled.value, max(0.0, low), min(1.0, high))


def _figure(bench: Bench, audit: LabelAudit | None, prediction: _Prediction) -> float:
    """Return the figure that counts of one training."""
    here = prediction.positions
    if audit is None:
        return balanced_accuracy(bench.given[here], prediction.classes, bench.n_classes)
    return expected_balanced_accuracy(prediction.classes, audit.whole.posterior[here])


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
