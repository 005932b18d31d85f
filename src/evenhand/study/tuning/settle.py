"""The best of a search beside the default, on folds, draws and label estimates that the search did not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.records.values import Interval
from evenhand.remedies.remedy import Value
from evenhand.study.bench import Bench
from evenhand.study.compare import differences
from evenhand.study.judging import Candidate, Score, judge
from evenhand.study.label_audit import LabelAudit
from evenhand.study.tuning.figures import BETTER, SAME, TIED, WORSE, Rival, Settled, Tried
from evenhand.training.recipe import Recipe

APART = 7919
"""What is added to the seed of a search for the folds and draws of the last comparison."""
DEFAULT, RECIPE = "default", "recipe"
"""What `train` does where nothing is said; and the recipe that was searched from, with the remedy of the best."""


def rivals(best: Candidate, default: Candidate, base: Recipe) -> dict[str, Candidate]:
    """Return what the best is held against, by name; what is the same training stands there once."""
    return {DEFAULT: default, RECIPE: replace(best, recipe=base)}


def settled(
    bench: Bench,
    labels: LabelAudit | None,
    best: tuple[Tried, Candidate],
    against: Mapping[str, Candidate],
    *,
    trust: float,
    seeds: int,
) -> Settled:
    """Return what fresh folds say of the best of a search.

    Parameters
    ----------
    bench : Bench
        With folds and a seed that the search did not see.
    labels : LabelAudit or None
        Made on these folds; needed when somebody repairs labels.
    best : (Tried, Candidate)
        The trial picked, and what it trains.
    against : mapping
        What it is held against, by name.
    trust : float
        Suspicion from which a repair acts.
    seeds : int
        Trainings a fold.
    """
    trial, candidate = best
    asked = list(dict.fromkeys([candidate, *against.values()]))
    title = f"Judging the best beside {len(asked) - 1} others on fresh folds"
    scores = judge(bench, asked, labels, trust=trust, seeds=seeds, title=title)
    found = dict(zip(asked, scores, strict=True))
    own = found[candidate]
    return Settled(
        number=trial.number,
        remedy=candidate.remedy,
        repair=candidate.repair,
        recipe=candidate.recipe.to_json(),
        changes=changes(candidate.recipe),
        searched=trial.value,
        figure=own.result.judged,
        by_fold=own.result.by_fold,
        rivals=tuple(_rival(name, one, own, found[one], bench.n_folds) for name, one in against.items()),
        folds=len(bench.judged),
        seeds=seeds,
        seed=bench.seed,
    )


def _rival(name: str, candidate: Candidate, own: Score, score: Score, folds: int) -> Rival:
    mean, low, high, p = 0.0, 0.0, 0.0, 1.0
    if own is not score:
        mean, low, high, p = corrected_resampled_t(differences(own, score), 1 / (folds - 1))
    return Rival(
        name=name,
        remedy=candidate.remedy,
        repair=candidate.repair,
        recipe=candidate.recipe.to_json(),
        figure=score.result.judged,
        # One training alone has no spread: the interval then holds every difference that there can be.
        difference=Interval(mean, max(-1.0, low), min(1.0, high)),
        p=p,
        verdict=SAME if own is score else BETTER if low > 0 else WORSE if high < 0 else TIED,
    )


def changes(recipe: Recipe) -> dict[str, Value]:
    """Return the settings that a search varies, and the epochs, as ``--set`` and a study file take them."""
    names = ("optimiser", "learning_rate", "momentum", "weight_decay", "batch", "schedule", "epochs")
    pictures: dict[str, Any] = asdict(recipe.augmentation)
    return {name: getattr(recipe, name) for name in names} | {
        f"augmentation.{name}": value for name, value in pictures.items()
    }
