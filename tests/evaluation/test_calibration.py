import numpy as np
import pytest

from evenhand.evaluation.calibration import calibration_error


def test_by_hand() -> None:
    # (.9, right), (.9, wrong) share a bin with gap .4; (.7, right) stands alone with gap .3.
    found = calibration_error(np.array([0.9, 0.9, 0.7]), np.array([True, False, True]), seed=0, resamples=100)
    assert found.value == pytest.approx((2 * 0.4 + 0.3) / 3)


def test_a_bin_holds_its_upper_edge() -> None:
    # 9/15 = .6 belongs to (8/15, 9/15] with .55; .61 would not.
    together = calibration_error(np.array([0.55, 0.6]), np.array([True, False]), seed=0, resamples=50)
    apart = calibration_error(np.array([0.55, 0.61]), np.array([True, False]), seed=0, resamples=50)
    assert together.value == pytest.approx(0.075)
    assert apart.value == pytest.approx((0.45 + 0.61) / 2)


@pytest.mark.parametrize(("n", "excess"), [(60, 0.0), (60, 0.1), (60, 0.25), (600, 0.0), (600, 0.08)])
def test_interval_covers_the_truth(n: int, excess: float) -> None:
    generator, repeats, covered = np.random.default_rng(1), 400, 0
    levels = np.array([0.5, 0.62, 0.75, 0.83, 0.9, 0.98])
    for seed in range(repeats):
        confidence = generator.choice(levels, n)
        right = generator.random(n) < confidence - excess
        found = calibration_error(confidence, right, seed=seed, resamples=100)
        covered += found.low <= excess <= found.high
    assert covered / repeats >= 0.92


def test_sixty_of_sixty_right_at_full_confidence_may_still_be_overconfidence() -> None:
    found = calibration_error(np.full(60, 0.9999), np.ones(60, dtype=bool), seed=0, resamples=1000)
    assert found.value == pytest.approx(0.0001)
    assert 0.03 < found.high < 0.12


def test_a_model_that_is_always_wrong() -> None:
    found = calibration_error(np.full(40, 0.99), np.zeros(40, dtype=bool), seed=0, resamples=500)
    assert found.value == pytest.approx(0.99)
    assert found.low < 0.96
