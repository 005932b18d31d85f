from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenhand.evaluation.costs import cost_of, decide, expected_costs, mean_cost, moved
from evenhand.settings.costs import Costs, Decision

ZERO_ONE = Costs(("a", "b"), ((0.0, 1.0), (1.0, 0.0)))


def two(c01: float, c10: float, **priors: Any) -> Decision:
    """Return a decision: a negative called positive costs `c01`, a positive called negative `c10`."""
    return Decision(Costs(("negative", "positive"), ((0.0, c01), (c10, 0.0))), **priors)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 50), st.floats(0.1, 50))
def test_two_classes_have_the_threshold_of_elkan(c01: float, c10: float) -> None:
    # Positive from p (c10 + c01) >= c01 on: a positive that is missed costs c10, a negative called positive c01.
    positive = np.linspace(0, 1, 401)
    called = decide(np.stack([1 - positive, positive], axis=1), two(c01, c10))
    # In terms of the negative class, as it is usually written: negative above c10 / (c10 + c01).
    far = np.abs((1 - positive) - c10 / (c10 + c01)) > 1e-9
    np.testing.assert_array_equal(called[far] == 0, (1 - positive[far]) > c10 / (c10 + c01))


def test_equal_costs_call_the_most_probable_class() -> None:
    chances = np.random.default_rng(0).dirichlet([1] * 4, size=200)
    table = tuple(tuple(float(row != column) for column in range(4)) for row in range(4))
    decision = Decision(Costs(("a", "b", "c", "d"), table))
    np.testing.assert_array_equal(decide(chances, decision), chances.argmax(axis=1))
    np.testing.assert_allclose(expected_costs(chances, decision), 1 - chances)


def test_of_equally_cheap_decisions_the_more_probable_is_taken() -> None:
    free = Decision(Costs(("a", "b"), ((0.0, 0.0), (0.0, 0.0))))
    np.testing.assert_array_equal(decide([[0.2, 0.8], [0.8, 0.2]], free), [1, 0])


def test_another_mix_of_classes_moves_the_probabilities() -> None:
    # Made for equal shares, used where one in ten is b: odds of 1 : 1 become 9 : 1.
    np.testing.assert_allclose(moved([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1]), [[0.9, 0.1]])
    np.testing.assert_allclose(moved([[0.1, 0.9]], [0.5, 0.5], [0.9, 0.1]), [[0.5, 0.5]])
    rare = two(1, 1, made_for=(0.5, 0.5), used_for=(0.9, 0.1))
    np.testing.assert_array_equal(decide([[0.11, 0.89], [0.09, 0.91]], rare), [0, 1])
    same = two(1, 1, made_for=(0.5, 0.5), used_for=(0.5, 0.5))
    np.testing.assert_array_equal(expected_costs([[0.3, 0.7]], same), expected_costs([[0.3, 0.7]], two(1, 1)))


def test_the_cost_of_an_image_by_hand() -> None:
    labels = np.array([0, 0, 0, 1])
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.7, 0.3], [0.7, 0.3]])
    found = cost_of(labels, chances, two(1, 4, made_for=(0.5, 0.5), used_for=(0.5, 0.5)))
    # A chance of .3 of a loss of 4 is dearer than one of .7 of a loss of 1: the last two are called positive.
    assert found.confusion == ((2, 1), (0, 1))
    assert found.mean.value == pytest.approx(1 / 4)
    assert found.most_probable.value == pytest.approx(4 / 4)
    assert found.at_prior is not None
    assert found.at_prior.value == pytest.approx(0.5 / 3)
    assert found.mean.low < found.mean.value < found.mean.high
    assert cost_of(labels, chances, two(1, 4)).at_prior is None
    assert cost_of(labels[:3], chances[:3], two(1, 4, made_for=(0.5, 0.5), used_for=(0.5, 0.5))).at_prior is None


def test_the_interval_is_that_of_the_share_of_the_one_mistake_that_costs() -> None:
    table = np.array([[0.0, 0.0], [7.0, 0.0]])
    found = mean_cost(np.array([[50, 0], [6, 34]]), table, np.array([0.8, 0.2]), seed=0)
    low, high = (0.2 * 7 * stats.beta.ppf(q, 6.5, 34.5) for q in (0.025, 0.975))
    assert found.value == pytest.approx(0.2 * 7 * 6 / 40)
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.05)
    none = mean_cost(np.array([[50, 0], [0, 40]]), table, np.array([0.8, 0.2]), seed=0)
    assert (none.value, none.low) == (0, 0)
    assert none.high > 0.01


def test_a_class_without_an_image_costs_nothing() -> None:
    found = mean_cost(np.array([[3, 1], [0, 0]]), np.array([[0.0, 2.0], [5.0, 0.0]]), np.array([1.0, 0.0]), seed=0)
    assert found.value == pytest.approx(0.5)
    assert decide(np.zeros((0, 2)), Decision(ZERO_ONE)).shape == (0,)
