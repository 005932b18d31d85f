"""The policy against Pillow's own operations, which TrivialAugment was defined by."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from evenhand.data.policy import BLENDS, LEVELS, LOOKUPS, MOVES, OPERATIONS, Fate, grey, mean_grey, trivial_augment

SIZE = (9, 12)


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    """Return images of several kinds: noise, smooth ramps, few values, a narrow range, one colour."""
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 256, (n, *SIZE, 3))
    ramp = np.broadcast_to(np.linspace(30, 220, SIZE[1])[None, None, :, None], noise.shape)
    kinds = [noise, ramp, noise // 64 * 64, 100 + noise % 20, np.full(noise.shape, 77)]
    chosen = np.stack([kinds[row % len(kinds)][row] for row in range(n)])
    return torch.from_numpy(chosen.astype(np.uint8))


def fate(name: str, level: int, *, more: bool, n: int) -> Fate:
    """Return draws that choose an operation and a strength from 0 to 30 for n images."""
    operation = (OPERATIONS.index(name) + 0.5) / len(OPERATIONS)
    return Fate(np.full(n, operation), np.full(n, (level + 0.5) / LEVELS), np.full(n, 0.75 if more else 0.25))


def enhanced(image: Image.Image, kind: str, factor: float) -> Image.Image:
    makers = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "color": ImageEnhance.Color,
        "sharpness": ImageEnhance.Sharpness,
    }
    return makers[kind](image).enhance(factor)


def pillows(image: np.ndarray, name: str, level: int, *, more: bool) -> np.ndarray:
    picture, share = Image.fromarray(image), level / 30
    if name == "autocontrast":
        return np.asarray(ImageOps.autocontrast(picture))
    if name == "equalize":
        return np.asarray(ImageOps.equalize(picture))
    if name == "solarize":
        return np.asarray(ImageOps.solarize(picture, int(np.ceil(256 - 256 * share))))
    if name == "posterize":
        return np.asarray(ImageOps.posterize(picture, 8 - int(4 * share)))
    return np.asarray(enhanced(picture, name, 1 + 0.9 * share * (1 if more else -1)))


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("level", [0, 7, 30])
@pytest.mark.parametrize("name", [*LOOKUPS, *BLENDS])
def test_changes_of_colour_are_pillow_s(name: str, level: int, more: bool) -> None:
    batch = pictures(10)
    found = trivial_augment(batch, fate(name, level, more=more, n=10)).numpy()
    for image, result in zip(batch.numpy(), found, strict=True):
        apart = np.abs(result.astype(int) - pillows(image, name, level, more=more))
        # Pillow weighs brightness in fixed point and rounds what it stretches or blends its own way.
        assert apart.max() <= (0 if name in ("equalize", "solarize", "posterize") else 2)


def test_moves_by_hand() -> None:
    batch = pictures(1)
    image = batch[0]
    right = trivial_augment(batch, fate("translate-x", 30, more=False, n=1))[0]
    by = round(10 / 32 * 12)
    assert torch.equal(right[:, by:], image[:, :-by])
    assert (right[:, :by] == 128).all()
    down = trivial_augment(batch, fate("translate-y", 30, more=False, n=1))[0]
    by = round(10 / 32 * 9)
    assert torch.equal(down[by:], image[:-by])
    square = torch.zeros((1, 33, 33, 3), dtype=torch.uint8)
    square[0, 16, 28] = 200  # twelve to the right of the middle: at 30 degrees ten to the side and six up or down
    turned = trivial_augment(square, fate("rotate", 30, more=True, n=1))[0, :, :, 0]
    assert torch.nonzero(turned == 200).tolist() == [[10, 26]]
    sheared = trivial_augment(square, fate("shear-y", 30, more=False, n=1))[0, :, :, 0]
    assert torch.nonzero(sheared == 200).tolist() == [[20, 28]]  # .3 of 12 lower


@pytest.mark.parametrize("name", MOVES)
def test_a_move_of_no_strength_moves_nothing(name: str) -> None:
    batch = pictures(5)
    assert torch.equal(trivial_augment(batch, fate(name, 0, more=True, n=5)), batch)


def drawn(n: int, seed: int = 0) -> Fate:
    generator = np.random.default_rng(seed)
    return Fate(generator.random(n), generator.random(n), generator.random(n))


@given(st.integers(0, 30), st.integers(0, 20))
def test_batch_mates_do_not_matter(first: int, seed: int) -> None:
    batch, whole = pictures(31, seed), drawn(31, seed)
    here = slice(first, 31)
    assert torch.equal(trivial_augment(batch, whole)[here], trivial_augment(batch[here], whole.part(here)))


def test_every_operation_and_strength_is_about_equally_common() -> None:
    n = 4000
    batch = torch.full((n, 1, 1, 3), 255, dtype=torch.uint8)
    fates = drawn(n)
    found = trivial_augment(batch, fates)
    # Of a white pixel, brightness shows the strength: it goes down by at most .9, in half of the cases.
    bright = (fates.operation * len(OPERATIONS)).astype(int) == OPERATIONS.index("brightness")
    assert 200 < bright.sum() < 370
    values = found[torch.from_numpy(bright), 0, 0, 0].numpy()
    assert values.min() < 40
    assert 0.4 < (values == 255).mean() < 0.65


def test_its_input_is_left_alone_and_the_smallest_images_pass() -> None:
    batch = pictures(14)
    before = batch.clone()
    trivial_augment(batch, drawn(14))
    assert torch.equal(batch, before)
    tiny = torch.zeros((50, 1, 2, 3), dtype=torch.uint8)
    assert trivial_augment(tiny, drawn(50)).shape == tiny.shape


def test_grey_is_weighted_as_the_eye_does() -> None:
    image = torch.tensor([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], dtype=torch.uint8)
    assert grey(image).flatten().tolist() == [76.0, 149.0, 29.0]
    assert mean_grey(grey(image)).tolist() == pytest.approx([254 / 3])
