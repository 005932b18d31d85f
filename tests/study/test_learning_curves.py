"""Learning curves on errors whose law is known."""

import numpy as np
import pytest

from evenhand.study.learning_curves import LIMIT, LearningCurve, Noise, fit, noise
from evenhand.study.next_steps import LEVEL

SURE = Noise(1e-12, 100)
RATIO = 1 / 3


def law(a: float, b: float, c: float, shares: tuple[float, ...]) -> np.ndarray:
    return a + b * np.asarray(shares) ** -c


def scores(a: float, b: float, c: float, shares: tuple[float, ...], repetitions: int = 4) -> np.ndarray:
    return np.tile(1 - law(a, b, c, shares), (repetitions, 1))


@pytest.mark.parametrize(("a", "b", "c"), [(0.1, 0.2, 0.5), (0.0, 0.3, 0.25), (0.05, 0.1, 1.0), (0.2, 0.1, 1.5)])
def test_three_points_of_a_power_law_give_it_back(a: float, b: float, c: float) -> None:
    curve = fit((0.25, 0.5, 1.0), scores(a, b, c, (0.25, 0.5, 1.0)), SURE, RATIO)
    before, half, now = law(a, b, c, (0.25, 0.5, 1.0))
    gain = curve.gain(2)
    # In closed form: of two doublings that bring d1 and d2, the next one brings d2^2 / d1.
    assert gain.value == pytest.approx((half - now) ** 2 / (before - half), abs=1e-4)
    assert gain.value == pytest.approx(b * (1 - 2**-c), abs=1e-4)
    assert gain.high - gain.low < 1e-3
    assert curve.error(1.5).value == pytest.approx(a + b * 1.5**-c, abs=1e-4)
    assert curve.error(1.0).value == pytest.approx(a + b, abs=1e-4)


def test_a_flat_curve_gains_nothing() -> None:
    curve = fit((0.25, 0.5, 1.0), scores(0.3, 0.0, 1.0, (0.25, 0.5, 1.0)), Noise(1e-4, 20), RATIO)
    gain = curve.gain(LIMIT)
    assert gain.value == pytest.approx(0, abs=1e-3)
    assert gain.low < 0 < gain.high


def test_more_images_may_do_harm() -> None:
    gain = fit((0.25, 0.5, 1.0), scores(0.3, -0.1, 0.5, (0.25, 0.5, 1.0)), SURE, RATIO).gain(2)
    assert gain.high < 0


def test_an_error_never_falls_below_nothing() -> None:
    # Two doublings took 40 points each, and 5 are left.
    curve = fit((0.25, 0.5, 1.0), np.array([[0.15, 0.55, 0.95]] * 4), Noise(1e-4, 20), RATIO)
    gain = curve.gain(2)
    assert gain.high <= 0.05 + 0.03
    assert curve.error(2).low >= 0


def test_the_interval_widens_with_the_noise_and_with_the_distance() -> None:
    points = scores(0.1, 0.2, 0.5, (0.25, 0.5, 1.0))
    widths = [
        np.subtract(curve.gain(2).high, curve.gain(2).low)
        for curve in (fit((0.25, 0.5, 1.0), points, Noise(variance, 20), RATIO) for variance in (1e-6, 1e-4, 1e-2))
    ]
    assert widths == sorted(widths)
    curve = fit((0.25, 0.5, 1.0), points, Noise(1e-4, 20), RATIO)
    assert curve.error(2).high - curve.error(2).low > curve.error(1).high - curve.error(1).low


def test_few_degrees_of_freedom_make_it_less_sure() -> None:
    points = scores(0.1, 0.2, 0.5, (0.25, 0.5, 1.0))
    few, many = (fit((0.25, 0.5, 1.0), points, Noise(1e-4, freedom), RATIO).gain(2) for freedom in (2, 200))
    assert few.high - few.low > many.high - many.low


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random, shares = np.random.default_rng(1), (0.25, 0.5, 1.0)
    held = tries = 0
    for _ in range(200):
        a, b, c = random.uniform(0, 0.2), random.uniform(0.02, 0.2), random.uniform(0.1, 1.5)
        # Three curves that end in the same trainings, as in a study: easy and hard folds, and noise of two points.
        columns = np.concatenate([law(a, b, c, (0.25, 0.5)), law(a + b, 0.0, 1.0, (0.25, 0.5)), [a + b]])
        table = 1 - columns + random.normal(0, 0.03, (4, 1)) + random.normal(0, 0.02, (4, 5))
        spread = noise(table)
        assert spread
        # Repetitions here are independent of each other.
        gain = fit(shares, table[:, [0, 1, 4]], spread, 0.0).gain(2)
        held += gain.low <= b * (1 - 2**-c) <= gain.high
        tries += 1
    assert held / tries >= 0.92


def test_where_nothing_helps_a_study_of_many_curves_seldom_says_that_something_does() -> None:
    random, curves, false = np.random.default_rng(2), 5, 0
    for _ in range(200):
        # Two sizes a curve and the present one: three folds with nothing to tell but noise.
        table = 0.7 + random.normal(0, 0.03, (3, 1)) + random.normal(0, 0.02, (3, 2 * curves + 1))
        spread = noise(table)
        assert spread
        doubts = [
            fit((0.25, 0.5, 1.0), table[:, [2 * number, 2 * number + 1, -1]], spread, 0.0).doubt(2)
            for number in range(curves)
        ]
        false += min(doubts) * curves <= LEVEL
    assert false / 200 <= 0.05


def test_noise_is_what_rows_and_columns_do_not_explain() -> None:
    rows, columns = np.array([[0.1], [0.2], [0.6]]), np.array([[0.0, 0.1, 0.3, 0.2]])
    even = noise(rows + columns)
    assert even
    assert even.variance == pytest.approx(0, abs=1e-20)
    assert even.freedom == 6
    # Two by two: one degree of freedom, and the variance of a +-e pattern is 4 e^2.
    odd = noise(np.array([[0.5 + 0.01, 0.5 - 0.01], [0.5 - 0.01, 0.5 + 0.01]]))
    assert odd == Noise(pytest.approx(4 * 0.01**2), 1)


@pytest.mark.parametrize("shape", [(1, 5), (4, 1)])
def test_a_single_row_or_column_has_no_noise_to_see(shape: tuple[int, int]) -> None:
    assert noise(np.zeros(shape)) is None


def test_a_curve_says_the_same_each_time() -> None:
    points = scores(0.1, 0.2, 0.5, (0.25, 0.5, 1.0))
    one, two = (fit((0.25, 0.5, 1.0), points, Noise(1e-4, 9), RATIO).gain(2) for _ in range(2))
    assert one == two


def test_a_curve_is_followed_no_further_than_to_twice_the_images() -> None:
    curve = LearningCurve((0.25, 1.0), (0.4, 0.3), 1e-4, 9)
    assert curve.gain(2).value > 0
    for share in (2.01, 0.2):
        with pytest.raises(ValueError, match=r"speaks of 0\.25 to 2 times"):
            curve.error(share)
    with pytest.raises(ValueError, match="not of 3"):
        curve.gain(3)


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.25, 1.0), (0.25, 0.5), (0.5, 0.5, 1.0), (0.0, 1.0)])
def test_shares_that_do_not_ascend_to_the_present_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend to 1"):
        fit(shares, np.zeros((4, len(shares))), SURE, RATIO)
