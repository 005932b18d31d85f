"""The difference of two shares that were counted on the same images."""

from __future__ import annotations

import math

from evenhand.evaluation.intervals import Z
from evenhand.records.values import Interval


def matched_difference(gained: int, lost: int, n: int) -> Interval:
    """Return the second share minus the first with its 95 % interval, within [-1, 1].

    The interval is that of Agresti and Min (2005, "Simple improved confidence intervals for comparing matched
    proportions"): half an image is added to each of the four cells before Wald's formula. It keeps its width where no
    image differs.

    Parameters
    ----------
    gained : int
        Images that count for the second alone.
    lost : int
        Images that count for the first alone.
    n : int
        All images; without any the interval is [-1, 1].
    """
    if n == 0:
        return Interval(0.0, -1.0, 1.0)
    centre = (gained - lost) / (n + 2)
    spread = Z * math.sqrt(gained + lost + 1 - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    value = (gained - lost) / n
    return Interval(value, max(-1.0, min(value, centre - spread)), min(1.0, max(value, centre + spread)))
