"""Charts of a search for settings as inline SVG: its course, parallel coordinates, and a slice a setting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from evenhand.remedies.remedy import Value
from evenhand.reporting.charts import Scale, scale
from evenhand.study.tuning.figures import STOPPED, Tried
from evenhand.study.tuning.space import Setting

LOWEST = 25.0
"""Points below the best at which the axis of figures ends, so that what failed does not press all others flat."""
LONGEST = 15
"""Characters of a word beside an axis."""


def figure_scale(trials: Sequence[Tried]) -> Scale:
    """Return the axis of figures, in per cent, that all pictures of a search share."""
    values = [100 * trial.value for trial in trials]
    best = max(values)
    return scale(max(min(values), best - LOWEST), min(100.0, best + 0.5), 4)


def course_chart(trials: Sequence[Tried], best: int, axis: Scale, label: str) -> Markup:
    """Return the figure of every trial in the order of the trials, and the highest finished one so far as a line."""
    most = max(1, max(trial.number for trial in trials))
    points: list[tuple[float, float]] = []
    high = -math.inf
    for trial in trials:
        if trial.state == STOPPED or 100 * trial.value <= high:
            continue
        place = 1000 * trial.number / most
        if points:
            points.append((place, points[-1][1]))
        high = 100 * trial.value
        points.append((place, 1000 - 10 * axis.at(high)))
    if points:
        points.append((1000.0, points[-1][1]))
    line = _polyline("epochs", points)
    dots = _dots([(100 * trial.number / most, trial) for trial in trials], best, axis)
    step = max(1, -(-most // 6))
    ticks = [(100 * number / most, str(number)) for number in range(0, most + 1, step)]
    return _frame(line, axis, ticks, dots, label)


def slice_chart(setting: Setting, trials: Sequence[Tried], best: int, axis: Scale, label: str) -> Markup:
    """Return the figure of every trial that has a setting against its value."""
    own = [(100 * place_of(setting, trial.point[setting.name]), trial) for trial in trials]
    return _frame(Markup(""), axis, _ticks(setting), _dots(own, best, axis), label)


def parallel_chart(
    settings: Sequence[tuple[str, Setting]], trials: Sequence[Tried], best: int, leading: set[int], axis: Scale
) -> Markup:
    """Return a line a trial through its value on each axis, the last of which is its figure.

    Parameters
    ----------
    settings : sequence of (str, Setting)
        Short names, and what every trial has a value of.
    trials : sequence of Tried
        In any order; the leading ones are drawn over the others.
    best : int
        Number of the best.
    leading : set of int
        Numbers of the trials that are among the best.
    axis : Scale
        Of the figures.
    """
    count = len(settings) + 1
    gap = 100 / (count - 1 + 0.75)
    lines = Markup("")
    for trial in sorted(trials, key=lambda one: (one.number == best, one.number in leading, -one.number)):
        heights = [place_of(setting, trial.point[setting.name]) for _, setting in settings]
        heights.append(axis.at(100 * trial.value) / 100)
        kind = "chosen" if trial.number == best else "leading" if trial.number in leading else "rest"
        points = [(10 * gap * place, 1000 * (1 - height)) for place, height in enumerate(heights)]
        lines += _polyline(kind, points)
    over = Markup("")
    for place, (name, setting) in enumerate(settings):
        over += _upright(gap * place, name, [(at, word) for at, word in _ticks(setting, 4)])
    over += _upright(gap * (count - 1), "figure, %", [(axis.at(tick), f"{tick:g}") for tick in axis.ticks])
    return Markup(
        '<svg class="curve parallel" width="100%" height="100%" role="img" aria-label="{}">'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}</svg>'
    ).format(
        "A line a trial through its value of each setting to its figure; the table of trials has the numbers.",
        lines,
        over,
    )


def place_of(setting: Setting, value: Value) -> float:
    """Return where a value lies on its axis, in [0, 1]; choices are spread evenly."""
    if setting.choices:
        count = len(setting.choices)
        return (setting.choices.index(value) + 0.5) / count if value in setting.choices else 0.5
    low, high, number = setting.low, setting.high, float(value)
    if setting.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    return min(1.0, max(0.0, (number - low) / (high - low))) if high > low else 0.5


def _ticks(setting: Setting, wanted: int = 4) -> list[tuple[float, str]]:
    """Return places on a setting's axis, in per cent, and what is written there."""
    if setting.choices:
        return [(100 * place_of(setting, value), _word(value)) for value in setting.choices]
    if setting.log:
        first, last = math.ceil(math.log10(setting.low) - 1e-9), math.floor(math.log10(setting.high) + 1e-9)
        values = [10.0**power for power in range(first, last + 1)] or [setting.low, setting.high]
    else:
        whole = scale(setting.low, setting.high, wanted)
        values = [tick for tick in whole.ticks if setting.low <= tick <= setting.high]
    return [(100 * place_of(setting, value), f"{value:g}") for value in values]


def _word(value: Value) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _dots(placed: Sequence[tuple[float, Tried]], best: int, axis: Scale) -> Markup:
    """Return a dot a trial, hollow where it was stopped, the best one last and strong."""
    ordered = sorted(placed, key=lambda one: (one[1].number == best, one[1].state != STOPPED))
    return Markup("").join(
        Markup('<circle class="{}" cx="{}%" cy="{}%" r="{}"/>').format(
            "trial best-trial" if trial.number == best else "trial hollow" if trial.state == STOPPED else "trial",
            round(across, 2),
            round(100 - axis.at(100 * trial.value), 2),
            5.5 if trial.number == best else 3.5,
        )
        for across, trial in ordered
    )


def _frame(lines: Markup, axis: Scale, ticks: Sequence[tuple[float, str]], over: Markup, label: str) -> Markup:
    rows = Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>'
            '<text class="y" x="0" dx="-8" dy="4" y="{0}%">{1}</text>'
        ).format(round(100 - axis.at(tick), 2), f"{tick:g}")
        for tick in axis.ticks
    )
    below = Markup("").join(
        Markup('<text class="x" x="{}%" y="100%" dy="{}">{}</text>').format(
            round(place, 2), 16 + 14 * (number % 2 if _crowded(ticks) else 0), text
        )
        for number, (place, text) in enumerate(ticks)
    )
    return Markup(
        '<svg class="curve" width="100%" height="100%" role="img" aria-label="{}">{}'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}{}</svg>'
    ).format(label, rows, lines, over, below)


def _crowded(ticks: Sequence[tuple[float, str]]) -> bool:
    """Return whether words below an axis would run into one another on one line."""
    return sum(len(text) + 2 for _, text in ticks) > 34


def _upright(place: float, name: str, words: Sequence[tuple[float, str]]) -> Markup:
    """Return one axis of parallel coordinates with its name above and its words beside it."""
    text = Markup("").join(
        Markup('<text class="beside-axis" x="{}%" dx="5" y="{}%" dy="4">{}</text>').format(
            round(place, 2), round(100 - height, 2), word
        )
        for height, word in words
    )
    return Markup(
        '<line class="axis-line" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>'
        '<text class="axis-name" x="{0}%" y="0" dy="-12">{1}</text>{2}'
    ).format(round(place, 2), name, text)


def _polyline(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    if not points:
        return Markup("")
    words = " ".join(f"{across:.0f},{down:.0f}" for across, down in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, words)
