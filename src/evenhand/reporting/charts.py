"""Small charts as inline SVG: sizes in per cent, colours from the page's CSS, words left to the HTML around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evenhand.records.comparison import Curve

MOST_STEPS = 240
"""Bins of the faint line a step: each is drawn from its lowest to its highest loss."""

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return where a value lies, in per cent of the axis, within [0, 100]."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


def scale(low: float, high: float, wanted: int = 5) -> Scale:
    """Return an axis with about `wanted` round ticks that holds `low` and `high`."""
    if not high > low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / wanted
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(nice for nice in _NICE if nice * power >= rough * 0.999) * power)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    ticks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def share_scale(values: Sequence[float]) -> Scale:
    """Return an axis for shares in [0, 1] that holds the values and no more than it must."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    found = scale(max(0.0, low - 0.02), min(1.0, high + 0.02))
    kept = tuple(tick for tick in found.ticks if 0 <= tick <= 1)
    return Scale(kept[0], kept[-1], kept)


WHOLE = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
"""All shares, from 0 to 100 %."""


def axis(axis_scale: Scale, text: Callable[[float], str]) -> Markup:
    """Return the ticks of an axis as words; it is hidden from screen readers, which read the table's numbers."""
    words = Markup("").join(
        Markup('<text x="{}%" y="12" class="{}">{}</text>').format(
            axis_scale.at(tick), _anchor(place, len(axis_scale.ticks)), text(tick)
        )
        for place, tick in enumerate(axis_scale.ticks)
    )
    return Markup('<svg class="axis" width="100%" height="16" aria-hidden="true">{}</svg>').format(words)


def _anchor(place: int, number: int) -> str:
    return "first" if place == 0 else "last" if place == number - 1 else "mid"


def bar(value: float, axis_scale: Scale, label: str, *, second: float | None = None, kind: str = "") -> Markup:
    """Return a bar from the start of the axis; `second` draws a thin outline behind it, for comparison."""
    ghost = (
        Markup('<rect class="ghost" x="0" y="3" height="12" width="{}%"/>').format(axis_scale.at(second))
        if second is not None
        else ""
    )
    width = axis_scale.at(value)
    # A count of three beside five thousand still is a count: it gets a visible sliver.
    least = Markup('<rect class="bar {}" x="0" y="3" height="12" width="2"/>').format(kind) if value > 0 else ""
    return Markup(
        '<svg class="row" width="100%" height="18" role="img" aria-label="{}">{}{}{}'
        '<rect class="bar {}" x="0" y="3" height="12" width="{}%"/></svg>'
    ).format(label, grid(axis_scale), ghost, least, kind, width)


def grid(axis_scale: Scale) -> Markup:
    """Return hairlines at the ticks."""
    return Markup("").join(
        Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(axis_scale.at(tick))
        for tick in axis_scale.ticks
    )


def interval(
    value: float, low: float, high: float, axis_scale: Scale, label: str, *, mark: float | None = None, kind: str = ""
) -> Markup:
    """Return a dot with its interval as a line; `mark` draws a dashed line across, for comparison."""
    reference = (
        Markup('<line class="mark" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(axis_scale.at(mark))
        if mark is not None
        else ""
    )
    return Markup(
        '<svg class="row" width="100%" height="18" role="img" aria-label="{}">{}{}'
        '<line class="reach {}" x1="{}%" x2="{}%" y1="9" y2="9"/><circle class="dot {}" cx="{}%" cy="9" r="4.5"/></svg>'
    ).format(
        label,
        grid(axis_scale),
        reference,
        kind,
        axis_scale.at(low),
        axis_scale.at(high),
        kind,
        axis_scale.at(value),
    )


def loss_curve(curve: Curve, label: str) -> Markup:
    """Return the losses of one training: a faint line a step, a strong one an epoch, a dashed one for validation."""
    steps, epochs = np.asarray(curve.step_loss), np.asarray(curve.epoch_loss)
    validation = np.asarray(curve.validation_loss)
    top = _top(steps, np.concatenate([epochs, validation]))
    y = scale(0.0, top, 4)
    lines = [
        _line("steps", _steps(steps), y),
        _line("epochs", _epochs(epochs), y),
        _line("validation", _epochs(validation), y),
    ]
    rows = Markup("").join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>'
            '<text class="y" x="0" dx="-8" dy="4" y="{0}%">{1}</text>'
        ).format(round(100 - y.at(tick), 2), f"{tick:g}")
        for tick in y.ticks
    )
    return Markup(
        '<svg class="curve" width="100%" height="200" role="img" aria-label="{}">{}'
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}</svg>'
    ).format(label, rows, Markup("").join(lines), _epoch_axis(len(epochs)))


def _top(steps: NDArray[np.float64], means: NDArray[np.float64]) -> float:
    """Return how high the axis reaches: all means, and the steps but for their wildest hundredth."""
    candidates = [float(means.max())] if len(means) else []
    if len(steps):
        candidates.append(float(np.percentile(steps, 99)))
    return max(candidates, default=1.0) or 1.0


Points = list[tuple[float, float]]


def _steps(losses: NDArray[np.float64]) -> Points:
    """Return (place in [0, 1], loss) of every step, of very many the lowest and highest of each bin."""
    n = len(losses)
    if n <= 2 * MOST_STEPS:
        return [((place + 0.5) / n, float(loss)) for place, loss in enumerate(losses)]
    points: Points = []
    for number, part in enumerate(np.array_split(losses, MOST_STEPS)):
        middle = (number + 0.5) / MOST_STEPS
        points += [(middle, float(part.min())), (middle, float(part.max()))]
    return points


def _epochs(losses: NDArray[np.float64]) -> Points:
    """Return (place in [0, 1], loss) of every epoch, at its middle: the mean over it belongs there."""
    return [((place + 0.5) / len(losses), float(loss)) for place, loss in enumerate(losses)]


def _line(kind: str, points: Points, y: Scale) -> Markup:
    if not points:
        return Markup("")
    words = " ".join(f"{1000 * place:.0f},{1000 - 10 * y.at(loss):.0f}" for place, loss in points)
    if len(points) == 1:  # a line of one point would not show
        place, height = words.split(",")
        words = f"{int(place) - 120},{height} {int(place) + 120},{height}"
    return Markup('<polyline class="{}" points="{}"/>').format(kind, words)


def _epoch_axis(epochs: int) -> Markup:
    """Return the numbers of the epochs below the curve, at their middles, about ten of them at most."""
    step = max(1, -(-epochs // 10))
    return Markup("").join(
        Markup('<text class="x" x="{}%" y="100%" dy="16">{}</text>').format(
            round(100 * (number - 0.5) / epochs, 2), number
        )
        for number in range(step, epochs + 1, step)
    )
