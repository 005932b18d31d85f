"""The reference study's table beside the measured one, as the report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.records.values import Interval
from evenhand.reporting.words import code, name, number, sentence
from evenhand.study.replay import ClassRow, Replay, Row

FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Pair:
    """A figure as published and as measured, and the interval of the latter; "–" where there is none."""

    published: str
    measured: str
    reach: str = ""


@dataclass(frozen=True)
class ClassPairs:
    """Precision, recall and F1 of a class."""

    name: Markup
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class ReplayRow:
    """An experiment."""

    name: str
    remedy: Markup
    pairs: tuple[Pair, ...]
    """Examples, accuracy, macro F1."""
    classes: tuple[ClassPairs, ...]


@dataclass(frozen=True)
class ReplayView:
    """The section with the published table."""

    source: str
    explanation: tuple[Markup, ...]
    rows: tuple[ReplayRow, ...]


def replay_view(found: Replay | None, classes: Sequence[str]) -> ReplayView | None:
    """Return what the section shows; None for a run that replays nothing.

    Parameters
    ----------
    found : Replay or None
        The two tables.
    classes : sequence of str
        Names that may have a writing direction of their own.
    """
    if found is None:
        return None
    return ReplayView(
        found.source,
        tuple(sentence(line, classes) for line in found.explanation),
        tuple(replay_row(row) for row in found.rows),
    )


def replay_row(row: Row) -> ReplayRow:
    """Return an experiment, published beside measured."""
    theirs, ours = row.examples
    examples = Pair(number(theirs), "–" if ours is None else number(ours))
    return ReplayRow(
        row.name,
        code(row.remedy),
        (examples, _figure(*row.accuracy), _figure(*row.macro_f1)),
        tuple(class_pairs(one) for one in row.per_class),
    )


def class_pairs(one: ClassRow) -> ClassPairs:
    """Return the figures of a class, published beside measured."""
    return ClassPairs(
        name(one.name),
        tuple(Pair(_share(one.published.get(figure)), _share(one.measured.get(figure))) for figure in FIGURES),
    )


def _figure(published: float, measured: Interval | None) -> Pair:
    reach = f"{_share(measured.low)} to {_share(measured.high)}" if measured else ""
    return Pair(_share(published), _share(measured.value if measured else None), reach)


def _share(value: float | None) -> str:
    """Return a share as the study writes it: ``.899``."""
    return "–" if value is None else f"{value:.3f}".removeprefix("0")
