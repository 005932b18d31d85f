from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.readers.to_labels import label_names, names_of
from evenhand.errors import DataError

HERE = Path("data.npz")


def single(column: Any, names: list[str] | None = None) -> list[str]:
    (found,), _ = label_names([column], names, HERE)
    return found


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.array([1, 0, 2]), ["1", "0", "2"]),
        (np.array([[1], [0]], dtype=np.uint8), ["1", "0"]),
        (np.array([0.0, 10.0]), ["00", "10"]),
        (np.array([True, False]), ["1", "0"]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
        (np.array([b"cat", b"caf\xc3\xa9"]), ["cat", "café"]),
        ([np.int64(3), np.array(4), np.array([5])], ["3", "4", "5"]),
        (["cat", b"dog", np.str_("cow")], ["cat", "dog", "cow"]),
        (["cafe\u0301"], ["caf\u00e9"]),
        ([b"\xff"], ["\\xff"]),
        (["\ud800"], ["\\xed\\xa0\\x80"]),
        (np.eye(3)[[2, 0]], ["2", "0"]),
        ([], []),
    ],
)
def test_every_spelling_of_a_label(column: Any, expected: list[str]) -> None:
    assert single(column) == expected


@given(st.lists(st.integers(0, 3000), min_size=1))
def test_sorting_by_name_is_sorting_by_number(numbers: list[int]) -> None:
    names = single(numbers)
    assert [int(name) for name in sorted(names)] == sorted(numbers)
    assert len({len(name) for name in names}) == 1


def test_splits_share_one_width() -> None:
    (train, test), _ = label_names([np.array([1, 10]), np.array([2])], None, HERE)
    assert (train, test) == (["01", "10"], ["02"])


def test_names_stand_for_numbers() -> None:
    assert single(np.array([1, 0, 1]), ["cat", "dog", "never seen"]) == ["dog", "cat", "dog"]
    assert single(["cat"], ["dog"]) == ["cat"]
    assert names_of(np.array(["a", "b"]), HERE) == ["a", "b"]
    assert names_of([7, 8], HERE) == ["7", "8"]


def test_one_hot_labels_are_told() -> None:
    _, notes = label_names([np.eye(2), np.eye(2)], None, HERE)
    assert notes == ("Labels are rows of 2 numbers, one of them 1; its place is the class.",)


@pytest.mark.parametrize(
    ("column", "names", "words"),
    [
        ([1, "cat"], None, "labels that are text and labels that are numbers"),
        ([-1, 0], None, "the label -1"),
        ([0.5], None, r"neither text nor a whole number: 0\.5"),
        ([float("nan")], None, "neither text nor a whole number: nan"),
        ([None], None, "NoneType"),
        ([[1, 2]], None, "list"),
        (["cat", ""], None, "an empty label at image 1"),
        ([0, 3], ["a", "b"], "the label 3 but only 2 class names"),
        ([0], ["a", "a"], "empty or the same"),
        (np.ones((2, 3)), None, "3 numbers for the label of each image"),
        (np.array([[0.2, 0.8]]), None, "Images with several labels are not read"),
        (np.zeros((2, 2, 2)), None, r"labels of the shape \(2, 2, 2\)"),
        (np.array([1 + 2j]), None, "complex"),
    ],
)
def test_what_is_no_label_says_so(column: Any, names: list[str] | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        label_names([column], names, HERE)
