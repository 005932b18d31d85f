"""What next, as the report shows it: the verdict, each step with its gain, and the learning curves behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.records.values import Interval
from evenhand.reporting.charts import Scale, axis, interval, scale
from evenhand.reporting.learning_chart import learning_chart, shared_scale
from evenhand.reporting.words import clipped, counted, name, number, percent, points, sentence, spaced, starting
from evenhand.study.next_steps import ClassCurve, Gain, Step, WhatNext

MOST_CURVES = 13
"""Curves that are drawn; a run measures hardly more."""


@dataclass(frozen=True)
class StepRow:
    """Something to do, and what it would bring in percentage points; `chart` is empty where that cannot be told."""

    name: Markup
    value: str
    reach: str
    chart: Markup
    tag: str
    """"worth it" where it surely brings something, else empty."""


@dataclass(frozen=True)
class CurveFigure:
    """One chart."""

    name: Markup
    detail: str
    chart: Markup


@dataclass(frozen=True)
class GainRow:
    """A class in the table of the curves; differences in percentage points."""

    name: Markup
    images: str
    score: str
    gains: tuple[tuple[str, str, str], ...]
    """For each number of pictures: how many more, the points, their interval."""
    recall: str
    """Points of the class's own recall for the most pictures, with the interval."""


@dataclass(frozen=True)
class NextView:
    """The section "What next"."""

    advice: str
    verdict: Markup
    steps: tuple[StepRow, ...]
    axis: Markup
    figure: str
    curves: tuple[CurveFigure, ...]
    factors: tuple[str, ...]
    """Heads of the columns of gains."""
    rows: tuple[GainRow, ...]
    labels: tuple[Markup, ...]
    network: tuple[Markup, ...]
    method: tuple[Markup, ...]


def next_view(found: WhatNext | None, classes: Sequence[str]) -> NextView | None:
    """Return what the section shows; None where nothing was measured.

    Parameters
    ----------
    found : WhatNext or None
        What the run measured.
    classes : sequence of str
        Names that may have a writing direction of their own.
    """
    if found is None:
        return None

    def words(text: str) -> Markup:
        return sentence(spaced(text.replace(" -", " −").replace("(-", "(−")), classes)

    shown = found.curves[:MOST_CURVES]
    y = shared_scale(shown) if shown else None
    steps, ticks = _steps(found.steps, words)
    factors = [gain.factor for gain in shown[0].gains] if shown else []
    return NextView(
        advice=found.advice(),
        verdict=words(found.verdict()),
        steps=steps,
        axis=ticks,
        figure=found.figure,
        curves=tuple(
            CurveFigure(_name(curve), _now(curve), learning_chart(curve, y, _spoken(curve))) for curve in shown
        )
        if y
        else (),
        factors=tuple("twice as many" if factor == 2 else f"{factor:g} times as many" for factor in factors),
        rows=tuple(map(_row, shown)),
        labels=tuple(map(words, found.on_labels())),
        network=tuple(map(words, found.on_network())),
        method=tuple(map(words, found.method())),
    )


def _steps(steps: Sequence[Step], words: Callable[[str], Markup]) -> tuple[tuple[StepRow, ...], Markup]:
    """Return the rows of the table, and the axis that their charts share."""
    ends = [end for step in steps if step.gain for end in (step.gain.low, step.gain.high)]
    reach = scale(min([0.0, *ends]), max([0.0, *ends])) if ends else scale(0.0, 0.1)
    return tuple(_step(step, reach, words) for step in steps), axis(reach, _tick)


def _tick(value: float) -> str:
    return f"{100 * value:+.0f}".replace("-", "−").replace("+0", "0")


def _step(step: Step, reach: Scale, words: Callable[[str], Markup]) -> StepRow:
    told = words(starting(step.words))
    if step.gain is None:
        return StepRow(told, "–", "cannot be told", Markup(""), "")
    gain = step.gain
    spoken = f"{clipped(step.words)}: {points(gain.value)} points, 95 % interval {_reach(gain)}"
    kind = "chosen" if step.clear else ""
    chart = interval(gain.value, gain.low, gain.high, reach, spoken, mark=0.0, kind=kind)
    return StepRow(told, points(gain.value), _reach(gain), chart, "worth it" if step.clear else "")


def _reach(gain: Interval) -> str:
    return f"{points(gain.low)} to {points(gain.high)}"


def _name(curve: ClassCurve) -> Markup:
    return name(curve.name) if curve.name else Markup("All classes together")


def _now(curve: ClassCurve) -> str:
    return f"{counted(curve.images, 'picture')} at present"


def _spoken(curve: ClassCurve) -> str:
    which = clipped(curve.name) if curve.name else "all classes"
    told = ", ".join(f"{percent(point.score)} with {number(point.images)}" for point in curve.points)
    return f"Balanced accuracy by the number of pictures of {which}: {told}"


def _row(curve: ClassCurve) -> GainRow:
    most = curve.doubled.recall
    return GainRow(
        name=_name(curve),
        images=number(curve.images),
        score=percent(curve.points[-1].score),
        gains=tuple(_gain(gain) for gain in curve.gains),
        recall=f"{points(most.value)} ({_reach(most)})" if most else "",
    )


def _gain(gain: Gain) -> tuple[str, str, str]:
    return number(gain.images), points(gain.score.value), _reach(gain.score)
