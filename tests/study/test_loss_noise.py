import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.study.loss_noise import Noise, finest, start_length, sureness, windows


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-3, 3))
def test_noise_is_found_on_a_slope(seed: int, size: float, slope: float) -> None:
    random = np.random.default_rng(seed)
    values = size * random.normal(size=4000) + slope * size * np.linspace(0, 1, 4000)
    assert Noise.of(values).whole == pytest.approx(size, rel=0.15)


def test_noise_has_no_part_in_a_smooth_fall_or_a_few_explosions() -> None:
    smooth = np.exp(-np.arange(1000) / 300)
    assert Noise.of(smooth).whole < 0.003
    values = np.random.default_rng(0).normal(0, 0.1, 1000)
    values[200:210] += 1e6
    assert Noise.of(values).whole == pytest.approx(0.1, rel=0.2)
    # There, and only there, it counts.
    assert Noise.of(values).along[205] > 1e5
    assert Noise.of(values).along[500] == pytest.approx(0.1, rel=0.6)


def test_very_short_trainings_have_noise_too() -> None:
    assert Noise.of(np.array([1.0])).whole == 0.0
    two = Noise.of(np.array([1.0, 3.0]))
    assert two.whole == pytest.approx(np.sqrt(2))
    assert two.along.shape == (2,)
    assert Noise.of(np.zeros(0)).along.shape == (0,)


def test_sureness_by_hand() -> None:
    # The two-sided quantiles of the normal distribution at one in a thousand, and at a hundredth of that.
    assert sureness() == pytest.approx(3.290527, abs=1e-5)
    assert sureness(100) == pytest.approx(4.417173, abs=1e-5)
    assert sureness(0) == sureness(1)


def test_windows_by_hand() -> None:
    np.testing.assert_allclose(windows(np.arange(7.0), 3), [1.0, 4.0])
    assert [finest(steps) for steps in (1, 64, 127, 128, 6400)] == [1, 1, 1, 2, 100]


def test_errors_count_the_noise_of_the_place_where_it_is_larger() -> None:
    values = np.random.default_rng(1).normal(0, 1, 640)
    values[320:] *= 10
    noise = Noise.of(values)
    errors = noise.errors(64)
    assert errors[:4] == pytest.approx(np.full(4, noise.whole / 8), rel=0.01)
    assert errors[6:] == pytest.approx(np.full(4, 10 / 8), rel=0.4)


def test_the_start_is_as_long_as_nothing_moves_and_no_longer() -> None:
    random = np.random.default_rng(2)
    still = 1 + 0.1 * random.normal(size=1000)
    assert start_length(still, Noise.of(still), 100) == 60
    falling = still - np.minimum(0.9, np.arange(1000) / 10)
    assert start_length(falling, Noise.of(falling), 100) == 15  # the finest window of so many steps
    smooth = np.exp(-np.arange(1000) / 50)
    assert start_length(smooth, Noise.of(smooth), 100) == 15
