"""The comparison: what may be concluded from every remedy with every repair on the same folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.evaluation.intervals import corrected_resampled_t, holm
from evenhand.evaluation.metrics import evaluate
from evenhand.records import Choice, Evaluation
from evenhand.remedies.catalogue import REMEDIES, parse
from evenhand.study.bench import Bench
from evenhand.study.judging import Score

SIGNIFICANCE = 0.05


def ranked(scores: Sequence[Score]) -> list[Score]:
    """Return the scores best first by the figure they are judged by; of equal ones, those without a repair first."""
    return sorted(
        scores,
        key=lambda score: (
            -score.result.judged.value,
            score.candidate.repair != "none",
            score.candidate.remedy,
            score.candidate.repair,
        ),
    )


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
    for score in scores:
        by_repair.setdefault(score.candidate.repair, []).append(score.result.judged.value)
    repair = max(by_repair, key=lambda name: (float(np.mean(by_repair[name])), name == "none"))
    pool = [score for score in ranked(scores) if score.candidate.repair == repair]
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
    """Return one score a (remedy, repair), best first: a finalist appears with the better of its models."""
    best: dict[tuple[str, str], Score] = {}
    for score in ranked(scores):
        best.setdefault((score.candidate.remedy, score.candidate.repair), score)
    return list(best.values())


def choose(scores: Sequence[Score], folds: int) -> Choice:
    """Return the best score and what it is tied with.

    Two candidates are tied when the paired differences of their folds and seeds do not differ from zero by the
    Nadeau-Bengio corrected t-test at the 5 % level, after Holm's adjustment over all comparisons with the best.

    Parameters
    ----------
    scores : sequence of Score
        At least one; all from the same folds and seeds.
    folds : int
        Number of folds.
    """
    best, *others = ranked(scores)
    ties = others if best.by_fold.size < 2 else []
    if others and best.by_fold.size >= 2:
        raw = [corrected_resampled_t((best.by_fold - other.by_fold).ravel(), 1 / (folds - 1))[3] for other in others]
        ties = [other for other, p in zip(others, holm(raw), strict=True) if p > SIGNIFICANCE]
    words = ", expected on the true labels," if best.result.expected else ","
    reason = (
        f"It has the highest out-of-fold balanced accuracy{words} {best.result.judged.value:.3f}, of {len(scores)} "
        "candidates."
    )
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
        chosen.recipe.model,
        reason,
        tuple(_name(other, best) for other in ties),
        best.settled,
    )


def _name(score: Score, best: Score) -> str:
    model = "" if score.candidate.recipe.model == best.candidate.recipe.model else f" ({score.candidate.recipe.model})"
    return score.result.name + model


def nested(bench: Bench, scores: Sequence[Score]) -> Evaluation:
    """Return the honest figure of the whole procedure: each fold is predicted by the best candidate of the others.

    With a single hold-out set there are no other folds, so it is that of the best candidate.
    """
    best = ranked(scores)[0].result
    if len(bench.judged) < 2:
        return best.evaluation
    table = np.stack([score.by_fold.mean(axis=0) for score in scores])
    # Summed without the fold, not by subtracting it: rounding alone would let the fold decide between equals.
    others = np.stack([np.delete(table, fold, axis=1).sum(axis=1) for fold in range(table.shape[1])])
    winners = others.argmax(axis=1)
    everyone = np.stack([score.result.probabilities for score in scores])
    return evaluate(bench.given, everyone[winners[bench.fold], np.arange(len(bench.rows))], bench.classes)
