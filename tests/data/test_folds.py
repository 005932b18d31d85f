from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.folds import fold_of, separated
from evenhand.errors import DataError


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[Any, Any, int]:
    """Labels, groups and folds; every class has at least two groups."""
    n_classes, folds = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    members = draw(st.lists(st.tuples(st.integers(0, n_classes - 1), st.integers(0, 30)), max_size=80))
    labels = np.array([*(label for label, _ in members), *range(n_classes), *range(n_classes)], dtype=np.int64)
    groups = np.array([*(group for _, group in members), *range(100, 100 + 2 * n_classes)], dtype=np.int64)
    return labels, groups, folds


@given(data_sets(), st.integers(0, 2**31))
def test_groups_never_straddle_and_every_image_has_a_fold(data: tuple[Any, Any, int], seed: int) -> None:
    labels, groups, folds = data
    found = fold_of(labels, groups, folds, seed)
    assert found.dtype == np.int64
    assert found.shape == labels.shape
    assert ((found >= 0) & (found < folds)).all()
    for group in np.unique(groups):
        assert len(np.unique(found[groups == group])) == 1


@given(data_sets(), st.integers(0, 100))
def test_the_values_of_group_numbers_do_not_matter_and_the_same_seed_gives_the_same(
    data: tuple[Any, Any, int], seed: int
) -> None:
    labels, groups, folds = data
    first = fold_of(labels, groups, folds, seed)
    np.testing.assert_array_equal(first, fold_of(labels, groups * 7 - 5000, folds, seed))
    np.testing.assert_array_equal(first, fold_of(labels.copy(), groups.copy(), folds, seed))


@given(st.lists(st.integers(0, 3), max_size=100), st.integers(2, 7), st.integers(0, 1000))
def test_without_groups_every_class_is_spread_within_one_image(more: list[int], folds: int, seed: int) -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, *more], dtype=np.int64)
    found = fold_of(labels, np.arange(len(labels)), folds, seed)
    for label in range(4):
        counts = np.bincount(found[labels == label], minlength=folds)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(found, minlength=folds)
    assert sizes.max() - sizes.min() <= 2


@given(st.lists(st.integers(1, 9), min_size=2, max_size=40), st.integers(2, 5), st.integers(0, 100))
def test_with_groups_of_one_class_folds_differ_by_a_group_at_most(sizes: list[int], folds: int, seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = fold_of(np.zeros(len(groups), dtype=np.int64), groups, folds, seed)
    counts = np.bincount(found, minlength=folds)
    assert counts.max() - counts.min() <= max(sizes)


def test_other_seeds_deal_otherwise() -> None:
    labels = np.repeat([0, 1], 50)
    dealt = {tuple(fold_of(labels, np.arange(100), 5, seed)) for seed in range(20)}
    assert len(dealt) == 20


def test_a_group_of_several_classes_counts_for_the_commonest() -> None:
    labels = np.array([0, 0, 1, 0, 1, 0, 1, 1])
    groups = np.array([0, 0, 0, 1, 2, 3, 4, 4])
    found = fold_of(labels, groups, 2, 0)
    assert len(set(found[:3])) == 1
    assert {found[2], found[4], found[6]} == {0, 1}


@pytest.mark.parametrize(
    ("labels", "groups", "words"),
    [
        ([0, 0, 1], [0, 1, 2], "The class b has 1 image to train on"),
        ([0, 0, 1, 1, 1], [0, 1, 2, 2, 2], "The class b has 3 images, but all of one group"),
        ([0, 0], [0, 1], "The class b has no image to train on"),
        ([], [], "The class a has no image to train on"),
    ],
)
def test_too_few_images_of_a_class_are_refused_by_name(labels: list[int], groups: list[int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fold_of(np.array(labels, dtype=np.int64), np.array(groups, dtype=np.int64), 2, 0, ["a", "b"])


def test_without_names_only_classes_that_occur_are_looked_at() -> None:
    assert set(fold_of(np.array([2, 2]), np.array([0, 1]), 2, 0)) == {0, 1}
    with pytest.raises(DataError, match="number 3"):
        fold_of(np.array([2]), np.array([0]), 2, 0)


def test_many_classes_of_many_groups_take_no_table_of_both() -> None:
    n = 20_000
    found = fold_of(np.arange(n) // 2, np.arange(n), 5, 0)
    assert np.bincount(found).max() - np.bincount(found).min() <= 2


@given(data_sets(), st.integers(0, 1000))
def test_separated_folds_hold_as_many_images_of_each_class(data: tuple[Any, Any, int], seed: int) -> None:
    labels, groups, folds = data
    fold = fold_of(labels, groups, folds, seed)
    found = separated(fold, labels, groups, folds, seed)
    for label in np.unique(labels):
        np.testing.assert_array_equal(
            np.bincount(found[labels == label], minlength=folds), np.bincount(fold[labels == label], minlength=folds)
        )


@pytest.mark.parametrize("singles", [0, 400])
def test_separated_folds_part_a_pair_as_often_as_chance_would(singles: int) -> None:
    groups = np.r_[np.repeat(np.arange(40), 2), np.arange(100, 100 + singles)]
    labels = np.zeros(len(groups), dtype=np.int64)
    apart = []
    for seed in range(50):
        fold = fold_of(labels, groups, 4, seed)
        found = separated(fold, labels, groups, 4, seed)
        apart.append((found[:80:2] != found[1:80:2]).mean())
        # Each of 80 images changes places with a few others; all the rest stay where they are.
        assert (found[80:] != fold[80:]).sum() <= 3 * 80
    assert np.mean(apart) == pytest.approx(3 / 4, abs=0.05)


def test_without_groups_nothing_is_separated() -> None:
    labels = np.repeat([0, 1], [30, 10])
    fold = fold_of(labels, np.arange(40), 3, 0)
    np.testing.assert_array_equal(separated(fold, labels, np.arange(40), 3, 0), fold)
