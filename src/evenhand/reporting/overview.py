"""The few numbers that matter, for the panel below the verdict's first sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evenhand.evaluation.intervals import wilson
from evenhand.records.audit import Audit
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval
from evenhand.reporting.charts import WHOLE, interval
from evenhand.reporting.content import ReportData
from evenhand.reporting.faults import imbalance, times, wrong_labels_found
from evenhand.reporting.verdict import row_name, single_hold_out
from evenhand.reporting.words import clipped, counted, name, number, percent, span, spelled_number

MOST_RECALLS = 8
"""Classes whose recall the panel shows; of more, the worst."""


@dataclass(frozen=True)
class Measured:
    """A figure with its interval, drawn and in words."""

    label: Markup
    detail: str
    value: str
    reach: str
    chart: Markup


@dataclass(frozen=True)
class Tile:
    """One number about the data and what it counts; `target` is the section that tells more."""

    value: str
    words: str
    target: str


@dataclass(frozen=True)
class Overview:
    """The panel. `models` and `recalls` are empty after an audit alone."""

    tiles: tuple[Tile, ...]
    models: tuple[Measured, ...]
    recalls: tuple[Measured, ...]
    recalls_left_out: int
    guessing: float
    """Balanced accuracy of guessing, in [0, 1]."""


def overview(data: ReportData) -> Overview:
    """Return the numbers of the panel."""
    figure = data.headline
    guessing = 1 / max(1, sum(row.support > 0 for row in figure.per_class)) if figure else 0.0
    recalls = _recalls(figure) if figure else []
    return Overview(
        tiles=tuple(_tiles(data.audit)),
        models=tuple(_models(data, guessing)),
        recalls=tuple(recalls),
        recalls_left_out=len(figure.classes) - len(recalls) if figure else 0,
        guessing=guessing,
    )


def _models(data: ReportData, guessing: float) -> Iterator[Measured]:
    """Yield balanced accuracies from the final model down to plain training; each says on which images."""
    if data.test:
        figure = data.test.evaluation
        tested = counted(figure.n, "test image")
        yield _measured(Markup("Final model"), tested, figure.balanced_accuracy, guessing, kind="chosen")
        if data.test.corrected:
            other = data.test.corrected.balanced_accuracy
            yield _measured(Markup("Final model"), f"{tested}, corrected labels", other, guessing, kind="chosen")
    elif data.nested:
        origin = "single hold-out set" if single_hold_out(data) else "nested out of fold"
        yield _measured(Markup("Whole procedure"), origin, data.nested.balanced_accuracy, guessing, kind="chosen")
    where = "hold-out set" if single_hold_out(data) else "out of fold"
    if data.chosen and data.chosen.expected:
        where += ", expected on true labels"
    candidates = [data.chosen] if data.chosen is data.plain else [data.chosen, data.plain]
    for row in candidates:
        if row is None:
            continue
        words = Markup("Plain training") if row is data.plain else row_name(row)
        yield _measured(words, f"{where}, {row.model}", row.judged, guessing)


def _measured(label: Markup, detail: str, figure: Interval, guessing: float, *, kind: str = "") -> Measured:
    reach = span(figure.low, figure.high)
    spoken = f"{label.striptags()}, {detail}: {percent(figure.value)}, 95 % interval {reach}"
    chart = interval(figure.value, figure.low, figure.high, WHOLE, spoken, mark=guessing, kind=kind)
    return Measured(label, detail, percent(figure.value), reach, chart)


def _recalls(figure: Evaluation) -> list[Measured]:
    confusion = np.asarray(figure.confusion)
    low, high = wilson(confusion.diagonal(), confusion.sum(axis=1))
    places = [place for place, row in enumerate(figure.per_class) if row.support]
    if len(places) > MOST_RECALLS:
        places = sorted(places, key=lambda place: figure.per_class[place].recall)[:MOST_RECALLS]
    found = []
    for place in places:
        row = figure.per_class[place]
        reach = span(float(low[place]), float(high[place]), 0)
        spoken = f"{clipped(row.name)}: recall {percent(row.recall)}, 95 % interval {reach}"
        chart = interval(row.recall, float(low[place]), float(high[place]), WHOLE, spoken)
        found.append(Measured(name(row.name), counted(row.support, "image"), percent(row.recall), reach, chart))
    return found


def _tiles(audit: Audit) -> Iterator[Tile]:
    wrong = audit.wrong_labels
    if wrong:
        about = "≈ " if wrong_labels_found(audit) else ""
        between = f"wrong training labels, estimated: {number(wrong.low)} to {number(wrong.high)}"
        yield Tile(about + number(wrong.value), between, "labels")
        named = "suspect of a wrong label named" if len(audit.flagged) == 1 else "suspects of a wrong label named"
        yield Tile(number(len(audit.flagged)), named, "labels")
    lopsided = imbalance(audit)
    if lopsided:
        yield Tile(f"{times(lopsided.ratio)} : 1", "largest to smallest class", "data")
    groups = audit.exact_groups + audit.near_groups
    leaked = sum(row.leaked for row in audit.duplicates)
    tail = f"; {counted(leaked, 'copy', 'copies')} of test images outside the test" if leaked else ""
    alike = f", {spelled_number(audit.near_groups)} only nearly so" if audit.near_groups else ""
    yield Tile(number(groups), ("group" if groups == 1 else "groups") + " of equal pictures" + alike + tail, "data")
    files = len(audit.findings)
    yield Tile(number(files), ("file" if files == 1 else "files") + " could not be taken", "data")
