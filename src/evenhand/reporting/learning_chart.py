"""Learning curves as charts: what was measured on fewer pictures, and what a power law says of more."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from evenhand.reporting.charts import Scale, share_scale
from evenhand.reporting.words import number
from evenhand.study.next_steps import ClassCurve


def shared_scale(curves: Sequence[ClassCurve]) -> Scale:
    """Return an axis of shares that holds the points and the bands of all curves, so that they can be compared."""
    ends = [end for curve in curves for reach in curve.course for end in (reach.low, reach.high)]
    return share_scale([*ends, *(point.score for curve in curves for point in curve.points)])


def learning_chart(curve: ClassCurve, y: Scale, label: str) -> Markup:
    """Return a curve: dots where it was measured, a line with its band, dashed beyond the present pictures.

    Parameters
    ----------
    curve : ClassCurve
        With at least one point and a course.
    y : Scale
        Of balanced accuracy.
    label : str
        Read by screen readers in place of the picture.
    """
    first, last = curve.course[0].images, curve.course[-1].images

    def at(images: float) -> float:
        return 100 * math.log(max(images, 1) / max(first, 1)) / math.log(max(last, 2) / max(first, 1))

    def through(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{10 * at(images):.0f},{1000 - 10 * y.at(value):.0f}" for images, value in points)

    upper = [(reach.images, reach.high) for reach in curve.course]
    lower = [(reach.images, reach.low) for reach in reversed(curve.course)]
    known = [(reach.images, reach.value) for reach in curve.course if reach.images <= curve.images]
    beyond = [(reach.images, reach.value) for reach in curve.course if reach.images >= curve.images]
    inner = Markup(
        '<polygon class="band" points="{}"/><polyline class="epochs" points="{}"/>'
        '<polyline class="beyond" points="{}"/>'
    ).format(through([*upper, *lower]), through(known), through([*known[-1:], *beyond]))
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{}%" cy="{}%" r="4.5"/>').format(
            round(at(point.images), 2), round(100 - y.at(point.score), 2)
        )
        for point in curve.points
    )
    return Markup(
        '<svg class="curve learn" width="100%" height="180" role="img" aria-label="{}">{}'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}{}</svg>'
    ).format(label, _levels(y), inner, dots, _sizes(curve, at(curve.images), last))


def _levels(y: Scale) -> Markup:
    """Return the lines across and their shares, in per cent."""
    return Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>'
            '<text class="y" x="0" dx="-8" dy="4" y="{0}%">{1}</text>'
        ).format(round(100 - y.at(tick), 2), f"{100 * tick:g}\u00a0%")
        for tick in y.ticks
    )


def _sizes(curve: ClassCurve, now: float, last: int) -> Markup:
    """Return the numbers of pictures below the chart: the least, the present ones, and the most it speaks of."""
    marks = [(0.0, curve.course[0].images, "first"), (now, curve.images, ""), (100.0, last, "last")]
    words = Markup("").join(
        Markup('<text class="x {}" x="{}%" y="100%" dy="16">{}</text>').format(kind, round(place, 2), number(images))
        for place, images, kind in marks
    )
    line = Markup('<line class="mark" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(round(now, 2))
    return line + words
