"""Near-duplicates: copies are found whatever was done to them, and different pictures are not grouped."""

import io
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits

from evenhand.auditing import near_duplicates
from evenhand.auditing.duplicates import joined
from evenhand.auditing.near_duplicates import agreement, near_pairs, thumbnails
from evenhand.data.demo import clean_set
from evenhand.records.values import Pixels

DRAWN, _ = clean_set(40, seed=5)


def jpeg(image: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resized(image: Pixels, side: int) -> Pixels:
    other = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(other.resize(image.shape[1::-1], Image.Resampling.BICUBIC))


def light(image: Pixels, factor: float, more: float = 0.0) -> Pixels:
    return np.clip(np.rint(image * factor + more), 0, 255).astype(np.uint8)


def grainy(image: Pixels, most: int) -> Pixels:
    grain = np.random.default_rng(image[3, 3].tolist()).integers(-most, most + 1, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg 60": lambda image: jpeg(image, 60),
    "jpeg 95": lambda image: jpeg(image, 95),
    "smaller": lambda image: resized(image, 24),
    "larger": lambda image: resized(image, 48),
    "brighter": lambda image: light(image, 1.1),
    "darker": lambda image: light(image, 0.9),
    "lifted": lambda image: light(image, 1.0, 12),
    "less contrast": lambda image: light(image, 0.8, 25),
    "grainy": lambda image: grainy(image, 4),
    "mirrored": lambda image: image[:, ::-1],
    "mirrored and jpeg": lambda image: jpeg(np.ascontiguousarray(image[:, ::-1]), 75),
}


def pairs(images: Pixels) -> set[tuple[int, int]]:
    return {(one, other) for one, other in near_pairs(images).tolist()}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copies_are_found_and_nothing_else(change: Callable[[Pixels], Pixels]) -> None:
    copies = np.stack([change(image) for image in DRAWN])
    found = pairs(np.concatenate([DRAWN, copies]))
    wanted = {(row, row + len(DRAWN)) for row in range(len(DRAWN))}
    assert found <= wanted
    # More light may leave nothing of a bright picture; otherwise every copy is found.
    assert len(found) >= 0.99 * len(wanted)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (-1, 1), (0, -1)])
def test_pictures_moved_by_a_pixel_are_found(down: int, right: int) -> None:
    moved = np.stack(
        [np.roll(np.pad(image, ((2, 2), (2, 2), (0, 0)), "edge"), (down, right), (0, 1)) for image in DRAWN]
    )
    found = pairs(np.concatenate([DRAWN, moved[:, 2:-2, 2:-2]]))
    wanted = {(row, row + len(DRAWN)) for row in range(len(DRAWN))}
    assert found <= wanted
    assert len(found) >= 0.95 * len(wanted)


def test_different_drawings_are_not_grouped() -> None:
    assert len(near_pairs(clean_set(300, seed=6)[0])) == 0


@pytest.mark.parametrize("size", [(32, 32), (8, 8), (28, 20), (100, 60), (1, 1)])
def test_any_size_of_image_will_do(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    images = np.stack([np.asarray(Image.fromarray(image).resize(size[::-1])) for image in coarse])
    images[7] = light(images[20], 0.95)
    assert pairs(images) == (set() if size == (1, 1) else {(7, 20)})


def test_images_of_nearly_one_colour_are_no_pairs() -> None:
    random = np.random.default_rng(0)
    flat = np.repeat(random.integers(20, 230, (60, 1, 1, 3)), 32, axis=1).repeat(32, axis=2)
    assert len(near_pairs((flat + random.integers(-2, 3, flat.shape)).astype(np.uint8))) == 0
    assert len(near_pairs(np.zeros((40, 32, 32, 3), dtype=np.uint8))) == 0


def test_no_image_and_one_image_have_no_pairs() -> None:
    for count in (0, 1):
        found = near_pairs(DRAWN[:count])
        assert found.shape == (0, 2)
        assert found.dtype == np.int64


def test_a_symmetric_image_is_no_pair_of_its_own() -> None:
    half = DRAWN[:6, :, :16]
    assert len(near_pairs(np.concatenate([half, half[:, :, ::-1]], axis=2))) == 0


def test_only_the_first_of_the_same_pixels_is_looked_at() -> None:
    images = np.concatenate([DRAWN[:5], DRAWN[:5], light(DRAWN[:1], 0.95)])
    same = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 10])
    assert near_pairs(images, same).tolist() == [[0, 10]]


def test_very_many_copies_of_one_picture_are_compared_with_the_nearest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    look = near_duplicates.agreement
    monkeypatch.setattr(near_duplicates, "agreement", lambda *two: (compared.append(len(two[0])), look(*two))[1])
    many = np.stack([light(DRAWN[0], 1 - step / 400) for step in range(150)])
    found = near_pairs(many)
    assert sum(compared) <= len(many) * near_duplicates.NEAREST
    assert set(found.ravel().tolist()) == set(range(len(many)))


def test_pictures_that_are_all_of_one_kind_do_not_hang_together_in_one_group() -> None:
    """Two different handwritten ones look like copies of each other; a thousand digits must not become one group."""
    digits = np.repeat(load_digits().images[..., None], 3, axis=3).astype(np.uint8) * 15
    found = near_pairs(digits)
    assert 0 < np.bincount(joined(len(digits), found.tolist())).max() <= 50
    few = near_pairs(digits[:100])
    assert len(few) > 0
    # Few images are no chain, however many of them there are.
    assert {tuple(pair) for pair in few.tolist()} >= {tuple(pair) for pair in found.tolist() if max(pair) < 100}


@examples(max_examples=15)
@given(st.permutations(range(12)), st.integers(0, 9))
def test_copies_are_found_in_any_order_and_among_any_others(order: list[int], others: int) -> None:
    images = np.concatenate([DRAWN[:6], np.stack([jpeg(image, 70) for image in DRAWN[:6]])])
    mixed = np.concatenate([images[order], DRAWN[20 : 20 + others]])
    place = {row: position for position, row in enumerate(order)}
    assert pairs(mixed) == {tuple(sorted((place[row], place[row + 6]))) for row in range(6)}


@examples(max_examples=15)
@given(st.lists(st.integers(0, 119), min_size=2, max_size=12, unique=True))
def test_a_pair_does_not_depend_on_what_else_is_there(rows: list[int]) -> None:
    changed = np.stack([light(DRAWN[row], 0.93) for row in rows])
    alone = [pairs(np.stack([DRAWN[row], copy])) for row, copy in zip(rows, changed, strict=True)]
    together = pairs(np.concatenate([DRAWN[rows], changed]))
    assert together == {(place, place + len(rows)) for place, found in enumerate(alone) if found}
    assert all(alone)


def test_thumbnails_average_whole_areas() -> None:
    image = np.zeros((1, 64, 48, 3), dtype=np.uint8)
    image[0, :4, :3] = (100, 40, 8)
    image[0, :2, :3, 0] = 200
    small = thumbnails(image)
    assert small.shape == (1, 16, 16, 3)
    assert small[0, 0, 0].tolist() == [150, 40, 8]
    assert small.sum() == 198


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = thumbnails(DRAWN)
    monkeypatch.setattr(near_duplicates, "_CHUNK_BYTES", 7 * DRAWN[0].size)
    monkeypatch.setattr(near_duplicates, "_PAIRS", 3)
    np.testing.assert_array_equal(thumbnails(DRAWN), whole)
    copies = np.stack([light(image, 0.9) for image in DRAWN[:20]])
    assert len(near_pairs(np.concatenate([DRAWN, copies]))) == 20


def test_agreement_knows_copies_from_other_drawings() -> None:
    fine = thumbnails(DRAWN[:12], 32).astype(np.float32)
    one, other = (np.array(side) for side in zip(*combinations(range(12), 2), strict=True))
    form, detail = agreement(fine[one], fine[other])
    assert ((form < 0.95) | (detail < 0.85)).all()
    form, detail = agreement(fine, fine * 0.7 + 20)
    np.testing.assert_allclose(form, 1, atol=1e-4)
    np.testing.assert_allclose(detail, 1, atol=1e-4)
