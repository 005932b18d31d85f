from typing import Any

import numpy as np
import pytest

from evenhand.evaluation.intervals import fold_interval
from evenhand.evaluation.label_noise import expected_accuracy
from evenhand.evaluation.metrics import evaluate
from evenhand.evaluation.temperature import cross_fitted_scaling, fit_temperature
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.study.further_figures import calibrated, on_true_labels

N = 90


class Images:
    """As much of a bench as the figures need."""

    classes, n_classes, n_folds = ("a", "b", "c"), 3, 3
    rows = np.arange(5, 5 + N)
    given = np.arange(N) % 3
    fold = np.arange(N) // 3 % 3


BENCH: Any = Images()


def result(sureness: float = 4.0, kept: Any = slice(None)) -> RemedyResult:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(N, 3)) + 1.2 * np.eye(3)[BENCH.given]
    chances = np.exp(sureness * logits)
    chances = (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)[kept]
    rows = BENCH.rows[kept]
    evaluation = evaluate(BENCH.given[rows - 5], chances, BENCH.classes, resamples=10)
    return RemedyResult("none", "none", "simple", evaluation, chances, rows, (1, 1, 1), Curve((), ()))


def test_scaling_makes_a_network_that_is_too_sure_better_without_looking_at_what_judges_it() -> None:
    sure = result()
    found = calibrated(BENCH, sure)
    assert found is not None
    by_hand = evaluate(BENCH.given, cross_fitted_scaling(sure.probabilities, BENCH.given, BENCH.fold), BENCH.classes)
    assert (found.log_loss, found.ece) == (by_hand.log_loss, by_hand.ece)
    assert found.temperature == fit_temperature(sure.probabilities, BENCH.given) > 1.5
    assert found.log_loss.value < sure.evaluation.log_loss.value
    assert found.ece.value < sure.evaluation.ece.value


def test_one_fold_alone_has_no_others_to_fit_a_temperature_to() -> None:
    assert calibrated(BENCH, result(kept=BENCH.fold == 1)) is None


def test_figures_on_the_true_labels_have_an_interval_over_the_folds() -> None:
    one = result()
    believed = np.random.default_rng(1).dirichlet([0.2] * 3, size=N)
    found = on_true_labels(BENCH, one, believed).accuracy
    predicted = one.probabilities.argmax(axis=1)
    by_fold = [expected_accuracy(predicted[BENCH.fold == fold], believed[BENCH.fold == fold]) for fold in range(3)]
    spread = fold_interval(by_fold, 1 / 2)
    assert found.value == expected_accuracy(predicted, believed)
    assert found.high - found.low == pytest.approx(spread.high - spread.low)


def test_images_of_one_fold_are_judged_by_their_own_posterior() -> None:
    one = result(kept=BENCH.fold == 2)
    believed = np.random.default_rng(1).dirichlet([0.2] * 3, size=N)
    found = on_true_labels(BENCH, one, believed)
    assert found.accuracy.value == expected_accuracy(one.probabilities.argmax(axis=1), believed[BENCH.fold == 2])
    assert (found.accuracy.low, found.accuracy.high) == (0, 1)
    assert len(found.recall) == 3
