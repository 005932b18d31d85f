"""Odd images: each kind is named, and an ordinary data set has next to none."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from evenhand.auditing import near_duplicates
from evenhand.auditing.odd_images import looks, odd_images
from evenhand.data.demo import clean_set
from evenhand.data.manifest import Dataset, Manifest
from evenhand.disk import read_table
from evenhand.records.audit import OddImage
from evenhand.records.values import Pixels

DRAWN, _ = clean_set(100, seed=8)


def dataset(images: Pixels, split: str = "train") -> Dataset:
    numbers = np.arange(len(images), dtype=np.int64)
    names = tuple(f"{number:04d}.png" for number in numbers)
    listing = Manifest(("a",), names, names, names, np.full(len(images), split), 0 * numbers, 0 * numbers, numbers)
    return Dataset(listing, images)


def found(images: Pixels) -> dict[int, str]:
    return {int(image.path[:4]): image.reason for image in odd_images(dataset(images))}


def with_odd(*odd: Pixels) -> Pixels:
    return np.concatenate([DRAWN, np.stack(odd)])


def blurred(image: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def test_an_ordinary_data_set_has_hardly_an_odd_image() -> None:
    assert len(found(DRAWN)) <= 0.005 * len(DRAWN)


def test_each_kind_is_named() -> None:
    random = np.random.default_rng(0)
    grey = np.full((32, 32, 3), 128, dtype=np.uint8)
    speckled = (grey + random.integers(-2, 3, grey.shape)).astype(np.uint8)
    plain = DRAWN[DRAWN.std(axis=(1, 2, 3)).argmax()]
    dark = (plain * 0.12).astype(np.uint8)
    bright = (255 - (255 - plain.astype(int)) * 0.12).astype(np.uint8)
    sign = np.full((32, 32, 3), 128, dtype=np.uint8)
    sign[10:14, 8:12] = 20
    named = found(with_odd(grey, speckled, dark, bright, sign))
    assert {row: reason for row, reason in named.items() if row >= len(DRAWN)} == {
        300: "blank", 301: "blank", 302: "very dark", 303: "very bright", 304: "hardly any content",
    }  # fmt: skip


def test_blurred_pictures_are_named_among_sharp_ones() -> None:
    random = np.random.default_rng(1)
    sharp = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((48, 48)))
            for image in random.integers(0, 256, (200, 24, 24, 3), dtype=np.uint8)
        ]
    )
    sharp[:3] = [blurred(image, 4) for image in sharp[:3]]
    assert found(sharp) == dict.fromkeys(range(3), "blurred")


def test_every_reason_comes_with_its_number() -> None:
    random = np.random.default_rng(1)
    sharp = random.integers(0, 256, (100, 48, 48, 3), dtype=np.uint8)
    sharp[0] = blurred(sharp[0], 2)
    sharp[1] = sharp[1] // 10
    sharp[2] = 255 - sharp[2] // 10
    sharp[3] = 128
    sharp[3, 20:24, 20:24] = 20
    sizes = np.full((100, 2), 48)
    sizes[:20] = (30, 60)
    sizes[50], sizes[51] = (20, 100), (300, 40)
    told = {int(image.path[:4]): (image.reason, image.detail) for image in odd_images(dataset(sharp), sizes)}
    assert {row: reason for row, (reason, _) in told.items()} == {
        0: "blurred", 1: "very dark", 2: "very bright", 3: "hardly any content", 50: "very wide", 51: "very high",
    }  # fmt: skip
    details = dict(told.values())
    assert re.fullmatch(r"\d{2,} times less fine detail than usual", details["blurred"])
    assert details["very dark"] == "19 of 20 pixels are darker than grey level 20 of 255"
    assert details["very bright"] == "19 of 20 pixels are brighter than grey level 235 of 255"
    assert re.fullmatch(r"0\.1 bits of information a pixel, where 4\.\d are usual", details["hardly any content"])
    usual = "nearly all others have 1 to 2"
    assert details["very wide"] == f"100x20 pixels (width x height): the ratio is 5, {usual}"
    assert details["very high"] == f"40x300 pixels (width x height): the ratio is 0.13, {usual}"


def shapes(*sizes: tuple[int, int], usual: tuple[tuple[int, int], ...] = ((300, 400),)) -> dict[int, float]:
    """Of a hundred pictures of usual shapes and some others: which are odd, and how much."""
    listed = [*(usual[number % len(usual)] for number in range(100)), *sizes]
    images = np.random.default_rng(0).integers(0, 256, (len(listed), 16, 16, 3), dtype=np.uint8)
    found = odd_images(dataset(images), np.array(listed))
    return {int(image.path[:4]): image.score for image in found if image.reason in ("very wide", "very high")}


def test_a_shape_is_odd_beside_the_others_only() -> None:
    assert shapes((300, 800), (300, 790), (300, 1600), (840, 300)) == {100: 1.0, 102: 2.0, 103: 1.9}
    assert shapes((400, 300), (100, 100), (1080, 1920)) == {}  # upright, square and cinema: no need to be told
    # Where panoramas and columns are usual, neither is odd.
    assert shapes((100, 1000), (1000, 100), usual=((100, 900), (900, 100))) == {}


def test_a_set_of_night_shots_has_no_dark_pictures() -> None:
    assert "very dark" not in found((DRAWN * 0.15).astype(np.uint8)).values()


def test_what_is_usual_cannot_be_told_from_a_few_images() -> None:
    few = np.concatenate([DRAWN[:20], np.zeros((1, 32, 32, 3), dtype=np.uint8), (DRAWN[:1] * 0.08).astype(np.uint8)])
    assert found(few) == {20: "blank"}
    assert found(few[:0]) == {}


def test_the_oddest_come_first_with_their_split_and_a_score_from_one_on() -> None:
    images = with_odd(np.full((32, 32, 3), 9, dtype=np.uint8), np.full((32, 32, 3), 9, dtype=np.uint8))
    images[-1, ::2] += 4
    listed = [image for image in odd_images(dataset(images, "val")) if image.reason == "blank"]
    assert listed == [
        OddImage("0300.png", "val", "blank", 10.0, "its contrast is 0.0 grey levels of 256"),
        OddImage("0301.png", "val", "blank", 1.5, "its contrast is 2.0 grey levels of 256"),
    ]
    scores = [image.score for image in odd_images(dataset(images))]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 1


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (40, 30)])
def test_any_size_of_image_will_do(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, *size, 3), dtype=np.uint8)
    seen = looks(images)
    assert all(np.isfinite(column).all() for column in vars(seen).values())
    assert set(found(images).values()) <= {"blank"}


def test_what_is_measured_of_hand_made_images() -> None:
    images = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    images[1, :2] = 200
    seen = looks(images)
    np.testing.assert_allclose(seen.brightness, [0, 100], atol=0.1)
    np.testing.assert_allclose(seen.contrast, [0, 100], atol=0.1)
    np.testing.assert_allclose(seen.information, [0, 1], atol=1e-5)
    np.testing.assert_allclose(seen.low, [0, 0])
    np.testing.assert_allclose(seen.high, [0, 200])


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = looks(DRAWN)
    monkeypatch.setattr(near_duplicates, "_CHUNK_BYTES", 7 * DRAWN[0].size)
    for name, column in vars(looks(DRAWN)).items():
        np.testing.assert_allclose(column, getattr(whole, name), rtol=1e-5, err_msg=name)


def test_an_audit_measures_pictures_as_they_lie_on_the_disk(evenhand: Callable[..., Any], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        size = (120, 20) if number == 7 else (24, 24)
        place = tmp_path / "data" / "ab"[number == 0] / f"{number:02}.png"  # one of a kind: no labels are judged
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(place)
    assert evenhand("audit", tmp_path / "data", "--out", tmp_path / "run", "--preset", "quick").code == 0
    (wide,) = [row for row in read_table(tmp_path / "run/audit/odd_images.csv") if row["reason"] == "very wide"]
    assert wide["path"] == "a/07.png"
    assert wide["detail"].startswith("120x20 pixels (width x height): the ratio is 6, nearly all others have 1")
    report = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "120x20 pixels (width x height)" in report
