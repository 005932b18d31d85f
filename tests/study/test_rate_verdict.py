from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.study.loss_noise import Doubles
from evenhand.study.rate_verdict import FEWEST, KINDS, RateVerdict, combined, judge
from evenhand.study.rate_words import REASONS

STEPS = 300


def descent(
    rate: float, curvatures: tuple[float, ...] = (1.0,), steps: int = STEPS, noise: float = 0.0, seed: int = 0
) -> Doubles:
    """Return the losses of gradient descent on a quadratic: each coordinate shrinks by 1 - rate * curvature a step."""
    random = np.random.default_rng(seed)
    place, bends, losses = np.ones(len(curvatures)), np.array(curvatures), []
    for _ in range(steps):
        losses.append(0.5 * float((bends * place**2).sum()))
        place = np.clip(place * (1 - rate * bends) + rate * noise * random.normal(size=len(place)), -1e140, 1e140)
    return np.array(losses)


def shrinking(times: float, steps: int = STEPS) -> float:
    """Return the rate at which the loss of curvature 1 falls to exp(-times) within the steps."""
    return 1 - float(np.exp(-times / (2 * steps)))


@given(st.floats(1e-12, 0.008))
def test_a_quadratic_that_does_not_get_anywhere(times: float) -> None:
    assert judge(descent(shrinking(times))).kind == "too_small"


@given(st.floats(0.03, 0.65))
def test_a_quadratic_less_than_half_of_the_way(times: float) -> None:
    found = judge(descent(shrinking(times)))
    assert found.kind == "slow"
    assert found.done == pytest.approx(1 - np.exp(-times), abs=0.01)


@given(st.floats(0.75, 200), st.booleans())
def test_a_quadratic_that_gets_there_from_either_side(times: float, jumping: bool) -> None:
    rate = shrinking(times)
    # Beyond 1 / curvature every step jumps over the minimum, and lands as near to it as 2 / curvature - rate would.
    assert judge(descent(2 - rate if jumping else rate)).kind == "converges"


@given(st.floats(0.002, 10))
def test_a_quadratic_beyond_its_stability_limit(beyond: float) -> None:
    found = judge(descent(2 + beyond))
    assert found.kind == "diverges"
    assert found.step is not None
    assert 1 <= found.step <= STEPS


@given(st.floats(1.01, 1.8), st.floats(1e-3, 1e3))
def test_of_several_curvatures_the_largest_decides(over: float, scale: float) -> None:
    curvatures = (scale, 0.1 * scale, 0.01 * scale)
    assert judge(descent(over * 2 / scale, curvatures)).kind == "diverges"
    assert judge(descent(0.5 * 2 / scale, curvatures)).kind == "converges"


@given(st.floats(1e-6, 1e6), st.integers(0, 3))
def test_the_unit_of_the_loss_does_not_matter(unit: float, which: int) -> None:
    rate = (1e-9, 0.0005, 0.4, 2.2)[which]
    assert judge(unit * descent(rate)).kind == judge(descent(rate)).kind


@pytest.mark.parametrize("shape", ["normal", "skewed", "batches"])
def test_noise_around_one_level_is_never_a_movement(shape: str) -> None:
    kinds = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        values = {
            "normal": lambda random=random: random.normal(1.1, 0.3, 1500),
            "skewed": lambda random=random: random.standard_exponential(1500),
            # What a network that knows the frequencies of the classes alone has at four images a batch.
            "batches": lambda random=random: (
                -np.log(np.array([0.88, 0.08, 0.04]))[random.choice(3, (1500, 4), p=[0.88, 0.08, 0.04])].mean(axis=1)
            ),
        }[shape]()
        kinds.append(judge(values).kind)
    assert kinds.count("too_small") >= 298


def test_noise_does_not_hide_what_happens() -> None:
    random = np.random.default_rng(0)
    noise = 0.3 * random.normal(size=2000)
    falling = 0.2 + np.exp(-np.arange(2000) / 200)
    assert judge(falling + noise).kind == "converges"
    assert judge(1.2 - np.arange(2000) * 0.0002 + noise).kind == "slow"
    relapse = np.where((np.arange(2000) > 900) & (np.arange(2000) < 1200), 1.0, falling)
    found = judge(relapse + noise)
    assert (found.kind, found.reason) == ("unstable", "relapses")
    assert found.step is not None
    assert 880 <= found.step <= 960
    lost = judge(np.where(np.arange(2000) > 900, 1.1, falling) + noise)
    assert (lost.kind, lost.reason) == ("diverges", "lost")
    assert lost.step is not None
    assert 880 <= lost.step <= 960


def test_half_lost_and_at_rest_is_unstable_and_still_rising_diverges() -> None:
    noise = 0.01 * np.random.default_rng(0).normal(size=900)
    falling = np.exp(-np.arange(900) / 60)
    rest = np.where(np.arange(900) > 500, 0.6, falling)
    assert judge(rest + noise).reason == "half_lost"
    rising = np.where(np.arange(900) > 500, (np.arange(900) - 500) / 500, falling)
    assert (judge(rising + noise).kind, judge(rising + noise).reason) == ("diverges", "lost")


def test_what_is_no_number_is_a_finding() -> None:
    losses = descent(0.1)
    losses[41:] = np.nan
    found = judge(losses)
    assert (found.kind, found.reason, found.step) == ("diverges", "nan", 42)
    assert found.final is None
    losses[41] = np.inf
    assert (judge(losses).reason, judge(losses).step) == ("infinite", 42)
    at_once = judge([float("nan")] * 20)
    assert (at_once.step, at_once.start, at_once.highest) == (1, None, None)
    second = judge([1.0, float("nan"), *[2.0] * 20], untrained=1.1)
    assert (second.step, second.start) == (2, 1.1)


def test_losses_near_overflow_are_judged_all_the_same() -> None:
    assert judge(np.geomspace(1, 1e300, 60)).kind == "diverges"
    assert judge(np.full(60, 1e308)).kind == "too_small"


def test_a_network_that_knows_frequencies_alone_has_learnt_nothing() -> None:
    random = np.random.default_rng(0)
    noise = 0.05 * random.normal(size=2000)
    plateau = 0.44 + 0.66 * np.exp(-np.arange(2000) / 50)
    found = judge(plateau + noise, untrained=1.1, chance=0.44)
    assert (found.kind, found.reason) == ("unstable", "stuck")
    assert judge(plateau + noise, untrained=1.1).kind == "converges"
    assert judge(0.5 * plateau + noise, untrained=1.1, chance=0.44).kind == "converges"
    late = 0.44 + 0.66 * np.exp(-np.arange(2000) / 350)
    assert judge(late + noise, untrained=1.1, chance=0.44).reason == "unfinished"
    step = np.where(np.arange(2000) < 600, 1.1 - np.arange(2000) * 0.0011, 0.44)
    assert judge(step + noise, untrained=1.1, chance=0.44).reason == "frequencies"
    wandering = plateau + noise + 0.1 * np.sin(2 * np.pi * np.arange(2000) / 250) + 0.1
    assert judge(wandering, untrained=1.1, chance=0.44).reason == "restless"
    broken = np.where((np.arange(2000) > 20) & (np.arange(2000) < 120), 9.0, plateau)
    found = judge(broken + noise, untrained=1.1, chance=0.44)
    assert (found.kind, found.reason) == ("diverges", "collapsed")
    assert found.step is not None
    assert found.step == 22


def test_whole_epochs_tell_a_little_learning_from_none() -> None:
    random = np.random.default_rng(0)
    # Twenty epochs of a hundred batches: each holds the same images, so that batches differ and epochs hardly do.
    batches = 0.4 * random.normal(size=100)
    noise = np.concatenate([random.permutation(batches - batches.mean()) for _ in range(20)])
    falling = 0.44 + 0.7 * np.exp(-np.arange(2000) / 30) - 0.02 * np.arange(2000) / 2000
    assert judge(falling + noise, untrained=1.1, chance=0.44, epoch=100).kind == "converges"
    assert judge(falling + noise, untrained=1.1, chance=0.44).kind == "unstable"
    flat = 0.44 + 0.7 * np.exp(-np.arange(2000) / 30)
    assert judge(flat + noise, untrained=1.1, chance=0.44, epoch=100).reason == "stuck"


def test_the_loss_before_training_tells_an_explosion_at_once_from_noise() -> None:
    random = np.random.default_rng(0)
    values = 40 * random.standard_exponential(400)
    values[0] = 1.1
    assert judge(values, untrained=1.1).kind == "diverges"


def test_a_rise_that_comes_back_to_the_start_is_unstable() -> None:
    values = 1 + 0.01 * np.random.default_rng(0).normal(size=500)
    values[200:260] += 2
    assert (judge(values).kind, judge(values).reason) == ("unstable", "returns")


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 steps, not 9"):
        judge(np.ones(FEWEST - 1))
    assert judge(np.ones(FEWEST)).kind == "too_small"


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=10, max_size=200))
def test_any_losses_have_a_verdict(losses: list[float]) -> None:
    found = judge(losses)
    assert found.kind in KINDS
    assert found.reason in REASONS
    assert (found.step is None) == (found.kind not in ("diverges", "unstable"))
    for value in (found.start, found.final, found.lowest, found.highest, found.done):
        assert value is None or np.isfinite(value)


def verdict(kind: str) -> RateVerdict:
    made = judge({"converges": descent(0.3), "diverges": descent(3.0)}.get(kind, descent(1e-9)))
    return replace(made, kind=kind)


def test_trainings_of_one_rate_vote() -> None:
    alike = combined([verdict("converges")] * 3)
    assert (alike.kind, alike.trainings, alike.alike) == ("converges", 3, 3)
    assert combined([verdict("slow"), verdict("converges"), verdict("converges")]).alike == 2
    assert combined([verdict("slow"), verdict("converges")]).kind == "converges"
    luck = combined([verdict("converges"), verdict("converges"), verdict("diverges")])
    assert (luck.kind, luck.reason, luck.alike, luck.trainings) == ("unstable", "sometimes", 1, 3)
    assert combined([verdict("diverges"), verdict("converges"), verdict("diverges")]).kind == "diverges"
    with pytest.raises(ValueError, match="no training"):
        combined([])
