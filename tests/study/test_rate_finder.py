import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.study import rate_finder
from evenhand.study.learning_rate import RatePlan, short_epochs
from evenhand.study.rate_finder import FACTORS, STEP, around, find_rate, lowest


@given(st.floats(-3.4, -1.6), st.floats(0.01, 10))
def test_the_lowest_point_of_a_parabola_is_found_between_the_rates(place: float, bend: float) -> None:
    losses = {10.0 ** (power / 2): 1 + bend * (power / 2 - place) ** 2 for power in range(-10, 1)}
    assert lowest(losses) == pytest.approx(10**place, rel=1e-6)


def test_the_lowest_point_without_neighbours() -> None:
    assert lowest({0.1: 1.0, 1.0: 2.0}) == 0.1
    assert lowest({0.1: 3.0, 1.0: 2.0}) == 1.0
    assert lowest({0.01: 3.0, 0.1: 2.0, 1.0: math.inf}) == 0.1
    assert lowest({0.1: math.inf, 1.0: math.inf}) is None
    # A flat bottom has no vertex.
    assert lowest({0.01: 2.0, 0.1: 2.0, 1.0: 2.0}) == 0.01


def test_rates_around_a_suggestion_are_written_as_people_do() -> None:
    assert around(0.0021) == (0.000233, 0.0007, 0.0021, 0.0063, 0.0189)
    assert len(around(1.0)) == len(FACTORS)


def plan(study: Any) -> RatePlan:
    recipe = replace(study.recipe, epochs=20, batch=4, schedule="constant", equal_work=False)
    return RatePlan(study.bench(), recipe, "none", 1)


def test_range_tests_suggest_a_rate_that_trains(study: Any) -> None:
    made = plan(study)
    found = find_rate(made, 2)
    assert found.epochs == short_epochs(made) == 4
    assert found.suggested is not None
    assert found.low is not None
    assert found.high is not None
    assert 3e-4 < found.suggested < 0.3
    assert found.low <= found.suggested <= found.high
    assert len(found.each) == len(found.tries) == 2
    rates = [rate for rate, _ in found.tries[0]]
    assert rates == pytest.approx([STEP**power for power in range(-10, 1)])
    # The trainings are trials like any others: done once, and then only read.
    trials = made.bench.engine.given  # type: ignore[attr-defined]
    assert len(trials) == 22
    assert {trial.recipe.epochs for _, trial in trials} == {4}
    again = plan(study)
    assert find_rate(again, 2) == found
    assert again.bench.engine.given == []  # type: ignore[attr-defined]


def test_the_range_is_widened_where_the_best_lies_at_its_end(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_finder, "FIRST", -12)
    monkeypatch.setattr(rate_finder, "LAST", -10)
    found = find_rate(plan(study), 1)
    rates = [rate for rate, _ in found.tries[0]]
    assert rates[0] == pytest.approx(STEP**-12)
    assert rates[-1] > 1e-3
    assert found.suggested is not None
    assert found.suggested < rates[-1]
    assert (found.low, found.high) == (None, None)


def test_nothing_is_suggested_where_no_training_ends_as_a_number(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_finder, "FIRST", 10)
    monkeypatch.setattr(rate_finder, "LAST", 11)
    monkeypatch.setattr(rate_finder, "OUTERMOST", (10, 11))
    found = find_rate(plan(study), 1)
    assert (found.suggested, found.each) == (None, (None,))
