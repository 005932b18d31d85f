from pathlib import Path

import pytest

from evenhand.data.readers.columns import Part, find_parts
from evenhand.errors import DataError

HERE = Path("data.npz")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images", "labels"], [("train", "train", "images", "labels", None)]),
        (["X", "y", "group"], [("train", "train", "X", "y", "group")]),
        (["data", "targets", "patient"], [("train", "train", "data", "targets", "patient")]),
        (["data", "fine_labels"], [("train", "train", "data", "fine_labels", None)]),
        (
            ["train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels", "test_groups"],
            [
                ("train", "train", "train_images", "train_labels", None),
                ("val", "val", "val_images", "val_labels", None),
                ("test", "test", "test_images", "test_labels", "test_groups"),
            ],
        ),
        (
            ["x_train", "y_train", "x_test", "y_test"],
            [("train", "train", "x_train", "y_train", None), ("test", "test", "x_test", "y_test", None)],
        ),
        (["dev_images", "dev_labels"], [("val", "dev", "dev_images", "dev_labels", None)]),
        (["arr_0", "arr_1"], [("train", "train", "arr_0", "arr_1", None)]),
    ],
)
def test_arrays_are_found_by_their_names(names: list[str], expected: list[tuple[str, ...]]) -> None:
    parts, classes, notes = find_parts(names, HERE)
    assert list(parts) == [Part(*fields) for fields in expected]
    assert classes is None
    assert not notes


@pytest.mark.parametrize("name", ["classes", "class_names", "label_names"])
def test_class_names_are_found_and_what_is_not_used_is_told(name: str) -> None:
    _, classes, notes = find_parts(["images", "labels", name, "filenames", "batch_label"], HERE)
    assert classes == name
    assert notes == ("Not used in data.npz: batch_label, filenames.",)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "It holds: nothing"),
        (["faces", "y"], r"no images and labels under names that are known.*It holds: faces, y\."),
        (["images", "y_test"], r"the images 'images' without labels beside them.*It holds: images, y_test\."),
        ([f"array_{number}" for number in range(50)], "array_19 and more"),
    ],
)
def test_what_is_missing_is_told_with_what_is_there(names: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        find_parts(names, HERE)
