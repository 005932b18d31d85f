"""Which candidates cannot be told apart: a picture in which bars join them, and the table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evenhand.evaluation.score_table import ScoreTable
from evenhand.records.comparison import REPAIR_WORDS, Judged
from evenhand.reporting.charts import Scale, grid, share_scale
from evenhand.reporting.content import ReportData
from evenhand.reporting.words import clipped, percent, spelled, starting

MOST_ROWS = 40
MOST_BARS = 10
LONGEST_NAME = 46
"""Characters of a name in the picture: as many as a phone has room for."""
ROW, TOP, START, STEP = 36, 20, 18, 14
"""Height of a row and of the axis, and where bars begin beside the plot and how far apart they are, in pixels."""


@dataclass(frozen=True)
class Standing:
    """A candidate's line in the table."""

    name: str
    network: str
    figure: str
    place: str
    """Its place among all, on average over the trainings."""
    groups: str


@dataclass(frozen=True)
class Groups:
    """The picture and its table."""

    picture: Markup
    rows: tuple[Standing, ...]
    critical: str
    """The least difference that counts, in percentage points."""
    trainings: int
    count: int
    networks: bool
    """Whether there are several, so that the table names them."""
    left_out: int
    """Candidates beyond those that are shown."""
    bars_left_out: int


def groups(data: ReportData) -> Groups | None:
    """Return which candidates cannot be told apart; None where fewer than two folds or candidates tell of it."""
    found = _table(data)
    if found is None:
        return None
    judged, table = found
    shown = judged[:MOST_ROWS]
    joined = [tuple(place for place in group if place < len(shown)) for group in table.groups()]
    # What is joined with nobody needs no bar; cut off at the last row shown, two groups may have become one.
    bars = [group for group in dict.fromkeys(joined) if len(group) > 1]
    networks = len({one.model for one in shown}) > 1
    names = [_name(one, networks) for one in shown]
    places = table.mean_places()
    rows = tuple(
        Standing(
            name=_name(one, False),
            network=one.model,
            figure=percent(one.figure.value),
            place=f"{places[row]:.1f}",
            groups=", ".join(str(number) for number, group in enumerate(bars, 1) if row in group) or "alone",
        )
        for row, one in enumerate(shown)
    )
    return Groups(
        picture=_picture(names, [one.figure.value for one in shown], table.critical, bars[:MOST_BARS]),
        rows=rows,
        critical=f"{100 * table.critical:.1f}",
        trainings=table.trainings,
        count=len(judged),
        networks=networks,
        left_out=len(judged) - len(shown),
        bars_left_out=max(0, len(bars) - MOST_BARS),
    )


def _table(data: ReportData) -> tuple[list[Judged], ScoreTable] | None:
    """Return the candidates that went all the way, best first, and the table of their scores."""
    every = data.judged or tuple(Judged.of(row) for row in data.results)
    trainings = max((len(one.by_fold) for one in every), default=0)
    judged = sorted((one for one in every if len(one.by_fold) == trainings), key=lambda one: -one.figure.value)
    if len(judged) < 2 or not 2 <= data.held_out <= data.folds or not trainings or trainings % data.held_out:
        return None
    scores = np.array([one.by_fold for one in judged]).reshape(len(judged), -1, data.held_out)
    return judged, ScoreTable.of(scores, data.folds, np.array([one.figure.value for one in judged]))


def _name(one: Judged, network: bool) -> str:
    name = "plain training" if one.remedy == "none" else one.remedy
    if one.repair != "none":
        name += f", suspects {REPAIR_WORDS.get(one.repair, one.repair)}"
    return name + (f" · {one.model}" if network else "")


Bars = Sequence[tuple[int, ...]]


def _picture(names: Sequence[str], figures: Sequence[float], critical: float, bars: Bars) -> Markup:
    """Return the picture: best on top, a dot at each figure, and bars at the right."""
    reach = share_scale([*figures, max(figures[0] - critical, min(figures))])
    height = TOP + ROW * len(names)
    lines = Markup("").join(
        Markup('<text x="0" y="{}">{}</text><circle class="dot{}" cx="{}%" cy="{}" r="4.5"/>').format(
            _top(row) + 13, clipped(name, LONGEST_NAME), " chosen" if row == 0 else "", reach.at(figure), _middle(row)
        )
        for row, (name, figure) in enumerate(zip(names, figures, strict=True))
    )
    return Markup(
        '<div class="critical" style="padding-inline-end:{}px">'
        '<svg class="standing" width="100%" height="{}" role="img" aria-label="{}">'
        '<svg y="{}" width="100%" height="{}">{}</svg>{}{}{}{}</svg></div>'
    ).format(
        START + STEP * max(1, len(bars)),
        height,
        _spoken(names, figures, bars),
        TOP,
        ROW * len(names),
        grid(reach),
        _band(figures[0], critical, reach, height),
        _ticks(reach),
        lines,
        _bars(bars),
    )


def _spoken(names: Sequence[str], figures: Sequence[float], bars: Bars) -> str:
    """Return what a screen reader says of the picture."""
    joined = [f"bar {number}: {', '.join(names[row] for row in bar)}" for number, bar in enumerate(bars, 1)]
    return (
        f"{starting(spelled(len(names), 'candidate'))}, best first, by balanced accuracy, from {percent(figures[-1])} "
        f"to {percent(figures[0])}. " + ("; ".join(joined) if joined else "All can be told apart") + "."
    )


def _band(best: float, critical: float, reach: Scale, height: int) -> Markup:
    """Return the band below the best figure in which differences are too small to count."""
    left, right = reach.at(best - critical), reach.at(best)
    return Markup('<rect class="band" x="{}%" y="{}" width="{}%" height="{}"/>').format(
        left, TOP, round(right - left, 2), height - TOP
    )


def _ticks(reach: Scale) -> Markup:
    last = len(reach.ticks) - 1
    return Markup("").join(
        Markup('<text class="{}" x="{}%" y="12">{}</text>').format(
            "first" if place == 0 else "last" if place == last else "mid", reach.at(tick), percent(tick, 0)
        )
        for place, tick in enumerate(reach.ticks)
    )


def _bars(bars: Bars) -> Markup:
    """Return the bars right of the plot, from the first to the last row that they join, with a dot at each of them."""
    found = Markup("")
    for number, rows in enumerate(bars):
        across = START + STEP * number
        found += Markup('<line class="joins" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            across, _middle(rows[0]), _middle(rows[-1])
        )
        found += Markup("").join(
            Markup('<circle class="joined" cx="{}" cy="{}" r="4"/>').format(across, _middle(row)) for row in rows
        )
        found += Markup('<text class="mid" x="{}" y="12">{}</text>').format(across, number + 1)
    return Markup('<svg x="100%" width="1" height="1">{}</svg>').format(found)


def _top(row: int) -> int:
    return TOP + ROW * row


def _middle(row: int) -> int:
    return _top(row) + 25
