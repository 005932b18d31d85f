from dataclasses import replace

import pytest

from evenhand.study.tuning.importance import FEWEST, mattered
from tune_study import space, trials

pytest.importorskip("optuna", reason="needs Optuna: pip install 'evenhand[tune]'")


def test_the_setting_that_decides_comes_first() -> None:
    made = [replace(trial, value=-abs(float(trial.point["momentum"]) - 0.9)) for trial in trials(60)]
    found = mattered(space().settings, made, 0, resamples=10)
    assert found[0].name == "momentum"
    assert found[0].share.low > max(one.share.value for one in found[1:])
    assert sum(one.share.value for one in found) == pytest.approx(1)
    for one in found:
        assert 0 <= one.share.low <= one.share.value <= one.share.high <= 1
    # Parameters of remedies and settings of one value are left out.
    assert {one.name for one in found} == {
        "optimiser", "rate", "momentum", "weight_decay", "batch", "schedule", "augmentation", "remedy", "repair",
    }  # fmt: skip


def test_of_hardly_any_trials_nothing_is_said() -> None:
    assert mattered(space().settings, trials(FEWEST - 1), 0) == ()
    assert mattered([], trials(FEWEST), 0) == ()
