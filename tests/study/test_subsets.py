"""Parts of the training images, on labels and groups of all kinds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.study.subsets import nested_part


@st.composite
def studies(draw: st.DrawFn) -> tuple[Any, Any, Any, Any]:
    n = draw(st.integers(1, 60))
    labels, groups, folds, among = (
        np.array(draw(st.lists(values, min_size=n, max_size=n)))
        for values in (st.integers(0, 2), st.integers(0, n), st.integers(0, 3), st.booleans())
    )
    return labels, groups, folds, among


@given(studies(), st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.integers(0, 5), st.sampled_from([None, 0, 1, 2]))
def test_parts_are_nested_and_never_part_a_group(
    study: tuple[Any, Any, Any, Any], one: float, other: float, seed: int, only: int | None
) -> None:
    labels, groups, folds, among = study
    small, large = (nested_part(labels, groups, folds, among, share, seed, only=only) for share in sorted((one, other)))
    assert not (small & ~large).any()
    assert not (large & ~among).any()
    for group in np.unique(groups[among]):
        mine = small[(groups == group) & among]
        assert mine.all() or not mine.any()
    assert (nested_part(labels, groups, folds, among, 1.0, seed, only=only) == among).all()


@given(studies(), st.floats(0.01, 1.0))
def test_every_class_keeps_something(study: tuple[Any, Any, Any, Any], share: float) -> None:
    labels, _, folds, among = study
    kept = nested_part(labels, np.arange(len(labels)), folds, among, share, 0)
    assert set(labels[kept]) == set(labels[among])


def test_shares_are_kept_in_every_class_and_fold() -> None:
    labels, folds = np.repeat([0, 1], [400, 80]), np.tile(np.arange(4), 120)
    everyone = np.ones(480, dtype=bool)
    half = nested_part(labels, np.arange(480), folds, everyone, 0.5, 3)
    for fold in range(4):
        for label, wanted in ((0, 50), (1, 10)):
            assert half[(labels == label) & (folds == fold)].sum() == wanted


def test_one_class_is_reduced_alone() -> None:
    labels, everyone = np.repeat([0, 1, 2], [40, 20, 12]), np.ones(72, dtype=bool)
    part = nested_part(labels, np.arange(72), np.zeros(72, dtype=np.int64), everyone, 0.25, 0, only=1)
    assert np.bincount(labels[part]).tolist() == [40, 5, 12]


def test_a_group_counts_for_its_commonest_class() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    groups = np.array([7, 7, 7, 8, 9, 10])
    part = nested_part(labels, groups, np.zeros(6, dtype=np.int64), np.ones(6, dtype=bool), 0.34, 0, only=1)
    # The mixed group is one of class 0, which is kept whole; of three groups of class 1 one is left.
    assert part[:3].all()
    assert part[3:].sum() == 1


def test_another_seed_takes_others_and_a_fold_that_is_held_out_changes_little() -> None:
    labels, folds = np.zeros(200, dtype=np.int64), np.arange(200) % 4
    everyone, groups = np.ones(200, dtype=bool), np.arange(200)
    one, other = (nested_part(labels, groups, folds, everyone, 0.5, seed) for seed in (0, 1))
    assert one.sum() == other.sum() == 100
    assert (one != other).any()
    without = nested_part(labels, groups, folds, folds != 2, 0.5, 0)
    assert (without == (one & (folds != 2))).mean() > 0.95


def test_nothing_to_take_from_gives_nothing() -> None:
    none = np.zeros(5, dtype=bool)
    assert not nested_part(np.zeros(5, dtype=np.int64), np.arange(5), np.zeros(5, dtype=np.int64), none, 0.5, 0).any()


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_the_smallest_part_is_one_group_a_class(share: float) -> None:
    labels = np.repeat([0, 1], 10)
    part = nested_part(labels, np.arange(20), np.zeros(20, dtype=np.int64), np.ones(20, dtype=bool), share, 0)
    assert np.bincount(labels[part]).tolist() == [1, 1]
