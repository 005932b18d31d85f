"""The study of learning rates: one training a rate and seed, the verdict on each, and which rate is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.errors import UsageError
from evenhand.records.values import Ints
from evenhand.remedies.catalogue import canonical, plan_for
from evenhand.remedies.counting import expected_counts
from evenhand.remedies.plan import Plan
from evenhand.study.bench import Bench, Outcome
from evenhand.study.forecast import CURVE_BYTES, MARGIN, Forecast
from evenhand.study.rate_figures import Finder, RateRow, RateStudy, course, number
from evenhand.study.rate_verdict import FEWEST, combined, judge
from evenhand.study.trial import Trial
from evenhand.training.recipe import Recipe

HELD = 0
"""The fold that is held out."""
STANDARD_ERRORS = 1.96
"""Of a difference that is told from chance, at 95 %."""
TITLE = "Training at each rate"
SHORT = 5
"""How many times shorter the trainings of a range test are."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class RatePlan:
    """What is trained at each rate; all trainings share their images, and those of one seed their random draws."""

    bench: Bench
    recipe: Recipe
    remedy: str
    seeds: int
    held: int = HELD
    """The fold that is held out."""
    source: str = "fold"
    """"val" where the images held out are the validation split of the data."""

    @property
    def images(self) -> int:
        """Images trained on."""
        return int((self.bench.fold != self.held).sum())

    @property
    def steps(self) -> int:
        """Steps of a training, about: a remedy may change them."""
        return self.recipe.epochs * -(-self.images // self.recipe.batch)

    def check(self) -> None:
        """Refuse a training of which no verdict could be had.

        Raises
        ------
        UsageError
            When it has too few steps.
        """
        if self.steps < FEWEST:
            raise UsageError(
                f"A training of {self.recipe.epochs} epochs on {self.images} images has {self.steps} steps; a verdict "
                f"on its learning rate needs at least {FEWEST}. Give more --epochs, or smaller batches with "
                "--set batch=4."
            )

    def trial(self, rate: float, seed: int) -> Trial:
        """Return the training at a rate."""
        recipe = replace(self.recipe, learning_rate=rate, early_stopping=0)
        return self.bench.trial(self.remedy, recipe, held=[self.held], number=seed, watched=True)

    @property
    def chance(self) -> float | None:
        """The training loss of naming every class by its frequency; None where remedy or recipe change the loss."""
        given = self.bench.given[self.bench.fold != self.held]
        plan = plan_for(self.remedy, given, self.bench.n_classes, allow_stacking=True)
        kept = replace(plan, draw=None, synthesis=None, augmentation=None, refit=None, post=None)
        if kept != Plan() or self.recipe.label_smoothing:
            return None
        counts = expected_counts(plan, given, self.bench.n_classes)
        share = counts[counts > 0] / counts.sum()
        return float(-(share * np.log(share)).sum())


def short_epochs(plan: RatePlan) -> int:
    """Return how many epochs each training of a range test has."""
    return max(1, round(plan.recipe.epochs / SHORT))


def study_rates(plan: RatePlan, rates: Sequence[float], finder: Finder | None = None) -> RateStudy:
    """Train at every rate, and return what that shows. Trainings that are finished already are only read.

    Parameters
    ----------
    plan : RatePlan
        What is trained.
    rates : sequence of float
        Each once, in any order.
    finder : Finder, optional
        What range tests have suggested; it is kept beside the rates, and says what is suggested unless one of them is
        better.

    Raises
    ------
    UsageError
        When a training would be too short for a verdict.
    """
    plan.check()
    trials = {(rate, seed): plan.trial(rate, seed) for rate in sorted(set(rates)) for seed in range(plan.seeds)}
    outcomes = plan.bench.carry_out(list(trials.values()), TITLE)
    found = {place: outcomes[trial] for place, trial in trials.items()}
    rows = [_row(plan, rate, [found[rate, seed] for seed in range(plan.seeds)]) for rate in sorted(set(rates))]
    best = best_rate(rows)
    rows = [replace(row, tied=_tied(plan, found, row, best)) for row in rows]
    recipe = plan.recipe
    return RateStudy(
        rows=tuple(rows),
        model=recipe.model,
        remedy=canonical(plan.remedy, allow_stacking=True),
        optimiser=recipe.optimiser,
        schedule=recipe.schedule,
        batch=recipe.batch,
        epochs=recipe.epochs,
        seeds=plan.seeds,
        images=plan.images,
        held=len(plan.bench.rows) - plan.images,
        source=plan.source,
        untrained=number(next(iter(found.values())).untrained) if found else None,
        chance=plan.chance,
        best=best,
        suggested=_suggested(rows, best, finder),
        finder=finder,
    )


def expected(plan: RatePlan, rates: int, tests: int, speed: float, jobs: int) -> Forecast:
    """Return what a study will take; trainings that are finished already are counted too.

    Parameters
    ----------
    plan : RatePlan
    rates, tests : int
        Rates that are trained at in full, and trainings of range tests before.
    speed : float
        Seconds an image on one core.
    jobs : int
        Workers.
    """
    trainings = rates * plan.seeds
    epochs = trainings * plan.recipe.epochs + tests * short_epochs(plan)
    views, steps = plan.images * epochs, plan.steps / plan.recipe.epochs * epochs
    held = (trainings + tests) * (len(plan.bench.rows) - plan.images) * (8 + 4 * plan.bench.n_classes)
    workers = max(1, min(jobs, trainings))
    return Forecast(trainings + tests, MARGIN * views * speed / workers, int(CURVE_BYTES * steps + held))


def best_rate(rows: Sequence[RateRow]) -> float | None:
    """Return the rate with the lowest loss on images held out, of those that converge or are slow; None without any."""
    settled = [row for row in rows if row.usable]
    return min(settled, key=lambda row: (row.validation_loss, row.rate)).rate if settled else None


def _suggested(rows: Sequence[RateRow], best: float | None, finder: Finder | None) -> float | None:
    if finder is None or finder.suggested is None:
        return best
    own = next((row for row in rows if row.rate == finder.suggested), None)
    return best if own and best is not None and not own.tied else finder.suggested


def _row(plan: RatePlan, rate: float, outcomes: Sequence[Outcome]) -> RateRow:
    verdicts = [
        judge(
            outcome.curve.step_loss,
            untrained=outcome.untrained,
            chance=plan.chance,
            epoch=-(-len(outcome.curve.step_loss) // len(outcome.curve.epoch_loss)),
        )
        for outcome in outcomes
    ]
    last = [outcome.curve.epoch_loss[-1] for outcome in outcomes]
    validation = [outcome.curve.validation_loss[-1] for outcome in outcomes]
    return RateRow(
        rate=rate,
        verdict=combined(verdicts),
        courses=tuple(
            course(seed, outcome.curve.step_loss, outcome.curve.epoch_loss, outcome.curve.validation_loss)
            for seed, outcome in enumerate(outcomes)
        ),
        final_loss=number(float(np.mean(last))),
        validation_loss=number(float(np.mean(validation))),
    )


def _tied(plan: RatePlan, found: Mapping[tuple[float, int], Outcome], row: RateRow, best: float | None) -> bool:
    """Return whether a rate cannot be told apart from the best by the losses of the same images held out."""
    if best is None or not row.usable:
        return False
    own, other = (
        np.array([_losses(plan, found[rate, seed]) for seed in range(plan.seeds)]) for rate in (row.rate, best)
    )
    return not beyond_chance(own - other)


def beyond_chance(differences: Doubles) -> bool:
    """Return whether the mean of (S, n) paired differences, of S trainings on n images, differs from 0 beyond chance.

    Images and trainings both vary: the variance of the mean is that of the images' means over n, plus that of the
    trainings' means over S where there are several.
    """
    seeds, n = differences.shape
    variance = float(differences.mean(axis=0).var(ddof=1)) / n if n > 1 else np.inf
    if seeds > 1:
        variance += float(differences.mean(axis=1).var(ddof=1)) / seeds
    return abs(float(differences.mean())) > STANDARD_ERRORS * float(np.sqrt(variance))


def held_loss(plan: RatePlan, outcome: Outcome) -> float:
    """Return the mean loss of a training on the images held out; NaN where it ended as no number."""
    return float(_losses(plan, outcome).mean()) if np.isfinite(outcome.logits).all() else float("nan")


def _losses(plan: RatePlan, outcome: Outcome) -> Doubles:
    """Return the loss of each image held out, on its given label."""
    labels: Ints = plan.bench.given[np.searchsorted(plan.bench.rows, outcome.rows)]
    logits = outcome.logits.astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    told: Doubles = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return told
