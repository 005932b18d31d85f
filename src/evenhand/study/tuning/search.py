"""The search: workers that share a journal, each trying one point after the other until trials or time are used up."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from evenhand.progress import SILENT, Progress, Tick
from evenhand.records.values import digest
from evenhand.store import RunFolder
from evenhand.study.bench import Bench
from evenhand.study.judging import Score, judge
from evenhand.study.label_audit import LabelAudit
from evenhand.study.tuning.figures import FINISHED, STOPPED, Tried
from evenhand.study.tuning.journal import WORKER, finished, open_study, optuna, sampler
from evenhand.study.tuning.space import Space

K = TypeVar("K")
V = TypeVar("V")

TITLE = "Searching for settings"
GLANCE = 1.0
"""Seconds between two looks at how far the workers are."""
SECONDS, KEYS = "seconds", "trainings"
"""Under these names a trial keeps what its trainings took, and which they are."""


class Alone:
    """An engine inside a worker: it does everything itself."""

    jobs = 1

    def map(self, function: Callable[[K], V], keys: Sequence[K], tick: Tick | None = None) -> list[V]:
        """Return ``function(key)`` for every key; see `Engine.map`."""
        del tick
        return [function(key) for key in keys]


@dataclass(frozen=True)
class Search:
    """All that a worker needs; small enough to travel.

    `trials` are counted over all workers and all calls; None: until `deadline`, a time of day as `time.time` gives it.
    `patience` is about how many seconds a training takes, before anything is known.
    """

    journal: Path
    bench: Bench
    audit: LabelAudit | None
    space: Space
    trust: float
    seed: int
    workers: int = 1
    trials: int | None = None
    deadline: float | None = None
    patience: float = 0.0

    def judged(self, candidate: Any, folds: int) -> Score:
        """Return the score of a candidate on the first `folds` folds; what is trained already is only read."""
        bench = copy.copy(self.bench)
        bench.judged = range(folds)
        (score,) = judge(bench, [candidate], self.audit, trust=self.trust, seeds=1, title=TITLE)
        return score


def portable(bench: Bench) -> Bench:
    """Return the bench as it can travel to a worker, which does its trainings itself."""
    found = copy.copy(bench)
    found.run, found.engine = RunFolder(bench.run.path.absolute()), Alone()
    found.progress, found.watch = SILENT, None
    return found


def search(found: Search, engine: Any, progress: Progress) -> None:
    """Search until trials or time are used up; what a search that was cut short had begun is finished first.

    Parameters
    ----------
    found : Search
        What is searched.
    engine : Engine
        Where the workers run; each of its jobs is one.
    progress : Progress
        Told how far they are.
    """
    keys = [(found, number) for number in range(found.workers)]
    with _watched(found, progress):
        engine.map(take_part, keys)


def take_part(key: tuple[Search, int]) -> int:
    """Be one worker of a search; return its number. A worker that was lost is begun again, and takes up its trial."""
    found, number = key
    clock = _Clock(found.deadline, found.patience)
    with optuna() as library:
        study = open_study(library, found.journal, found.seed)
        for left in _left(study, found, number):
            _draw_anew(library, study, found, left.number)
            _try(library, study, found, library.trial.Trial(study, left._trial_id), clock)
        while _room(study, found) and clock.allows():
            _draw_anew(library, study, found, len(study.get_trials(deepcopy=False)))
            trial = study.ask()
            trial.set_user_attr(WORKER, number)
            if not _room(study, found, trial.number):
                study.tell(trial, state=library.trial.TrialState.FAIL)
                break
            _try(library, study, found, trial, clock)
    return number


def _draw_anew(library: Any, study: Any, found: Search, number: int) -> None:
    """Let what the next trial draws depend on its number and what is known, not on who draws, or since when."""
    seed = int(digest([found.seed, number])[:8], 16)
    study.sampler = sampler(library, seed)


def _left(study: Any, found: Search, number: int) -> list[Any]:
    """Return the trials that this worker, or one that is no more, had begun."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name == "RUNNING" and trial.user_attrs.get(WORKER, -1) % found.workers == number
    ]


def _room(study: Any, found: Search, own: int | None = None) -> bool:
    """Return whether there may be another trial; or, with its number, whether this one is among those allowed."""
    if found.trials is None:
        return True
    taken = [
        trial.number
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("RUNNING", "COMPLETE", "PRUNED") and trial.number != own
    ]
    return len([number for number in taken if own is None or number < own]) < found.trials


class _Clock:
    """Says whether there is time for another training: as long as the longest so far."""

    def __init__(self, deadline: float | None, patience: float) -> None:
        self._deadline, self._longest = deadline, patience

    def allows(self) -> bool:
        return self._deadline is None or time.time() + self._longest <= self._deadline

    def heard(self, seconds: float) -> None:
        self._longest = max(self._longest, seconds)


def _try(library: Any, study: Any, found: Search, trial: Any, clock: _Clock) -> None:
    """Try one point, fold by fold, until it is finished, clearly behind the others, or there is no time."""
    candidate = found.space.candidate(found.space.point(trial))
    last = len(found.bench.judged)
    known = trial.storage.get_trial(trial._trial_id).intermediate_values
    for folds in range(1, last + 1):
        if not clock.allows():
            return
        start = time.time()
        score = found.judged(candidate, folds)
        clock.heard(time.time() - start)
        trial.set_user_attr(SECONDS, score.result.seconds)
        trial.set_user_attr(KEYS, list(score.result.trials))
        value = score.result.judged.value
        if folds not in known:
            trial.report(value, folds)
        if folds < last and trial.should_prune():
            study.tell(trial, state=library.trial.TrialState.PRUNED)
            return
    study.tell(trial, value)


def tried(journal: Path, space: Space) -> tuple[list[Tried], list[str], int]:
    """Return every trial that is over, the trainings of all of them, and how many trials were begun and not ended."""
    with optuna() as library:
        trials = open_study(library, journal, 0).get_trials(deepcopy=False)
    over, keys, begun = [], [], 0
    for trial in trials:
        begun += trial.state.name == "RUNNING"
        keys += trial.user_attrs.get(KEYS, [])
        if trial.state.name not in ("COMPLETE", "PRUNED"):
            continue
        point = space.point(library.trial.FixedTrial(trial.params))
        candidate = space.candidate(point)
        over.append(
            Tried(
                number=trial.number,
                state=FINISHED if trial.state.name == "COMPLETE" else STOPPED,
                value=float(trial.value),
                folds=len(trial.intermediate_values),
                point=point,
                remedy=candidate.remedy,
                learning_rate=candidate.recipe.learning_rate,
                seconds=float(trial.user_attrs.get(SECONDS, 0.0)),
            )
        )
    return over, list(dict.fromkeys(keys)), begun


def best_of(trials: Sequence[Tried]) -> Tried | None:
    """Return the finished trial with the highest figure, of equal ones the first; None where none is finished."""
    whole = [trial for trial in trials if trial.state == FINISHED]
    return max(whole, key=lambda trial: (trial.value, -trial.number)) if whole else None


@contextmanager
def _watched(found: Search, progress: Progress) -> Iterator[None]:
    """Tell how far the workers are, while they are at it: of the trials, or of the time where that is the limit."""
    start, over = time.time(), threading.Event()
    known = finished(found.journal)
    timed = found.trials is None and found.deadline is not None
    total = max(1, round((found.deadline or start) - start)) if timed else max(1, (found.trials or 0) - known)

    def done() -> int:
        return round(time.time() - start) if timed else finished(found.journal) - known

    def look(tick: Tick) -> None:
        said = 0
        while not over.wait(GLANCE):
            now = min(total, done())
            if now > said:
                tick(now - said)
                said = now

    with progress.stage(f"{TITLE}, seconds" if timed else TITLE, total) as tick:
        thread = threading.Thread(target=look, args=(tick,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
