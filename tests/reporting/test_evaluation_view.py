"""One evaluation as the page shows it."""

from types import ModuleType

import numpy as np
import pytest

from evenhand.evaluation.metrics import evaluate
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Ints
from evenhand.reporting.evaluation_view import EvaluationView, figure_rows, view


def made(made_up: ModuleType, k: int, support: int = 6) -> tuple[Evaluation, tuple[Ints, Floats, Ints]]:
    labels = np.repeat(np.arange(k), support)
    chances = made_up.probabilities(labels, k, 0.7, 1)
    evaluation = evaluate(labels, chances, [f"c{n}" for n in range(k)], resamples=20)
    return evaluation, (labels, chances, np.arange(len(labels)) + 1000)


def shown(made_up: ModuleType, k: int, pictures: int = 3) -> EvaluationView:
    evaluation, seen = made(made_up, k)
    return view("v", evaluation, seen, pictures=pictures, most_classes=40)


def test_a_small_matrix_is_shown_whole_with_its_pictures(made_up: ModuleType) -> None:
    found = shown(made_up, 3)
    assert [[cell.count for cell in row] for row in found.matrix] == [list(row) for row in found.evaluation.confusion]
    assert all(sum(cell.share for cell in row) == pytest.approx(1) for row in found.matrix)
    for label, row in enumerate(found.matrix):
        for called, cell in enumerate(row):
            assert cell.right == (label == called)
            assert cell.key == (f"{label},{called}" if cell.count else "")
    assert found.rows == {row for one in found.pictures.values() for row in one.rows}
    assert min(found.rows) >= 1000


def test_many_classes_give_a_list_of_mistakes_and_the_classes_of_lowest_f1(made_up: ModuleType) -> None:
    found = shown(made_up, 60)
    assert found.matrix == ()
    assert found.left_out == 20
    f1 = [row.f1 for row in found.evaluation.per_class]
    assert [row.figures.f1 for row in found.classes] == sorted(f1)[:40]
    assert found.confusions[0].cell.count == max(row.cell.count for row in found.confusions)


def test_without_known_images_the_cells_have_no_pictures(made_up: ModuleType) -> None:
    evaluation, _ = made(made_up, 3)
    found = view("v", evaluation, None, pictures=3, most_classes=40)
    assert found.pictures == {}
    assert not any(cell.key for row in found.matrix for cell in row)


def test_a_class_without_images_has_no_recall(made_up: ModuleType) -> None:
    labels = np.zeros(5, dtype=np.int64)
    evaluation = evaluate(labels, np.eye(3)[labels], ("a", "b", "c"), resamples=5)
    found = view("v", evaluation, (labels, np.eye(3)[labels], labels), pictures=1, most_classes=9)
    assert [row.recall for row in found.classes] == ["100.0\u00a0%", "–", "–"]
    assert found.classes[1].chart == ""


def test_figures_are_text_with_intervals_and_the_leaderboards_interval_where_there_is_one(
    made_up: ModuleType,
) -> None:
    evaluation, _ = made(made_up, 3)
    rows = {row.term: row for row in figure_rows(evaluation)}
    assert rows["accuracy"].value == f"{100 * evaluation.accuracy.value:.1f}\u00a0%"
    assert rows["log-loss"].value == f"{evaluation.log_loss.value:.3f}"
    assert figure_rows(evaluation, (0.1, 0.9))[0].reach == "10.0 to 90.0\u00a0%"
