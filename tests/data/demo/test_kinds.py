from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from evenhand.data.demo import clean_kinds, clean_set, long_tailed, make_demo, make_long_tailed
from evenhand.data.demo import kinds as demo_kinds
from evenhand.data.demo.kinds import BY_FREQUENCY, KINDS, kind_picture, profile
from evenhand.data.demo.pen import Dice
from evenhand.data.demo.scene import photograph
from evenhand.errors import UsageError


def _bytes(pixels: np.ndarray) -> set[bytes]:
    return {picture.tobytes() for picture in pixels}


def test_counts_fall_exponentially_from_the_largest_to_a_hundredth_of_it() -> None:
    # 1000 * 100 ** (-k / 9), by hand: every step divides by 1.668.
    assert list(profile(1000, 100).values()) == [1000, 599, 359, 215, 129, 77, 46, 28, 17, 10]
    assert list(profile(1000, 100)) == list(BY_FREQUENCY)
    assert sorted(BY_FREQUENCY) == list(KINDS)
    assert set(profile(20, 1).values()) == {20}
    assert min(profile(20, 100).values()) == 1


@pytest.mark.parametrize(("largest", "imbalance"), [(0, 100.0), (10, 0.5), (10, float("nan")), (10, float("inf"))])
def test_a_profile_out_of_range_is_refused(largest: int, imbalance: float) -> None:
    with pytest.raises(ValueError, match="at least"):
        long_tailed(largest, imbalance)


def test_the_long_tailed_set_has_the_counts_of_its_profile() -> None:
    pixels, labels, classes = long_tailed(30, 10, seed=1)
    assert pixels.shape == (len(labels), 32, 32, 3)
    assert pixels.dtype == np.uint8
    assert labels.dtype == np.int64
    assert {classes[label]: count for label, count in Counter(labels.tolist()).items()} == profile(30, 10)


def test_same_seed_same_pictures_and_a_larger_set_begins_with_a_smaller_one() -> None:
    pixels, labels, _ = long_tailed(10, 10, seed=1)
    again, _, _ = long_tailed(10, 10, seed=1)
    np.testing.assert_array_equal(pixels, again)
    more, more_labels, _ = long_tailed(20, 10, seed=1)
    for label in range(len(KINDS)):
        fewer = pixels[labels == label]
        np.testing.assert_array_equal(fewer, more[more_labels == label][: len(fewer)])
    assert not _bytes(pixels) & _bytes(long_tailed(10, 10, seed=2)[0])


def test_the_clean_set_is_balanced_and_shares_no_picture_with_any_other_set() -> None:
    pixels, labels, classes = clean_kinds(8, seed=3)
    np.testing.assert_array_equal(labels, np.repeat(np.arange(10), 8))
    assert classes == tuple(KINDS)
    np.testing.assert_array_equal(
        clean_kinds(2, seed=3)[0], pixels.reshape(10, 8, 32, 32, 3)[:, :2].reshape(20, 32, 32, 3)
    )
    others = [long_tailed(8, 1, seed=3)[0], clean_set(8, seed=3)[0]]
    for one, other in combinations([pixels, *others], 2):
        assert not _bytes(one) & _bytes(other)
    with pytest.raises(ValueError, match="At least one picture"):
        clean_kinds(0)


def test_the_folder_holds_the_profile_a_balanced_test_and_the_truth(tmp_path: Path) -> None:
    truth = make_long_tailed(tmp_path / "data", scale=0.08, seed=2)
    found = Counter(path.relative_to(truth.folder).parts[:2] for path in truth.folder.rglob("*.png"))
    assert {name: found["train", name] for name in KINDS} == {
        name: max(6, count) for name, count in profile(80, 100).items()
    }
    assert {name: found["test", name] for name in KINDS} == dict.fromkeys(KINDS, 8)
    assert truth.wrong == ()
    header, *lines = truth.truth.read_text(encoding="utf-8").splitlines()
    assert header == "path,given,true"
    assert [tuple(line.split(",")) for line in lines] == list(truth.rows)
    pictures = []
    for path, name, _ in truth.rows:
        with Image.open(truth.folder / path) as image:
            pictures.append(np.asarray(image))
        assert path.split("/")[1] == name
    assert len(_bytes(np.stack(pictures))) == len(truth.rows)
    np.testing.assert_array_equal(pictures[0], long_tailed(1, 1, seed=2)[0][0])


def test_the_same_folder_is_not_drawn_twice_and_another_set_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = make_long_tailed(tmp_path / "data", scale=0.001)
    monkeypatch.setattr(demo_kinds, "kind_picture", lambda *_: pytest.fail("drawn again"))
    assert make_long_tailed(tmp_path / "data", scale=0.001) == truth
    with pytest.raises(UsageError, match="something other"):
        make_demo(tmp_path / "data", scale=0.001)
    with pytest.raises(UsageError, match="scale must be"):
        make_long_tailed(tmp_path / "other", scale=0)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_kind_is_photographed_like_any_other_thing(name: str) -> None:
    first = kind_picture(name, 0, 1, 2)
    np.testing.assert_array_equal(first, photograph(KINDS[name], Dice(100 + list(KINDS).index(name), 0, 1, 2)))
    assert (first != kind_picture(name, 0, 1, 3)).mean() > 0.5


def test_no_straight_line_through_the_pixels_tells_the_kinds_apart() -> None:
    # A linear model must see something, or nothing could be learnt, and stay far below a network.
    (pixels, labels, _), (unseen, truth, _) = clean_kinds(80, seed=1), clean_kinds(40, seed=2)
    flat, held = (images.reshape(len(images), -1) / 255 for images in (pixels, unseen))
    accuracy = LogisticRegression(C=0.01, max_iter=500).fit(flat, labels).score(held, truth)
    assert 0.15 < accuracy < 0.5
