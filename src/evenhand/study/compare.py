"""The comparison: what may be concluded from every remedy with every repair on the same folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import TIME, WEAK, Choice
from evenhand.records.evaluation import Evaluation
from evenhand.remedies.catalogue import REMEDIES, parse
from evenhand.study.bench import Bench
from evenhand.study.conclude import named, table_of, to_separate
from evenhand.study.judging import Score


def ranked(scores: Sequence[Score]) -> list[Score]:
    """Return the scores best first by the figure they are judged by; of equal ones, those without a repair first.

    A candidate that was stopped early was judged on fewer images. It stands as far below the best that went all the way
    as it was behind it in the trainings that both have, and never above it.
    """
    best = min((score for score in scores if not score.result.stopped), key=_place)

    def place(score: Score) -> tuple[float, bool, bool, str, str]:
        if not score.result.stopped:
            return (-score.result.judged.value, False, *_place(score)[1:])
        behind = max(0.0, float(differences(best, score).mean()))
        return (-(best.result.judged.value - behind), True, *_place(score)[1:])

    return sorted(scores, key=place)


def _place(score: Score) -> tuple[float, bool, str, str]:
    candidate = score.candidate
    return (-score.result.judged.value, candidate.repair != "none", candidate.remedy, candidate.repair)


def differences(first: Score, second: Score) -> NDArray[np.float64]:
    """Return (J,) how much better the first was in each training that both have, all folds of the first seed first."""
    seeds = min(len(first.by_fold), len(second.by_fold))
    found = first.by_fold[:seeds] - second.by_fold[:seeds]
    return found[np.isfinite(found)]


def finalists(scores: Sequence[Score], number: int) -> list[Score]:
    """Return the candidates that are worth a larger model, best first.

    All have the repair that is better on average over the remedies: single pairs differ by little more than chance. Of
    remedies that make up for the class counts in the same way (drawing, adding images, the loss, afterwards) only the
    best goes on, for they do much the same, and the larger model may prefer another way; places that are left over go
    to the next best.

    Parameters
    ----------
    scores : sequence of Score
        All remedies with all repairs, judged with one model.
    number : int
        At most so many.
    """
    by_repair: dict[str, list[float]] = {}
    # Where some were stopped, all are compared by the trainings that everybody has.
    common = np.isfinite([score.by_fold for score in scores]).all(axis=0)
    for score in scores:
        figure = score.result.judged.value if common.all() else float(score.by_fold[common].mean())
        by_repair.setdefault(score.candidate.repair, []).append(figure)
    repair = max(by_repair, key=lambda name: (float(np.mean(by_repair[name])), name == "none"))
    left = [score for score in ranked(scores) if not score.result.stopped]
    pool = [score for score in left if score.candidate.repair == repair] or left
    first: dict[frozenset[str], Score] = {}
    for score in pool:
        first.setdefault(_way(score.candidate.remedy), score)
    leading = list(first.values())
    others = [score for score in pool if all(score is not other for other in leading)]
    return ranked([*leading, *others][:number])


def _way(remedy: str) -> frozenset[str]:
    parts = [REMEDIES[part.name] for part in parse(remedy, allow_stacking=True).parts]
    return frozenset(layer.split(".")[0] for part in parts if part.corrects_prior for layer in part.layers)


def best_of_each(scores: Sequence[Score]) -> list[Score]:
    """Return one score a (remedy, repair), best first: a finalist appears with the better of its models.

    Groups of a study file are kept apart: each has its own row.
    """
    best: dict[tuple[str, str, str], Score] = {}
    for score in ranked(scores):
        best.setdefault((score.candidate.remedy, score.candidate.repair, score.candidate.group), score)
    return list(best.values())


def choose(scores: Sequence[Score], folds: int) -> Choice:
    """Return the best score and what it is tied with.

    Two candidates are tied when `ScoreTable` cannot tell them apart: it allows for the best having been picked because
    it looked best, so that among equals anybody at all is said to be worse in at most 5 % of all comparisons.

    Parameters
    ----------
    scores : sequence of Score
        At least one; all from the same folds and seeds. Those that were stopped early neither win nor tie.
    folds : int
        Number of folds.
    """
    whole = ranked([score for score in scores if not score.result.stopped])
    best, *others = whole
    apart = table_of(whole, folds).apart[0, 1:]
    ties = [other for other, told in zip(others, apart, strict=True) if not told]
    words = ", expected on the true labels," if best.result.expected else ","
    reason = (
        f"It has the highest out-of-fold balanced accuracy{words} {best.result.judged.value:.3f}, of {len(scores)} "
        "candidates."
    )
    for why, told in ((WEAK, "were clearly behind"), (TIME, "were not finished for want of time")):
        if number := sum(score.result.stopped == why for score in scores):
            reason += f" {number} of them {told} and stopped early."
    if ties:
        reason += (
            f" {len(ties)} of them cannot be told apart from it by these {best.by_fold.size} paired trainings; "
            "among equals the highest figure was taken."
        )
    if best.settled:
        reason += f" What was to be tuned was settled on all out-of-fold predictions: {best.settled}."
    chosen = best.candidate
    return Choice(
        chosen.remedy,
        chosen.repair,
        chosen.network,
        reason,
        tuple(named(other, best) for other in ties),
        best.settled,
        to_separate(whole, folds, len(best.result.indices)),
    )


def nested(bench: Bench, scores: Sequence[Score]) -> Evaluation:
    """Return the honest figure of the whole procedure: each fold is predicted by the best candidate of the others.

    A candidate that was stopped before it had predicted a fold was not stopped on account of that fold, and is out of
    the choice there. One that was stopped afterwards is compared, by the trainings that it has on the other folds, with
    the best of those that went all the way. With a single hold-out set there are no other folds, so the figure is that
    of the best candidate.
    """
    best = ranked(scores)[0].result
    if len(bench.judged) < 2:
        return best.evaluation
    whole = [score for score in scores if not score.result.stopped]
    stopped = [score for score in scores if score.result.stopped]
    table = np.stack([score.by_fold.mean(axis=0) for score in whole])
    everyone = np.zeros((len(bench.rows), len(bench.classes)), dtype=np.float32)
    for number, fold in enumerate(bench.judged):
        # Averaged without the fold, not by subtracting it: rounding alone would let the fold decide between equals.
        others = np.delete(table, number, axis=1).mean(axis=1)
        winner, lead = whole[int(others.argmax())], 0.0
        for score in stopped:
            ahead = _ahead(score, whole[int(others.argmax())], number)
            if ahead > lead:
                winner, lead = score, ahead
        here = np.flatnonzero(bench.fold == fold)
        everyone[here] = winner.result.probabilities[np.searchsorted(winner.result.indices, bench.rows[here])]
    seen = np.isin(bench.fold, bench.judged)
    return evaluate(bench.given[seen], everyone[seen], bench.classes)


def _ahead(score: Score, best: Score, fold: int) -> float:
    """Return how much better a stopped candidate was than the best without a fold; -inf where that is not known."""
    if not np.isfinite(score.by_fold[0, fold]):
        return -np.inf
    seeds = min(len(score.by_fold), len(best.by_fold))
    found = np.delete(score.by_fold[:seeds] - best.by_fold[:seeds], fold, axis=1)
    known = found[np.isfinite(found)]
    return float(known.mean()) if len(known) else -np.inf
