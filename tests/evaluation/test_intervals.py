import numpy as np
import pytest

from evenhand.evaluation.intervals import (
    by_seed,
    corrected_resampled_t,
    fold_interval,
    fold_variances,
    holm,
    mcnemar_exact,
    mean_interval,
    wilson,
)


def test_wilson_by_hand() -> None:
    low, high = wilson([5, 0, 50, 0], [5, 5, 100, 0])
    np.testing.assert_allclose(low, [5 / (5 + 3.841459), 0, 0.403832, 0], atol=1e-6)
    np.testing.assert_allclose(high, [1, 3.841459 / (5 + 3.841459), 0.596168, 1], atol=1e-6)


def test_corrected_resampled_t_by_hand() -> None:
    # s = .1, error = .1 * sqrt(1/3 + 1/2); with two degrees of freedom p = 1 - t / sqrt(2 + t^2).
    mean, low, high, p = corrected_resampled_t([0.1, 0.2, 0.3], 0.5)
    error = 0.1 * np.sqrt(5 / 6)
    t = 0.2 / error
    assert mean == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.2 - 4.302653 * error, 0.2 + 4.302653 * error))
    assert p == pytest.approx(1 - t / np.sqrt(2 + t**2))


def test_correction_makes_the_plain_paired_t_test_more_careful() -> None:
    differences = np.random.default_rng(0).normal(0.02, 0.02, 10)
    assert corrected_resampled_t(differences, 0.25)[3] > corrected_resampled_t(differences, 1e-9)[3]


def test_seeds_are_averaged_within_a_fold_by_hand() -> None:
    # Folds average .1, .2, .3: v = .01. Within the folds seeds lie .02, 0 and .04 from their mean, so that w is .01 and
    # (.0004 + 0 + .0016) / 3.
    told = np.array([[0.12, 0.2, 0.26], [0.08, 0.2, 0.34]])
    v, w = 0.01, 0.01 + 0.002 / 3
    assert [float(found) for found in fold_variances(told)] == pytest.approx([v, w])
    mean, low, high, p = corrected_resampled_t(told, 0.5)
    error = np.sqrt(v / 3 + 0.5 * w)
    t = 0.2 / error
    assert mean == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.2 - 4.302653 * error, 0.2 + 4.302653 * error))
    assert p == pytest.approx(1 - t / np.sqrt(2 + t**2))
    found = fold_interval(told, 0.5)
    assert (found.value, found.low, found.high) == (mean, 0.0, high)


def test_a_seed_that_repeats_another_proves_nothing_more() -> None:
    once = np.array([0.1, 0.2, 0.3])
    assert corrected_resampled_t(np.stack([once] * 5), 0.5) == pytest.approx(corrected_resampled_t(once, 0.5))
    assert corrected_resampled_t([[0.3], [0.2], [0.1]], 0.5)[1:] == (-np.inf, np.inf, 1.0)


def test_scores_in_a_row_are_dealt_to_seeds_and_folds() -> None:
    np.testing.assert_array_equal(by_seed([1, 2, 3, 4, 5, 6], 3), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(by_seed([1, 2], 3), [[1, 2]])
    np.testing.assert_array_equal(by_seed([1, 2, 3, 4], 3), [[1, 2, 3]])
    np.testing.assert_array_equal(by_seed([1, 2], 1), [[1], [2]])


def test_differences_that_do_not_vary() -> None:
    assert corrected_resampled_t([0.1, 0.1, 0.1], 0.5)[1:] == pytest.approx((0.1, 0.1, 0.0))
    assert corrected_resampled_t([0.0, 0.0], 0.5) == (0.0, 0.0, 0.0, 1.0)
    assert corrected_resampled_t([0.3], 0.5) == (0.3, -np.inf, np.inf, 1.0)


@pytest.mark.parametrize(("values", "ratio"), [([], 0.5), ([0.1, np.nan], 0.5), ([0.1, 0.2], 0.0)])
def test_corrected_resampled_t_refuses_what_it_cannot_judge(values: list[float], ratio: float) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        corrected_resampled_t(values, ratio)


def test_fold_interval_is_the_same_correction_clipped() -> None:
    found = fold_interval([0.7, 0.8, 0.9], 0.5)
    half = 4.302653 * 0.1 * np.sqrt(5 / 6)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.8 - half, 1.0))
    alone = fold_interval([0.9], 0.5)
    assert (alone.low, alone.high) == (0.0, 1.0)


def test_mcnemar_by_hand() -> None:
    first = np.array([True] * 6 + [False] + [True] * 20)
    second = np.array([False] * 6 + [True] + [True] * 20)
    assert mcnemar_exact(first, second) == pytest.approx(2 * (1 + 7) / 2**7)
    assert mcnemar_exact(second, first) == mcnemar_exact(first, second)
    assert mcnemar_exact(first, first) == 1.0
    with pytest.raises(ValueError, match="same images"):
        mcnemar_exact(first, second[1:])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
    with pytest.raises(ValueError, match="p-values"):
        holm([1.2])


def test_mean_interval_by_hand() -> None:
    # s = 1, so half of the interval is t(.975; 2) / sqrt(3).
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5))
    assert mean_interval([5.0]) == (5.0, -np.inf, np.inf)
