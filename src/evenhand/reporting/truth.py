"""True classes against labels: how many images show one class and are filed under another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenhand.records.audit import ConfusedPair
from evenhand.reporting.confusion import MOST_IN_MATRIX, Cell
from evenhand.reporting.content import ReportData
from evenhand.reporting.faults import LEAST_PAIR
from evenhand.reporting.words import number

MOST_PAIRS = 20
"""Pairs of classes that are listed where there are too many classes for a table."""


@dataclass(frozen=True)
class TruthCell:
    """Images that show one class and carry one label; `reach` is the interval, empty where there is none."""

    value: str
    reach: str
    share: float
    """Of the images that show the class."""
    right: bool


@dataclass(frozen=True)
class Truth:
    """True classes in rows, labels as filed in columns. Of too many classes `cells` is empty, and `pairs` tells."""

    classes: tuple[str, ...]
    cells: tuple[tuple[TruthCell, ...], ...]
    shown: tuple[str, ...]
    """Images that show each class, estimated."""
    filed: tuple[str, ...]
    """Images that carry each label."""
    pairs: tuple[ConfusedPair, ...]
    decided: bool
    """Whether decisions of people are counted in."""


def truth(data: ReportData) -> Truth:
    """Return how true classes and labels as filed go together; what people decided is certain."""
    classes = data.audit.classes
    table, reach = _table(data)
    shown, filed = table.sum(axis=1), table.sum(axis=0)
    places = range(len(classes))
    cells = tuple(
        tuple(_cell(table[true, given], reach.get((true, given)), shown[true], true == given) for given in places)
        for true in places
    )
    pairs = [
        ConfusedPair(classes[given], classes[true], float(table[true, given]), *ends)
        for (true, given), ends in reach.items()
        if table[true, given] >= LEAST_PAIR
    ]
    return Truth(
        classes,
        cells if len(classes) <= MOST_IN_MATRIX else (),
        tuple(number(count) for count in shown),
        tuple(number(count) for count in filed),
        tuple(sorted(pairs, key=lambda pair: -pair.estimated)[:MOST_PAIRS]),
        bool(data.relabelled),
    )


def _table(data: ReportData) -> tuple[NDArray[np.float64], dict[Cell, tuple[float, float]]]:
    """Return (K, K) images by true class and label as filed, and the intervals of the cells that have one.

    The audit knows the labels as the edits left them, so what they moved is put back under the label it came from.
    """
    place = {name: number for number, name in enumerate(data.audit.classes)}
    table = np.zeros((len(place), len(place)))
    reach: dict[Cell, tuple[float, float]] = {}
    for issue in data.audit.issues:
        table[place[issue.given], place[issue.given]] += 1
    for pair in data.audit.pairs:
        true, given = place[pair.true], place[pair.given]
        table[true, given] += pair.estimated
        table[given, given] -= pair.estimated
        reach[true, given] = (pair.low, pair.high)
    for filed, label, count in data.relabelled:
        true, given = place[label], place[filed]
        table[true, given] += count
        table[true, true] -= count
        low, high = reach.get((true, given), (0.0, 0.0))
        reach[true, given] = (low + count, high + count)
    return table, reach


def _cell(count: float, reach: tuple[float, float] | None, shown: float, right: bool) -> TruthCell:
    ends = f"{number(reach[0])} to {number(reach[1])}" if reach else ""
    return TruthCell(number(count), ends, float(count / max(1.0, shown)), right)
