"""Charts of a study of learning rates as inline SVG: losses along trainings, and losses against rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.reporting.charts import Scale, scale
from evenhand.study.rate_figures import Course, Finder, Loss, RateStudy

ROOM = 1.6
"""How far the picture may reach, in multiples of the loss before training: what diverges leaves through the top."""

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class LogScale:
    """An axis of rates from `low` to `high`, in powers of ten."""

    low: float
    high: float

    def at(self, rate: float) -> float:
        """Return where a rate lies, in per cent of the axis, within [0, 100]."""
        share = (math.log10(rate) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def ticks(self) -> list[float]:
        """Powers of ten on the axis, about eight at most."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(1, -(-(last - first + 1) // 8))
        return [10.0**power for power in range(first, last + 1, step)]


def log_scale(rates: Sequence[float]) -> LogScale:
    """Return an axis that holds the rates, with a little room on either side."""
    return LogScale(min(rates) / 2, max(rates) * 2)


def loss_scale(study: RateStudy) -> Scale:
    """Return the axis of losses that all pictures of a study share: it begins at 0."""
    start = study.untrained or study.chance or 1.0
    means = [loss for row in study.rows for one in row.courses for loss in (*one.epochs, *one.validation)]
    # A curve that explodes must not press all others flat.
    return scale(0.0, max([start, *(loss for loss in means if loss is not None and loss <= ROOM * start)]) * 1.1, 4)


def course_chart(
    courses: Sequence[Course], axis: Scale, label: str, *, epochs: int, broken: tuple[int, int] | None
) -> Markup:
    """Return the losses of the trainings at one rate.

    A faint line shows the steps of the first training, strong lines the epochs, dashed ones the images held out.

    Parameters
    ----------
    courses : sequence of Course
        At least one.
    axis : Scale
        Of the losses.
    label : str
        What a screen reader says.
    epochs : int
        Epochs of a training that was not cut short.
    broken : (int, int), optional
        The step whose loss was no number any more, and how many steps there were until the end of its epoch.
    """
    longest = max([epochs, *(len(course.epochs) for course in courses)])
    lines = _runs("steps", _zigzag(courses[0], len(courses[0].epochs) / longest), axis)
    for course in courses:
        lines += _runs("epochs", _middles(course.epochs, longest), axis)
    for course in courses:
        lines += _runs("validation", _ends(course.validation, longest), axis)
    mark = Markup("")
    if broken:
        step, steps = broken
        mark = _upright("mark", 100 * (step - 1) / steps * len(courses[0].epochs) / longest)
    return _frame(Markup("").join(lines), axis, _epoch_ticks(longest), label, mark)


def rate_chart(study: RateStudy, axis: Scale, label: str) -> Markup:
    """Return final losses against the rate: on training images, and on those held out; None are left out."""
    across = log_scale([row.rate for row in study.rows])
    lines: list[Markup] = []
    dots: list[Markup] = []
    for kind, losses in (
        ("epochs", [row.final_loss for row in study.rows]),
        ("validation", [row.validation_loss for row in study.rows]),
    ):
        points = [
            (across.at(row.rate) / 100, loss) if loss is not None else None
            for row, loss in zip(study.rows, losses, strict=True)
        ]
        lines += _runs(kind, points, axis)
        dots += [_dot(kind, point, axis) for point in points if point and point[1] <= axis.high]
    mark = _upright("best", across.at(study.suggested)) if study.suggested else Markup("")
    return _frame(Markup("").join(lines), axis, _rate_ticks(across), label, mark + Markup("").join(dots))


def range_chart(finder: Finder, axis: Scale, label: str) -> Markup:
    """Return the losses of range tests against their rates, with the suggestion and its interval."""
    across = log_scale([rate for rate, _ in finder.tries[0]])
    lines: list[Markup] = []
    for tries in finder.tries:
        points = [(across.at(rate) / 100, loss) if loss is not None else None for rate, loss in tries]
        lines += _runs("try", points, axis)
    marks = Markup("")
    if finder.low is not None and finder.high is not None:
        left, right = across.at(finder.low), across.at(finder.high)
        marks += Markup('<rect class="sure" x="{}%" width="{}%" y="0" height="100%"/>').format(left, right - left)
    if finder.suggested is not None:
        marks += _upright("best", across.at(finder.suggested))
    return _frame(Markup("").join(lines), axis, _rate_ticks(across), label, marks)


def _frame(lines: Markup, axis: Scale, ticks: Markup, label: str, over: Markup) -> Markup:
    rows = Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>'
            '<text class="y" x="0" dx="-8" dy="4" y="{0}%">{1}</text>'
        ).format(round(100 - axis.at(tick), 2), f"{tick:g}")
        for tick in axis.ticks
    )
    return Markup(
        '<svg class="curve" width="100%" height="100%" role="img" aria-label="{}">{}'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}{}</svg>'
    ).format(label, rows, lines, over, ticks)


def _zigzag(course: Course, share: float) -> list[tuple[float, float] | None]:
    """Return lowest and highest loss of each part of a training, one after the other, in a share of the picture."""
    n = len(course.steps) / share if share else 1.0
    found: list[tuple[float, float] | None] = []
    for place, (low, _, high) in enumerate(course.steps):
        if low is None or high is None:
            found.append(None)
        else:
            found += [((place + 0.5) / n, low), ((place + 0.5) / n, high)]
    return found


def _middles(losses: Sequence[Loss], epochs: int) -> list[tuple[float, float] | None]:
    """Return the means of epochs at their middles."""
    return [((place + 0.5) / epochs, loss) if loss is not None else None for place, loss in enumerate(losses)]


def _ends(losses: Sequence[Loss], epochs: int) -> list[tuple[float, float] | None]:
    """Return what was measured after each epoch, at its end."""
    return [((place + 1) / epochs, loss) if loss is not None else None for place, loss in enumerate(losses)]


def _runs(kind: str, points: Iterable[tuple[float, float] | None], axis: Scale) -> list[Markup]:
    """Return a line for each run of points without a gap."""
    runs: list[Points] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [_polyline(kind, run, axis) for run in runs if run]


def _polyline(kind: str, points: Points, axis: Scale) -> Markup:
    words = [f"{1000 * place:.0f},{1000 - 10 * axis.at(loss):.0f}" for place, loss in points]
    if len(points) == 1:  # a line of one point would not show
        place, height = words[0].split(",")
        words = [f"{max(0, int(place) - 25)},{height}", f"{min(1000, int(place) + 25)},{height}"]
    return Markup('<polyline class="{}" points="{}"/>').format(kind, " ".join(words))


def _dot(kind: str, point: tuple[float, float], axis: Scale) -> Markup:
    return Markup('<circle class="{} at" cx="{}%" cy="{}%" r="4"/>').format(
        kind, round(100 * point[0], 2), round(100 - axis.at(point[1]), 2)
    )


def _upright(kind: str, place: float) -> Markup:
    return Markup('<line class="{0}" x1="{1}%" x2="{1}%" y1="0" y2="100%"/>').format(kind, round(place, 2))


def _ticks(places: Iterable[tuple[float, str]]) -> Markup:
    return Markup("").join(
        Markup('<text class="x" x="{}%" y="100%" dy="16">{}</text>').format(round(place, 2), text)
        for place, text in places
    )


def _epoch_ticks(epochs: int) -> Markup:
    """Return the numbers of epochs at their ends, about five of them."""
    step = max(1, -(-epochs // 5))
    return _ticks((100 * number / epochs, str(number)) for number in range(step, epochs + 1, step))


def _rate_ticks(across: LogScale) -> Markup:
    return _ticks((across.at(tick), f"{tick:g}") for tick in across.ticks)
