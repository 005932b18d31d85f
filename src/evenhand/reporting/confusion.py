"""The confusion matrix as the page shows it: cells with their shares, and the pictures behind each cell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Ints

MOST_IN_MATRIX = 15
"""Classes up to which the matrix itself is shown; of more classes, the most frequent confusions are listed."""
MOST_CONFUSIONS = 40

Cell = tuple[int, int]
"""Places of the label and of the prediction among the classes."""


@dataclass(frozen=True)
class Behind:
    """Images behind one cell, worst first, and the probability in [0, 1] that the model gave to what it said."""

    rows: tuple[int, ...]
    chances: tuple[float, ...]


def shown_cells(evaluation: Evaluation) -> list[Cell]:
    """Return the cells that are shown and hold images: all of a small matrix, of a large one the commonest mistakes."""
    confusion = np.asarray(evaluation.confusion, dtype=np.int64)
    if len(confusion) <= MOST_IN_MATRIX:
        return [(int(label), int(called)) for label, called in np.argwhere(confusion > 0)]
    return [cell for cell, _ in top_confusions(evaluation)]


def top_confusions(evaluation: Evaluation) -> list[tuple[Cell, int]]:
    """Return the most frequent mistakes and their counts, most frequent first."""
    confusion = np.array(evaluation.confusion, dtype=np.int64)
    np.fill_diagonal(confusion, 0)
    order = np.argsort(-confusion, axis=None, kind="stable")[:MOST_CONFUSIONS]
    places = np.stack(np.unravel_index(order, confusion.shape), axis=1)
    return [((int(a), int(b)), int(confusion[a, b])) for a, b in places if confusion[a, b]]


def behind(labels: Ints, probabilities: Floats, rows: Ints, cells: Collection[Cell], most: int) -> dict[Cell, Behind]:
    """Return up to `most` images of each cell, worst first: the surest mistakes, and the least sure right answers.

    Parameters
    ----------
    labels : (n,) int64
        Places of the labels among the classes.
    probabilities : (n, K) float32
        Of the same images.
    rows : (n,) int64
        Their rows in the manifest.
    cells : collection of (label, prediction)
        Which cells are asked for.
    most : int
        Images a cell.
    """
    if not most or not cells:
        return {}
    k = probabilities.shape[1]
    called = probabilities.argmax(axis=1)
    chance = probabilities[np.arange(len(labels)), called]
    cell = labels * k + called
    order = np.lexsort((np.where(called == labels, chance, -chance), cell))
    starts = np.searchsorted(cell[order], [a * k + b for a, b in cells], side="left")
    ends = np.searchsorted(cell[order], [a * k + b for a, b in cells], side="right")
    return {
        key: Behind(
            tuple(int(rows[place]) for place in order[start : min(end, start + most)]),
            tuple(float(chance[place]) for place in order[start : min(end, start + most)]),
        )
        for key, start, end in zip(cells, starts, ends, strict=True)
    }
