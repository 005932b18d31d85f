"""One evaluation as the page shows it: figures with intervals, the table of classes, the matrix and its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evenhand.evaluation.intervals import wilson
from evenhand.records.evaluation import ClassFigures, Evaluation
from evenhand.records.values import Floats, Interval, Ints
from evenhand.reporting.charts import WHOLE, interval
from evenhand.reporting.confusion import MOST_IN_MATRIX, Behind, Cell, behind, shown_cells, top_confusions
from evenhand.reporting.words import clipped, percent, span


@dataclass(frozen=True)
class FigureRow:
    """A figure of the whole evaluation: its name, which is also a term of the glossary, and how it reads."""

    term: str
    value: str
    reach: str


@dataclass(frozen=True)
class ClassRow:
    """A row of the table of classes; shares are in per cent."""

    figures: ClassFigures
    recall: str
    recall_reach: str
    chart: Markup


@dataclass(frozen=True)
class CellView:
    """A cell of the matrix: how many images, which share of the label's images, and the key of its pictures."""

    count: int
    share: float
    right: bool
    key: str


@dataclass(frozen=True)
class ConfusionRow:
    """A frequent mistake among many classes."""

    label: str
    called: str
    cell: CellView


@dataclass(frozen=True)
class EvaluationView:
    """All that is shown of one evaluation; `key` is its name within the page."""

    key: str
    evaluation: Evaluation
    figures: tuple[FigureRow, ...]
    classes: tuple[ClassRow, ...]
    left_out: int
    """Classes that the table has no room for."""
    matrix: tuple[tuple[CellView, ...], ...]
    """Empty where there are too many classes."""
    confusions: tuple[ConfusionRow, ...]
    """The most frequent mistakes, where there are too many classes for a matrix."""
    pictures: dict[Cell, Behind]

    @property
    def rows(self) -> set[int]:
        """Rows of the manifest whose pictures are wanted."""
        return {row for found in self.pictures.values() for row in found.rows}


EXPECTED = "expected balanced accuracy"
FIGURES = ("balanced accuracy", "accuracy", "macro F1", "log-loss", "calibration error")


def figure_rows(
    evaluation: Evaluation, reach: tuple[float, float] | None = None, expected: Interval | None = None
) -> tuple[FigureRow, ...]:
    """Return the figures of an evaluation as text, shares in per cent.

    `reach` is the interval of the balanced accuracy across trainings, `expected` the balanced accuracy expected on the
    true labels, where there is one.
    """
    first = (_figure(EXPECTED, expected),) if expected else ()
    balanced = evaluation.balanced_accuracy
    values = (
        Interval(balanced.value, *reach) if reach else balanced,
        evaluation.accuracy,
        evaluation.macro_f1,
        evaluation.log_loss,
        evaluation.ece,
    )
    return first + tuple(_figure(term, value) for term, value in zip(FIGURES, values, strict=True))


def _figure(term: str, value: Interval) -> FigureRow:
    if term == "log-loss":
        return FigureRow(term, f"{value.value:.3f}", f"{value.low:.3f} to {value.high:.3f}")
    return FigureRow(term, percent(value.value), span(value.low, value.high))


def view(
    key: str,
    evaluation: Evaluation,
    seen: tuple[Ints, Floats, Ints] | None,
    *,
    pictures: int,
    most_classes: int,
    reach: tuple[float, float] | None = None,
    expected: Interval | None = None,
) -> EvaluationView:
    """Return what the page shows of an evaluation.

    Parameters
    ----------
    key : str
        Its name within the page.
    evaluation : Evaluation
        The figures.
    seen : tuple of (n,) labels, (n, K) probabilities, (n,) manifest rows, or None
        The images behind the figures; None where they are not known.
    pictures : int
        Pictures a cell.
    most_classes : int
        Rows of the table of classes; with more classes, those of the lowest F1 are shown.
    reach : tuple of float, optional
        Interval of the balanced accuracy across trainings, shown instead of that across images.
    expected : Interval, optional
        The balanced accuracy expected on the true labels.
    """
    found = behind(*seen, shown_cells(evaluation), pictures) if seen else {}
    classes = class_rows(evaluation, most_classes)
    return EvaluationView(
        key=key,
        evaluation=evaluation,
        figures=figure_rows(evaluation, reach, expected),
        classes=classes,
        left_out=len(evaluation.classes) - len(classes),
        matrix=_matrix(evaluation, found) if len(evaluation.classes) <= MOST_IN_MATRIX else (),
        confusions=_confusions(evaluation, found) if len(evaluation.classes) > MOST_IN_MATRIX else (),
        pictures=found,
    )


def class_rows(evaluation: Evaluation, most: int) -> tuple[ClassRow, ...]:
    """Return the rows of the table of classes: in the order of the classes, or, if too many, those of lowest F1."""
    order = list(range(len(evaluation.classes)))
    if len(order) > most:
        order = sorted(order, key=lambda place: evaluation.per_class[place].f1)[:most]
    confusion = np.asarray(evaluation.confusion)
    low, high = wilson(confusion.diagonal(), confusion.sum(axis=1))
    return tuple(_class_row(evaluation.per_class[place], float(low[place]), float(high[place])) for place in order)


def _class_row(figures: ClassFigures, low: float, high: float) -> ClassRow:
    if not figures.support:
        return ClassRow(figures, "–", "", Markup(""))
    label = f"{clipped(figures.name)}: recall {percent(figures.recall)}, 95 % interval {span(low, high)}"
    return ClassRow(
        figures, percent(figures.recall), span(low, high, 0), interval(figures.recall, low, high, WHOLE, label)
    )


def _cell(confusion: Ints, place: Cell, found: dict[Cell, Behind]) -> CellView:
    label, called = place
    count = int(confusion[label, called])
    key = f"{label},{called}" if place in found else ""
    return CellView(count, count / max(1, int(confusion[label].sum())), label == called, key)


def _matrix(evaluation: Evaluation, found: dict[Cell, Behind]) -> tuple[tuple[CellView, ...], ...]:
    confusion = np.asarray(evaluation.confusion, dtype=np.int64)
    places = range(len(confusion))
    return tuple(tuple(_cell(confusion, (label, called), found) for called in places) for label in places)


def _confusions(evaluation: Evaluation, found: dict[Cell, Behind]) -> tuple[ConfusionRow, ...]:
    confusion = np.asarray(evaluation.confusion, dtype=np.int64)
    names = evaluation.classes
    return tuple(
        ConfusionRow(names[cell[0]], names[cell[1]], _cell(confusion, cell, found))
        for cell, _ in top_confusions(evaluation)
    )
