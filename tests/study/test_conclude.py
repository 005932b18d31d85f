from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.evaluation.intervals import corrected_resampled_t, holm
from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.records.values import Interval
from evenhand.study.conclude import compared, table_of, to_separate
from evenhand.study.judging import Candidate, Score
from evenhand.training.recipe import Recipe

SIMPLE, RESNET = Recipe(model="simple"), Recipe(model="resnet")
N = 120


class Images:
    """As much of a bench as conclusions need: 120 images of three classes in four folds."""

    classes, n_classes, n_folds = ("a", "b", "c"), 3, 4
    rows = np.arange(10, 10 + N)
    given = np.arange(N) % 3
    fold = np.arange(N) // 3 % 4
    judged = range(4)


BENCH: Any = Images()


def score(remedy: str, by_fold: Any, repair: str = "none", recipe: Recipe = SIMPLE) -> Score:
    """Return a score whose figure is the mean of its folds; what it predicts is drawn by its name."""
    table = np.atleast_2d(np.asarray(by_fold, dtype=np.float64))
    chances = np.random.default_rng(len(remedy)).dirichlet([1, 1, 1], size=N).astype(np.float32)
    evaluation = evaluate(BENCH.given, chances, BENCH.classes, resamples=10)
    middle = float(np.nanmean(table))
    result = RemedyResult(
        remedy=remedy,
        repair=repair,
        model=recipe.model,
        evaluation=replace(evaluation, balanced_accuracy=Interval(middle, middle, middle)),
        probabilities=chances,
        indices=BENCH.rows,
        trained_counts=(1, 1, 1),
        curve=Curve((), ()),
        by_fold=tuple(table[np.isfinite(table)].tolist()),
    )
    return Score(Candidate(remedy, repair, recipe), result, table)


PLAIN = np.array([0.50, 0.53, 0.51, 0.54])
GOOD = np.array([0.80, 0.82, 0.81, 0.85])
FAIR = np.array([0.79, 0.83, 0.80, 0.84])


def test_every_row_stands_against_plain_training_and_against_the_best() -> None:
    rows = [score("sampler", GOOD), score("smote", FAIR), score("none", PLAIN)]
    best, second, plain = compared(BENCH, rows, rows, None)
    assert (best.vs_best, plain.vs_plain) == (None, None)
    assert best.vs_plain is not None
    assert second.vs_plain is not None
    assert second.vs_best is not None
    assert plain.vs_best is not None
    mean, low, high, p = corrected_resampled_t(GOOD - PLAIN, 1 / 3)
    told = best.vs_plain
    assert (told.value, told.low, told.high, told.p) == pytest.approx((mean, low, high, p))
    assert (told.other, told.model, told.apart, told.images) == ("none", "simple", True, None)
    raw = [corrected_resampled_t(one - PLAIN, 1 / 3)[3] for one in (GOOD, FAIR)]
    assert [told.p_holm, second.vs_plain.p_holm] == pytest.approx(holm(raw))
    raw = [corrected_resampled_t(GOOD - one, 1 / 3)[3] for one in (FAIR, PLAIN)]
    assert [second.vs_best.p_holm, plain.vs_best.p_holm] == pytest.approx(holm(raw))
    assert second.vs_best.value == pytest.approx(-0.005)
    assert not second.vs_best.apart
    assert second.vs_best.images is not None
    assert second.vs_best.images > N
    assert plain.vs_best.value == -told.value
    assert plain.vs_best.apart


def test_a_remedy_is_compared_with_plain_training_by_the_same_network() -> None:
    large = score("sampler", GOOD + 0.1, recipe=RESNET)
    scores = [large, score("sampler", GOOD), score("none", PLAIN)]
    rows = [large, scores[2]]
    told = compared(BENCH, rows, scores, None)[0].vs_plain
    assert told is not None
    # Plain training was judged by the small network alone, so the remedy is taken as it did there.
    assert (told.model, told.value) == ("simple", pytest.approx(float((GOOD - PLAIN).mean())))
    both = [*scores, score("none", PLAIN + 0.02, recipe=RESNET)]
    told = compared(BENCH, [large, both[3]], both, None)[0].vs_plain
    assert told is not None
    assert (told.model, told.value) == ("resnet", pytest.approx(float((GOOD + 0.08 - PLAIN).mean())))
    told = compared(BENCH, [large], [large, score("none", PLAIN)], None)[0].vs_plain
    assert told is None
    named = compared(BENCH, rows, scores, None)[1].vs_best
    assert named is not None
    assert named.other == "sampler (resnet)"


def test_who_was_stopped_is_compared_by_the_trainings_that_both_have() -> None:
    weak = score("smote", [0.6, 0.65, np.nan, np.nan])
    rows = [score("sampler", GOOD), score("none", PLAIN), weak]
    told = compared(BENCH, rows, rows, None)[2]
    assert told.vs_best is not None
    assert told.vs_plain is not None
    mean, low, high, p = corrected_resampled_t(np.array([0.6, 0.65]) - GOOD[:2], 1 / 3)
    assert (told.vs_best.value, told.vs_best.low, told.vs_best.high) == pytest.approx((mean, low, high))
    assert (told.vs_best.p, told.vs_best.p_range, told.vs_best.apart) == (pytest.approx(p), None, False)
    assert told.vs_best.stopped
    assert told.vs_plain.stopped
    once = score("smote", [0.6, np.nan, np.nan, np.nan])
    told = compared(BENCH, [rows[0], once], [rows[0], once], None)[1]
    assert told.vs_best is not None
    assert (told.vs_best.value, told.vs_best.low, told.vs_best.p_holm) == (pytest.approx(-0.2), None, None)


def test_single_trainings_tell_nothing() -> None:
    rows = [score("sampler", [0.9]), score("none", [0.5])]
    told = compared(BENCH, rows, rows, None)[1].vs_best
    assert told is not None
    assert (told.value, told.low, told.p, told.p_holm, told.apart) == (pytest.approx(-0.4), None, None, None, False)
    assert "--folds 5" in to_separate(rows, 4, N)


def test_with_an_audit_there_are_figures_on_the_true_labels() -> None:
    rows = [score("sampler", GOOD), score("none", PLAIN)]
    posterior = np.eye(3)[BENCH.given]
    found = compared(BENCH, rows, rows, posterior)[0].on_true_labels
    assert found is not None
    # The labels are believed entirely, so the figures are those on the given ones.
    evaluation = rows[0].result.evaluation
    assert found.accuracy.value == pytest.approx(evaluation.accuracy.value)
    assert found.macro_f1.value == pytest.approx(evaluation.macro_f1.value)
    assert [row.value for row in found.recall] == pytest.approx([row.recall for row in evaluation.per_class])
    assert compared(BENCH, rows, rows, None)[0].on_true_labels is None


# --- in words ---------------------------------------------------------------------------------------------------------


def test_without_a_tie_nothing_is_needed() -> None:
    assert to_separate([score("sampler", GOOD), score("none", PLAIN)], 4, N) == ""
    assert to_separate([score("none", PLAIN)], 4, N) == ""


def test_what_would_separate_the_closest_is_said_in_numbers() -> None:
    scores = [score("sampler", GOOD), score("smote", FAIR), score("none", PLAIN)]
    said = to_separate(scores, 4, N)
    needed = table_of(scores, 4).needed(0, 1)
    assert said.startswith("To tell it from smote, 0.5 points behind, about ")
    images = int(said.split("about ")[1].split(" ")[0].replace(",", ""))
    assert N * needed.images <= images <= 1.1 * N * needed.images + 1
    assert f"instead of {N}" in said
    assert "plain training" not in said


def test_whether_it_helps_at_all_is_said_besides() -> None:
    wide = np.array([0.78, 0.86, 0.77, 0.80])
    said = to_separate([score("sampler", GOOD), score("smote", FAIR), score("none", wide)], 4, N)
    assert "To know whether it helps at all, that is to tell it from plain training, 1.8 points behind, " in said


def test_equals_are_to_be_taken_as_equal() -> None:
    said = to_separate([score("sampler", GOOD), score("smote", GOOD[::-1])], 4, N)
    assert "smote, which does as well" in said
    assert "take the two as equal" in said


def test_more_trainings_are_named_where_they_would_do_and_ruled_out_where_not() -> None:
    noise = 0.01 * np.array([1, -1, 1, -1])
    near = to_separate([score("sampler", GOOD + noise), score("smote", GOOD - 0.024)], 4, N)
    assert "or at least " in near
    assert "trainings a fold instead of 1" in near
    far = to_separate([score("sampler", GOOD + noise), score("smote", GOOD - 0.004)], 4, N)
    assert "more trainings a fold cannot do it" in far
    assert "points in doubt" in far
