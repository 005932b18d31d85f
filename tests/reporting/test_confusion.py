"""Which cells are shown, and which pictures lie behind them."""

from types import ModuleType

import numpy as np

from evenhand.evaluation.metrics import evaluate
from evenhand.reporting.confusion import MOST_CONFUSIONS, behind, shown_cells, top_confusions

LABELS = np.array([0, 0, 0, 1, 1, 1])
CHANCES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [0.55, 0.45], [0.95, 0.05]], dtype=np.float32)
ROWS = np.array([10, 11, 12, 13, 14, 15])


def test_the_surest_mistakes_and_the_least_sure_hits_come_first() -> None:
    found = behind(LABELS, CHANCES, ROWS, [(0, 0), (0, 1), (1, 0), (1, 1)], 9)
    assert {cell: one.rows for cell, one in found.items()} == {
        (0, 0): (11, 10),
        (0, 1): (12,),
        (1, 0): (15, 14),
        (1, 1): (13,),
    }
    np.testing.assert_allclose(found[1, 0].chances, [0.95, 0.55])


def test_no_more_pictures_than_asked_for_and_no_cells_without_any() -> None:
    assert behind(LABELS, CHANCES, ROWS, [(1, 0)], 1)[1, 0].rows == (15,)
    assert behind(LABELS, CHANCES, ROWS, [(1, 0)], 0) == {}
    assert behind(LABELS, CHANCES, ROWS, [], 3) == {}


def test_a_small_matrix_shows_every_cell_that_holds_images() -> None:
    evaluation = evaluate(LABELS, CHANCES, ("a", "b"), resamples=5)
    assert shown_cells(evaluation) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_of_many_classes_the_most_frequent_mistakes_are_shown(made_up: ModuleType) -> None:
    k = 60
    labels = np.repeat(np.arange(k), 10)
    evaluation = evaluate(labels, made_up.probabilities(labels, k, 0.5, 0), list(map(str, range(k))), resamples=5)
    found = top_confusions(evaluation)
    confusion = np.array(evaluation.confusion)
    np.fill_diagonal(confusion, 0)
    assert [count for _, count in found] == sorted(confusion.ravel(), reverse=True)[:MOST_CONFUSIONS]
    assert all(confusion[cell] == count for cell, count in found)
    assert shown_cells(evaluation) == [cell for cell, _ in found]


def test_a_flawless_model_of_many_classes_has_no_confusions() -> None:
    evaluation = evaluate(np.arange(20), np.eye(20), list(map(str, range(20))), resamples=5)
    assert top_confusions(evaluation) == []
