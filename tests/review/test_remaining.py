"""The number of wrong labels left: in made-up reviews whose truth is known."""

import numpy as np
import pytest

from evenhand.records.values import Floats, Interval
from evenhand.review.queue import Flags
from evenhand.review.remaining import TRUST_IN_OTHERS, wrong_left

N, SUSPECTS, CHECKS = 2000, 150, 40


def data(random: np.random.Generator, *, misses: float) -> tuple[Floats, Flags, Flags, Flags]:
    """Suspicions, suspects, checks and truth; of the others `misses` times as many are wrong as suspicion says."""
    suspicion = np.concatenate([np.sort(random.beta(9, 1, SUSPECTS))[::-1], random.beta(1, 300, N - SUSPECTS)])
    flagged = np.arange(N) < SUSPECTS
    check = np.zeros(N, dtype=bool)
    check[random.choice(np.arange(SUSPECTS, N), CHECKS, replace=False)] = True
    wrong = random.random(N) < np.where(flagged, suspicion, np.minimum(misses * suspicion, 1))
    return suspicion.astype(np.float32), flagged, check, wrong


def reviewed(random: np.random.Generator, settled: int, checks: int, *, misses: float) -> tuple[Interval, int]:
    """Return what is said after so many suspects and checks, and how many wrong labels there are then."""
    suspicion, flagged, check, wrong = data(random, misses=misses)
    done = np.arange(N) < settled
    done[np.flatnonzero(check)[:checks]] = True
    found = np.where(done, wrong, np.nan).astype(np.float32)
    return wrong_left(suspicion, flagged, check, found, ~done), int((wrong & ~done).sum())


@pytest.mark.parametrize(("settled", "checks"), [(0, 0), (30, 5), (100, 20), (150, 40)])
def test_the_interval_holds_the_truth_when_suspicions_mean_what_they_say(settled: int, checks: int) -> None:
    random = np.random.default_rng(settled)
    held = [
        said.low <= left <= said.high
        for said, left in (reviewed(random, settled, checks, misses=1) for _ in range(100))
    ]
    assert np.mean(held) >= 0.95


def test_random_checks_tell_of_what_nobody_suspected() -> None:
    """Ten times as many wrong labels among the others as suspicion says: the checks bring most of it to light."""
    random = np.random.default_rng(1)
    before = [reviewed(random, 150, 0, misses=10) for _ in range(60)]
    after = [reviewed(random, 150, 40, misses=10) for _ in range(60)]
    errors = [np.mean([abs(said.value - left) for said, left in round_]) for round_ in (before, after)]
    assert errors[1] < 0.75 * errors[0]
    assert np.mean([left <= said.high for said, left in after]) >= 0.7
    assert np.mean([left <= said.high for said, left in after]) > np.mean([left <= said.high for said, left in before])


def test_a_suspect_that_was_right_makes_the_others_doubtful() -> None:
    suspicion = np.full(40, 0.95, dtype=np.float32)
    flagged, check, open_ = np.ones(40, dtype=bool), np.zeros(40, dtype=bool), np.arange(40) >= 20
    found = np.where(open_, np.nan, 1).astype(np.float32)
    good = wrong_left(suspicion, flagged, check, found, open_)
    found[:8] = 0
    bad = wrong_left(suspicion, flagged, check, found, open_)
    assert good.value > 19
    assert bad.value == pytest.approx(20 * (1 - 0.05 * 9 / 2), abs=0.5)


def test_checks_and_suspicion_weigh_as_written() -> None:
    suspicion = np.full(1000, 0.01, dtype=np.float32)
    check = np.arange(1000) < 50
    found = np.where(check, 0, np.nan).astype(np.float32)
    found[0] = 1
    said = wrong_left(suspicion, np.zeros(1000, dtype=bool), check, found, ~check)
    assert said.value == pytest.approx(950 * (0.01 * TRUST_IN_OTHERS + 1) / (TRUST_IN_OTHERS + 50), rel=0.06)
    assert said.low < said.value < said.high


def test_when_all_is_settled_nothing_is_left_and_the_same_question_has_one_answer() -> None:
    random = np.random.default_rng(0)
    suspicion, flagged, check, wrong = data(random, misses=1)
    everything = wrong_left(suspicion, flagged, check, wrong.astype(np.float32), np.zeros(N, dtype=bool))
    assert everything == Interval(0, 0, 0)
    nothing = np.full(N, np.nan, dtype=np.float32), np.ones(N, dtype=bool)
    assert wrong_left(suspicion, flagged, check, *nothing) == wrong_left(suspicion, flagged, check, *nothing)


def test_no_suspects_and_no_pictures() -> None:
    none = np.zeros(0, dtype=bool)
    empty = np.zeros(0, dtype=np.float32)
    assert wrong_left(empty, none, none, empty, none) == Interval(0, 0, 0)
