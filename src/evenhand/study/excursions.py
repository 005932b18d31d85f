"""Where a loss rises: above its start, or back over what it had won, for a while or for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenhand.study.loss_noise import RISK, Doubles, Noise, finest, sureness, windows

BACK = 0.5
"""Share of the ground won that is lost again where a rise is called a relapse: less is a detour."""
FORGIVEN = 0.1
"""Relapses that are over within this first share of the steps are forgiven: momentum and warm-up are still building up,
and hardly any of the training is lost."""


@dataclass(frozen=True)
class Level:
    """A loss that others are compared with, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Excursions:
    """Where relapses begin, as numbers of steps counted from 1."""

    relapses: tuple[int, ...]
    """Those that were made good again, or began at the very end."""
    lost_since: int | None
    """The one that was never made good again."""


def first_rise(values: Doubles, noise: Noise, start: Level, least: float) -> int | None:
    """Return the first step from which the loss is above its start, beyond noise and by more than `least`.

    Windows of all lengths are looked at, from the finest to a quarter of the training, doubled each time; the finest in
    which a rise stands out tells the step. A single step counts where not even noise with exponential tails would reach
    as high: of T such steps one exceeds ln(T / risk) standard deviations with that risk.
    """
    burst = np.flatnonzero(values - start.value > np.maximum(least, np.log(len(values) / RISK) * noise.whole))
    return int(burst[0]) + 1 if len(burst) else _lasting_rise(values, noise, start, least)


def _lasting_rise(values: Doubles, noise: Noise, start: Level, least: float) -> int | None:
    lengths = list(_lengths(len(values), len(values) // 4))
    sure = sureness(sum(len(values) // length for length in lengths))
    for length in lengths:
        above = np.flatnonzero(_excess(values, noise, start, length, sure) > least)
        if len(above):
            levels = windows(values, length)
            higher = levels > (start.value + levels[above[0]]) / 2
            return _first_of_run(higher, int(above[0])) * length + 1
    return None


def rising_since(values: Doubles, noise: Noise, start: Level, final: float) -> int:
    """Return the step from which on the loss never again was as low as at its start.

    It is looked for in windows as long as noise asks for: half of the way from the start to the end stands out.
    """
    lengths = list(_lengths(len(values), len(values) // 8))
    clear = [
        length
        for length in lengths
        if sureness(len(values) // length) * noise.error(length) <= (final - start.value) / 2
    ]
    length = clear[0] if clear else lengths[-1]
    low = np.flatnonzero(windows(values, length) <= start.value)
    return int(low[-1] + 1) * length + 1 if len(low) else 1


def excursions(values: Doubles, noise: Noise, start: Level, final: float, least: float) -> Excursions:
    """Return where the loss relapsed: where it lost half of the ground that it had won since its start, beyond noise.

    Parameters
    ----------
    values : (T,) float64
        Losses of the steps, all finite.
    noise : Noise
        Theirs.
    start : Level
        Loss before any ground was won.
    final : float
        Loss at the end of the training.
    least : float
        Ground that counts as won.
    """
    for length in _lengths(len(values), len(values) // 8):
        levels, errors = windows(values, length), noise.errors(length)
        sure = sureness(len(levels))
        lowest = np.minimum.accumulate(levels)
        ground = start.value - lowest
        if BACK * ground.max() < sure * noise.error(length) * np.sqrt(2):
            continue  # in windows this short, even the loss of everything that was won would pass for noise
        won = ground > np.maximum(sure * np.hypot(noise.error(length), start.error), least)
        back = won & (levels - lowest > BACK * ground)
        sure_of = back & (levels - lowest > sure * np.sqrt(2) * errors)
        lost = bool(final - lowest[-1] > BACK * ground[-1])
        return _read(back, sure_of, length, len(values), lost)
    return Excursions((), None)


def _read(back: NDArray[np.bool_], sure: NDArray[np.bool_], length: int, steps: int, lost: bool) -> Excursions:
    """Return the runs of windows that are set back, of which at least one is so beyond noise."""
    runs = [(begin, end) for begin, end in _runs(back) if sure[begin:end].any()]
    lost_since = None
    if runs and runs[-1][1] == len(back) and lost:
        lost_since = runs.pop()[0] * length + 1
    kept = [begin for begin, end in runs if end * length > FORGIVEN * steps]
    return Excursions(tuple(begin * length + 1 for begin in kept), lost_since)


def _runs(marks: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of marks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _first_of_run(marks: NDArray[np.bool_], place: int) -> int:
    """Return where the run of marks begins that a marked place is in."""
    before = np.flatnonzero(~marks[:place])
    return int(before[-1]) + 1 if len(before) else 0


def _lengths(steps: int, most: int) -> Iterator[int]:
    length = finest(steps)
    while length <= max(1, most):
        yield length
        length *= 2


def _excess(values: Doubles, noise: Noise, start: Level, length: int, sure: float) -> Doubles:
    """Return by how much each window is higher than the start, beyond noise."""
    found: Doubles = windows(values, length) - start.value - sure * np.hypot(noise.errors(length), start.error)
    return found
