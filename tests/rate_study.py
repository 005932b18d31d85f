"""A made-up study of learning rates, for the tests of what is said and shown of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.study.loss_noise import Doubles
from evenhand.study.rate_figures import Finder, RateRow, RateStudy, course, number
from evenhand.study.rate_verdict import judge

EPOCHS, STEPS = 10, 100
"""Steps an epoch."""
UNTRAINED, CHANCE = 1.1, 0.44
RATES = (1e-10, 1e-4, 0.003, 0.03, 0.1, 10.0)


def losses(rate: float, seed: int = 0) -> Doubles:
    """Return losses as a network might have them at one of the `RATES`."""
    random, time = np.random.default_rng(seed), np.arange(EPOCHS * STEPS)
    noise = 0.05 * random.standard_normal(len(time))
    levels = {
        1e-10: np.full(len(time), UNTRAINED),
        1e-4: UNTRAINED - 0.0004 * time,
        0.003: 0.2 + 0.9 * np.exp(-time / 150),
        0.03: np.where((time > 500) & (time < 620), 1.0, 0.3 + 0.8 * np.exp(-time / 60)),
        0.1: np.where(time < 30, UNTRAINED, 40.0 + 0.1 * time),
        10.0: np.where(time < 12, UNTRAINED * 4.0 ** np.minimum(time, 12), np.nan),
    }
    made: Doubles = levels[rate] + noise
    return made


def row(rate: float, seeds: int = 1, *, tied: bool = False) -> RateRow:
    """Return what a study says of a rate."""
    every = [losses(rate, seed) for seed in range(seeds)]
    verdict = judge(every[0], untrained=UNTRAINED, chance=CHANCE)
    kept = [np.split(values, EPOCHS)[: 1 if np.isnan(values).any() else EPOCHS] for values in every]
    epochs = [[float(part.mean()) for part in parts] for parts in kept]
    return RateRow(
        rate=rate,
        verdict=verdict,
        courses=tuple(
            course(seed, values[: len(means) * STEPS], means, [0.02 + mean for mean in means])
            for seed, (values, means) in enumerate(zip(every, epochs, strict=True))
        ),
        final_loss=number(epochs[0][-1]),
        validation_loss=number(epochs[0][-1] + 0.02),
        tied=tied,
    )


def study(rates: Sequence[float] = RATES, *, seeds: int = 1, finder: Finder | None = None) -> RateStudy:
    """Return a study of these rates, the best of which is 0.003."""
    best = 0.003 if 0.003 in rates else None
    return RateStudy(
        rows=tuple(row(rate, seeds, tied=rate == best) for rate in rates),
        model="simple",
        remedy="none",
        optimiser="sgd",
        schedule="constant",
        batch=4,
        epochs=EPOCHS,
        seeds=seeds,
        images=400,
        held=100,
        source="fold",
        untrained=UNTRAINED,
        chance=CHANCE,
        best=best,
        suggested=finder.suggested if finder and finder.suggested else best,
        finder=finder,
    )


def finder(suggested: float | None = 0.003) -> Finder:
    """Return what three range tests found."""
    rates = np.geomspace(1e-5, 1, 11)
    tries = tuple(
        (float(rate), None if rate > 0.5 else float(0.3 + 0.1 * np.log10(rate / 0.003) ** 2)) for rate in rates
    )
    known = suggested is not None
    return Finder(
        suggested=suggested,
        low=0.0015 if known else None,
        high=0.006 if known else None,
        each=(0.002, 0.003, 0.0045) if known else (None, None, None),
        epochs=2,
        tries=(tries, tries, tries),
    )
