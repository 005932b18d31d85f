"""Another kind of picture is told from the others by its company; so is a stranger in a network's features."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from evenhand.auditing.odd_images import odd_images
from evenhand.auditing.unrelated import CLIPPED, COMPARED, NEAREST, descriptors, strangeness
from evenhand.data.demo import clean_set
from evenhand.data.manifest import Dataset, Manifest
from evenhand.records.values import Pixels

REAL = Path(__file__).parents[2].parent / "shared/data/car-truck-cat"
SIDE = 512


def page(random: np.random.Generator) -> Image.Image:
    """A page of text, as a scanner sees it."""
    image = Image.new("RGB", (SIDE, SIDE), (252, 251, 247))
    pen = ImageDraw.Draw(image)
    top = 30
    while top < SIDE - 30:
        left = 40
        while left < SIDE - 40:
            right = left + int(random.integers(12, 50))
            pen.rectangle([left, top, min(right, SIDE - 40), top + 8], fill=(30, 30, 30))
            left = right + 10
        top += 18 if random.random() > 0.15 else 40
    return image


def chart(random: np.random.Generator) -> Image.Image:
    """Three lines over time."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    pen.line([60, 30, 60, SIDE - 60, SIDE - 30, SIDE - 60], fill="black", width=3)
    for colour in ("#1f77b4", "#d62728", "#2ca02c"):
        height = np.clip(random.integers(100, 400) + random.normal(0, 18, 36).cumsum(), 0, SIDE - 80)
        pen.line(list(zip(range(60, SIDE - 30, 12), height.tolist(), strict=False)), fill=colour, width=5)
    return image


def screen(random: np.random.Generator) -> Image.Image:
    """A program's window."""
    image = Image.new("RGB", (SIDE, SIDE), (245, 246, 248))
    pen = ImageDraw.Draw(image)
    pen.rectangle([0, 0, SIDE, 40], fill=(40, 90, 160))
    pen.rectangle([0, 40, 110, SIDE], fill=(230, 232, 236))
    for line in range(8):
        pen.rectangle([14, 60 + 40 * line, 90, 72 + 40 * line], fill=(120, 125, 130))
    for top in range(60, 420, 140):
        pen.rectangle([130, top, SIDE - 20, top + 120], fill="white", outline=(200, 200, 200))
        pen.rectangle([145, top + 15, 280, top + 30], fill=(50, 50, 60))
        for line in range(top + 45, top + 100, 16):
            pen.rectangle([145, line, int(random.integers(300, 470)), line + 7], fill=(150, 150, 155))
    return image


def noise(random: np.random.Generator) -> Image.Image:
    return Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8))


KINDS = {"page": page, "chart": chart, "screen": screen, "noise": noise}


def strangers(count: int = 1, seed: int = 5) -> Pixels:
    """`count` pictures of each kind, as small as the others."""
    random = np.random.default_rng(seed)
    drawn = [draw(random) for draw in KINDS.values() for _ in range(count)]
    return np.stack([np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)) for image in drawn])


def dataset(images: Pixels) -> Dataset:
    numbers = np.arange(len(images), dtype=np.int64)
    names = tuple(f"{number:04d}.png" for number in numbers)
    split = np.full(len(images), "train")
    return Dataset(Manifest(("a",), names, names, names, split, 0 * numbers, 0 * numbers, numbers), images)


def of_another_kind(images: Pixels) -> list[int]:
    return [int(image.path[:4]) for image in odd_images(dataset(images)) if image.reason == "another kind of picture"]


@pytest.fixture(scope="module")
def real() -> dict[str, Pixels]:
    if not REAL.exists():
        pytest.skip("the reference study's data is not beside this checkout")
    return {
        split: np.stack(
            [np.asarray(Image.open(file).convert("RGB")) for file in sorted((REAL / split).glob("*/*.png"))]
        )
        for split in ("train", "dev", "clean")
    }


@pytest.mark.parametrize("split", ["train", "dev", "clean"])
def test_ordinary_photographs_have_next_to_no_stranger(real: dict[str, Pixels], split: str) -> None:
    assert len(of_another_kind(real[split])) <= 1


@pytest.mark.parametrize("split", ["train", "dev", "clean"])
def test_strangers_among_photographs_are_named(real: dict[str, Pixels], split: str) -> None:
    images = np.concatenate([real[split], strangers()])
    assert set(range(len(real[split]), len(images))) <= set(of_another_kind(images))


def test_a_few_strangers_of_one_kind_do_not_hide_each_other(real: dict[str, Pixels]) -> None:
    images = np.concatenate([real["train"], strangers(3)])
    assert set(range(len(real["train"]), len(images))) <= set(of_another_kind(images))


def test_strangers_among_drawings() -> None:
    drawn, _ = clean_set(300, seed=8)
    assert len(of_another_kind(drawn)) <= 1
    found = of_another_kind(np.concatenate([drawn, strangers()[[0, 3]]]))
    assert {len(drawn), len(drawn) + 1} <= set(found)
    # As many pages as there are drawings of one thing are a kind of their own.
    many = np.concatenate([drawn, strangers(300)[:300]])
    assert len(of_another_kind(many)) <= 2


def test_features_of_a_network_take_the_place_of_pixels() -> None:
    random = np.random.default_rng(0)
    features = (random.normal(size=(400, 16)) + 4 * random.integers(0, 2, (400, 1))).astype(np.float32)
    features[7] = 30
    images = np.repeat(clean_set(134, seed=1)[0][:1], 400, axis=0) // 2
    told = odd_images(dataset(images), features=features)
    assert [(image.path, image.reason) for image in told] == [("0007.png", "another kind of picture")]
    assert "times as far as usual" in told[0].detail


def test_images_without_features_are_not_judged() -> None:
    features = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    features[4] = 50
    features[5] = np.nan
    score, times = strangeness(features)
    assert score.argmax() == 4
    assert (score[5], times[5]) == (0, 1)
    whole, _ = strangeness(np.delete(features, 5, axis=0))
    np.testing.assert_allclose(np.delete(score, 5), whole)


def test_distances_are_those_of_the_formula() -> None:
    """On a line, in one direction, with even gaps but for one: written out by hand."""
    places = np.concatenate([np.arange(101.0), [130.0]])
    score, times = strangeness(places[:, None])
    fifth = np.sort(np.abs(places[:, None] - places), axis=1)[:, NEAREST]
    np.testing.assert_allclose(times, fifth / np.median(fifth), rtol=1e-6)
    # More than half the distances are the median itself: the least spread counts.
    np.testing.assert_allclose(score, np.log(times) / 0.15, atol=1e-9)


def test_one_figure_alone_cannot_say_everything() -> None:
    features = np.random.default_rng(0).normal(size=(200, 5))
    scores = []
    for far in (1e2, 1e6):
        features[0, 0] = far
        scores.append(strangeness(features)[0][0])
    assert scores[0] == pytest.approx(scores[1])
    assert CLIPPED < 1e2


@pytest.mark.parametrize("count", [0, 1, NEAREST + 1])
def test_of_a_few_images_nothing_is_said(count: int) -> None:
    score, times = strangeness(np.arange(3.0 * count).reshape(count, 3))
    assert (score.tolist(), times.tolist()) == ([0] * count, [1] * count)


def test_images_that_are_all_the_same_are_no_strangers() -> None:
    score, _ = strangeness(np.ones((60, 4)))
    assert (score == 0).all()


def test_large_data_are_compared_with_a_part_of_themselves() -> None:
    features = np.random.default_rng(0).normal(size=(3 * COMPARED, 3))
    features[5] = 40
    score, _ = strangeness(features)
    assert score.argmax() == 5
    assert np.isfinite(score).all()


@pytest.mark.parametrize("size", [(1, 1), (9, 5), (40, 70)])
def test_any_size_is_described(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, *size, 3), dtype=np.uint8)
    found = descriptors(np.concatenate([images, np.zeros_like(images), np.full_like(images, 255)]))
    assert found.shape == (15, 39)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert len(descriptors(images[:0])) == 0
