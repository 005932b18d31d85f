import numpy as np
import pytest

from evenhand.study.halving import LEVEL, looks, saving, stopping


@pytest.mark.parametrize(
    ("seeds", "folds", "seldom", "often"),
    [
        (1, 4, (2,), (1, 2, 3)),
        (1, 3, (2,), (1, 2)),
        (1, 2, (), (1,)),
        (1, 1, (), ()),
        (1, 10, (2, 4, 8), tuple(range(1, 10))),
        (2, 3, (2, 3), (1, 2, 3)),
        (3, 5, (2, 4, 5, 10), (1, 2, 3, 4, 5, 10)),
        (4, 1, (2,), (1, 2, 3)),
        (5, 2, (2, 4, 8), (1, 2, 4, 6, 8)),
    ],
)
def test_it_is_looked_within_the_first_seed_and_then_after_whole_ones(
    seeds: int, folds: int, seldom: tuple[int, ...], often: tuple[int, ...]
) -> None:
    assert looks(seeds, folds) == seldom
    assert looks(seeds, folds, often=True) == often


SCORES = np.array([[0.80, 0.82], [0.31, 0.33], [0.30, 0.32], [0.81, 0.79], [0.20, 0.22]])[:, None]


def stopped(left: list[set[str]], spared: tuple[int, ...] = ()) -> list[int]:
    return stopping(SCORES, left, spared, folds=4, level=LEVEL).tolist()


def test_the_clearly_weak_stop_but_not_the_spared() -> None:
    left = [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}]
    assert stopped(left) == [1, 2, 4]
    assert stopped(left, (1,)) == [2, 4]


def test_what_saves_no_training_goes_on() -> None:
    # The second needs nothing that the first does not need anyway; the third and the last share what nobody else wants.
    assert stopped([{"a"}, {"a"}, {"c"}, {"d"}, {"c"}]) == [2, 4]
    # A weak one that a spared one takes along.
    assert stopped([{"a"}, {"b"}, {"b"}, {"d"}, {"e", "b"}], (1,)) == [4]


def test_a_training_is_saved_only_when_nobody_else_asks_for_it() -> None:
    assert saving({1, 2}, [{"a"}, {"a", "b"}, {"a"}]) == {1}
    assert saving({0, 1}, [{"a"}, {"a"}]) == {0, 1}
    assert saving(set(), [{"a"}]) == set()
