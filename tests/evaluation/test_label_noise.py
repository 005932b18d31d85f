"""Expected figures by hand, and against the figures on the true labels in simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from evenhand.evaluation.label_noise import expected_balanced_accuracy, expected_recall


def test_by_hand() -> None:
    posterior = np.array([[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    predicted = np.array([0, 1, 0])
    np.testing.assert_allclose(expected_recall(predicted, posterior), [0.9 / 1.3, 0.6 / 1.7])
    assert expected_balanced_accuracy(predicted, posterior) == pytest.approx((0.9 / 1.3 + 0.6 / 1.7) / 2)


def test_a_class_nobody_expects_does_not_count() -> None:
    posterior = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isnan(expected_recall(np.array([0, 2]), posterior)[2])
    assert expected_balanced_accuracy(np.array([0, 2]), posterior) == 0.5


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_certain_labels_give_the_plain_figure(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    recall = [np.mean(predicted[labels == label] == label) for label in np.unique(labels)]
    assert expected_balanced_accuracy(predicted, np.eye(4)[labels]) == pytest.approx(np.mean(recall))


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
