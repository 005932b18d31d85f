from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.errors import DataError, EvenhandError
from evenhand.progress import Progress, Tick
from evenhand.study import bench as bench_module
from evenhand.study.bench import carry_out


class Told(Progress):
    """Remembers every stage: title, total, and the ticks."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, list[int]]] = []

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        ticks: list[int] = []
        self.stages.append((title, total, ticks))
        yield ticks.append


def test_a_trial_is_carried_out_once_and_afterwards_only_read(study: Any) -> None:
    told = Told()
    bench = study.bench(progress=told)
    trials = [bench.trial("none", study.recipe, held=[fold]) for fold in (0, 1, 0)]
    first = bench.carry_out(trials, "first")
    assert set(first) == set(trials)
    assert len(bench.engine.given) == 2
    again = study.bench(progress=told)
    second = again.carry_out([again.trial("none", study.recipe, held=[fold]) for fold in range(3)], "second")
    assert [trial.held for _, trial in again.engine.given] == [(2,)]
    for trial in trials:
        np.testing.assert_array_equal(first[trial].logits, second[trial].logits)
        np.testing.assert_array_equal(first[trial].rows, np.flatnonzero(bench.fold == trial.held[0]))
        assert not first[trial].diverged
        assert len(first[trial].curve.epoch_loss) == 1
    assert [(title, total, sum(ticks)) for title, total, ticks in told.stages] == [("first", 2, 2), ("second", 3, 3)]


def test_what_was_finished_before_an_error_is_kept(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = study.bench()
    trials = [bench.trial("none", study.recipe, held=[fold]) for fold in range(3)]
    carry_out = bench_module.execute

    def fail_at_the_third(task: Any) -> str:
        if task[1] == trials[2]:
            raise EvenhandError("out of memory")
        return carry_out(task)

    with monkeypatch.context() as patched:
        patched.setattr(bench_module, "execute", fail_at_the_third)
        with pytest.raises(EvenhandError, match="out of memory"):
            bench.carry_out(trials, "stage")
    again = study.bench()
    again.carry_out(trials, "stage")
    assert [trial for _, trial in again.engine.given] == [trials[2]]


def test_groups_stay_together_and_every_class_is_in_every_fold(study: Any) -> None:
    bench = study.bench(folds=4, group=np.arange(study.n) // 2)
    assert (bench.fold[::2] == bench.fold[1::2]).all()
    for label in range(3):
        assert set(bench.fold[study.labels == label]) == {0, 1, 2, 3}


def test_some_rows_are_a_bench_of_their_own(study: Any) -> None:
    rows = np.arange(5, study.n, dtype=np.int64)
    bench = study.bench(rows=rows)
    trial = bench.trial("none", study.recipe, held=[0])
    outcome = bench.carry_out([trial], "stage")[trial]
    np.testing.assert_array_equal(outcome.rows, rows[bench.fold == 0])


def test_a_single_hold_out_set_and_too_few_images(study: Any) -> None:
    assert list(study.bench(judged=1).judged) == [0]
    assert list(study.bench("all").judged) == [0, 1, 2]
    assert list(study.bench("more", judged=9).judged) == [0, 1, 2]
    with pytest.raises(DataError, match=r"The class c has 1 image to train on.*at least 2.*--classes"):
        study.bench("few", rows=np.arange(study.n - 9))
    with pytest.raises(DataError, match="The class c has no image"):
        study.bench("none", rows=np.arange(study.n - 10))
    with pytest.raises(DataError, match="all of one group"):
        study.bench("group", group=np.where(study.labels == 2, 50, np.arange(study.n)))


def test_the_longest_training_begins_first(study: Any) -> None:
    bench = study.bench()
    free = replace(study.recipe, equal_work=False)
    short, plain, long = (bench.trial(remedy, free, held=[0]) for remedy in ("undersample", "none", "smote"))
    bench.carry_out([plain, short, long], "")
    assert [trial for _, trial in bench.engine.given] == [long, plain, short]
    two, one = (bench.trial("none", study.recipe, held=held) for held in ([0, 1], [2]))
    bench.carry_out([two, one], "")
    assert [trial for _, trial in bench.engine.given[3:]] == [one, two]


def test_adversarial_training_takes_a_way_through_the_network_for_each_step(study: Any) -> None:
    bench = study.bench()
    plain, hard = (bench.trial(remedy, study.recipe, held=[0]) for remedy in ("none", "pgd-train:steps=3"))
    assert bench.work(hard) == 4 * bench.work(plain)


def test_folds_may_be_brought_along_and_several_benches_work_at_once(study: Any) -> None:
    first = (np.arange(study.n) < 50).astype(np.int64)
    dealt, own = study.bench(), study.bench(folds=2, scope="own", fold=first)
    here, there = dealt.trial("none", study.recipe, held=[0]), own.trial("none", study.recipe, held=[0])
    outcomes = carry_out([(dealt, here), (own, there), (dealt, here)], "both")
    assert [(place.scope, trial) for place, trial in dealt.engine.given] == [("own", there), ("study", here)]
    assert own.engine.given == []
    np.testing.assert_array_equal(outcomes[there].rows, np.arange(50, study.n))
    np.testing.assert_array_equal(outcomes[here].rows, np.flatnonzero(dealt.fold == 0))
    assert carry_out([], "nothing") == {}
