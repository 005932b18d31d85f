from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.records.values import Interval
from evenhand.study.compare import best_of_each, choose, finalists, nested, ranked
from evenhand.study.judging import Candidate, Score, candidates, with_recipe
from evenhand.training.recipe import Recipe

EVALUATION = evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]]), ("a", "b"))
SIMPLE, RESNET = Recipe(model="simple"), Recipe(model="resnet")


def score(
    remedy: str,
    by_fold: Any,
    *,
    repair: str = "none",
    recipe: Recipe = SIMPLE,
    value: float | None = None,
    **parts: Any,
) -> Score:
    table = np.atleast_2d(np.asarray(by_fold, dtype=np.float64))
    middle = float(table.mean()) if value is None else value
    words = {"probabilities": np.zeros((0, 2), np.float32), "indices": np.zeros(0, np.int64)} | parts
    result = RemedyResult(
        remedy=remedy,
        repair=repair,
        model=recipe.model,
        evaluation=replace(EVALUATION, balanced_accuracy=Interval(middle, middle, middle)),
        trained_counts=(1, 1),
        curve=Curve((), ()),
        **words,
    )
    return Score(Candidate(remedy, repair, recipe), result, table)


# Four folds: the corrected variance is (1/4 + 1/3) s^2, and three degrees of freedom ask for t = 3.18 at 5 %.
# Differences of m -+ u have s = u * sqrt(4/3), so t = m / (u * sqrt(28/36)); m = 0.0688 and u = 0.02 give t = 3.90.
BEST = np.array([0.8, 0.8, 0.8, 0.8])
WOBBLE = 0.02 * np.array([-1, 1, -1, 1])
CLOSE = BEST - 0.0688 + WOBBLE
FAR = BEST - 0.3 + 0.001 * np.array([-1, 1, -1, 1])
SAME = BEST - 0.001 + WOBBLE


def test_the_example_is_as_computed_by_hand() -> None:
    mean, _, _, p = corrected_resampled_t(BEST - CLOSE, 1 / 3)
    assert mean == pytest.approx(0.0688)
    assert 0.025 < p < 0.05
    assert corrected_resampled_t(BEST - FAR, 1 / 3)[3] < 1e-4
    assert corrected_resampled_t(BEST - SAME, 1 / 3)[3] > 0.5


@pytest.mark.parametrize(
    ("others", "ties"),
    [
        ({"close": CLOSE}, ()),  # p = .03, of the pair and of the range alike
        # Of three the range is 4.339 x .0133 x .764 = .044, and the pair's own interval .056.
        ({"close": CLOSE, "other": CLOSE - 0.001}, ()),
        ({"close": CLOSE, "far": FAR}, ()),
        ({"close": CLOSE, "same": SAME}, ("same",)),
        # A third one that scatters eight times as much widens the range of all to .24.
        ({"close": CLOSE, "wild": BEST - 0.1 + 8 * WOBBLE[::-1]}, ("close", "wild")),
        ({"far": FAR}, ()),
        ({}, ()),
    ],
)
def test_ties_are_those_that_cannot_be_told_apart_from_the_best(others: dict[str, Any], ties: tuple[str, ...]) -> None:
    scores = [score("best", BEST), *(score(name, values) for name, values in others.items())]
    for order in (scores, scores[::-1]):
        choice = choose(order, folds=4)
        assert (choice.remedy, choice.ties) == ("best", ties)
        assert "0.800" in choice.reason
        assert (f"{len(ties)} of them cannot be told apart" in choice.reason) == bool(ties)


def test_one_training_alone_tells_nothing_apart() -> None:
    assert choose([score("a", [0.9]), score("b", [0.2])], folds=3).ties == ("b",)


def test_equal_scores_prefer_no_repair_and_then_the_name() -> None:
    scores = [score("b", BEST, repair="drop"), score("b", BEST), score("a", BEST, repair="drop"), score("a", BEST)]
    assert [(found.candidate.remedy, found.candidate.repair) for found in ranked(scores)] == [
        ("a", "none"),
        ("b", "none"),
        ("a", "drop"),
        ("b", "drop"),
    ]
    assert ranked(scores) == ranked(scores[::-1])


def test_the_better_of_two_models_stands_for_a_row_and_ties_name_the_other_model() -> None:
    scores = [
        score("a", BEST),
        score("a", BEST + 0.1, recipe=RESNET),
        score("b", BEST + 0.05),
        score("b", BEST + 0.02, recipe=RESNET),
    ]
    found = best_of_each(scores)
    assert [(row.candidate.remedy, row.candidate.recipe.model) for row in found] == [("a", "resnet"), ("b", "simple")]
    near = score("b", BEST + 0.1 + WOBBLE - 0.001, repair="drop", recipe=SIMPLE)
    assert choose([scores[1], near], folds=4).ties == ("b, suspects left out (simple)",)


def test_candidates_are_every_remedy_with_every_repair_once() -> None:
    found = candidates(["none", "smote+augment", "none", "sampler:q=0.0"], ["none", "drop", "none"], SIMPLE)
    names = [(candidate.remedy, candidate.repair) for candidate in found]
    assert len(names) == len(set(names)) == 6
    assert names[0] == ("none", "none")
    assert [candidate.recipe for candidate in with_recipe([score("a", BEST)], RESNET)] == [RESNET]


# --- the honest figure ----------------------------------------------------------------------------------------------


class Folds:
    """As much of a bench as the honest figure needs: 30 images whose label is the number of their fold."""

    judged, classes = range(3), ("a", "b", "c")
    rows = np.arange(30)
    fold = given = np.arange(30) % 3


def winners(table: Any) -> list[int]:
    """Return which candidate predicts each fold; candidate k calls everything k, so the confusion matrix tells."""
    scores = [
        score(f"{k}", table[k], probabilities=np.eye(3, dtype=np.float32)[np.full(30, k)]) for k in range(len(table))
    ]
    confusion = nested(Folds(), scores).confusion  # type: ignore[arg-type]
    assert all(sorted(row) == [0, 0, 10] for row in confusion)
    return [row.index(10) for row in confusion]


@settings(max_examples=25)
@given(
    arrays_of.arrays(np.float64, (3, 3), elements=st.floats(0, 1)),
    st.integers(0, 2),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_who_predicts_a_fold_does_not_depend_on_that_fold(table: Any, fold: int, others: Any) -> None:
    moved = table.copy()
    moved[:, fold] = others
    assert winners(table)[fold] == winners(moved)[fold]


def test_each_fold_is_predicted_by_the_best_of_the_other_folds() -> None:
    # Without fold 0 the sums are 1.7, 0.9, 0.2; without fold 1 0.8, 1.6, 0.2; without fold 2 0.9, 1.1, 0.2.
    assert winners(np.array([[0.0, 0.9, 0.8], [0.9, 0.2, 0.7], [0.1, 0.1, 0.1]])) == [0, 1, 1]


def test_a_single_hold_out_set_has_no_other_folds_to_choose_by(study: Any) -> None:
    bench = study.bench(judged=1)
    assert nested(bench, [score("a", [0.5]), score("b", [0.7])]).balanced_accuracy.value == 0.7


def test_the_expected_figure_outranks_the_given_one() -> None:
    parrot = score("none", BEST, expected=Interval(0.6, 0.5, 0.7))
    honest = score("none", BEST - 0.1, repair="drop", expected=Interval(0.9, 0.8, 1.0))
    assert ranked([parrot, honest]) == [honest, parrot]
    chosen = choose([parrot, honest], 4)
    assert chosen.repair == "drop"
    assert "expected on the true labels, 0.900" in chosen.reason


def test_three_different_ways_go_to_the_final_with_the_repair_that_is_better_on_average() -> None:
    figures = {
        # remedy: (none, drop)
        "oversample": (0.85, 0.82),
        "sampler": (0.84, 0.83),
        "undersample": (0.80, 0.82),
        "augment+balanced-softmax": (0.60, 0.78),
        "class-weights": (0.61, 0.77),
        "logit-adjust": (0.60, 0.76),
        "smote": (0.50, 0.70),
        "none": (0.33, 0.50),
    }
    scores = [
        score(remedy, [pair[column]] * 4, repair=repair)
        for remedy, pair in figures.items()
        for column, repair in enumerate(("none", "drop"))
    ]
    chosen = [(found.candidate.remedy, found.candidate.repair) for found in finalists(scores, 3)]
    assert chosen == [("sampler", "drop"), ("augment+balanced-softmax", "drop"), ("logit-adjust", "drop")]
    # Places left over go to the next best, whatever their way.
    assert len(finalists(scores, 7)) == 7
    assert finalists(scores, 7)[1].candidate.remedy == "oversample"


def test_without_a_difference_the_labels_stay_and_one_remedy_is_one_finalist() -> None:
    scores = [score("sampler", BEST, repair="drop"), score("sampler", BEST)]
    assert [found.candidate.repair for found in finalists(scores, 3)] == ["none"]
