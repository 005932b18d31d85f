"""Before and after a repair: the same remedy, network, folds and seeds."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.records.comparison import Judged
from evenhand.records.values import Interval
from evenhand.reporting.repaired import Repaired, repaired


def judged(remedy: str, repair: str, *by_fold: float, model: str = "simple") -> Judged:
    middle = float(np.mean(by_fold))
    return Judged(remedy, repair, model, Interval(middle, middle - 0.1, middle + 0.1), by_fold)


def test_a_remedy_is_compared_with_itself_in_the_same_trainings(made_up: ModuleType) -> None:
    before, after = (0.60, 0.64, 0.58, 0.66), (0.66, 0.67, 0.66, 0.70)
    rows = (judged("smote", "none", *before), judged("smote", "drop", *after), judged("sampler", "drop", *after))
    (found,) = repaired(replace(made_up.report_data(), judged=rows))
    mean, low, high, _ = corrected_resampled_t(np.subtract(after, before), 1 / 3)
    assert (found.remedy, found.repair, found.model, found.remedies) == ("smote", "drop", "simple", 1)
    assert (found.before, found.after) == (pytest.approx(0.62), pytest.approx(0.6725))
    assert found.value == pytest.approx(mean)
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))


def test_the_mean_over_remedies_is_taken_within_each_training(made_up: ModuleType) -> None:
    """Remedies that move against each other from fold to fold leave a mean that hardly moves at all."""
    rows = tuple(
        judged(remedy, repair, *values)
        for remedy, repair, values in (
            ("a", "none", (0.5, 0.5, 0.5, 0.5)),
            ("a", "drop", (0.6, 0.5, 0.6, 0.5)),
            ("b", "none", (0.5, 0.5, 0.5, 0.5)),
            ("b", "drop", (0.5, 0.6, 0.5, 0.61)),
            ("b", "soft", (0.5, 0.6, 0.5, 0.61)),
        )
    )
    found = repaired(replace(made_up.report_data(), judged=rows))
    assert [(row.remedy, row.repair, row.remedies) for row in found] == [
        ("b", "drop", 1), ("a", "drop", 1), ("", "drop", 2), ("b", "soft", 1),
    ]  # fmt: skip
    mean = found[2]
    assert mean.differences == pytest.approx((0.05, 0.05, 0.05, 0.055))
    assert mean.value == pytest.approx(0.05125)
    assert mean.interval.low > 0 > found[0].interval.low


def test_networks_are_not_mixed_and_a_finalists_screening_is_used(made_up: ModuleType) -> None:
    rows = (
        judged("smote", "none", 0.5, 0.6),
        judged("smote", "drop", 0.6, 0.7),
        judged("smote", "drop", 0.8, 0.9, model="resnet"),
    )
    (found,) = repaired(replace(made_up.report_data(), judged=rows))
    assert (found.model, found.after) == ("simple", pytest.approx(0.65))


def test_one_training_or_unknown_folds_give_no_interval(made_up: ModuleType) -> None:
    rows = (judged("smote", "none", 0.5), judged("smote", "drop", 0.6))
    (found,) = repaired(replace(made_up.report_data(), judged=rows))
    assert (found.interval, found.value) == (None, pytest.approx(0.1))
    pair = (judged("smote", "none", 0.5, 0.6), judged("smote", "drop", 0.6, 0.6))
    assert repaired(replace(made_up.report_data(folds=0), judged=pair))[0].interval is None


def test_where_only_the_leaderboard_is_known_its_rows_are_compared(made_up: ModuleType) -> None:
    data = made_up.edited()
    found = {(row.remedy, row.repair): row for row in repaired(data) if row.remedies == 1}
    assert set(found) == {("sampler", "drop"), ("none", "drop"), ("none", "relabel")}
    row = found["sampler", "drop"]
    assert isinstance(row, Repaired)
    figures = {(one.remedy, one.repair): one.judged.value for one in data.results}
    assert row.value == pytest.approx(figures["sampler", "drop"] - figures["sampler", "none"])
    assert repaired(made_up.report_data(remedies=(("none", "none", 0.7), ("smote", "drop", 0.7)))) == ()
