"""The paired difference between the choice and the others."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.records.compared import Compared, Versus
from evenhand.records.values import Interval
from evenhand.reporting.gain import difference, differences, gain


def test_the_interval_is_the_one_of_the_corrected_test_over_folds(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = gain(data)
    assert found is not None
    assert found.interval is not None
    mean, low, high, _ = corrected_resampled_t(np.subtract(data.chosen.by_fold, data.plain.by_fold), 1 / 3)
    pooled = data.chosen.evaluation.balanced_accuracy.value - data.plain.evaluation.balanced_accuracy.value
    assert found.value == pytest.approx(pooled)
    assert found.interval.high - found.interval.low == pytest.approx(high - low)
    assert found.value - found.interval.low == pytest.approx(mean - low)
    assert not found.tied


def test_seeds_of_a_fold_are_no_witnesses_of_their_own(made_up: ModuleType) -> None:
    data = made_up.report_data()
    twice = replace(data, results=tuple(replace(row, by_fold=2 * row.by_fold) for row in data.results))
    once, again = gain(data).interval, gain(twice).interval
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_what_the_comparison_concluded_goes_before_what_the_page_could_work_out(made_up: ModuleType) -> None:
    data = made_up.report_data()
    beside = tuple(
        Compared(vs_best=None if row is data.chosen else Versus("sampler", "simple", -0.2, -0.3, -0.1, 0.01))
        for row in data.results
    )
    found = gain(replace(data, compared=beside))
    assert found is not None
    assert found.interval == Interval(0.2, 0.1, 0.3)
    assert found.value == 0.2


def test_the_gain_is_that_of_the_figure_that_the_choice_goes_by(made_up: ModuleType) -> None:
    data = made_up.with_expected(made_up.report_data())
    assert gain(data).value == data.chosen.expected.value - data.plain.expected.value


def test_there_is_nothing_to_gain_where_plain_training_is_the_choice_or_was_not_tried(made_up: ModuleType) -> None:
    data = made_up.report_data()
    assert gain(replace(data, choice=replace(data.choice, remedy="none", repair="none"))) is None
    assert gain(replace(data, results=tuple(row for row in data.results if row.remedy != "none"))) is None
    assert difference(made_up.audit_only(), data.plain) is None


def test_a_single_training_or_unknown_folds_give_no_interval(made_up: ModuleType) -> None:
    assert gain(made_up.report_data(folds=0)).interval is None
    data = made_up.report_data()
    held = replace(data, results=tuple(replace(row, by_fold=row.by_fold[:1]) for row in data.results))
    assert gain(held).interval is None


def test_the_choice_is_compared_with_everything_else_in_order(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = differences(data)
    assert [one.other.name for one in found] == [row.name for row in data.results[1:]]
    assert [one.tied for one in found] == [True, False, False]
    assert differences(made_up.audit_only()) == []
