from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import ADASYN, BorderlineSMOTE
from sklearn.neighbors import NearestNeighbors

from evenhand.data.batches import uniform
from evenhand.remedies import neighbours
from evenhand.remedies.neighbours import between, nearest, starts, strangers
from evenhand.remedies.plan import Synthesis
from evenhand.remedies.synthesis import synthesise_features

# On a line: class 1 at 0, 1, 2 and 10; class 0 at 3, 4, 5, 6 and 11, 12.
LINE = np.array([[0.0], [1.0], [2.0], [10.0], [3.0], [4.0], [5.0], [6.0], [11.0], [12.0]], dtype=np.float32)
SIDES = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
ONES = np.arange(4)


def draw(stream: str, index: np.ndarray) -> np.ndarray:
    return uniform(stream, 0, 0, index)


def cloud(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_nearest_are_scikit_learn_s_whatever_is_compared_at_once(k: int, monkeypatch: pytest.MonkeyPatch):
    points, queries = cloud(40, 5), cloud(9, 5, 1)
    expected = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(queries, return_distance=False)
    np.testing.assert_array_equal(nearest(queries, points, k), expected)
    monkeypatch.setattr(neighbours, "QUERIES", 2)
    monkeypatch.setattr(neighbours, "POINTS", 7)
    np.testing.assert_array_equal(nearest(queries, points, k), expected)
    own = np.arange(5)
    without = NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points[:5], return_distance=False)[:, 1:]
    np.testing.assert_array_equal(nearest(points[:5], points, k, own=own), without)


def test_a_point_is_not_its_own_neighbour_even_among_copies():
    points = np.zeros((3, 2), dtype=np.float32)
    found = nearest(points, points, 2, own=np.arange(3))
    assert all(row not in found[row] for row in range(3))


def test_strangers_by_hand():
    # The three nearest of 0 are 1, 2, 3: one stranger. Of 1: 0, 2, 3. Of 2: 1, 3, and 0 or 4. Of 10: 11, 12 and 6.
    found = strangers(LINE, SIDES, ONES, 3)
    assert found[[0, 1, 3]] == pytest.approx([1 / 3, 1 / 3, 1])
    assert found[2] in (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert strangers(LINE[:1], SIDES[:1], ONES[:1], 3).tolist() == [0]


def test_borderline_starts_from_points_in_danger():
    # With two neighbours 2 has one stranger (3) and is in danger; 0 and 1 are safe, 10 is surrounded: noise.
    assert starts("borderline", LINE, SIDES, ONES, 9, {"watched": 2}).tolist() == [2]


def test_danger_is_imbalanced_learn_s():
    generator = np.random.default_rng(3)
    points = np.concatenate([generator.normal(0, 1, (60, 2)), generator.normal(1.5, 1, (20, 2))]).astype(np.float32)
    labels = np.repeat([0, 1], [60, 20])
    members = np.arange(60, 80)
    found = members[starts("borderline", points, labels, members, 1, {"watched": 10})]
    method = BorderlineSMOTE(m_neighbors=10)
    method._validate_estimator()
    method.nn_m_.fit(points)
    theirs = method._in_danger_noise(method.nn_m_, points[members], 1, labels, kind="danger")
    np.testing.assert_array_equal(found, members[theirs])
    assert 0 < len(found) < 20


def test_adasyn_starts_where_strangers_are_and_meets_the_count():
    # Shares 1/2, 0, 1/2, 1 of two neighbours for points made so: a total of 2, and 10 new points go 2.5, 0, 2.5 and 5.
    points = np.array([[0.0], [1.0], [1.1], [10.0], [0.5], [2.1], [10.1], [10.2]], dtype=np.float32)
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    share = strangers(points, labels, np.arange(4), 2)
    assert share.tolist() == [0.5, 0.5, 0.5, 1.0]
    found = np.bincount(starts("adasyn", points, labels, np.arange(4), 10, {"neighbours": 2}), minlength=4)
    assert found.tolist() == [2, 2, 2, 4]
    assert np.bincount(starts("adasyn", points, labels, np.arange(4), 11, {"neighbours": 2})).sum() == 11


def test_adasyn_s_numbers_are_imbalanced_learn_s_up_to_rounding():
    generator = np.random.default_rng(4)
    points = np.concatenate([generator.normal(0, 1, (80, 2)), generator.normal(2, 1, (15, 2))])
    labels = np.repeat([0, 1], [80, 15])
    made, _ = ADASYN(n_neighbors=5, random_state=0).fit_resample(points, labels)
    members = np.arange(80, 95)
    ours = starts("adasyn", points, labels, members, 65, {"neighbours": 5})
    assert abs(len(made) - 95 - len(ours)) <= 15
    share = strangers(points, labels, members, 5)
    assert np.abs(np.bincount(ours, minlength=15) - share / share.sum() * 65).max() < 1


def test_new_points_lie_between_a_start_and_its_neighbours():
    made = between("borderline", LINE, SIDES, 1, 40, {"watched": 2, "neighbours": 1}, draw)
    assert made.shape == (40, 1)
    assert made.dtype == np.float32
    # From 2 towards its one nearest of the class, which is 1.
    assert 1 <= made.min() < 1.2
    assert 1.8 < made.max() <= 2
    assert len(np.unique(made)) == 40


def test_without_danger_or_strangers_all_points_may_start():
    apart = np.concatenate([cloud(20, 2), cloud(20, 2, 1) + 100])
    labels = np.repeat([0, 1], 20)
    plain = between("smote", apart, labels, 1, 30, {"neighbours": 3}, draw)
    for method in ("borderline", "adasyn"):
        found = between(method, apart, labels, 1, 30, {"neighbours": 3, "watched": 3}, draw)
        np.testing.assert_array_equal(found, plain)


def test_a_single_point_is_copied():
    points = np.array([[1.0, 2.0], [5.0, 5.0]])
    for method in ("smote", "borderline", "adasyn"):
        made = between(method, points, np.array([0, 1]), 0, 3, {"neighbours": 5, "watched": 5}, draw)
        assert made.tolist() == [[1, 2]] * 3


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    st.sampled_from(["smote", "borderline", "adasyn"]),
    st.integers(1, 6),
    st.integers(0, 9),
    st.booleans(),
)
def test_any_tiny_set_gets_what_is_planned(labels: list[int], method: str, k: int, seed: int, soft: bool):
    hard = np.array(labels)
    features = cloud(len(hard), 3, seed)
    plan = Synthesis(method, (4, 0, 3), (("neighbours", float(k)), ("watched", float(k))))  # type: ignore[arg-type]
    told = np.eye(3, dtype=np.float32)[hard] * 0.8 + np.float32(0.2 / 3) if soft else hard
    made, added = synthesise_features(plan, features, told, seed)
    expected = [4 * (0 in labels), 0, 3 * (2 in labels)]
    found = added if not soft else added.argmax(axis=1)
    assert np.bincount(found, minlength=3).tolist() == expected
    assert made.shape == (sum(expected), 3)
    assert np.isfinite(made).all()
    for point, label in zip(made, found, strict=True):
        members = features[hard == label]
        assert (point >= members.min(axis=0) - 1e-5).all()
        assert (point <= members.max(axis=0) + 1e-5).all()
