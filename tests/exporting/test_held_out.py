from pathlib import Path

import numpy as np
import pytest

from evenhand.data.readers.source import FileImage
from evenhand.errors import DataError
from evenhand.exporting.held_out import as_evaluated, held_out, raw
from handed_over import picture_folder


@pytest.mark.parametrize(
    ("splits", "chosen"),
    [(("train", "dev", "test"), "test"), (("train", "val"), "val"), (("train",), "train")],
)
def test_test_images_come_first_then_validation_then_all(tmp_path: Path, splits: tuple[str, ...], chosen: str) -> None:
    for split in splits:
        picture_folder(tmp_path / "data" / split, {"a": 2, "b": 3})
    found = held_out(tmp_path / "data", tmp_path / "scratch", ("b", "a"))
    assert (len(found), found.split) == (5, chosen)
    assert found.labels.tolist() == [1, 1, 0, 0, 0]
    assert len(found.training) == (0 if chosen == "train" else 5)


def test_a_limit_is_spread_over_all(tmp_path: Path) -> None:
    picture_folder(tmp_path / "data", {"a": 8, "b": 8})
    found = held_out(tmp_path / "data", tmp_path / "scratch", ("a", "b"), limit=4)
    assert np.bincount(found.labels).tolist() == [2, 2]
    assert len(held_out(tmp_path / "data", tmp_path / "scratch", ("a", "b"), limit=99)) == 16


def test_both_ways_of_reading_give_the_same_pixels_and_leave_out_the_same_files(tmp_path: Path) -> None:
    picture_folder(tmp_path / "data", {"a": 5, "b": 4}, sizes=((31, 47), (16, 16), (90, 20)))
    (tmp_path / "data/a/0002.bmp").write_bytes(b"no picture")
    found = held_out(tmp_path / "data", tmp_path / "scratch", ("a", "b"))
    pixels, places = as_evaluated(found, (16, 24), tmp_path / "scratch")
    read = [raw(locator, (16, 24)) for locator in found.locators]
    assert [place for place, one in enumerate(read) if one is not None] == places.tolist()
    assert len(places) == 8
    np.testing.assert_array_equal(pixels, np.stack([one for one in read if one is not None]))


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    picture_folder(tmp_path / "data", {"a": 2, "c": 2})
    with pytest.raises(DataError, match="class 'c'"):
        held_out(tmp_path / "data", tmp_path / "scratch", ("a", "b"))
    (tmp_path / "broken/a").mkdir(parents=True)
    (tmp_path / "broken/a/1.png").write_bytes(b"")
    found = held_out(tmp_path / "broken", tmp_path / "scratch", ("a", "b"))
    with pytest.raises(DataError, match=r"None of the 1 images.*1\.png"):
        as_evaluated(found, (16, 16), tmp_path / "scratch")
    assert raw(FileImage(tmp_path / "absent.png"), (8, 8)) is None
