import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from scipy import stats

from evenhand.evaluation.behind import behind

SCORES = np.array([[0.79, 0.81], [0.71, 0.69], [0.40, 0.40]])


def test_the_example_by_hand() -> None:
    # Column means .6333 and .6333, so a residual is the deviation from the row's mean: -.01, .01, .01, -.01, 0, 0.
    # Their squares sum to .0004, with (3 - 1)(2 - 1) = 2 degrees of freedom: a variance of .0002, twice that .0004 for
    # a difference. Own differences of the second: .08, .12, variance .0008, which is more; of the third: .39, .41,
    # variance .0002, which is less, so .0004 counts. The factor is 1/2 + 1/3.
    factor = 1 / 2 + 1 / 3
    for level in (0.2, 0.1, 0.05, 0.01, 0.002):
        limit = stats.t.isf(level / 2, 2)
        expected = [False, limit * np.sqrt(0.0008 * factor) < 0.1, limit * np.sqrt(0.0004 * factor) < 0.4]
        assert behind(SCORES, 1 / 3, level).tolist() == expected
    assert behind(SCORES, 1 / 3, 0.05).tolist() == [False, False, True]


@given(arrays_of.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1)))
def test_the_leader_never_is_and_the_order_of_candidates_does_not_matter(scores: np.ndarray) -> None:
    found = behind(scores, 1 / 3, 0.05)
    best = np.round(scores.mean(axis=1), 12)
    assert not found[best == best.max()].any()
    if (best == best.max()).sum() == 1:
        np.testing.assert_array_equal(behind(scores[::-1], 1 / 3, 0.05)[::-1], found)


def test_one_training_or_one_candidate_tells_nothing() -> None:
    assert not behind(np.array([[0.9], [0.1]]), 1 / 3, 0.05).any()
    assert not behind(np.array([[0.9, 0.1, 0.5]]), 1 / 3, 0.05).any()
    assert not behind(np.full((4, 3), 0.5), 1 / 3, 0.05).any()


def test_what_differs_by_the_same_each_time_is_behind() -> None:
    assert behind(np.array([[0.8, 0.7, 0.9], [0.7, 0.6, 0.8]]), 1 / 2, 0.05).tolist() == [False, True]


@pytest.mark.parametrize(("count", "trainings"), [(3, 2), (18, 2), (4, 4)])
@pytest.mark.parametrize(("uneven", "level", "most"), [(1.0, 0.05, 0.05), (2.0, 0.01, 0.04)])
def test_the_best_is_seldom_behind(count: int, trainings: int, uneven: float, level: float, most: float) -> None:
    """Simulated scores whose trainings share images, correlated by ratio / (1 + ratio) as Nadeau and Bengio have it.

    All but the last are equally good; one of them may scatter twice as much as the rest.
    """
    ratio, generator, studies = 1 / 3, np.random.default_rng(0), 1500
    rho = ratio / (1 + ratio)
    lost = missed = 0
    for _ in range(studies):
        shared, own = generator.normal(size=(count, 1)), generator.normal(size=(count, trainings))
        noise = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
        noise[0] *= uneven
        noise[-1] -= 40
        found = behind(noise + generator.normal(size=trainings), ratio, level)
        lost += bool(found[0])
        missed += not found[-1]
    assert lost / studies <= most + 2 * np.sqrt(most * (1 - most) / studies)
    assert missed / studies < 0.3
