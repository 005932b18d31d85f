import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from evenhand.data.demo import DemoTruth, clean_set, make_demo
from evenhand.data.demo import folder as demo_folder
from evenhand.data.demo.broken import BROKEN
from evenhand.errors import EvenhandError, UsageError

SMALL = 0.02


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> DemoTruth:
    return make_demo(tmp_path_factory.mktemp("demo") / "data", scale=SMALL, seed=3)


def _pixels(truth: DemoTruth, path: str) -> np.ndarray:
    with Image.open(truth.folder / path) as image:
        return np.asarray(image)


def _counted(rows: tuple[tuple[str, str, str], ...]) -> Counter[tuple[str, str, str]]:
    return Counter((path.split("/")[0], given, true) for path, given, true in rows)


def test_scale_one_has_the_counts_of_the_reference_study() -> None:
    entries = demo_folder._planned(1.0, 0)
    assert _counted(tuple((entry.path, entry.given, entry.true) for entry in entries)) == {
        ("train", "Cars", "Cars"): 4497,
        ("train", "Cars", "Cats"): 452,
        ("train", "Cats", "Cats"): 227,
        ("train", "Trucks", "Trucks"): 449,
        ("test", "Cars", "Cars"): 503,
        ("test", "Cars", "Cats"): 48,
        ("test", "Cats", "Cats"): 23,
        ("test", "Trucks", "Trucks"): 51,
    }


def test_a_small_scale_keeps_a_handful_of_everything(small: DemoTruth) -> None:
    assert _counted(small.rows) == {
        ("train", "Cars", "Cars"): 90,
        ("train", "Cars", "Cats"): 9,
        ("train", "Cats", "Cats"): 12,
        ("train", "Trucks", "Trucks"): 12,
        ("test", "Cars", "Cars"): 8,
        ("test", "Cars", "Cats"): 3,
        ("test", "Cats", "Cats"): 6,
        ("test", "Trucks", "Trucks"): 6,
    }
    assert len(small.wrong) == 12
    tiny = demo_folder._planned(1e-6, 0)
    assert len(tiny) == 3 * 12 + 3 * 6
    assert sum(bool(entry.copy_of) for entry in tiny) == 8


def test_the_truth_names_every_readable_file_and_the_folder_holds_nothing_else(small: DemoTruth) -> None:
    found = {str(path.relative_to(small.folder).as_posix()) for path in small.folder.rglob("*") if path.is_file()}
    assert found == {path for path, _, _ in small.rows} | set(small.broken) | {"truth.csv"}
    header, *lines = small.truth.read_text(encoding="utf-8").splitlines()
    assert header == "path,given,true"
    assert [tuple(line.split(",")) for line in lines] == list(small.rows)
    for path, given, _ in small.rows:
        assert path.split("/")[1] == given
        assert _pixels(small, path).shape == (32, 32, 3)


def test_names_and_order_do_not_betray_the_wrong_labels() -> None:
    cars = [entry for entry in demo_folder._planned(1.0, 0) if entry.path.startswith("train/Cars")]
    places = [row for row, entry in enumerate(cars) if entry.true == "Cats"]
    assert 0.45 < np.mean(places) / len(cars) < 0.55
    assert {entry.path[: len("train/Cars/car_")] for entry in cars} == {"train/Cars/car_"}


def test_same_seed_same_bytes_and_another_seed_others(small: DemoTruth, tmp_path: Path) -> None:
    def digests(truth: DemoTruth) -> dict[str, str]:
        return {path: hashlib.sha256((truth.folder / path).read_bytes()).hexdigest() for path, _, _ in truth.rows}

    again = make_demo(tmp_path / "again", scale=SMALL, seed=3)
    other = make_demo(tmp_path / "other", scale=SMALL, seed=4)
    assert digests(again) == digests(small)
    assert again.truth.read_bytes() == small.truth.read_bytes()
    assert not set(digests(other).values()) & set(digests(small).values())


def test_only_the_planted_duplicates_share_pixels(small: DemoTruth) -> None:
    groups: dict[bytes, set[str]] = {}
    for path, _, _ in small.rows:
        groups.setdefault(_pixels(small, path).tobytes(), set()).add(path)
    assert {frozenset(group) for group in groups.values() if len(group) > 1} == {
        frozenset(pair) for pair in small.duplicates
    }
    given = {path: label for path, label, _ in small.rows}
    assert len(small.duplicates) == 5
    assert sum(given[first] != given[second] for first, second in small.duplicates) == 1
    assert sum(first.split("/")[0] != second.split("/")[0] for first, second in small.duplicates) == 2


def test_near_duplicates_look_alike_and_are_not_the_same(small: DemoTruth) -> None:
    assert len(small.near_duplicates) == 3
    for first, second in small.near_duplicates:
        left, right = (_pixels(small, path).astype(float) for path in (first, second))
        gap = min(np.abs(left - right).mean(), np.abs(left[:, :-1] - right[:, 1:]).mean())
        assert np.abs(left - right).mean() > 0
        assert gap < 12
    first, second = (
        _pixels(small, path).astype(float) for path in ("train/Cars/car_0000.png", "train/Cars/car_0001.png")
    )
    assert np.abs(first - second).mean() > 12


def test_every_broken_file_breaks_pillow_in_its_own_way(small: DemoTruth) -> None:
    expected = {
        "truncated": (OSError, "truncated"),
        "empty": (UnidentifiedImageError, "cannot identify"),
        "unreadable": (UnidentifiedImageError, "cannot identify"),
        "unsupported": (UnidentifiedImageError, "cannot identify"),
        "oversized": (Image.DecompressionBombError, "decompression bomb"),
    }
    assert sorted(small.broken.values()) == sorted(expected)
    for path, kind in small.broken.items():
        error, words = expected[kind]
        with pytest.raises(error, match=words), Image.open(small.folder / path) as image:
            image.load()
    assert (small.folder / "train/Cars/car_empty.png").stat().st_size == 0
    assert max((small.folder / path).stat().st_size for path in small.broken) < 4000


def test_the_same_demo_set_is_not_drawn_twice(small: DemoTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(demo_folder, "picture", never)
    assert make_demo(small.folder, scale=SMALL, seed=3) == small


def test_an_interrupted_demo_set_is_absent_and_then_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "data"
    monkeypatch.setitem(BROKEN, "test/Cars/car_huge.png", ("oversized", lambda: 1 // 0 or b""))
    with pytest.raises(ZeroDivisionError):
        make_demo(out, scale=1e-6)
    assert not out.exists()
    monkeypatch.undo()
    out.mkdir()
    assert make_demo(out, scale=1e-6).truth.is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_with_something_else_is_left_alone(small: DemoTruth, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(UsageError, match="something other"):
        make_demo(tmp_path, scale=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]
    with pytest.raises(UsageError, match="something other"):
        make_demo(small.folder, scale=SMALL, seed=4)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(EvenhandError, match="Could not write"):
        make_demo(tmp_path / "file" / "data", scale=1e-6)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1000.0])
def test_a_scale_out_of_range_is_refused(scale: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scale must be"):
        make_demo(tmp_path / "data", scale=scale)
    with pytest.raises(UsageError, match="seed must not"):
        make_demo(tmp_path / "data", seed=-1)


def test_clean_set_is_balanced_and_a_larger_one_begins_with_a_smaller_one() -> None:
    pixels, labels = clean_set(6, seed=1)
    assert pixels.shape == (18, 32, 32, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], 6))
    fewer, _ = clean_set(2, seed=1)
    np.testing.assert_array_equal(fewer, pixels[[0, 1, 6, 7, 12, 13]])
    with pytest.raises(ValueError, match="At least one picture"):
        clean_set(0)


def test_clean_set_shares_no_picture_with_the_demo_set(small: DemoTruth) -> None:
    pixels, _ = clean_set(20, seed=3)
    drawn = {_pixels(small, path).tobytes() for path, _, _ in small.rows}
    assert not drawn & {image.tobytes() for image in pixels}
