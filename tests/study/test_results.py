import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.evaluation.metrics import evaluate
from evenhand.records.compared import COLUMNS, Compared, Versus
from evenhand.records.comparison import Choice, Curve, Judged, RemedyResult
from evenhand.records.evaluation import TestResult
from evenhand.records.values import Interval
from evenhand.study.results import (
    LEADERBOARD,
    leaderboard_rows,
    read_compared,
    read_judged,
    read_nested,
    read_results,
    read_test,
    write_judged,
    write_results,
    write_test,
)

LABELS = np.array([0, 0, 1, 1])
CHANCES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
EVALUATION = evaluate(LABELS, CHANCES, ("قطة", "b"))
CHOICE = Choice("smote", "drop", "simple", "It is best.", ("none",))


def row(remedy: str, repair: str = "none", **changes: Any) -> RemedyResult:
    plain = RemedyResult(
        remedy=remedy,
        repair=repair,
        model="simple",
        evaluation=EVALUATION,
        probabilities=CHANCES,
        indices=np.array([3, 5, 8, 9]),
        trained_counts=(10, 10),
        curve=Curve((0.7, 0.1 + 0.2), (0.5,), (0.6,)),
        trials=("one", "two"),
        low=1 / 3,
        high=2 / 3,
        seconds=12.5,
    )
    return replace(plain, **changes)


def assert_same(found: RemedyResult, wanted: RemedyResult) -> None:
    for name in (
        "remedy",
        "repair",
        "model",
        "evaluation",
        "trained_counts",
        "curve",
        "trials",
        "low",
        "high",
        "expected",
    ):
        assert getattr(found, name) == getattr(wanted, name), name
    np.testing.assert_array_equal(found.probabilities, wanted.probabilities)
    np.testing.assert_array_equal(found.indices, wanted.indices)


def test_what_was_concluded_reads_back(tmp_path: Path) -> None:
    assert read_results(tmp_path) == ((), None)
    assert read_nested(tmp_path) is None
    rows = [row("smote", "drop", expected=Interval(0.7, 0.6, 0.8)), row("none", probabilities=CHANCES[::-1].copy())]
    write_results(tmp_path, rows, CHOICE, EVALUATION)
    found, choice = read_results(tmp_path)
    assert choice == CHOICE
    assert read_nested(tmp_path) == EVALUATION
    for one, other in zip(found, rows, strict=True):
        assert_same(one, other)


def test_what_the_comparison_adds_stands_behind_the_figures_and_reads_back(tmp_path: Path) -> None:
    assert read_compared(tmp_path) == ()
    rows = [row("smote", "drop"), row("none")]
    beside = [
        Compared(vs_plain=Versus("none", "simple", 1 / 3, 0.1, 0.5, 0.01, 0.02, 0.03, True)),
        Compared(vs_best=Versus("smote", "simple", -1 / 3, -0.5, -0.1, 0.01, 0.02, 0.03, True)),
    ]
    write_results(tmp_path, rows, CHOICE, EVALUATION, beside)
    assert read_compared(tmp_path) == tuple(beside)
    assert_same(read_results(tmp_path)[0][0], rows[0])
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        best, plain = csv.DictReader(file)
    assert tuple(best)[-len(COLUMNS) :] == COLUMNS
    assert (best["vs_plain"], best["vs_plain_p_holm"]) == ("0.333333", "0.020000")
    assert (best["vs_best"], best["tied"]) == ("", "")
    assert (plain["vs_plain"], plain["vs_best"], plain["vs_best_p_range"]) == ("", "-0.333333", "0.030000")
    assert plain["tied"] == "false"
    write_results(tmp_path, rows, CHOICE, EVALUATION)
    assert read_compared(tmp_path) == ()


def test_results_without_a_choice_do_not_count(tmp_path: Path) -> None:
    write_results(tmp_path, [row("none")], CHOICE, EVALUATION)
    (tmp_path / "choice.json").unlink()
    assert read_results(tmp_path) == ((), None)


def test_the_leaderboard_is_rounded_and_knows_no_times(tmp_path: Path) -> None:
    rows = [row("smote", "drop"), row("none")]
    (tmp_path / "one").mkdir()
    write_results(tmp_path / "one", rows, CHOICE, EVALUATION)
    with (tmp_path / "one/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == LEADERBOARD
    assert (table[0]["remedy"], table[0]["repair"], table[0]["low"]) == ("smote", "drop", "0.333333")
    assert [set(found) for found in leaderboard_rows(rows)] == [set(LEADERBOARD)] * 2
    (tmp_path / "two").mkdir()
    write_results(tmp_path / "two", [replace(found, seconds=99.0) for found in rows], CHOICE, EVALUATION)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_training_that_diverged_leaves_json_without_nan(tmp_path: Path) -> None:
    curve = Curve((0.7, 9.0, float("inf"), float("nan")), (float("nan"),))
    write_results(tmp_path, [row("none", curve=curve)], CHOICE, EVALUATION)
    for file in tmp_path.glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read_results(tmp_path)[0][0].curve == Curve((0.7, 9.0), ())


@pytest.mark.parametrize("corrected", [None, evaluate(1 - LABELS, CHANCES, ("قطة", "b"))])
def test_the_test_reads_back(tmp_path: Path, corrected: Any) -> None:
    assert read_test(tmp_path) is None
    wanted = TestResult(EVALUATION, CHANCES, np.array([1, 2, 3, 4]), corrected)
    write_test(tmp_path, wanted)
    found = read_test(tmp_path)
    assert found is not None
    assert (found.evaluation, found.corrected) == (wanted.evaluation, wanted.corrected)
    np.testing.assert_array_equal(found.probabilities, CHANCES)
    np.testing.assert_array_equal(found.indices, [1, 2, 3, 4])


def test_what_every_candidate_was_judged_by_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    assert read_judged(tmp_path) == ()
    plain = Judged.of(row("none", by_fold=(0.1 + 0.2, 1 / 3)))
    assert (plain.figure.value, plain.figure.low) == (EVALUATION.balanced_accuracy.value, 1 / 3)
    larger = Judged.of(row("none", "drop", model="resnet", expected=Interval(0.7, 0.6, 0.8), by_fold=(0.7,)))
    assert larger == Judged("none", "drop", "resnet", Interval(0.7, 0.6, 0.8), (0.7,), ("one", "two"))
    write_judged(tmp_path, [plain, larger])
    assert read_judged(tmp_path) == (plain, larger)
