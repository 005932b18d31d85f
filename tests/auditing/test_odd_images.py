"""Odd images: each kind is named, and an ordinary data set has next to none."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from evenhand.auditing import near_duplicates
from evenhand.auditing.odd_images import looks, odd_images
from evenhand.data.demo import clean_set
from evenhand.data.manifest import Dataset, Manifest
from evenhand.records import OddImage, Pixels

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
    assert listed == [OddImage("0300.png", "val", "blank", 10.0), OddImage("0301.png", "val", "blank", 1.5)]
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
