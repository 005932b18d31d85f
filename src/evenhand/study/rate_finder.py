"""The range test: short trainings at rates all over the range, and the rate that they suggest.

The usual range test lets the rate rise within one training until that breaks down. On lopsided data it shows little: a
network first learns how common each class is, and leaves that plateau only after hundreds of steps at a good rate,
which a rising rate does not grant it; and a network that has broken there looks like one that has not begun. So each
rate gets a short training of its own here, with the recipe's own schedule, and is judged by the loss on images held
out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenhand.evaluation.intervals import mean_interval
from evenhand.study.bench import Outcome
from evenhand.study.learning_rate import RatePlan, held_loss, short_epochs
from evenhand.study.rate_figures import Finder, number

STEP = 10**0.5
"""Each rate of a range test over the one before."""
FIRST, LAST = -10, 0
"""The rates are `STEP` to these powers, and those between: 1e-5 to 1."""
FURTHER = 2
"""Rates that are added where the best lies at an end of the range."""
OUTERMOST = (-16, 4)
"""No further than that, 1e-8 to 100."""
TITLE = "Range tests"
FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)
"""Rates around a suggestion that it is checked against, as factors of it."""


def find_rate(plan: RatePlan, tests: int) -> Finder:
    """Carry out range tests, which differ in their random draws, and return what they suggest together.

    The suggestion is the geometric mean of theirs; its interval is that of Student's t for the logarithms.

    Parameters
    ----------
    plan : RatePlan
        What is trained; each training of a test has a fifth of its epochs.
    tests : int
        At least 1.
    """
    short = replace(plan, recipe=replace(plan.recipe, epochs=short_epochs(plan)))
    first, last = FIRST, LAST
    found: dict[int, list[float]] = {}
    while True:
        found |= _tried(short, [power for power in range(first, last + 1) if power not in found], tests)
        powers = sorted(found)
        middle = [float(np.mean(found[power])) for power in powers]
        best = powers[int(np.argmin(middle))] if np.isfinite(middle).any() else None
        if best == first and first > OUTERMOST[0]:
            first -= FURTHER
        elif best == last and last < OUTERMOST[1]:
            last += FURTHER
        else:
            break
    tables = [{STEP**power: found[power][test] for power in powers} for test in range(tests)]
    each = [lowest(table) for table in tables]
    known = [math.log(one) for one in each if one is not None]
    mean, low, high = mean_interval(known) if known else (None, None, None)
    return Finder(
        suggested=_rounded(mean),
        low=_rounded(low),
        high=_rounded(high),
        each=tuple(_two_digits(one) for one in each),
        epochs=short.recipe.epochs,
        tries=tuple(tuple((rate, number(loss)) for rate, loss in sorted(table.items())) for table in tables),
    )


def _tried(plan: RatePlan, powers: Sequence[int], tests: int) -> dict[int, list[float]]:
    """Return the loss on images held out of each rate in each test; infinite where it is no number."""
    trials = {(power, test): plan.trial(_exactly(STEP**power), test) for power in powers for test in range(tests)}
    outcomes = plan.bench.carry_out(list(trials.values()), TITLE)

    def loss(outcome: Outcome) -> float:
        told = held_loss(plan, outcome)
        return told if math.isfinite(told) else math.inf

    return {power: [loss(outcomes[trials[power, test]]) for test in range(tests)] for power in powers}


def lowest(losses: Mapping[float, float]) -> float | None:
    """Return the rate of the lowest loss: the vertex of the parabola through it and its neighbours, in logarithms.

    Parameters
    ----------
    losses : mapping of rate to loss
        Infinite where a training ended as no number.

    Returns
    -------
    float or None
        The rate itself where a neighbour is missing or no number; None where no loss is a number.
    """
    rates = sorted(losses)
    place = min(range(len(rates)), key=lambda one: losses[rates[one]])
    if not math.isfinite(losses[rates[place]]):
        return None
    if place in (0, len(rates) - 1):
        return rates[place]
    before, here, after = (losses[rates[place + offset]] for offset in (-1, 0, 1))
    bend = before - 2 * here + after
    if not (math.isfinite(bend) and bend > 0):
        return rates[place]
    left, right = (math.log(rates[place + offset] / rates[place]) for offset in (-1, 1))
    # Of equally spaced points; the vertex is never farther away than half of the way to a neighbour.
    return rates[place] * math.exp((right - left) / 2 * (before - after) / (2 * bend))


def around(rate: float) -> tuple[float, ...]:
    """Return the rates that a suggestion is checked against, itself included."""
    return tuple(_exactly(rate * factor) for factor in FACTORS)


def _exactly(rate: float) -> float:
    """Return a rate as it is written: what is typed from a report finds the same training."""
    return float(f"{rate:.3g}")


def _two_digits(rate: float | None) -> float | None:
    return None if rate is None else float(f"{rate:.2g}")


def _rounded(logarithm: float | None) -> float | None:
    return _two_digits(math.exp(logarithm)) if logarithm is not None and math.isfinite(logarithm) else None
