"""Counts and differences as the sentences of a study write them."""

from __future__ import annotations

from evenhand.records.values import Interval


def counted(count: int, one: str, many: str = "") -> str:
    """Return ``1 image`` or ``5,625 images``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def points(value: Interval, named: str = "") -> str:
    """Return a difference in percentage points with its interval: ``+1.2 points (-0.3 to +2.7)``.

    Parameters
    ----------
    value : Interval
        Of shares, in [-1, 1].
    named : str
        Said before the interval, where it is not clear which one it is: ``95 % interval``.
    """
    # Adding zero makes a difference that rounds to minus nothing plus nothing.
    middle, low, high = (f"{round(100 * end, 1) + 0.0:+.1f}" for end in (value.value, value.low, value.high))
    return f"{middle} points ({named}{' ' if named else ''}{low} to {high})"
