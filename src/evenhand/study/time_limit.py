"""A time limit: what a run has time for, planned ahead, corrected by what it took so far, and what is left out."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evenhand.settings.presets import Preset
from evenhand.study.forecast import MARGIN, Work
from evenhand.training.recipe import Recipe

PROBE = 0.2
"""Seconds of work by which it is felt how much of the machine there is for us."""
LOADING = 0.5
"""Seconds that have passed before anything can look at a clock: Python is started."""
GOING_ON = 3
"""One candidate of so many is expected to get more than its first training; the rest is stopped as weak."""
SAFETY = 1.05
"""Work is planned to take this much longer than measured: a limit that is broken is worse than time left over."""
START, COMPARISON, FINALISTS, FINAL = range(4)
"""The points at which a run plans: before the audit, before remedies, finalists and the final model are trained."""
STAGES = {
    START: ("audit", "screening", "finalists", "final"),
    COMPARISON: ("screening", "finalists", "final"),
    FINALISTS: ("finalists", "final"),
    FINAL: ("final",),
}
"""What is still to be done at each point."""
KEPT = ("none", "logit-adjust", "balanced-softmax", "sampler")
"""Remedies that are left out last, from the back: plain training, one that needs no training beside it, and two that
are seldom far from the best."""


class TimeLimit:
    """The clock of a run that may not take longer than it was allowed.

    Parameters
    ----------
    seconds : float
        Allowed for the whole command.
    since : float, optional
        What the clock said when the command was given; by default what it says now.
    clock : callable
        Returns seconds.
    """

    def __init__(self, seconds: float, since: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock, self._start = clock, (clock() if since is None else since) - LOADING

    def spent(self) -> float:
        """Return the seconds that have passed since the command was started."""
        return self._clock() - self._start

    def left(self) -> float:
        """Return the seconds that are left; below 0 where the limit is over."""
        return self.seconds - self.spent()


def slowness(clock: Callable[[], float] = time.monotonic, worked: Callable[[], float] = time.process_time) -> float:
    """Return how many seconds pass while this process computes for one; 1 on a machine that nobody else uses.

    Parameters
    ----------
    clock, worked : callable
        Return seconds: those that have passed, and those that this process has computed.
    """
    began, before = clock(), worked()
    while (took := worked() - before) < PROBE:
        pass
    return max(1.0, (clock() - began) / took)


class Pace:
    """How long trainings take: measured beforehand, and corrected by those that have finished.

    Parameters
    ----------
    speed : callable
        From a recipe to the seconds an image takes on one core that nothing else uses.
    feel : callable
        Returns how much slower the machine is now; see `slowness`.
    """

    def __init__(self, speed: Callable[[Recipe], float], feel: Callable[[], float] = slowness) -> None:
        self._speed, self._feel = speed, feel
        self._known: dict[str, tuple[float, float]] = {}
        self.slow = 1.0
        """How much slower than alone everything is, as far as it was felt."""

    def feel(self) -> None:
        """Feel again how slow the machine is: others come and go."""
        self.slow = self._feel()

    def learn(self, recipe: Recipe, views: float, seconds: float) -> None:
        """Take note of a training that saw `views` images and took so many seconds."""
        took, expected = self._known.get(recipe.model, (0.0, 0.0))
        self._known[recipe.model] = (took + seconds, expected + views * self._speed(recipe))

    def seconds(self, recipe: Recipe, views: float) -> float:
        """Return the seconds that a training of `views` images is expected to take."""
        return views * self._speed(recipe) * self._factor(recipe.model)

    def _factor(self, model: str) -> float:
        known = [self._known[model]] if model in self._known else list(self._known.values())
        took, expected = (sum(pair[place] for pair in known) for place in (0, 1))
        return took / expected if expected else MARGIN * self.slow


@dataclass(frozen=True)
class Other:
    """What is done beside trainings: figures with their intervals, tables, the test, the report.

    All seconds are those of one core of the machine that the benchmarks speak of, measured on 562 and 5,625 images.
    """

    images: int
    """Images that are trained on."""
    tested: int
    """Test images."""
    classes: int

    def seconds(self, preset: Preset, point: int) -> float:
        """Return what is still to come at a point, as on a machine that nobody else uses."""
        found = ENDING + REPORT + REPORTED * len(preset.remedies) * len(preset.repairs)
        found += TESTED + A_TEST * self.tested if self.tested else 0.0
        candidates = preset.finalists + (len(preset.remedies) * len(preset.repairs) if point <= COMPARISON else 1)
        audit = FINDINGS + A_FINDING * self.images
        audit += LABELS + A_LABEL * self.images if preset.rounds else 0.0
        if point < FINAL:
            # The label model is refined after the comparison, and what is wrong with the data is written down again.
            found += A_CELL * candidates * self.images * self.classes + audit
        return found + (audit if point == START else 0.0)


ENDING, REPORT, REPORTED = 1.0, 0.5, 0.05
"""Seconds to end the workers, and to write the report: of any run, and more for each candidate."""
TESTED, A_TEST = 0.4, 1e-3
"""Seconds of any test, and more for each image."""
FINDINGS, A_FINDING = 0.3, 3e-4
"""Seconds to describe the data and write the findings: of any audit, and more for each image."""
LABELS, A_LABEL = 0.6, 2e-4
"""Seconds to make a label model: of any, and more for each image."""
A_CELL = 1e-5
"""Seconds to judge a candidate, for each image and class: figures with their intervals."""


def makespan(tasks: Iterable[tuple[int, float]], jobs: int) -> float:
    """Return how many seconds workers need for tasks, the longest of which are begun first.

    Parameters
    ----------
    tasks : iterable of (int, float)
        How many of a kind, and the seconds of one.
    jobs : int
        Workers, at least one.
    """
    ends = [0.0] * jobs
    for number, seconds in sorted(tasks, key=lambda task: -task[1]):
        for _ in range(number):
            heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def needed(stages: Mapping[str, Sequence[Work]], point: int, trainings: int, pace: Pace, jobs: int) -> float:
    """Return the seconds that a run needs from a point on, at the least: weak candidates stop after one training.

    Parameters
    ----------
    stages : mapping
        Of each stage the trainings, as `stages_of` counts them.
    point : int
        START, COMPARISON, FINALISTS or FINAL.
    trainings : int
        Of a candidate that goes all the way.
    pace : Pace
        How long they take.
    jobs : int
        Workers.
    """
    total = 0.0
    for name in STAGES[point]:
        tasks = [(work.number, pace.seconds(work.recipe, work.each)) for work in stages.get(name, ())]
        if name in ("screening", "finalists"):
            total += _in_rounds(tasks, trainings, jobs, stops=name == "screening")
        else:
            total += makespan(tasks, jobs)
    return SAFETY * total


def _in_rounds(tasks: Sequence[tuple[int, float]], trainings: int, jobs: int, *, stops: bool) -> float:
    """Return the seconds for candidates that are looked at after each training; with few of them workers stand idle."""
    first = [(math.ceil(number / trainings), seconds) for number, seconds in tasks if number]
    candidates = sum(number for number, _ in first)
    if not candidates:
        return 0.0
    mean = sum(number * seconds for number, seconds in first) / candidates
    going = min(candidates, max(2, math.ceil(candidates / GOING_ON))) if stops else candidates
    return makespan(first, jobs) + (trainings - 1) * makespan([(going, mean)], jobs)


@dataclass(frozen=True)
class _Step:
    """One way to do less, possible up to a point of the run; None when there is no less."""

    until: int
    less: Callable[[Preset], Preset | None]


def fitted(preset: Preset, seconds: float, cost: Callable[[Preset], float], point: int) -> Preset:
    """Return the preset with as much left out as is needed to fit, in the order of `STEPS`.

    Where nothing fits, the least that ends with a trained model is returned.

    Parameters
    ----------
    preset : Preset
        What is asked for.
    seconds : float
        What is left.
    cost : callable
        From a preset to the seconds that it needs from here on.
    point : int
        Where the run stands; what is done cannot be left out any more.
    """
    for step in STEPS:
        while step.until >= point and cost(preset) > seconds:
            less = _cheaper(preset, step, cost)
            if less is None:
                break
            preset = less
    return preset


def _cheaper(preset: Preset, step: _Step, cost: Callable[[Preset], float]) -> Preset | None:
    """Return the preset after as many of a step as save time; two networks on two cores take no longer than one."""
    before, less = cost(preset), step.less(preset)
    while less is not None and cost(less) >= before:
        less = step.less(less)
    return less


def _fewer_seeds(preset: Preset) -> Preset | None:
    return replace(preset, seeds=preset.seeds - 1) if preset.seeds > 1 else None


def _fewer_networks(preset: Preset) -> Preset | None:
    """Take a network from the last round of an audit alone that has more than one, then whole rounds."""
    most = max(preset.alone)
    if most > 1:
        return replace(preset, alone=tuple(min(number, most - 1) for number in preset.alone))
    return replace(preset, alone=preset.alone[:-1]) if len(preset.alone) > 1 else None


def _smaller_examiner(preset: Preset) -> Preset | None:
    return replace(preset, examiner=preset.screen) if preset.examiner != preset.screen and preset.rounds else None


def _no_repair(preset: Preset) -> Preset | None:
    return replace(preset, repairs=("none",)) if len(set(preset.repairs)) > 1 else None


def _fewer_finalists(preset: Preset) -> Preset | None:
    if preset.finalists > 1:
        return replace(preset, finalists=preset.finalists - 1)
    # Without a final the choice is trained with the network that it was made with.
    return replace(preset, finalists=0, model=preset.screen) if preset.finalists else None


def _fewer_members(preset: Preset) -> Preset | None:
    return replace(preset, members=preset.members - 1) if preset.members > 1 else None


def _fewer_remedies(preset: Preset) -> Preset | None:
    """Leave out the last remedy that is not among `KEPT`, then the last of those; two stay."""
    names = preset.remedies
    if len(names) <= 2:
        return None
    last = max(names, key=lambda name: KEPT.index(name) if name in KEPT else len(KEPT) + names.index(name))
    return replace(preset, remedies=tuple(name for name in names if name != last))


def _fewer_rounds(preset: Preset) -> Preset | None:
    least = 0 if set(preset.repairs) == {"none"} else 1
    return replace(preset, rounds=preset.rounds - 1) if preset.rounds > least else None


def _no_stretch(preset: Preset) -> Preset | None:
    return replace(preset, stretch=max(1.0, preset.stretch - 0.5)) if preset.stretch > 1 else None


def _fewer_folds(preset: Preset) -> Preset | None:
    least = 2 if set(preset.repairs) == {"none"} else 3
    return replace(preset, folds=preset.folds - 1) if preset.folds > least and preset.judged is None else None


def _shorter(preset: Preset) -> Preset | None:
    return replace(preset, shorter=preset.shorter * 0.75) if preset.shorter > 0.05 else None


def _shorter_final(preset: Preset) -> Preset | None:
    return replace(preset, stretch=preset.stretch * 0.75) if preset.stretch > 0.05 else None


STEPS = (
    _Step(COMPARISON, _fewer_seeds),
    _Step(START, _fewer_networks),
    _Step(START, _smaller_examiner),
    _Step(COMPARISON, _no_repair),
    _Step(FINALISTS, _fewer_finalists),
    _Step(FINAL, _fewer_members),
    _Step(COMPARISON, _fewer_remedies),
    _Step(START, _fewer_rounds),
    _Step(FINAL, _no_stretch),
    _Step(START, _fewer_folds),
    _Step(COMPARISON, _shorter),
    _Step(FINAL, _shorter_final),
)
"""What is left out, in this order, after weak candidates: a comparison of many with little is worth more than of few
with much, an honest figure more than a slightly better model, and a model more than anything."""


def left_out(asked: Preset, done: Preset) -> list[str]:
    """Return what the second preset does less than the first, a sentence each."""
    found = []
    if done.seeds < asked.seeds:
        found.append(f"Each fold was trained with {_many(done.seeds, 'seed')} instead of {asked.seeds}.")
    if done.alone != asked.alone:
        before = f"The labels were looked at with {_many(sum(done.alone), 'network')} a fold"
        found.append(f"{before} instead of {sum(asked.alone)}.")
    if done.rounds and done.examiner != asked.examiner:
        found.append(f"The labels were looked at with the network {done.examiner} instead of {asked.examiner}.")
    if lost := [repair for repair in asked.repairs if repair not in done.repairs]:
        found.append(f"No repair of suspected labels was compared; asked for: {', '.join(lost)}.")
    if done.finalists < asked.finalists:
        found.append(
            f"With the network {asked.model}, {_many(done.finalists, 'finalist')} instead of {asked.finalists} "
            "were judged."
        )
    if asked.what_next and not done.what_next:
        found.append("No learning curves were drawn, so what more pictures would bring is not known.")
    if done.members < asked.members:
        found.append(f"The final model is made of {_many(done.members, 'network')} instead of {asked.members}.")
    if names := [remedy for remedy in asked.remedies if remedy not in done.remedies]:
        found.append(f"Not tried at all: {', '.join(names)}.")
    if done.rounds < asked.rounds:
        rounds = (
            f"looked at in {_many(done.rounds, 'round')} instead of {asked.rounds}" if done.rounds else "not looked at"
        )
        found.append(f"The labels were {rounds}.")
    if done.folds < asked.folds:
        found.append(f"The training images were dealt into {done.folds} folds instead of {asked.folds}.")
    if done.shorter < asked.shorter:
        found.append(f"Trainings were cut, the last ones to {100 * done.shorter:.0f} % of their epochs.")
    if done.stretch < asked.stretch:
        found.append(
            f"The final model was trained for {100 * done.stretch / asked.stretch:.0f} % of the epochs asked for."
        )
    return found


def _many(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
