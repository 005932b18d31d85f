"""Expected figures by hand, and against the figures on the true labels in simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from evenhand.evaluation.label_noise import (
    expected_accuracy,
    expected_balanced_accuracy,
    expected_confusion,
    expected_macro_f1,
    expected_recall,
)


def test_by_hand() -> None:
    posterior = np.array([[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    predicted = np.array([0, 1, 0])
    np.testing.assert_allclose(expected_recall(predicted, posterior), [0.9 / 1.3, 0.6 / 1.7])
    assert expected_balanced_accuracy(predicted, posterior) == pytest.approx((0.9 / 1.3 + 0.6 / 1.7) / 2)


def test_the_other_figures_by_hand() -> None:
    posterior = np.array([[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    predicted = np.array([0, 1, 0])
    np.testing.assert_allclose(expected_confusion(predicted, posterior), [[0.9, 0.4], [1.1, 0.6]])
    assert expected_accuracy(predicted, posterior) == pytest.approx((0.9 + 0.6 + 0.0) / 3)
    # Class 0: found .9, is 1.3, called 2; class 1: found .6, is 1.7, called 1.
    assert expected_macro_f1(predicted, posterior) == pytest.approx((1.8 / 3.3 + 1.2 / 2.7) / 2)


def test_a_class_nobody_expects_does_not_count() -> None:
    posterior = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isnan(expected_recall(np.array([0, 2]), posterior)[2])
    assert expected_balanced_accuracy(np.array([0, 2]), posterior) == 0.5


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_certain_labels_give_the_plain_figure(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    recall = [np.mean(predicted[labels == label] == label) for label in np.unique(labels)]
    certain = np.eye(4)[labels]
    assert expected_balanced_accuracy(predicted, certain) == pytest.approx(np.mean(recall))
    assert expected_accuracy(predicted, certain) == pytest.approx(accuracy_score(labels, predicted))
    assert expected_macro_f1(predicted, certain) == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert expected_confusion(predicted, certain).sum() == pytest.approx(len(labels))


def test_it_ranks_by_the_truth_where_the_given_labels_do_not() -> None:
    """A third of the rare class is filed under the common one; one model repeats that, the other does not."""
    generator = np.random.default_rng(0)
    true = np.repeat([0, 1], [3000, 300])
    given_labels = np.where((true == 1) & (generator.random(3300) < 0.33), 0, true)
    honest = np.where(generator.random(3300) < 0.1, 1 - true, true)
    parrot = np.where(generator.random(3300) < 0.07, 1 - given_labels, given_labels)
    # What a good audit believes: nine in ten wrong labels found, one image in a hundred suspected wrongly.
    doubt = np.where(given_labels != true, generator.beta(9, 1, 3300), generator.beta(0.1, 9.9, 3300))
    posterior = np.where(np.eye(2, dtype=bool)[given_labels], 1 - doubt[:, None], doubt[:, None])
    plain = [balanced_accuracy_score(given_labels, model) for model in (honest, parrot)]
    expected = [expected_balanced_accuracy(model, posterior) for model in (honest, parrot)]
    truly = [balanced_accuracy_score(true, model) for model in (honest, parrot)]
    assert plain[0] < plain[1]
    assert expected[0] > expected[1]
    np.testing.assert_allclose(expected, truly, atol=0.05)


@pytest.mark.parametrize("doubt", [0.05, 0.3])
def test_the_expected_figures_are_the_mean_over_what_the_labels_might_be(doubt: float) -> None:
    generator = np.random.default_rng(1)
    believed = generator.dirichlet([doubt] * 3, size=600)
    predicted = generator.integers(0, 3, 600)
    accuracies, scores = [], []
    for _ in range(400):
        true = (generator.random((600, 1)) > believed.cumsum(axis=1)).sum(axis=1).clip(0, 2)
        accuracies.append(accuracy_score(true, predicted))
        scores.append(f1_score(true, predicted, average="macro"))
    assert expected_accuracy(predicted, believed) == pytest.approx(np.mean(accuracies), abs=0.002)
    assert expected_macro_f1(predicted, believed) == pytest.approx(np.mean(scores), abs=0.002)
