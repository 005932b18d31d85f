"""From the losses of a training to what its learning rate did: too small, slow, converges, unstable, or diverges.

A movement of the loss counts when noise (`loss_noise`) would show one as large, anywhere it was looked for, in less
than one in a thousand trainings. What is needed besides is a share of what this very training did, stated where it
stands: nothing is in units of loss, and nothing was fitted to examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.study.excursions import Level, excursions, first_rise, rising_since
from evenhand.study.loss_noise import Doubles, Noise, finest, start_length, start_sureness, sureness, windows

KINDS = ("too_small", "slow", "converges", "unstable", "diverges")
"""From steps that are too small to steps that are too large."""
FEWEST = 10
"""Steps that a verdict needs: a tenth of the training must be one at least."""
VISIBLE = 0.01
"""A fall of less than this share of the loss is none, however sure: it cannot be seen in a picture of the curve, and
seventy trainings as long would not halve the loss."""
FEWEST_EPOCHS = 4
"""Epochs from which their means are compared: the second half has a difference then."""
END = 0.1
"""The last tenth of the steps is the end of the training; what it starts with is found in its first tenth."""
_LARGEST = 1e100
"""Losses beyond are kept from overflowing when they are squared."""


@dataclass(frozen=True)
class RateVerdict:
    """What a learning rate did, and the figures that say so; losses are means over some steps."""

    kind: str
    """One of `KINDS`."""
    reason: str
    """Which rule found it: a key of `rate_words.REASONS`."""
    step: int | None
    """Where it happened, counted from 1, when it diverges or is unstable."""
    steps: int
    start: float | None
    """Loss before the training; None where the very first is no number."""
    final: float | None
    """Loss of the last tenth of the steps; None where the training did not get there."""
    lowest: float | None
    highest: float | None
    """Of a single step."""
    noise: float
    """Standard deviation of the loss of a single step around its level."""
    blur: float
    """The smallest difference between start and end that noise would not show by itself."""
    done: float | None
    """Share, in [0, 1], of all that the loss is going to fall which it has fallen already, if it goes on as it did."""
    chance: float | None
    """Loss of naming every class by its frequency, whatever the picture; None where that is not known."""
    trainings: int = 1
    alike: int = 1
    """Trainings, of those at this rate, that had this verdict by themselves."""


def judge(
    losses: Sequence[float] | Doubles,
    *,
    untrained: float | None = None,
    chance: float | None = None,
    epoch: int | None = None,
) -> RateVerdict:
    """Return the verdict on one training at one learning rate.

    Parameters
    ----------
    losses : (T,) float
        Loss of every step, in order, at least `FEWEST`; NaN and infinity are findings. After the first of these
        nothing is looked at.
    untrained : float, optional
        Loss before the first step. Without it, it is estimated from the first steps; a training that explodes at once
        and stays noisy can then not be told from one that only is noisy.
    chance : float, optional
        Loss of naming every class by its frequency. A network that ends no lower has learnt nothing about the
        pictures, though its loss may have fallen.
    epoch : int, optional
        Steps of an epoch. Every epoch holds the same images, so that its mean has little of the noise of batches: with
        it, far less learning is told from none.

    Raises
    ------
    ValueError
        When there are too few losses.
    """
    values = np.asarray(losses, dtype=np.float64).ravel()
    if len(values) < FEWEST:
        raise ValueError(f"A verdict needs the losses of at least {FEWEST} steps, not {len(values)}.")
    finite = np.isfinite(values)
    if finite.all():
        return _judged(_Facts.of(np.clip(values, -_LARGEST, _LARGEST), untrained, epoch), chance)
    first = int(np.argmin(finite))
    before = np.clip(values[:first], -_LARGEST, _LARGEST)
    facts = _Facts.of(before, untrained, epoch) if first else None
    return RateVerdict(
        kind="diverges",
        reason="nan" if np.isnan(values[first]) else "infinite",
        step=first + 1,
        steps=len(values),
        start=facts.start.value if facts else untrained,
        final=None,
        lowest=float(before.min()) if first else None,
        highest=float(before.max()) if first else None,
        noise=facts.noise.whole if facts else 0.0,
        blur=0.0,
        done=None,
        chance=chance,
    )


@dataclass(frozen=True)
class _Facts:
    """A training without NaN, measured."""

    values: Doubles
    noise: Noise
    start: Level
    last: int
    """Steps of the end."""
    sure: float
    """Standard errors by which start and end must differ."""
    epochs: Doubles
    """Means of the epochs; empty where these are not known."""

    @classmethod
    def of(cls, values: Doubles, untrained: float | None, epoch: int | None) -> _Facts:
        noise, tenth = Noise.of(values), max(1, int(END * len(values)))
        epochs = windows(values, epoch) if epoch and epoch <= len(values) else np.zeros(0)
        if untrained is not None:
            return cls(values, noise, Level(untrained, 0.0), tenth, sureness(), epochs)
        first = start_length(values, noise, tenth)
        start = Level(float(values[:first].mean()), noise.error(first))
        return cls(values, noise, start, tenth, start_sureness(len(values), tenth), epochs)

    @property
    def final(self) -> float:
        return float(self.values[-self.last :].mean())

    @property
    def blur(self) -> float:
        """The smallest difference between start and end that counts."""
        return self.sure * float(np.hypot(self.start.error, self.noise.error(self.last)))

    @property
    def visible(self) -> float:
        return VISIBLE * abs(self.start.value)

    @property
    def thirds(self) -> tuple[float, float]:
        """How far the loss falls from the first third of the steps to the second, and from the second to the last."""
        means = [part.mean() for part in np.array_split(self.values, 3)]
        return float(means[0] - means[1]), float(means[1] - means[2])

    @property
    def third_blur(self) -> float:
        return sureness() * self.noise.error(len(self.values) / 6)

    @property
    def done(self) -> float:
        """Share of the way that is behind, if the loss goes on as an exponential through the means of the thirds."""
        before, after = self.thirds
        if after <= self.third_blur:
            return 1.0
        # With time constant tau the falls have the ratio r = exp(-T / 3 tau), and 1 - exp(-T / tau) of the way is done.
        return 1 - (after / before) ** 3 if before > after else 0.0

    def learnt(self, chance: float) -> bool:
        """Return whether the end is below the loss of naming every class by its frequency."""
        if len(self.epochs) < FEWEST_EPOCHS:
            return self.final < chance - sureness() * self.noise.error(self.last)
        # Neighbouring epochs in the second half: what is left of noise, and of the fall itself.
        rest = np.diff(self.epochs[len(self.epochs) // 2 :])
        return float(self.epochs[-1]) < chance - sureness() * float(np.sqrt(np.mean(rest**2) / 2))

    def stuck(self) -> bool:
        """Return whether the loss has not fallen any more since the first tenth of the steps, as far as can be seen."""
        rest = self.values[self.last :]
        before, after = (part.mean() for part in np.array_split(rest, 2))
        return float(before - after) <= sureness() * self.noise.error(len(rest) / 4)

    def still_rising(self, step: int) -> bool:
        """Return whether the loss rises on from a step to the end."""
        rest = self.values[step - 1 :]
        before, after = (part.mean() for part in np.array_split(rest, 2))
        return float(after - before) > sureness() * self.noise.error(len(rest) / 4)

    def restless(self) -> bool:
        """Return whether the level wanders in the second half by more than batches differ by chance."""
        half = self.values[len(self.values) // 2 :]
        parts = np.array_split(half, min(16, len(half) // 2))
        levels = np.array([part.mean() for part in parts])
        expected = Noise.of(half).whole ** 2 * len(parts) / len(half)
        # Of m levels that differ by noise alone, the variance over its expectation has a deviation of sqrt(2 / (m-1)).
        return float(levels.var(ddof=1)) > expected * (1 + sureness() * float(np.sqrt(2 / (len(parts) - 1))))


def _judged(facts: _Facts, chance: float | None) -> RateVerdict:
    kind, reason, step = _decided(facts, chance)
    levels = windows(facts.values, finest(len(facts.values)))
    return RateVerdict(
        kind=kind,
        reason=reason,
        step=step,
        steps=len(facts.values),
        start=facts.start.value,
        final=facts.final,
        lowest=float(levels.min()),
        highest=float(facts.values.max()),
        noise=facts.noise.whole,
        blur=facts.blur,
        done=facts.done if kind in ("slow", "converges") else None,
        chance=chance,
    )


def _decided(facts: _Facts, chance: float | None) -> tuple[str, str, int | None]:
    """Return kind, reason and step: first what was lost again, then what was never won, then how fast it was won."""
    values, noise, start = facts.values, facts.noise, facts.start
    fell, least = start.value - facts.final, max(facts.blur, facts.visible)
    seen = excursions(values, noise, start, facts.final, facts.visible)
    if seen.lost_since:
        everything = fell <= least or (chance is not None and not facts.learnt(chance))
        if everything or facts.still_rising(seen.lost_since):
            return "diverges", "lost", seen.lost_since
        return "unstable", "half_lost", seen.lost_since
    if -fell > least:
        return "diverges", "grows", rising_since(values, noise, start, facts.final)
    if seen.relapses:
        return "unstable", "relapses", seen.relapses[0]
    rise = first_rise(values, noise, start, facts.visible)
    if fell <= least:
        return ("unstable", "returns", rise) if rise else ("too_small", "still", None)
    if chance is not None and not facts.learnt(chance):
        return _unlearnt(facts, rise)
    # At less than half of the way, a training as long again would win less than half of what is left.
    return ("slow", "unfinished", None) if facts.done < 0.5 else ("converges", "settles", None)


def _unlearnt(facts: _Facts, rise: int | None) -> tuple[str, str, int | None]:
    """Return the verdict on a loss that has fallen, but not below that of naming classes by their frequency."""
    if rise:
        return "diverges", "collapsed", rise
    if facts.thirds[1] > facts.third_blur:
        return "slow", "unfinished", None
    if facts.restless():
        return "unstable", "restless", None
    # What took a tenth of the time, and then nothing for the rest of it, was not short of time.
    return ("unstable", "stuck", None) if facts.stuck() else ("slow", "frequencies", None)


def combined(verdicts: Sequence[RateVerdict]) -> RateVerdict:
    """Return the verdict on a rate from those on its trainings, which differ in their random draws.

    The most frequent kind counts, of equally frequent ones that of larger steps. A rate at which any training diverged
    is unstable at best: whether the next one will is a matter of luck.

    Raises
    ------
    ValueError
        When there is none.
    """
    if not verdicts:
        raise ValueError("There is no training to judge the rate by.")
    counts = Counter(verdict.kind for verdict in verdicts)
    kind = max(counts, key=lambda name: (counts[name], KINDS.index(name)))
    if counts["diverges"] and kind not in ("diverges", "unstable"):
        lost = next(verdict for verdict in verdicts if verdict.kind == "diverges")
        return replace(lost, kind="unstable", reason="sometimes", trainings=len(verdicts), alike=counts["diverges"])
    told = next(verdict for verdict in verdicts if verdict.kind == kind)
    return replace(told, trainings=len(verdicts), alike=counts[kind])
