"""A made-up search for settings, for the tests of what is said and shown of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.records.values import Interval
from evenhand.study.tuning.figures import BETTER, FINISHED, SAME, STOPPED, Mattered, Rival, Settled, Tried, Tuning
from evenhand.study.tuning.settle import DEFAULT, RECIPE, changes
from evenhand.study.tuning.space import Space, space_of
from evenhand.training.recipe import recipe

REMEDIES = ("none", "sampler", "logit-adjust")


def space() -> Space:
    """Return what was searched."""
    return space_of(recipe("standard", "simple"), REMEDIES, ("none", "drop"))


class Random:
    """Suggests values at random."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(low * (high / low) ** self.random.random()) if log else float(self.random.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self.random.integers(low, high + 1))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]


def trials(number: int) -> tuple[Tried, ...]:
    """Return trials in which nothing but the rate and the remedy matters; every third is stopped."""
    found, made, random = [], space(), np.random.default_rng(1)
    for place in range(number):
        point = made.starts("none")[0] if place == 0 else made.point(Random(place))
        candidate = made.candidate(point)
        value = 0.8 - 0.1 * abs(np.log10(float(point["rate"]))) + 0.03 * (point["remedy"] != "none")
        stopped = place % 3 == 2
        found.append(
            Tried(
                number=place,
                state=STOPPED if stopped else FINISHED,
                value=float(value + random.normal(0, 0.003)),
                folds=1 if stopped else 4,
                point=point,
                remedy=candidate.remedy,
                learning_rate=candidate.recipe.learning_rate,
                seconds=3.0,
            )
        )
    return tuple(found)


def rival(name: str, verdict: str = BETTER, value: float = 0.04) -> Rival:
    """Return the best beside something else."""
    reach = {BETTER: value / 2, SAME: 0.0}.get(verdict, 2 * abs(value))
    if verdict == SAME:
        value = 0.0
    return Rival(
        name=name,
        remedy="balanced-softmax" if name == DEFAULT else "sampler",
        repair="none",
        recipe=recipe("standard", "simple").to_json(),
        figure=Interval(0.83 - value, 0.8 - value, 0.86 - value),
        difference=Interval(value, value - reach, value + reach),
        p=0.01,
        verdict=verdict,
    )


def tuning(number: int = 40, *, verdict: str = BETTER, value: float = 0.04) -> Tuning:
    """Return a search of so many trials, and what fresh folds said."""
    tried = trials(number)
    best = max((trial for trial in tried if trial.state == FINISHED), key=lambda trial: trial.value)
    made = space().candidate(best.point)
    settled = Settled(
        number=best.number,
        remedy=made.remedy,
        repair="drop",
        recipe=made.recipe.to_json(),
        changes=changes(made.recipe),
        searched=best.value,
        figure=Interval(0.83, 0.8, 0.86),
        by_fold=(0.83,) * 8,
        rivals=(rival(DEFAULT, verdict, value), rival(RECIPE)),
        folds=4,
        seeds=2,
        seed=7919,
    )
    return Tuning(
        settings=space().settings,
        trials=tried,
        mattered=(
            Mattered("rate", Interval(0.6, 0.4, 0.8)),
            Mattered("remedy", Interval(0.3, 0.1, 0.5)),
            Mattered("batch", Interval(0.1, 0.0, 0.2)),
        ),
        best=settled,
        model="simple",
        base="standard",
        epochs=10,
        folds=4,
        images=5_625,
        expected=True,
        trainings=4 * number,
        seconds=12.0 * number,
        limit=1_200.0,
    )
