from collections.abc import Callable
from dataclasses import replace

import pytest

from evenhand.settings.presets import PRESETS, Preset
from evenhand.study.forecast import MARGIN, Work
from evenhand.study.time_limit import (
    COMPARISON,
    FINAL,
    FINALISTS,
    GOING_ON,
    LOADING,
    PROBE,
    SAFETY,
    START,
    Other,
    Pace,
    TimeLimit,
    fitted,
    left_out,
    makespan,
    needed,
    slowness,
)
from evenhand.training.recipe import Recipe

SIMPLE, RESNET = Recipe(model="simple", epochs=2), Recipe(model="resnet", epochs=3)
STANDARD, THOROUGH = PRESETS["standard"], PRESETS["thorough"]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_clock_counts_from_the_start_of_the_command() -> None:
    clock = Clock()
    assert TimeLimit(60, 80.0, clock).spent() == 20 + LOADING
    limit = TimeLimit(60, clock=clock)
    assert limit.spent() == LOADING
    clock.now += 50
    assert limit.left() == 60 - 50 - LOADING
    clock.now += 50
    assert limit.left() < 0


def test_the_pace_is_corrected_by_what_has_finished() -> None:
    pace = Pace(lambda recipe: 0.001 if recipe == SIMPLE else 0.01)
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(MARGIN)
    pace.learn(SIMPLE, 1000, 3.0)
    pace.learn(SIMPLE, 3000, 5.0)
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(2.0)
    # Nothing is known of the other network, so it is expected to be as much slower than measured.
    assert pace.seconds(RESNET, 1000) == pytest.approx(20.0)
    pace.learn(RESNET, 100, 1.0)
    assert pace.seconds(RESNET, 1000) == pytest.approx(10.0)
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("tasks", "jobs", "seconds"),
    [
        ([], 2, 0.0),
        ([(3, 2.0)], 1, 6.0),
        ([(3, 2.0)], 2, 4.0),
        ([(1, 5.0), (5, 1.0)], 2, 5.0),
        ([(5, 1.0), (1, 4.0)], 2, 5.0),
        ([(0, 9.0)], 3, 0.0),
    ],
)
def test_workers_need_so_long(tasks: list[tuple[int, float]], jobs: int, seconds: float) -> None:
    assert makespan(tasks, jobs) == pytest.approx(seconds)


def test_what_is_needed_at_the_least_by_hand() -> None:
    pace = Pace(lambda recipe: 0.001)
    pace.learn(SIMPLE, 1000, 1.0)
    stages = {
        "audit": [Work(4, 500, 100, SIMPLE)],  # 4 x 1 s
        "screening": [Work(8, 250, 100, SIMPLE), Work(8, 250, 100, SIMPLE)],  # 2 remedies, 2 repairs, 4 folds: 0.5 s
        "finalists": [Work(4, 1000, 100, RESNET)],  # 4 x 3 s
        "final": [Work(1, 2000, 0, RESNET)],  # 6 s
    }
    # Four candidates, of which two go on: 4 + 2 x 3 of 16 trainings.
    assert GOING_ON == 3
    whole = 4 * 1 + 10 * 0.5 + 4 * 3 + 6
    assert needed(stages, START, 4, pace, 1) == pytest.approx(SAFETY * whole)
    assert needed(stages, COMPARISON, 4, pace, 1) == pytest.approx(SAFETY * (whole - 4))
    assert needed(stages, FINALISTS, 4, pace, 1) == pytest.approx(SAFETY * 18)
    assert needed(stages, FINAL, 4, pace, 2) == pytest.approx(SAFETY * 6)
    assert needed({"audit": stages["audit"]}, START, 4, pace, 2) == pytest.approx(SAFETY * 2)


def test_few_candidates_keep_few_workers_busy() -> None:
    pace = Pace(lambda recipe: 0.001)
    pace.learn(SIMPLE, 1000, 1.0)
    # One candidate, four trainings of half a second, looked at after each: the second worker has nothing to do.
    alone = {"screening": [Work(4, 250, 100, SIMPLE)]}
    assert needed(alone, COMPARISON, 4, pace, 2) == pytest.approx(SAFETY * 4 * 0.5)
    # Six candidates: a round of six on two workers, then three rounds of the two that go on.
    six = {"screening": [Work(4, 250, 100, SIMPLE)] * 6}
    assert needed(six, COMPARISON, 4, pace, 2) == pytest.approx(SAFETY * (3 * 0.5 + 3 * 0.5))
    # Finalists go all the way: three of them are two rounds of work on two workers, four times.
    final = {"finalists": [Work(12, 250, 100, SIMPLE)]}
    assert needed(final, FINALISTS, 4, pace, 2) == pytest.approx(SAFETY * 4 * 2 * 0.5)


def test_an_image_that_goes_through_the_network_again_and_again_counts_so_often() -> None:
    pace = Pace(lambda recipe: 0.001)
    pace.learn(SIMPLE, 1000, 1.0)
    stages = {"final": [Work(1, 250, 0, SIMPLE, passes=8)]}
    assert needed(stages, FINAL, 4, pace, 1) == pytest.approx(SAFETY * 8 * 0.5)


def test_what_is_done_beside_trainings_by_hand() -> None:
    preset = replace(STANDARD, remedies=("none", "sampler"), repairs=("none", "drop"), finalists=1)
    other = Other(images=1000, tested=100, classes=2)
    end = 1.0 + 0.5 + 4 * 0.05 + 0.4 + 100 * 1e-3
    findings, labels = 0.3 + 1000 * 3e-4, 0.6 + 1000 * 2e-4
    audit = findings + labels
    assert other.seconds(preset, FINAL) == pytest.approx(end)
    assert other.seconds(preset, FINALISTS) == pytest.approx(end + audit + 2 * 2000 * 1e-5)
    assert other.seconds(preset, COMPARISON) == pytest.approx(end + audit + 5 * 2000 * 1e-5)
    assert other.seconds(preset, START) == pytest.approx(end + 2 * audit + 5 * 2000 * 1e-5)
    assert replace(other, tested=0).seconds(preset, FINAL) == pytest.approx(end - 0.5)
    assert other.seconds(replace(preset, rounds=0), FINALISTS) == pytest.approx(end + findings + 2 * 2000 * 1e-5)


class Shared:
    """A machine of which we have a part: `times` as much time passes as we compute."""

    def __init__(self, times: float) -> None:
        self.times, self.done = times, 0.0

    def worked(self) -> float:
        self.done += PROBE / 100
        return self.done

    def clock(self) -> float:
        return 50 + self.times * self.done


def test_how_slow_the_machine_is_is_felt_by_working() -> None:
    machine = Shared(3.0)
    assert slowness(machine.clock, machine.worked) == pytest.approx(3.0, rel=0.05)
    assert slowness(Shared(0.5).clock, Shared(0.5).worked) == 1.0
    assert 1.0 <= slowness() < 1000

    pace = Pace(lambda recipe: 0.001, lambda: 3.0)
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(MARGIN)
    pace.feel()
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(3 * MARGIN)
    pace.learn(SIMPLE, 1000, 2.0)
    assert pace.seconds(SIMPLE, 1000) == pytest.approx(2.0), "what trainings took says more"


def cost(preset: Preset) -> float:
    """Return a made-up price of everything that can be left out."""
    candidates = len(preset.remedies) * len(preset.repairs)
    trainings = preset.seeds * preset.folds
    audit = preset.rounds * preset.folds * (4 if preset.examiner == "resnet" else 1)
    final = preset.members * preset.stretch * (4 if preset.model == "resnet" else 1)
    return preset.shorter * (candidates * trainings + audit + 4 * preset.finalists * trainings + final)


def test_what_fits_is_left_as_it_is() -> None:
    assert fitted(STANDARD, cost(STANDARD), cost, START) == STANDARD
    assert left_out(STANDARD, STANDARD) == []


def test_work_is_left_out_in_order_and_always_fits() -> None:
    steps, before = [], THOROUGH
    for seconds in range(int(cost(THOROUGH)), 0, -1):
        preset = fitted(THOROUGH, seconds, cost, START)
        assert cost(preset) <= seconds
        steps += [name for name in vars(preset) if getattr(preset, name) != getattr(before, name)]
        before = preset
    order = [name for name in dict.fromkeys(steps) if name not in ("model", "alone")]
    assert order == [
        "seeds", "examiner", "repairs", "finalists", "members", "remedies", "rounds", "stretch", "folds", "shorter",
    ]  # fmt: skip
    # The last to stay are plain training and one more remedy, and always one network.
    assert len(preset.remedies) == 2
    assert preset.remedies[0] == "none"
    assert (preset.seeds, preset.members, preset.finalists, preset.folds, preset.rounds) == (1, 1, 0, 2, 0)


def test_remedies_that_are_nearly_free_are_left_out_last() -> None:
    few = fitted(STANDARD, 60, cost, START)
    assert set(few.remedies) >= {"none"}
    assert "smote" not in few.remedies or "logit-adjust" in few.remedies
    least = fitted(replace(STANDARD, remedies=("none", "smote", "logit-adjust")), 1, cost, START)
    assert least.remedies == ("none", "logit-adjust")


def test_what_is_done_cannot_be_left_out_any_more() -> None:
    late = fitted(THOROUGH, 0, cost, FINAL)
    assert replace(late, members=8, stretch=3.0) == THOROUGH
    assert late.members == 1
    finalists = fitted(THOROUGH, 0, cost, FINALISTS)
    assert (finalists.finalists, finalists.model, finalists.seeds) == (0, "simple", 2)
    comparison = fitted(THOROUGH, 0, cost, COMPARISON)
    assert (comparison.seeds, comparison.folds, comparison.examiner) == (1, 5, "resnet")


def test_a_step_that_saves_no_time_is_not_taken() -> None:
    def two_cores(preset: Preset) -> float:
        return -(-preset.members // 2) * preset.stretch

    # Four networks on two cores take as long as three: two are left out, or none.
    assert fitted(replace(STANDARD, members=4), 2 * 2.0 - 0.1, two_cores, FINAL).members == 2
    assert fitted(replace(STANDARD, members=2), 1.5, two_cores, FINAL) == replace(STANDARD, members=2, stretch=1.5)


def test_an_asked_repair_or_a_hold_out_set_is_kept() -> None:
    least = fitted(replace(STANDARD, repairs=("drop",), judged=None), 0, cost, START)
    assert (least.repairs, least.folds, least.rounds) == (("drop",), 3, 1)
    assert fitted(replace(PRESETS["reference"]), 0, cost, START).folds == 10


def test_the_audit_alone_looks_less_often() -> None:
    def networks(preset: Preset) -> float:
        return float(sum(preset.alone))

    assert [fitted(THOROUGH, seconds, networks, START).alone for seconds in (10, 9, 6, 3, 1)] == [
        (3, 3, 4), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1,),
    ]  # fmt: skip


def one(name: str, value: object) -> Callable[[Preset], Preset]:
    return lambda preset: replace(preset, **{name: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (one("seeds", 1), "Each fold was trained with 1 seed instead of 2."),
        (one("examiner", "simple"), "The labels were looked at with the network simple instead of resnet."),
        (one("repairs", ("none",)), "No repair of suspected labels was compared; asked for: drop, relabel."),
        (one("finalists", 0), "With the network resnet, no finalists instead of 3 were judged."),
        (one("finalists", 1), "With the network resnet, 1 finalist instead of 3 were judged."),
        (one("members", 2), "The final model is made of 2 networks instead of 8."),
        (one("remedies", THOROUGH.remedies[:-2]), "Not tried at all: sampler:q=0.5, augment+sampler."),
        (one("rounds", 0), "The labels were not looked at."),
        (one("rounds", 1), "The labels were looked at in 1 round instead of 2."),
        (one("stretch", 1.5), "The final model was trained for 50 % of the epochs asked for."),
        (one("folds", 3), "The training images were dealt into 3 folds instead of 5."),
        (one("shorter", 0.5625), "Trainings were cut, the last ones to 56 % of their epochs."),
        (one("alone", (2, 2, 2)), "The labels were looked at with 6 networks a fold instead of 10."),
    ],
)
def test_what_was_left_out_is_said(change: Callable[[Preset], Preset], words: str) -> None:
    assert left_out(THOROUGH, change(THOROUGH)) == [words]
