from math import factorial

import pytest

from evenhand.evaluation.matched import matched_difference


def test_the_difference_is_that_of_the_counts_and_lies_in_its_interval() -> None:
    found = matched_difference(2, 7, 100)
    assert found.value == pytest.approx(-0.05)
    assert found.low < found.value < found.high
    turned = matched_difference(7, 2, 100)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_where_nothing_differs_the_interval_keeps_a_width() -> None:
    few, many = matched_difference(0, 0, 10), matched_difference(0, 0, 1000)
    assert few.low < 0 < few.high
    assert few.high > 0.1 > 0.01 > many.high > 0


def test_it_stays_within_its_bounds() -> None:
    assert matched_difference(0, 0, 0).low == -1
    assert matched_difference(3, 0, 3).high == 1
    assert matched_difference(0, 1, 1).low == -1


@pytest.mark.parametrize(("gain", "loss"), [(0.02, 0.02), (0.05, 0.15), (0.3, 0.1), (0.01, 0.0)])
def test_it_covers_the_truth_as_often_as_it_says(gain: float, loss: float) -> None:
    n, covered = 30, 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            same = n - gained - lost
            ways = factorial(n) // (factorial(gained) * factorial(lost) * factorial(same))
            found = matched_difference(gained, lost, n)
            if found.low <= gain - loss <= found.high:
                covered += ways * gain**gained * loss**lost * (1 - gain - loss) ** same
    assert covered >= 0.93
