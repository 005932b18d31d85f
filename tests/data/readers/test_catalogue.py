import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.data.readers.catalogue import READERS, read_source
from evenhand.data.readers.source import Source, same_text, text_of
from evenhand.errors import DataError


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def read(data: Path, **options: Any) -> tuple[Source, tuple[str, ...]]:
    return read_source(data, data.parent / "scratch", **options)


def numbered(path: Path, labels: list[int], split: str = "") -> Path:
    """Write an .npz of small images with labels that are numbers."""
    images = np.zeros((len(labels), 2, 2), dtype=np.uint8)
    np.savez(path, **{f"{split}images": images, f"{split}labels": labels})
    return path


def test_every_ending_has_a_reader_in_any_case(tmp_path: Path) -> None:
    assert set(READERS) == {
        *(".csv", ".tsv", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".zip", ".parquet", ".tar", ".tgz", ".tar.gz")
    }
    path = tmp_path / "DATA.PKL"
    path.write_bytes(pickle.dumps([(np.zeros((2, 2)), "a")]))
    assert read(path)[1] == ("a",)


def test_classes_are_sorted_by_name_or_as_asked(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "b/1.png", "a/1.png", "C/1.png")
    assert read(data)[1] == ("C", "a", "b")
    assert read(data, classes=["b", "C", "a"])[1] == ("b", "C", "a")


def test_classes_that_are_not_asked_for_are_left_out_and_told(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "b/1.png", "a/1.png", "a/2.png", "c/1.png")
    source, classes = read(data, classes=["b", "c"])
    assert classes == ("b", "c")
    assert [entry.path for entry in source.entries] == ["b/1.png", "c/1.png"]
    assert source.notes == ("2 images are left out, of classes that are not among those asked for: a.",)


def test_a_misspelt_class_is_no_wish_to_leave_others_out(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "Cars/1.png", "Trucks/1.png")
    with pytest.raises(DataError, match=r"a class 'Trucks' \(in Trucks/1\.png\)\. Did you mean 'Truck'\?"):
        read(data, classes=["Cars", "Truck"])
    with pytest.raises(DataError, match="names a class twice"):
        read(data, classes=["Cars", "Cars"])
    with pytest.raises(DataError, match="a class 'Trucks'"):
        read(data, classes=["Cars"], closed=True)


def test_asked_for_classes_are_matched_whatever_way_accents_are_written(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "cafe\u0301/1.png", "tea/1.png")
    assert read(data, classes=["tea", "cafe\u0301"])[1] == ("tea", "caf\u00e9")


def test_test_images_that_lie_apart(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "a/1.png", "b/1.png", "b/x.txt")
    apart = tree(tmp_path / "apart", "a/1.png", "b/9.png", "b/y.txt")
    source, classes = read(data, test=apart)
    assert classes == ("a", "b")
    assert [(entry.path, entry.split) for entry in source.entries] == [
        ("a/1.png", "train"),
        ("b/1.png", "train"),
        ("test/a/1.png", "test"),
        ("test/b/9.png", "test"),
    ]
    assert [finding.path for finding in source.findings] == ["b/x.txt", "test/b/y.txt"]


def test_of_test_data_with_splits_the_test_split_is_used(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "train/a/1.png", "val/b/1.png")
    apart = tree(tmp_path / "apart", "train/a/1.png", "test/a/2.png")
    source, _ = read(data, test=apart)
    assert [(entry.path, entry.split) for entry in source.entries] == [
        ("train/a/1.png", "train"),
        ("val/b/1.png", "val"),
        ("test/test/a/2.png", "test"),
    ]
    assert source.notes == (f"Of the test data {apart}, only its test split is used.",)
    only_train = tree(tmp_path / "more", "train/a/1.png")
    assert [entry.split for entry in read(data, test=only_train)[0].entries] == ["train", "val", "test"]


def test_two_test_sets_are_one_too_many_and_none_is_too_few(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "train/a/1.png", "test/a/1.png")
    apart = tree(tmp_path / "apart", "a/1.png")
    with pytest.raises(DataError, match="a test split of its own"):
        read(data, test=apart)
    with pytest.raises(DataError, match="no images in the test data"):
        read(apart, test=tree(tmp_path / "empty", "a/1.txt"))


def test_a_class_that_only_the_test_images_have(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", "Cats/1.png", "Dogs/1.png")
    apart = tree(tmp_path / "apart", "Cats/1.png", "dogs/1.png")
    with pytest.raises(
        DataError, match=r"The test data .*apart has a class 'dogs' \(in test/dogs/1\.png\)\. Did you mean"
    ):
        read(data, test=apart)


def test_only_test_images_make_the_classes(tmp_path: Path) -> None:
    assert read(tree(tmp_path / "data", "test/b/1.png", "test/a/1.png"))[1] == ("a", "b")


def test_numbers_are_padded_alike_in_both_sets_and_to_the_classes_asked_for(tmp_path: Path) -> None:
    data = numbered(tmp_path / "data.npz", [*range(12)] * 2)
    apart = numbered(tmp_path / "apart.npz", [3, 4], "test_")
    source, classes = read(data, test=apart)
    assert classes[:3] == ("00", "01", "02")
    assert [entry.label for entry in source.entries if entry.split == "test"] == ["03", "04"]
    assert [entry.label for entry in read(apart, classes=classes, closed=True)[0].entries] == ["03", "04"]
    mixed = tree(tmp_path / "digits", "1/a.png", "10/a.png")
    assert read(mixed, classes=["1", "10"])[1] == ("1", "10")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dota", r"There is no .*dota\. Did you mean 'data'\?"),
        ("nowhere/data", r"There is no .*Check the path"),
        ("data/a/1.png", r"not a kind of data that is read. Known: a folder, \.csv"),
        ("data.7z", "not a kind of data that is read"),
        ("empty", "There are no images in .*empty"),
        ("texts", "no images .* 1 other file.* a/1.txt: .txt is no image format"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str, words: str) -> None:
    tree(tmp_path, "data/a/1.png", "texts/a/1.txt", "data.7z")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_a_place_that_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may look everywhere, so the refusal is made up."""

    def refusing(path: Path, **_: Any) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refusing)
    monkeypatch.setattr(Path, "exists", refusing)
    with pytest.raises(DataError, match="cannot be looked at: Permission denied"):
        read(tmp_path)


def test_a_device_is_no_data() -> None:
    if not Path("/dev/null").exists():
        pytest.skip("this system has no devices in its file tree")
    with pytest.raises(DataError, match="neither a folder nor an ordinary file"):
        read_source(Path("/dev/null"), Path("scratch"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cat", "cat"), ("قطة 😀\n", "قطة 😀\n"), ("caf\udce9", "caf\\xe9"), ("\ud83d", "\\xed\\xa0\\xbd"), ("", "")],
)
def test_names_as_text(name: str, expected: str) -> None:
    assert text_of(name) == expected
    text_of(name).encode()


def test_names_that_are_the_same_to_many_systems() -> None:
    assert same_text("CAFE\u0301") == same_text("caf\u00e9") == same_text("Caf\u00c9")
    assert same_text("cat") != same_text("cot")
