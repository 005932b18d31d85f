import json
from pathlib import Path
from typing import Any

import pytest

from evenhand.data.locations import read_bytes
from evenhand.errors import DataError
from packing import findings
from packing import read_packed as read


def test_members_of_one_key_are_one_sample(tmp_path: Path) -> None:
    source = read(tmp_path, "0001.jpg", ("0001.cls", "3\n"), "0002.png", ("0002.cls", "11"), ("0002.txt", "a dog"))
    assert [(entry.path, entry.label, entry.split, entry.group) for entry in source.entries] == [
        ("0001.jpg", "03", "train", None),
        ("0002.png", "11", "train", None),
    ]
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"0001.jpg", b"0002.png"]
    assert source.notes == ("Classes are what the members .cls of data.tar say.",)


def test_json_says_class_split_and_group(tmp_path: Path) -> None:
    said = json.dumps({"label": "cat", "split": "Validation", "patient": 7, "caption": "a cat"})
    source = read(tmp_path, "x/1.jpg", ("x/1.json", said), "x/2.jpg", ("x/2.json", '{"class": "dog"}'))
    assert [(entry.label, entry.split, entry.group) for entry in source.entries] == [
        ("cat", "val", "7"),
        ("dog", "train", None),
    ]


def test_several_images_of_a_key_share_a_group(tmp_path: Path) -> None:
    source = read(tmp_path, "1.left.jpg", "1.right.jpg", ("1.cls", "cat"), "2.left.jpg", ("2.cls", "dog"))
    assert [(entry.path, entry.label, entry.group) for entry in source.entries] == [
        ("1.left.jpg", "cat", "1"),
        ("1.right.jpg", "cat", "1"),
        ("2.left.jpg", "dog", None),
    ]


def test_texts_are_classes_only_where_no_folders_are(tmp_path: Path) -> None:
    texts = [("1.txt", "cat"), ("2.txt", "dog\n")]
    assert [entry.label for entry in read(tmp_path, "1.jpg", "2.jpg", *texts).entries] == ["cat", "dog"]
    folders = read(tmp_path, "cats/1.jpg", ("cats/1.txt", "a caption"), "dogs/2.jpg", ("dogs/2.txt", "another"))
    assert [entry.label for entry in folders.entries] == ["cats", "dogs"]


def test_json_about_something_else_leaves_class_folders_in_force(tmp_path: Path) -> None:
    source = read(tmp_path, "cats/1.jpg", ("cats/1.json", '{"camera": "old"}'), "dogs/2.jpg")
    assert [entry.label for entry in source.entries] == ["cats", "dogs"]


@pytest.mark.parametrize(
    ("sidecar", "words"),
    [
        (None, "has no 2.cls"),
        (("2.cls", ""), "it is empty"),
        (("2.cls", "cat\ndog"), "more than one line"),
        (("2.cls", b"\xff\xfe"), "'utf-8' codec"),
        (("2.cls", b"x" * (2**20 + 1)), "more than 1 MB"),
    ],
)
def test_an_image_without_a_class_is_a_finding(tmp_path: Path, sidecar: Any, words: str) -> None:
    source = read(tmp_path, "1.jpg", ("1.cls", "cat"), "2.jpg", *([sidecar] if sidecar else []))
    assert [entry.path for entry in source.entries] == ["1.jpg"]
    assert findings(source) == [("2.jpg", "missing")]
    assert words in source.findings[0].detail


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"label": null}', '{"label": 1.5}', '{"label": true}', "[1]", '{"label": "x", "split": "?"}'],
)
def test_json_that_says_no_class_is_a_finding(tmp_path: Path, text: str) -> None:
    source = read(tmp_path, "1.jpg", ("1.json", '{"label": "cat"}'), "2.jpg", ("2.json", text))
    assert findings(source) == [("2.jpg", "missing")]
    assert "2.json does not say its class" in source.findings[0].detail


def test_a_class_without_an_image_is_a_finding(tmp_path: Path) -> None:
    source = read(tmp_path, "1.jpg", ("1.cls", "cat"), ("2.cls", "dog"))
    assert findings(source) == [("2.cls", "unsupported")]


def test_nothing_that_can_be_understood(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looks like a WebDataset, but no class can be read.*it is empty"):
        read(tmp_path, "1.jpg", ("1.cls", ""))
    with pytest.raises(DataError, match="labels that are text and labels that are numbers"):
        read(tmp_path, "1.jpg", ("1.cls", "1"), "2.jpg", ("2.cls", "cat"))
