"""How much of a loss is chance: the noise of single steps, and what may be concluded in spite of it.

The loss of a step is a level that moves with the network, plus independent noise from the images that happen to be in
the batch. The noise is read off the differences of neighbouring steps, in which the level hardly moves: half their mean
square is its variance (von Neumann 1941). It is taken part by part, since it changes while a network learns; the median
over the parts is the noise of the training as a whole, so that a few explosions do not pass for noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RISK = 1e-3
"""Chance that noise alone passes for a movement, over all comparisons that are made at once."""
PARTS = 64
"""Parts of a training in each of which the noise is measured."""
LEAST_PART = 8
"""Steps that a part has at least."""

Doubles = NDArray[np.float64]


def sureness(comparisons: int = 1) -> float:
    """Return how many standard errors a difference must have when so many are looked at: they share the `RISK`."""
    return NormalDist().inv_cdf(1 - RISK / 2 / max(1, comparisons))


def finest(steps: int) -> int:
    """Return the shortest window that levels are looked at in, a sixty-fourth of the steps.

    The loss of a few images is skewed: most are easy, and now and then one costs ten times as much. Means of many steps
    are nearly normal, single ones are not.
    """
    return max(1, steps // PARTS)


def windows(values: Doubles, length: int) -> Doubles:
    """Return the means of consecutive windows of so many values; what is left over at the end is dropped."""
    whole = len(values) // length * length
    means: Doubles = values[:whole].reshape(-1, length).mean(axis=1)
    return means


@dataclass(frozen=True)
class Noise:
    """The standard deviation of the loss of single steps around their level."""

    whole: float
    """Of the training as a whole."""
    along: Doubles
    """(T,) around each step."""

    @classmethod
    def of(cls, values: Doubles) -> Noise:
        """Return the noise of (T,) losses."""
        if len(values) < 2:
            return cls(0.0, np.zeros(len(values)))
        number = min(PARTS, max(1, len(values) // LEAST_PART))
        squares = np.diff(values, append=values[-1]) ** 2
        squares[-1] = squares[-2]
        parts = np.array_split(squares, number)
        variances = np.array([part.mean() / 2 for part in parts])
        return cls(float(np.sqrt(np.median(variances))), np.sqrt(np.repeat(variances, [len(part) for part in parts])))

    def error(self, steps: float) -> float:
        """Return the standard error of a mean of so many steps, as the training as a whole has it."""
        return self.whole / float(np.sqrt(steps))

    def errors(self, length: int) -> Doubles:
        """Return the standard error of each window of `windows`, at least that of the training as a whole.

        The larger of both: where the noise has grown, its own size counts, and where a step stands out, the jump to it
        and back is noise until it lasts.
        """
        local = np.sqrt(windows(self.along**2, length))
        found: Doubles = np.maximum(local, self.whole) / np.sqrt(length)
        return found


def start_sureness(steps: int, most: int) -> float:
    """Return the sureness of a start found by `start_length`: each of its windows is compared with all shorter ones."""
    number = 1 + int(np.log2(max(1, most // min(finest(steps), most))))
    return sureness(number * (number + 1) // 2)


def start_length(values: Doubles, noise: Noise, most: int) -> int:
    """Return how many of the first steps have the same loss, as far as the noise lets one see.

    The window is doubled, up to `most` steps, while its mean stays within the noise of every shorter one (Lepski 1991):
    as long as it can be, to average the noise out, and no longer, so that no fall is averaged in. What explodes later
    does not count as noise here.
    """
    length = min(finest(len(values)), most)
    size, sure = min(noise.whole, float(noise.along[0])), start_sureness(len(values), most)
    means = {length: float(values[:length].mean())}
    while 2 * length <= most:
        longer = float(values[: 2 * length].mean())
        if any(abs(longer - mean) > sure * size / np.sqrt(steps) for steps, mean in means.items()):
            break
        length *= 2
        means[length] = longer
    return length
