from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenhand.evaluation.metrics import evaluate
from evenhand.evaluation.paired import balanced_difference, compare_models
from evenhand.records.values import Ints

# Ten images: six of class 0, three of class 1, one of class 2; a fourth class has none.
LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
FIRST = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 2])  # recalls 5/6, 2/3, 1
SECOND = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 2])  # recalls 4/6, 0, 1


def test_the_counts_and_the_value_by_hand() -> None:
    found = compare_models(LABELS, FIRST, SECOND, 4)
    assert (found.n, found.both_right, found.only_first, found.only_second, found.both_wrong) == (10, 4, 4, 1, 1)
    # Five coin tosses, one or none on one side, and as much on the other: (1 + 5 + 5 + 1) / 32.
    assert found.p == pytest.approx(12 / 32)
    assert found.balanced_accuracy.value == pytest.approx((1 / 6 + 2 / 3 + 0) / 3)
    assert found.balanced_accuracy.low < found.balanced_accuracy.value < found.balanced_accuracy.high
    told = found.to_json()
    assert told["balanced_accuracy_difference"] == found.balanced_accuracy.value
    assert told["balanced_accuracy_difference_low"] == found.balanced_accuracy.low
    assert set(told) >= {"n", "both_right", "only_first", "only_second", "both_wrong", "p"}


def test_the_value_is_the_difference_of_the_two_evaluations() -> None:
    draw = np.random.default_rng(0)
    labels, first, second = draw.integers(0, 3, (3, 200))
    one, other = (evaluate(labels, np.eye(3)[called], "abc").balanced_accuracy.value for called in (first, second))
    assert compare_models(labels, first, second, 3).balanced_accuracy.value == pytest.approx(one - other)


answers = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 3), min_size=n, max_size=n).map(np.array) for _ in range(3)))
)


@settings(max_examples=60, deadline=None)
@given(answers)
def test_p_is_that_of_the_binomial_test_and_swapping_turns_everything_round(drawn: tuple[Ints, Ints, Ints]) -> None:
    labels, first, second = drawn
    found = compare_models(labels, first, second, 4, resamples=50)
    back = compare_models(labels, second, first, 4, resamples=50)
    apart = found.only_first + found.only_second
    assert found.both_right + apart + found.both_wrong == found.n == len(labels)
    assert found.p == pytest.approx(stats.binomtest(found.only_first, apart).pvalue if apart else 1.0)
    assert (back.only_first, back.only_second, back.p) == (found.only_second, found.only_first, found.p)
    assert back.balanced_accuracy.value == pytest.approx(-found.balanced_accuracy.value)
    assert -1 <= found.balanced_accuracy.low <= found.balanced_accuracy.value <= found.balanced_accuracy.high <= 1


def test_a_model_against_itself_is_equal_but_not_certainly_so() -> None:
    found = compare_models(LABELS, FIRST, FIRST, 4)
    assert (found.p, found.only_first, found.balanced_accuracy.value) == (1.0, 0, 0.0)
    assert found.balanced_accuracy.low < 0 < found.balanced_accuracy.high


def test_the_interval_is_that_of_independent_classes_where_images_are_many() -> None:
    # A class of n images of which a share p is the first's alone and q the second's: the difference has the variance
    # (p + q - (p - q)^2) / n, and the classes are independent.
    sizes, shares = (900, 300), ((0.2, 0.1), (0.3, 0.2))
    labels, one, other = [], [], []
    for label, (n, (p, q)) in enumerate(zip(sizes, shares, strict=True)):
        labels += [label] * n
        one += [True] * round(n * p) + [False] * round(n * q) + [True] * (n - round(n * p) - round(n * q))
        other += [False] * round(n * p) + [True] * round(n * q) + [True] * (n - round(n * p) - round(n * q))
    found = balanced_difference(np.array(one), np.array(other), np.array(labels), 2, seed=0, resamples=20_000)
    variance = sum((p + q - (p - q) ** 2) / n for n, (p, q) in zip(sizes, shares, strict=True)) / 4
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx(
        (0.1 - 1.96 * np.sqrt(variance), 0.1 + 1.96 * np.sqrt(variance)), abs=0.004
    )


@pytest.mark.parametrize("lift", [0.0, 0.1])
def test_the_interval_holds_the_true_difference(lift: float) -> None:
    draw = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [120, 40, 15])
    inside = 0
    for seed in range(200):
        hard = draw.random(len(labels))
        one = hard + 0.3 * draw.random(len(labels)) < 0.8 + lift
        other = hard + 0.3 * draw.random(len(labels)) < 0.8
        truth = _chance(0.8 + lift) - _chance(0.8)
        found = balanced_difference(one, other, labels, 3, seed=seed, resamples=200)
        inside += found.low <= truth <= found.high
    assert inside >= 184  # 92 % of 200


def _chance(limit: float) -> float:
    """Return P(u + 0.3 v < limit) for uniform u and v and a limit in [0.3, 1]."""
    return limit - 0.15 if limit <= 1 else float("nan")


@pytest.mark.parametrize("spoil", [lambda a: a[:0], lambda a: a[1:]])
def test_other_images_are_refused(spoil: Callable[[Ints], Ints]) -> None:
    with pytest.raises(ValueError, match="same images"):
        compare_models(LABELS, spoil(FIRST), SECOND, 4)
    with pytest.raises(ValueError, match="at least one"):
        compare_models(LABELS[:0], FIRST[:0], SECOND[:0], 4)
