import numpy as np
import pytest

from evenhand.errors import UsageError
from evenhand.predicting.coverage import Coverage
from evenhand.records.abstention import LEVELS


def test_the_curve_counts_answers_that_reach_each_threshold() -> None:
    sure = np.random.default_rng(0).uniform(0.3, 1, 500).astype(np.float32)
    found = Coverage(0.85)
    for part in np.array_split(sure, 7):
        found.add(part)
    told = found.to_json()
    assert [point["reject_below"] for point in told["curve"]] == sorted([*LEVELS, 0.85])
    for point in told["curve"]:
        assert point["share"] == (sure >= point["reject_below"]).mean()
    assert told["answered"] == found.answered == (sure >= 0.85).sum()
    assert sum(not found.rejects(float(one)) for one in sure) == found.answered


def test_exactly_the_threshold_is_sure_enough() -> None:
    found = Coverage(0.9)
    found.add(np.array([0.9], dtype=np.float32))
    assert not found.rejects(float(np.float32(0.9)))
    assert found.answered == 1


def test_without_a_threshold_everything_is_answered() -> None:
    found = Coverage()
    assert found.to_json()["share"] is None
    found.add(np.array([0.1, 1.0], dtype=np.float32))
    assert (found.answered, found.rejects(0.0)) == (2, False)


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan")])
def test_thresholds_are_probabilities(threshold: float) -> None:
    with pytest.raises(UsageError, match="--reject-below"):
        Coverage(threshold)
