import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from scipy import stats

from evenhand.evaluation.behind import behind

SCORES = np.array([[0.79, 0.81], [0.71, 0.69], [0.40, 0.40]])[:, None]


def test_the_example_by_hand() -> None:
    # Column means .6333 and .6333, so a residual is the deviation from the row's mean: -.01, .01, .01, -.01, 0, 0.
    # Their squares sum to .0004, with (3 - 1)(2 - 1) = 2 degrees of freedom: a variance of .0002. The variance of a
    # pair's own differences counts by half, for two candidates share it: of .08, .12 it is .0008, and .0004 is more; of
    # .39, .41 it is .0002, and .0001 is less, so .0002 counts. The factor is 1/2 + 1/3.
    factor = 1 / 2 + 1 / 3
    for level in (0.2, 0.05):
        limit = stats.studentized_range.isf(level, 3, 2)
        expected = [False, limit * np.sqrt(0.0004 * factor) < 0.1, limit * np.sqrt(0.0002 * factor) < 0.4]
        assert behind(SCORES, 4, level).tolist() == expected
    # The 5 % point of the range of three at two degrees of freedom is 8.331 in the tables: .1076 here.
    for gap, told in ((0.107, False), (0.108, True)):
        near = SCORES + (0.4 - gap) * np.eye(3)[2][:, None, None]
        assert behind(near, 4, 0.05).tolist() == [False, False, told]


@settings(max_examples=40, deadline=None)
@given(
    arrays_of.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(1), st.integers(1, 5)), elements=st.floats(0, 1))
)
def test_the_leader_never_is_and_the_order_of_candidates_does_not_matter(scores: np.ndarray) -> None:
    found = behind(scores, 5, 0.05)
    best = np.round(scores.mean(axis=(1, 2)), 12)
    assert not found[best == best.max()].any()
    if (best == best.max()).sum() == 1:
        np.testing.assert_array_equal(behind(scores[::-1], 5, 0.05)[::-1], found)


def test_one_fold_or_one_candidate_tells_nothing() -> None:
    assert not behind(np.array([[[0.9]], [[0.1]]]), 4, 0.05).any()
    # However many seeds: they are no witnesses of the fold.
    assert not behind(np.array([[[0.9], [0.91], [0.9]], [[0.1], [0.11], [0.12]]]), 4, 0.05).any()
    assert not behind(np.array([[[0.9, 0.1, 0.5]]]), 4, 0.05).any()
    assert not behind(np.full((4, 1, 3), 0.5), 4, 0.05).any()


def test_what_differs_by_the_same_each_time_is_behind() -> None:
    assert behind(np.array([[[0.8, 0.7, 0.9]], [[0.7, 0.6, 0.8]]]), 3, 0.05).tolist() == [False, True]


def test_what_predicts_the_same_is_one_candidate() -> None:
    again = np.concatenate([SCORES, *[SCORES[:1]] * 20])
    for level in (0.1, 0.05, 0.02, 0.01):
        assert behind(again, 4, level)[:3].tolist() == behind(SCORES, 4, level).tolist()


@pytest.mark.parametrize(("count", "trainings"), [(3, 2), (18, 2), (8, 4)])
@pytest.mark.parametrize(("uneven", "level", "most"), [(1.0, 0.05, 0.05), (2.0, 0.03, 0.05)])
def test_among_equals_anybody_is_seldom_behind(
    count: int, trainings: int, uneven: float, level: float, most: float
) -> None:
    """Simulated scores whose trainings share images, correlated by 1 / folds as Nadeau and Bengio have it.

    All but the last are equally good; one of them may scatter twice as much as the rest.
    """
    folds, generator, studies = 4, np.random.default_rng(0), 1000
    wrong = missed = 0
    for _ in range(studies):
        shared, own = generator.normal(size=(count, 1)), generator.normal(size=(count, trainings))
        noise = np.sqrt(1 / folds) * shared + np.sqrt(1 - 1 / folds) * own
        noise[0] *= uneven
        noise[-1] -= 40
        found = behind((noise + generator.normal(size=trainings))[:, None], folds, level)
        wrong += bool(found[:-1].any())
        missed += not found[-1]
    assert wrong / studies <= most + 2 * np.sqrt(most * (1 - most) / studies)
    assert missed / studies < 0.3
