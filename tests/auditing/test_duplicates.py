import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evenhand.auditing.duplicates import duplicates, joined, training_rows
from evenhand.data.manifest import Manifest


def manifest(rows: list[tuple[str, str, int]], groups: list[int] | None = None) -> Manifest:
    """Return the manifest of (pixels, split, label) rows; same pixels are one group unless groups are given."""
    first = {name: place for place, (name, _, _) in reversed(list(enumerate(rows)))}
    return Manifest(
        classes=("a", "b", "c"),
        paths=tuple(f"{number:03d}.png" for number in range(len(rows))),
        file_sha256=("",) * len(rows),
        pixel_sha256=tuple(name for name, _, _ in rows),
        split=np.array([split for _, split, _ in rows], dtype=str),
        given=np.array([label for _, _, label in rows], dtype=np.int64),
        corrected=np.array([label for _, _, label in rows], dtype=np.int64),
        group=np.array(groups if groups is not None else [first[name] for name, _, _ in rows], dtype=np.int64),
    )


def test_conflicts_come_first_then_leaks_then_by_path() -> None:
    found = duplicates(
        manifest(
            [
                ("same", "train", 0),
                ("leak", "train", 1),
                ("clash", "train", 0),
                ("alone", "train", 0),
                ("same", "train", 0),
                ("clash", "val", 1),
                ("leak", "val", 1),
                ("leak", "test", 1),
            ]
        )
    )
    assert [(row.group, row.path, row.split, row.given, row.conflict, row.leaked) for row in found] == [
        (1, "002.png", "train", "a", True, False),
        (1, "005.png", "val", "b", True, False),
        (2, "001.png", "train", "b", False, True),
        (2, "006.png", "val", "b", False, True),
        (2, "007.png", "test", "b", False, False),
        (3, "000.png", "train", "a", False, False),
        (3, "004.png", "train", "a", False, False),
    ]


def test_without_duplicates_there_are_none() -> None:
    assert duplicates(manifest([("x", "train", 0), ("y", "test", 0)])) == ()
    assert duplicates(manifest([])) == ()


def test_two_copies_among_the_test_images_are_no_leak() -> None:
    found = duplicates(manifest([("x", "test", 0), ("x", "test", 1)]))
    assert [(row.conflict, row.leaked) for row in found] == [(True, False)] * 2


def test_copies_of_test_images_and_their_groups_are_not_trained_on() -> None:
    rows = [
        ("a", "train", 0),
        ("b", "train", 0),
        ("c", "train", 0),
        ("d", "val", 0),
        ("a", "test", 0),
        ("e", "test", 0),
    ]
    assert training_rows(manifest(rows)).tolist() == [1, 2]
    assert training_rows(manifest(rows, [0, 1, 2, 3, 0, 2])).tolist() == [1]
    assert training_rows(manifest(rows, [0, 1, 2, 3, 4, 5])).tolist() == [1, 2]
    assert training_rows(manifest(rows)).dtype == np.int64
    assert training_rows(manifest([])).tolist() == []


def test_near_duplicates_join_groups_and_say_so() -> None:
    made = manifest(
        [("a", "train", 0), ("b", "train", 0), ("c", "train", 0), ("d", "test", 0), ("b", "val", 1), ("e", "train", 0)]
    )
    found = duplicates(made, np.array([[0, 1], [2, 3]]))
    assert [(row.group, row.path, row.conflict, row.leaked, row.kind) for row in found] == [
        (1, "000.png", True, False, "near"),
        (1, "001.png", True, False, "exact"),
        (1, "004.png", True, False, "exact"),
        (2, "002.png", False, True, "near"),
        (2, "003.png", False, False, "near"),
    ]
    assert duplicates(made, np.zeros((0, 2), dtype=np.int64)) == duplicates(made)
    assert {row.kind for row in duplicates(made)} == {"exact"}


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_rows_are_joined_by_chains_of_bonds_in_any_order(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, bonds = case
    found = joined(count, bonds)
    assert found.tolist() == joined(count, [(two, one) for one, two in reversed(bonds)]).tolist()
    assert all(found[one] == found[two] for one, two in bonds)
    assert all(found[row] <= row and found[found[row]] == found[row] for row in range(count))
    assert len(set(found.tolist())) >= count - len(bonds)


ROWS = st.lists(
    st.tuples(st.sampled_from("pqrs"), st.sampled_from(["train", "val", "test"]), st.integers(0, 2)), max_size=15
)


@given(ROWS)
def test_every_image_with_a_copy_is_a_member_of_one_group(rows: list[tuple[str, str, int]]) -> None:
    made = manifest(rows)
    found = {row.path: row for row in duplicates(made)}
    for number, (name, split, _) in enumerate(rows):
        copies = [other for other in rows if other[0] == name]
        row = found.get(made.paths[number])
        assert (row is not None) == (len(copies) > 1)
        if row:
            assert row.conflict == (len({label for _, _, label in copies}) > 1)
            assert row.leaked == (split != "test" and any(where == "test" for _, where, _ in copies))
    tested = {name for name, split, _ in rows if split == "test"}
    kept = training_rows(made).tolist()
    assert kept == [n for n, (name, split, _) in enumerate(rows) if split == "train" and name not in tested]
