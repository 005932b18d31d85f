import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evenhand.progress import SILENT
from evenhand.records.values import Interval
from evenhand.study.tuning import search as searching
from evenhand.study.tuning.figures import FINISHED, STOPPED
from evenhand.study.tuning.journal import open_study, optuna, prepare
from evenhand.study.tuning.search import Alone, Search, best_of, portable, search, take_part, tried
from evenhand.study.tuning.space import USUAL, space_of

pytest.importorskip("optuna", reason="needs Optuna: pip install 'evenhand[tune]'")


def made(study: Any, name: str = "run", **changes: Any) -> Search:
    bench = study.bench(name)
    space = space_of(study.recipe, ["none", "logit-adjust"], ["none"], fixed={"batch"})
    found = Search(
        journal=study.folder / name / "tune" / "journal.log",
        bench=portable(bench),
        audit=None,
        space=space,
        trust=0.5,
        seed=3,
        trials=12,
    )
    found = replace(found, **changes)
    prepare(found.journal, space.starts("none"))
    return found


def trainings(run: Path) -> dict[str, int]:
    return {place.name: (place / "oof.npz").stat().st_mtime_ns for place in (run / "trials").glob("[!.]*")}


def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no network be trained: the figure falls with the distance of the rate from the usual one."""

    def judged(self: Search, candidate: Any, folds: int) -> Any:
        recipe = candidate.recipe
        value = 0.8 - 0.1 * abs(math.log10(recipe.learning_rate / USUAL[recipe.optimiser])) + 0.001 * folds
        return SimpleNamespace(
            result=SimpleNamespace(judged=Interval(value, value, value), seconds=1.0 * folds, trials=("key",) * folds)
        )

    monkeypatch.setattr(Search, "judged", judged)


def test_trials_are_trainings_of_the_run_and_judged_out_of_fold(study: Any) -> None:
    found = made(study, trials=4)
    search(found, Alone(), SILENT)
    trials, keys, begun = tried(found.journal, found.space)
    assert ([trial.number for trial in trials], begun) == ([0, 1, 2, 3], 0)
    # The recipe as it is comes first, with each remedy.
    assert [trial.remedy for trial in trials[:2]] == ["none", "logit-adjust"]
    assert found.space.candidate(trials[0].point).recipe == study.recipe
    for trial in trials:
        score = found.judged(found.space.candidate(trial.point), trial.folds)
        assert (trial.state, trial.folds, trial.value) == (FINISHED, 3, score.result.judged.value)
    assert set(keys) == set(trainings(study.folder / "run"))
    # What acts on finished predictions alone needs no training of its own.
    assert len(keys) <= 9


def test_what_is_behind_is_stopped_and_the_search_goes_where_it_is_better(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(monkeypatch)
    found = made(study, trials=30)
    search(found, Alone(), SILENT)
    trials, keys, _ = tried(found.journal, found.space)
    assert len(trials) == 30
    assert keys == ["key"]
    stopped = [trial for trial in trials if trial.state == STOPPED]
    assert len(stopped) >= 5
    assert all(trial.folds < 3 for trial in stopped)
    assert all(trial.folds == 3 for trial in trials if trial.state == FINISHED)
    best = best_of(trials)
    assert best is not None
    assert best.value == max(trial.value for trial in trials if trial.state == FINISHED)
    assert best.value > max(trial.value for trial in stopped)

    def away(part: Any) -> float:
        return float(np.mean([abs(math.log10(float(trial.point["rate"]))) for trial in part]))

    assert away(trials[20:]) < away(trials[2:12])


def test_a_search_that_was_cut_short_ends_as_one_that_was_not(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = made(study, "calm", trials=5)
    search(calm, Alone(), SILENT)
    cut, left = made(study, "cut", trials=5), [11]
    judged = Search.judged

    def interrupted(self: Search, *words: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return judged(self, *words)

    monkeypatch.setattr(Search, "judged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take_part((cut, 0))
    assert tried(cut.journal, cut.space)[2] == 1
    before = trainings(study.folder / "cut")
    prepare(cut.journal, cut.space.starts("none"))
    take_part((cut, 0))
    after = trainings(study.folder / "cut")
    assert {name: after[name] for name in before} == before
    assert [replace(one, seconds=0.0) for one in tried(cut.journal, cut.space)[0]] == [
        replace(one, seconds=0.0) for one in tried(calm.journal, calm.space)[0]
    ]
    # With more trials the search goes on where it ended.
    take_part((replace(cut, trials=6), 0))
    assert [one.number for one in tried(cut.journal, cut.space)[0]] == list(range(6))


def test_a_worker_takes_up_the_trials_of_workers_that_are_no_more(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretended(monkeypatch)
    found = made(study, trials=3)
    with optuna() as library:
        told = open_study(library, found.journal, 0)
        for worker in (0, 1, 3):
            told.ask().set_user_attr("worker", worker)
    two = replace(found, workers=2)
    take_part((two, 0))
    assert [trial.number for trial in tried(found.journal, found.space)[0]] == [0]
    take_part((two, 1))
    assert [trial.number for trial in tried(found.journal, found.space)[0]] == [0, 1, 2]


def test_without_time_for_another_training_nothing_is_begun(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(searching.time, "time", lambda: clock[0])
    pretended(monkeypatch)
    found = made(study, trials=None, deadline=101.0, patience=2.0)
    take_part((found, 0))
    assert tried(found.journal, found.space) == ([], [], 0)
    assert best_of([]) is None
    judged = Search.judged

    def slow(self: Search, *words: Any) -> Any:
        clock[0] += 10.0
        return judged(self, *words)

    monkeypatch.setattr(Search, "judged", slow)
    take_part((replace(found, deadline=155.0), 0))
    trials, _, begun = tried(found.journal, found.space)
    # Five trainings of ten seconds fit; the trial that was cut waits for the next call.
    assert ([trial.folds for trial in trials], begun) == ([3], 1)
    clock[0] = 200.0
    take_part((replace(found, deadline=235.0), 0))
    assert [trial.folds for trial in tried(found.journal, found.space)[0]] == [3, 3]


def test_what_workers_had_begun_at_once_does_not_exceed_the_number_of_trials(study: Any) -> None:
    found = made(study, trials=2)
    with optuna() as library:
        told = open_study(library, found.journal, 0)
        for worker in (1, 1):
            told.ask().set_user_attr("worker", worker)
        assert not searching._room(told, found)
        assert searching._room(told, found, 1)
        late = told.ask()
        assert not searching._room(told, found, late.number)
