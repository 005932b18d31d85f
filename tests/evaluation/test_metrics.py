import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, log_loss, precision_recall_fscore_support

from evenhand.errors import DataError, EvenhandError
from evenhand.evaluation.metrics import evaluate
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")


def _random(n: int, n_classes: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, n_classes, n)
    scores = np.exp(generator.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[labels])
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_all_car_baseline_of_the_reference_study() -> None:
    labels = np.repeat([0, 1, 2], [551, 51, 23])
    found = evaluate(labels, np.tile([0.9, 0.06, 0.04], (625, 1)), ["Car", "Truck", "Cat"])
    assert [(row.precision, row.recall, row.f1, row.support) for row in found.per_class] == [
        (pytest.approx(0.882, abs=5e-4), 1.0, pytest.approx(0.937, abs=5e-4), 551),
        (0.0, 0.0, 0.0, 51),
        (0.0, 0.0, 0.0, 23),
    ]
    assert found.accuracy.value == pytest.approx(0.8816)
    assert found.macro_average == pytest.approx((0.294, 0.333, 0.312), abs=5e-4)
    assert found.weighted_average == pytest.approx((0.777, 0.882, 0.826), abs=5e-4)
    assert found.confusion == ((551, 0, 0), (51, 0, 0), (23, 0, 0))
    assert found.balanced_accuracy.value == pytest.approx(1 / 3)
    assert found.macro_f1.value == found.macro_average[2]
    assert [row.reading for row in found.per_class] == [
        "Handles the class.",
        "Does not handle the class: never names it.",
        "Does not handle the class: never names it.",
    ]


@pytest.mark.parametrize(("n", "n_classes"), [(40, 2), (300, 3), (500, 17)])
def test_agrees_with_scikit_learn(n: int, n_classes: int) -> None:
    labels, probabilities = _random(n, n_classes)
    predicted = probabilities.argmax(axis=1)
    found = evaluate(labels, probabilities, [str(name) for name in range(n_classes)])
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, zero_division=0)
    np.testing.assert_allclose([row.precision for row in found.per_class], precision)
    np.testing.assert_allclose([row.recall for row in found.per_class], recall)
    np.testing.assert_allclose([row.f1 for row in found.per_class], f1)
    np.testing.assert_array_equal([row.support for row in found.per_class], support)
    for average, figures in (("macro", found.macro_average), ("weighted", found.weighted_average)):
        expected = precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        np.testing.assert_allclose(figures, expected[:3])
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert found.log_loss.value == pytest.approx(log_loss(labels, probabilities, labels=range(n_classes)))


def test_class_absent_from_labels_counts_only_where_it_was_predicted() -> None:
    labels = np.array([0, 0, 1, 1])
    never = evaluate(labels, np.eye(3)[[0, 0, 1, 0]], "abc")
    assert never.balanced_accuracy.value == pytest.approx(0.75)
    assert never.macro_average[0] == pytest.approx((2 / 3 + 1) / 2)
    assert never.per_class[2].reading == "No image here has this label, so nothing can be said about it."
    named = evaluate(labels, np.eye(3)[[0, 0, 1, 2]], "abc")
    assert named.balanced_accuracy.value == pytest.approx(0.75)
    assert named.macro_average[0] == pytest.approx(2 / 3)
    assert "calls 1 image by its name" in named.per_class[2].reading


def test_one_class_and_one_image_give_figures() -> None:
    found = evaluate(np.array([0]), np.array([[1.0]]), ["only"])
    assert found.accuracy == Interval(1.0, pytest.approx(0.2065, abs=1e-4), 1.0)
    assert found.balanced_accuracy.low < 0.3
    assert found.per_class[0].reading.endswith("Only one image: no judgement.")


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    found = evaluate(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]), "ab")
    assert found.log_loss.value == pytest.approx(-np.log(1e-12) / 2)
    assert np.isfinite(found.log_loss.high)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_lies_in_its_interval(name: str) -> None:
    for seed in range(5):
        figure = getattr(evaluate(*_random(60, 4, seed), "abcd", resamples=200), name)
        assert 0 <= figure.low < figure.value < figure.high
        assert name == "log_loss" or figure.high <= 1


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1", "ece"])
def test_five_of_five_in_each_class_is_no_certainty(name: str) -> None:
    perfect = evaluate(np.repeat([0, 1, 2], 5), np.repeat(np.eye(3) * 0.97 + 0.01, 5, axis=0), "abc")
    figure = getattr(perfect, name)
    assert figure.high - figure.low > 0.08


def test_same_seed_same_figures_and_another_seed_others() -> None:
    labels, probabilities = _random(200, 3)
    first, again = (evaluate(labels, probabilities, "abc", seed=1, resamples=300) for _ in range(2))
    assert first == again
    assert first != evaluate(labels, probabilities, "abc", seed=2, resamples=300)


def test_the_json_of_an_evaluation_is_read_back() -> None:
    found = evaluate(*_random(50, 3), "abc", resamples=50)
    assert Evaluation.from_json(found.to_json()) == found


def test_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(np.array([0, 0, 2]), np.full((3, 4), 0.25, dtype=np.float32), "abcd", resamples=20)


@pytest.mark.parametrize(
    ("labels", "probabilities", "match"),
    [
        (np.array([0, 1]), np.full((3, 2), 0.5), "images, classes"),
        (np.array([0, 1]), np.full((2, 3), 1 / 3), "images, classes"),
        (np.array([0, 2]), np.full((2, 2), 0.5), "from 0 to 1"),
        (np.array([0, -1]), np.full((2, 2), 0.5), "from 0 to 1"),
        (np.array([0.0, 1.0]), np.full((2, 2), 0.5), "from 0 to 1"),
        (np.array([0, 1]), np.full((2, 2), 0.499), "sum to 1"),
        (np.array([0, 1]), np.array([[1.5, -0.5], [0.5, 0.5]]), "negative"),
    ],
)
def test_input_of_the_wrong_shape_is_refused(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        evaluate(labels, probabilities, "ab")


def test_no_image_and_a_diverged_model_are_told_in_plain_words() -> None:
    with pytest.raises(DataError, match="no image to evaluate"):
        evaluate(np.zeros(0, dtype=np.int64), np.zeros((0, 2)), "ab")
    with pytest.raises(EvenhandError, match="output for 1 of 2 images is not a number"):
        evaluate(np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 0.5]]), "ab")
    with pytest.raises(ValueError, match="At least one resample"):
        evaluate(np.array([0]), np.array([[1.0]]), ["a"], resamples=0)
