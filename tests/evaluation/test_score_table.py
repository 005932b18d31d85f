import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.evaluation.score_table import Doubles, ScoreTable, critical_range

# Three candidates in three folds: what is left without the means of candidates and folds is one point up or down, so
# that s^2 = 4 x .01^2 / 4; the error of a mean is .01 sqrt(1/3 + 1/2), and 5.040 is the range of three at four degrees.
LEFT = 0.01 * np.array([[1, -1, 0], [-1, 1, 0], [0, 0, 0]])
EASE = np.array([0.02, -0.03, 0.01])
UNIT = 0.01 * np.sqrt(5 / 6)
_LEVEL = 2.776445
"""97.5 % point of Student's t at four degrees of freedom."""


def table(means: list[float], left: Doubles = LEFT, folds: int = 3) -> ScoreTable:
    return ScoreTable.of((np.array(means)[:, None] + EASE[: left.shape[1]] + left)[:, None], folds)


def test_the_least_difference_that_counts_by_hand() -> None:
    found = table([0.8, 0.75, 0.7])
    assert critical_range(3, 4) == pytest.approx(5.040, abs=0.001)
    assert found.critical == pytest.approx(5.040 * UNIT, rel=1e-3)
    told = found.difference(0, 2)
    assert told.value == pytest.approx(0.1)
    assert told.p_range == pytest.approx(stats.studentized_range.sf(0.1 / UNIT, 3, 4))
    np.testing.assert_allclose(found.critical, stats.studentized_range.ppf(0.95, 3, 4) * UNIT)


def test_the_interval_of_a_pair_is_that_of_the_corrected_test() -> None:
    found = table([0.8, 0.75, 0.7])
    mean, low, high, p = corrected_resampled_t(found.scores[0, 0] - found.scores[1, 0], 1 / 2)
    told = found.difference(0, 1)
    assert (told.value, told.low, told.high, told.p) == pytest.approx((mean, low, high, p))
    back = found.difference(1, 0)
    assert (back.value, back.low, back.high, back.p) == pytest.approx((-mean, -high, -low, p))


def test_the_interval_moves_to_the_difference_of_the_figures_on_all_folds() -> None:
    plain = table([0.8, 0.75, 0.7])
    moved = ScoreTable.of(plain.scores, 3, np.array([0.82, 0.75, 0.7])).difference(0, 1)
    told = plain.difference(0, 1)
    assert moved.value == pytest.approx(0.07)
    assert (moved.low, moved.high) == pytest.approx((told.low + 0.02, told.high + 0.02))


def test_a_pair_is_told_apart_by_its_own_interval_and_by_the_range_of_all() -> None:
    # Own differences of the first two: 2, -2, 0 points, s = .02, interval +-4.303 x .02 sqrt(5/6) = 7.9 points; the
    # range with the pair's own spread, .02 / sqrt(2), asks 5.040 x .0129 = 6.5.
    found = table([0.8, 0.73, 0.68])
    assert [bool(found.apart[0, other]) for other in (0, 1, 2)] == [False, False, True]
    assert found.difference(0, 1).p_range < 0.05 < found.difference(0, 1).p
    assert table([0.8, 0.72, 0.68]).apart[0, 1]
    # The last two: 1, -1, 0 points, interval +-3.9; the range of all asks 4.6.
    assert found.apart[1, 2]
    assert not table([0.8, 0.72, 0.68]).apart[1, 2]
    assert (found.apart == found.apart.T).all()


def test_a_pair_that_scatters_more_than_the_rest_is_judged_by_its_own_spread() -> None:
    quiet, wild = 0.001 * np.array([1, -1, 1, -1, 0]), 0.02 * np.array([1, -1, -1, 1, 0])
    left = np.stack([wild, *(np.roll(quiet, place) for place in range(5)), -quiet])
    found = ScoreTable.of((np.array([0.76, *[0.8] * 6])[:, None] + left)[:, None], 5)
    own = found.errors[0, 1:]
    assert max(_LEVEL * own.max(), found.critical) < 0.04 < critical_range(7, 24) * own.min() / np.sqrt(2)
    assert not found.apart[0].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 6), st.floats(0, 0.1))
def test_with_two_candidates_the_range_is_the_test_of_the_pair(seed: int, folds: int, gap: float) -> None:
    draw = np.random.default_rng(seed)
    scores = 0.8 + draw.normal(0, 0.02, (2, 1, folds))
    scores[1] -= gap
    found = ScoreTable.of(scores, folds)
    p = corrected_resampled_t((scores[0] - scores[1])[0], 1 / (folds - 1))[3]
    assert found.difference(0, 1).p_range == pytest.approx(p, abs=2e-3)
    if abs(p - 0.05) > 1e-6:
        assert bool(found.apart[0, 1]) == (p < 0.05)


def test_candidates_that_predict_the_same_are_one_and_never_apart() -> None:
    base = table([0.8, 0.75, 0.7])
    twice = ScoreTable.of(np.concatenate([base.scores, base.scores]), 3)
    assert twice.critical == pytest.approx(base.critical)
    assert not twice.apart[0, 3]
    assert twice.difference(0, 3).p == twice.difference(0, 3).p_range == 1
    alone = ScoreTable.of(base.scores[[0, 0]], 3)
    assert not alone.apart.any()
    assert alone.groups() == [(0, 1)]


def test_seeds_count_for_single_trainings_and_are_no_witnesses_of_folds() -> None:
    # Three points up in one seed and down in the other, for one candidate, the other way for the next: the mean of a
    # fold stays, a single training scatters by 4 x 9 / (2 x 2) points^2 more.
    noise = 0.03 * np.array([1, -1, 0])[:, None, None] * np.array([1, -1])[None, :, None] * np.ones((1, 1, 3))
    base = table([0.8, 0.75, 0.7]).scores
    found = ScoreTable.of(base + noise, 3)
    error = np.sqrt(1e-4 / 3 + (1e-4 + 9e-4) / 2)
    assert found.critical == pytest.approx(5.040 * error, rel=1e-3)
    # The pair: folds differ by +-2 points, v = 4e-4; seeds by +-6, so w = 4e-4 + 36e-4.
    told = found.difference(0, 1)
    assert told.high - told.value == pytest.approx(4.302653 * np.sqrt(4e-4 / 3 + 40e-4 / 2))
    # Seeds that all say the same leave everything as it was.
    same, once = ScoreTable.of(np.repeat(base, 2, axis=1), 3).difference(0, 1), table([0.8, 0.75, 0.7]).difference(0, 1)
    assert (same.low, same.high, same.p, same.p_range) == pytest.approx((once.low, once.high, once.p, once.p_range))


def test_one_fold_or_one_training_tells_nothing() -> None:
    single = ScoreTable.of(np.array([0.9, 0.2]).reshape(2, 1, 1), 3)
    told = single.difference(0, 1)
    assert (told.low, told.high, told.p, told.apart) == (-np.inf, np.inf, 1.0, False)
    # Seeds on one part that is held out know nothing of other parts.
    seeds = ScoreTable.of(np.array([[0.9, 0.91, 0.9], [0.2, 0.2, 0.21]])[:, :, None], 10)
    assert not seeds.apart.any()
    assert seeds.needed(0, 1).seeds is None


@pytest.mark.parametrize(
    ("scores", "folds"), [(np.zeros((2, 3)), 3), (np.full((2, 1, 3), np.nan), 3), (np.zeros((2, 1, 3)), 2)]
)
def test_what_is_no_table_is_refused(scores: Doubles, folds: int) -> None:
    with pytest.raises(ValueError, match=r"finite|folds"):
        ScoreTable.of(scores, folds)


def test_places_are_shared_by_equals() -> None:
    scores = np.array([[0.9, 0.5], [0.7, 0.7], [0.7, 0.6]])[:, None]
    np.testing.assert_allclose(ScoreTable.of(scores, 2).mean_places(), [2.0, 1.75, 2.25])


# --- groups -----------------------------------------------------------------------------------------------------------


def told(pairs: list[tuple[int, int]], count: int) -> ScoreTable:
    """Return a table in which these pairs are apart, the first candidate the best."""
    found = ScoreTable.of(np.zeros((count, 1, 2)), 2, -np.arange(count, dtype=np.float64))
    apart = np.zeros((count, count), dtype=bool)
    for first, second in pairs:
        apart[first, second] = apart[second, first] = True
    found.__dict__["apart"] = apart
    return found


@pytest.mark.parametrize(
    ("pairs", "count", "groups"),
    [
        ([], 3, [(0, 1, 2)]),
        ([(0, 2)], 3, [(0, 1), (1, 2)]),
        ([(0, 1), (1, 2)], 3, [(0, 2), (1,)]),
        ([(0, 1), (0, 2), (1, 2)], 3, [(0,), (1,), (2,)]),
        ([(0, 2), (0, 3), (1, 3)], 4, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_groups_by_hand(pairs: list[tuple[int, int]], count: int, groups: list[tuple[int, ...]]) -> None:
    assert told(pairs, count).groups() == groups


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_groups_are_the_largest_sets_without_a_pair_that_is_apart(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = drawn
    apart = [(first, second) for first, second in pairs if first != second]
    found = told(apart, count)
    groups = [set(group) for group in found.groups()]
    for group in groups:
        assert not any(found.apart[one, other] for one in group for other in group)
        assert all(any(found.apart[one, other] for other in group) for one in set(range(count)) - group)
    for one in range(count):
        for other in range(count):
            assert any({one, other} <= group for group in groups) == (not found.apart[one, other])


# --- what would be needed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0.005, 0.02, 0.04])
def test_so_many_images_would_just_tell_them_apart(gap: float) -> None:
    means = [0.8, 0.8 - gap, 0.7]
    factor = table(means).needed(0, 1).images
    assert factor > 1
    # Spreads go with one over the root of the number of images.
    assert table(means, LEFT / np.sqrt(1.001 * factor)).apart[0, 1]
    assert not table(means, LEFT / np.sqrt(0.999 * factor)).apart[0, 1]


def pair(gap: float, seeds: int = 1) -> ScoreTable:
    """Return two candidates in five folds whose differences are +-2 points, and 0 once: w = 4e-4."""
    left = 0.01 * np.array([[1, -1, 1, -1, 0], [-1, 1, -1, 1, 0]])
    return ScoreTable.of(np.repeat((np.array([0.8, 0.8 - gap])[:, None] + left)[:, None], seeds, axis=1), 5)


def test_seeds_by_hand() -> None:
    # The interval is 2.776 x .02 sqrt(1/(5 N) + 1/4): .0372 with one seed, .0304 with four, .0299 with five.
    assert pair(0.0373).apart[0, 1]
    assert not pair(0.0371).apart[0, 1]
    needed = pair(0.0302).needed(0, 1)
    assert needed.seeds == 5
    assert needed.floor == pytest.approx(_LEVEL * 0.02 / 2)
    assert pair(0.0371).needed(0, 1).seeds == 2
    assert pair(0.0305).needed(0, 1).seeds == 4


def test_seeds_that_did_not_help_are_not_advised_again() -> None:
    # Three seeds that all said the same: by the best that seeds can do two were enough, but three were not.
    needed = pair(0.036, seeds=3).needed(0, 1)
    assert needed.images > 1
    assert needed.seeds == 4


def test_no_number_of_seeds_helps_below_what_the_folds_share() -> None:
    needed = pair(0.027).needed(0, 1)
    assert needed.floor > 0.027
    assert needed.seeds is None
    assert needed.images == pytest.approx((_LEVEL * 0.02 * np.sqrt(0.45) / 0.027) ** 2)


def test_equals_need_more_than_everything() -> None:
    needed = table([0.8, 0.8, 0.7]).needed(0, 1)
    assert (needed.images, needed.seeds) == (np.inf, None)
    assert table([0.9, 0.7, 0.5]).needed(0, 2).images == 1


# --- how often it errs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("candidates", "seeds", "folds"), [(2, 1, 5), (8, 1, 3), (8, 3, 5)])
def test_among_equals_a_winner_is_declared_seldom(candidates: int, seeds: int, folds: int) -> None:
    draw = np.random.default_rng(0)
    declared = 0
    for _ in range(600):
        whole = draw.normal(size=(candidates, 1, 1)) * np.sqrt(1 / folds)
        inner = draw.normal(size=(candidates, 1, folds)) + draw.normal(size=(candidates, seeds, folds))
        # Trainings of two folds have the correlation 1 / folds, as Nadeau and Bengio assume.
        found = ScoreTable.of(whole + np.sqrt((1 - 1 / folds) / 2) * inner, folds)
        declared += bool(found.apart[found.figures.argmax()].any())
    # 42 is the upper end of what 5 % of 600 can come to by chance, 1 time in 40.
    assert declared <= 42
