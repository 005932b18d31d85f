from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evenhand
from evenhand.errors import DataError

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
LABELS = ["cat", "dog", "cat", "cat", "dog", "cat"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folder(place: Path, name: str = "a") -> Path:
    for number, label in enumerate(LABELS):
        (place / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(PICTURES[number]).save(place / label / f"{name}{number}.png")
    return place


def test_a_folder_is_a_handle_that_counts(tmp_path: Path) -> None:
    found = evenhand.load(folder(tmp_path / "pictures"), test=str(folder(tmp_path / "apart")))
    assert found.counts == {"train": {"cat": 4, "dog": 2}, "test": {"cat": 4, "dog": 2}}
    assert len(found) == 12
    assert "train cat 4, dog 2; test cat 4, dog 2" in repr(found)
    assert evenhand.load(found) is found
    assert evenhand.load(found, classes=["dog", "cat"]).counts["train"] == {"dog": 2, "cat": 4}


@pytest.mark.parametrize("give", [lambda x, y: ((x, y),), lambda x, y: (x, y), lambda x, y: (x / 255, np.array(y))])
def test_arrays_are_a_handle_too(give: object) -> None:
    found = evenhand.load(*give(PICTURES, LABELS))  # type: ignore[operator]
    assert found.counts == {"train": {"cat": 4, "dog": 2}}
    assert found.path.parent == Path("evenhand-runs")


def test_the_same_arrays_are_written_once_and_others_elsewhere() -> None:
    first = evenhand.load(PICTURES, LABELS)
    stamp = first.path.stat().st_mtime_ns
    assert evenhand.load(PICTURES.copy(), list(LABELS)).path == first.path
    assert first.path.stat().st_mtime_ns == stamp
    assert evenhand.load(255 - PICTURES, LABELS).path != first.path
    assert evenhand.load(PICTURES, LABELS, keep="mine.npz").path == Path("mine.npz")


def test_numbers_have_the_names_of_the_classes_in_their_order() -> None:
    found = evenhand.load(PICTURES, [1, 0, 1, 1, 0, 1], classes=["dog", "cat"], test=(PICTURES, [0] * 5 + [1]))
    assert list(found.counts["train"].items()) == [("dog", 2), ("cat", 4)]
    assert found.counts["test"] == {"dog": 5, "cat": 1}


@pytest.mark.parametrize(
    ("give", "message"),
    [
        ((PICTURES,), "need their labels"),
        ((PICTURES, LABELS[:4]), "6 images and 4 labels"),
        (([PICTURES[0], PICTURES[1][:8]], LABELS[:2]), "differ in shape"),
        (("nowhere",), "There is no nowhere"),
        ((".", LABELS), "brings its own labels"),
    ],
)
def test_what_is_no_data_says_why(give: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evenhand.load(*give)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="another ending"):
        evenhand.load(PICTURES, LABELS, keep="mine.txt")


def test_a_notebook_is_shown_counts_and_pictures(tmp_path: Path) -> None:
    (folder(tmp_path / "pictures") / "cat" / "broken.png").write_bytes(b"nothing")
    (tmp_path / "pictures" / "<b>").mkdir()
    Image.fromarray(PICTURES[0]).save(tmp_path / "pictures" / "<b>" / "x.png")
    told = evenhand.load(tmp_path / "pictures")._repr_html_()
    assert "8 images of 3 classes" in told
    assert told.count("data:image/png;base64,") == 7, "all but the broken one"
    assert "&lt;b&gt;" in told
    assert "<b>" not in told
