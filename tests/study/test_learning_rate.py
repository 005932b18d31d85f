from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.errors import UsageError
from evenhand.study.learning_rate import RatePlan, best_rate, beyond_chance, expected, short_epochs, study_rates

RATES = (1e-10, 0.02, 1e4)


def plan(study: Any, **changes: Any) -> RatePlan:
    bench = study.bench()
    recipe = replace(study.recipe, epochs=12, batch=4, learning_rate=0.5, schedule="constant", equal_work=False)
    return replace(RatePlan(bench, recipe, "none", 1), **changes)


def test_each_rate_gets_its_verdict(study: Any) -> None:
    found = study_rates(plan(study), RATES)
    assert [(row.rate, row.verdict.kind) for row in found.rows] == [
        (1e-10, "too_small"),
        (0.02, "converges"),
        (1e4, "diverges"),
    ]
    assert (found.images, found.held, found.seeds, found.source) == (40, 20, 1, "fold")
    assert (found.best, found.suggested, found.finder) == (0.02, 0.02, None)
    assert [row.tied for row in found.rows] == [False, True, False]
    still, moving, lost = found.rows
    assert still.final_loss == pytest.approx(found.untrained, abs=0.05)
    assert lost.final_loss is None
    assert lost.verdict.step is not None
    for row in (still, moving):
        (course,) = row.courses
        assert len(course.epochs) == len(course.validation) == 12
        assert len(course.steps) == 120
    assert moving.validation_loss is not None
    assert still.validation_loss is not None
    assert moving.validation_loss < still.validation_loss


def test_finished_trainings_are_only_read_and_further_rates_join_them(study: Any) -> None:
    first = plan(study)
    study_rates(first, RATES[:2])
    assert len(first.bench.engine.given) == 2  # type: ignore[attr-defined]
    again = plan(study)
    found = study_rates(again, RATES)
    assert [trial.recipe.learning_rate for _, trial in again.bench.engine.given] == [1e4]  # type: ignore[attr-defined]
    assert study_rates(plan(study), RATES) == found


def test_trainings_of_several_seeds_share_their_draws_across_rates(study: Any) -> None:
    found = study_rates(plan(study, seeds=2), (1e-10, 1e-9))
    slow, slower = found.rows
    assert slow.verdict.trainings == 2
    first, second = (course.steps[0] for course in slow.courses)
    assert first != second
    assert first == pytest.approx(slower.courses[0].steps[0], rel=1e-4)


def test_naming_every_class_by_its_frequency(study: Any) -> None:
    made = plan(study)
    labels = study.labels[made.bench.fold != 0]
    share = np.bincount(labels) / len(labels)
    assert made.chance == pytest.approx(-(share * np.log(share)).sum())
    assert plan(study, remedy="sampler").chance == pytest.approx(np.log(3), abs=1e-6)
    assert plan(study, remedy="augment").chance == pytest.approx(made.chance)
    for remedy in ("class-weights", "balanced-softmax", "mixup", "drw"):
        assert plan(study, remedy=remedy).chance is None, remedy
    assert replace(made, recipe=replace(made.recipe, label_smoothing=0.1)).chance is None


def test_the_best_rate_is_one_that_trains(study: Any) -> None:
    rows = study_rates(plan(study), RATES).rows
    assert best_rate(rows) == 0.02
    assert best_rate((rows[0], rows[2])) is None
    # Slow or not, what has learnt no more than the frequencies of the classes is nothing to suggest.
    verdict = replace(rows[1].verdict, kind="slow", reason="frequencies")
    assert best_rate((rows[0], replace(rows[1], verdict=verdict))) is None
    assert best_rate((rows[0], replace(rows[1], verdict=replace(verdict, reason="unfinished")))) == 0.02
    assert best_rate(()) is None


def test_differences_beyond_chance_by_hand() -> None:
    random = np.random.default_rng(0)
    few = random.normal(0.1, 1.0, (1, 50))
    many = random.normal(0.1, 1.0, (1, 5000))
    assert not beyond_chance(few)
    assert beyond_chance(many)
    # Trainings that disagree among themselves prove nothing, however many images there are.
    assert not beyond_chance(many + np.array([[-0.5], [0.5]]))
    assert not beyond_chance(np.ones((1, 1)))


def test_a_training_too_short_for_a_verdict_is_refused(study: Any) -> None:
    short = plan(study)
    short = replace(short, recipe=replace(short.recipe, epochs=1, batch=16))
    with pytest.raises(UsageError, match=r"1 epochs on 40 images has 3 steps.*at least 10.*--epochs"):
        study_rates(short, RATES)


def test_the_forecast_counts_trainings_and_range_tests(study: Any) -> None:
    made = plan(study, seeds=2)
    assert short_epochs(made) == 2
    one = expected(made, 3, 0, 0.001, 1)
    assert (one.trainings, one.seconds) == (6, pytest.approx(1.3 * 6 * 12 * 40 * 0.001))
    both = expected(made, 3, 2, 0.001, 2)
    assert both.trainings == 8
    assert both.seconds == pytest.approx(1.3 * (6 * 12 + 2 * 2) * 40 * 0.001 / 2)
    assert both.bytes > one.bytes
