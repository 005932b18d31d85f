"""Charts of attacks: accuracy against the size of the noise, and what noise of each price achieves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.reporting.charts import Scale, scale
from evenhand.reporting.words import percent

SHARES = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
WORDS = (24.0, 9.0)
"""Width and height of the words beside a point, in per cent of a chart on a phone."""
KINDS = ("curve", "strong", "single", "noise", "other")
"""How marks look: each kind has a colour and a shape of its own."""


@dataclass(frozen=True)
class Point:
    """A share at some size of the noise, with its interval in [0, 1], and words to write beside it."""

    x: float
    value: float
    low: float
    high: float
    words: str = ""


@dataclass(frozen=True)
class Series:
    """Points of one kind: with `line` they are joined and their intervals are a band, else each is a mark."""

    kind: str
    points: tuple[Point, ...]
    line: bool = False


def share_chart(series: Sequence[Series], label: str, *, x: Scale | None = None, height: int = 260) -> Markup:
    """Return shares from 0 to 100 % against sizes of noise; the numbers stand in a table beside it.

    Parameters
    ----------
    series : sequence of Series
        Drawn in this order.
    label : str
        What a screen reader says.
    x : Scale, optional
        By default from 0 to the largest size.
    height : int
        In CSS pixels.
    """
    x = x or scale(0.0, max((point.x for one in series for point in one.points), default=1.0) or 1.0)
    lines = Markup("").join(_line(one, x) for one in series if one.line)
    marks = Markup("").join(_marks(one, x) for one in series)
    return Markup(
        '<svg class="curve shares" width="100%" height="{}" role="img" aria-label="{}">{}'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}{}</svg>'
    ).format(height, label, _frame(x), lines, marks, _beside(series, x))


def _frame(x: Scale) -> Markup:
    rows = Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>'
            '<text class="y" x="0" dx="-8" dy="4" y="{0}%">{1}</text>'
        ).format(_down(tick), percent(tick, 0))
        for tick in SHARES.ticks
    )
    return rows + Markup("").join(
        Markup('<text class="x" x="{}%" y="100%" dy="16">{}</text>').format(x.at(tick), f"{tick:g}") for tick in x.ticks
    )


def _line(one: Series, x: Scale) -> Markup:
    points = sorted(one.points, key=lambda point: point.x)
    upper = [(x.at(point.x), _down(point.high)) for point in points]
    lower = [(x.at(point.x), _down(point.low)) for point in reversed(points)]
    middle = [(x.at(point.x), _down(point.value)) for point in points]
    return Markup('<polygon class="band {0}" points="{1}"/><polyline class="path {0}" points="{2}"/>').format(
        one.kind, _coordinates(upper + lower), _coordinates(middle)
    )


def _coordinates(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{10 * across:.0f},{10 * down:.0f}" for across, down in points)


_SHAPES = {
    "strong": Markup('<circle class="spot {}" cx="{}%" cy="{}%" r="5.5"/>'),
    "single": Markup('<rect class="spot {}" x="{}%" y="{}%" width="10" height="10" transform="translate(-5 -5)"/>'),
    "noise": Markup('<circle class="spot hollow {}" cx="{}%" cy="{}%" r="5"/>'),
}
_SMALL = Markup('<circle class="spot {}" cx="{}%" cy="{}%" r="4"/>')
_REACH = Markup('<line class="reach {0}" x1="{1}%" x2="{1}%" y1="{2}%" y2="{3}%"/>')


def _marks(one: Series, x: Scale) -> Markup:
    found = []
    for point in one.points:
        across = x.at(point.x)
        if not one.line:
            found.append(_REACH.format(one.kind, across, _down(point.high), _down(point.low)))
            shape = _SHAPES.get(one.kind, _SMALL)
            found.append(shape.format(one.kind, across, _down(point.value)))
        elif point.words:
            found.append(_SMALL.format(one.kind, across, _down(point.value)))
    return Markup("").join(found)


def _beside(series: Sequence[Series], x: Scale) -> Markup:
    """Return the words beside points, but for those that would lie upon others."""
    taken: list[tuple[float, float]] = []
    found = []
    for point in (point for one in series for point in one.points if point.words):
        place = (x.at(point.x), _down(point.value))
        side = "end" if place[0] > 76 else "start"
        first = place[0] - WORDS[0] if side == "end" else place[0]
        if any(abs(first - left) < WORDS[0] and abs(place[1] - down) < WORDS[1] for left, down in taken):
            continue
        taken.append((first, place[1]))
        shift = -9 if side == "end" else 9
        found.append(
            Markup('<text class="beside-mark {}" x="{}%" y="{}%" dx="{}" dy="{}">{}</text>').format(
                side, *place, shift, 14 if place[1] < 50 else -6, point.words
            )
        )
    return Markup("").join(found)


def _down(share: float) -> float:
    return round(100 - SHARES.at(share), 2)


def legend(kind: str, words: str) -> Markup:
    """Return the sign of a series and what it means."""
    return Markup('<span class="sign {}" aria-hidden="true"></span>{}').format(kind, words)
