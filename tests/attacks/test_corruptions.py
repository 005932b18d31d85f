from typing import Any

import numpy as np
import pytest

from evenhand.attacks.corruptions import CORRUPTIONS, SEVERITIES, corrupt, under_corruption
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError
from evenhand.records.values import Pixels

KINDS = {
    *("gaussian-noise", "shot-noise", "impulse-noise", "defocus-blur", "glass-blur", "motion-blur", "zoom-blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic-transform", "pixelate", "jpeg-compression"),
}


def pictures(n: int = 4, height: int = 32, width: int = 32, channels: int = 3) -> Pixels:
    """Return pictures with shapes, edges and shades in them."""
    dice = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    found = np.zeros((n, height, width, channels))
    for number in range(n):
        shade = 0.3 + 0.4 * rows[..., None] * dice.random(channels)
        disc = (rows - dice.uniform(0.3, 0.6)) ** 2 + (columns - dice.uniform(0.3, 0.6)) ** 2 < 0.05
        stripes = np.sin(37 * columns + 23 * rows + number)
        found[number] = shade + 0.3 * disc[..., None] + 0.12 * (stripes * (rows > 0.4))[..., None]
    return np.rint(np.clip(found, 0, 1) * 255).astype(np.uint8)


def apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_the_fifteen_kinds_are_there() -> None:
    assert set(CORRUPTIONS) == KINDS


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("side", [32, 96])
def test_severity_grows(name: str, side: int) -> None:
    pixels = pictures(height=side, width=side)
    distances = [apart(pixels, corrupt(pixels, name, severity)) for severity in SEVERITIES]
    assert distances == sorted(distances)
    assert distances[0] > 0.5
    assert distances[-1] > 1.3 * distances[0]
    assert distances[-1] < 125  # something of the picture is left


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 3), (17, 40, 1), (40, 17, 3), (1, 1, 3)])
def test_images_of_every_size_and_grey_ones(name: str, height: int, width: int, channels: int) -> None:
    pixels = pictures(2, height, width, channels)
    before = pixels.copy()
    spoilt = corrupt(pixels, name, 5)
    assert spoilt.shape == pixels.shape
    assert spoilt.dtype == np.uint8
    assert (pixels == before).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_spoilt_alike_whatever_stands_beside_it(name: str) -> None:
    pixels = pictures()
    spoilt = corrupt(pixels, name, 3, seed=1)
    assert (corrupt(pixels[[2, 0]], name, 3, seed=1) == spoilt[[2, 0]]).all()
    assert (corrupt(pixels, name, 3, seed=1) == spoilt).all()
    rolls = name not in ("defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg-compression")
    assert (corrupt(pixels, name, 3, seed=2) != spoilt).any() == rolls


def test_noise_blur_and_light_are_what_they_are_called() -> None:
    flat = np.full((1, 64, 64, 3), 128, dtype=np.uint8)
    for name in ("gaussian-noise", "shot-noise", "impulse-noise"):
        spoilt = corrupt(flat, name, 3).astype(float)
        assert abs(spoilt.mean() - 128) < 4
        assert spoilt.std() > 10
    values = np.unique(corrupt(flat, "impulse-noise", 5))
    assert values.tolist() == [0, 128, 255]
    for name in ("defocus-blur", "motion-blur", "zoom-blur", "pixelate", "elastic-transform", "contrast"):
        assert np.abs(corrupt(flat, name, 5).astype(int) - 128).max() <= 1
    for name in ("brightness", "fog", "snow"):
        assert corrupt(flat, name, 5).mean() > 140
    point = np.zeros((1, 65, 65, 3), dtype=np.uint8)
    point[0, 32, 32] = 255
    for name in ("defocus-blur", "motion-blur"):
        spread = corrupt(np.maximum(point, 0), name, 5)
        assert (spread[0, :, :, 0] > 0).sum() > 5
        assert abs(spread.sum() / 3 - 255) < 40
    dark = corrupt(np.full((1, 64, 64, 3), 40, dtype=np.uint8), "shot-noise", 3).std()
    assert dark < corrupt(np.full((1, 64, 64, 3), 200, dtype=np.uint8), "shot-noise", 3).std()


@pytest.mark.parametrize(
    ("pixels", "name", "severity", "message"),
    [
        (pictures(), "gausian-noise", 1, "Did you mean 'gaussian-noise'"),
        (pictures(), "fog", 0, "severity is 1 to 5"),
        (pictures().astype(np.float32), "fog", 1, "in uint8, not float32"),
        (pictures().transpose(0, 3, 1, 2), "fog", 1, r"height, width, 1 or 3"),
    ],
)
def test_words_that_cannot_be_meant(pixels: Any, name: str, severity: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        corrupt(pixels, name, severity)


def test_a_model_under_corruption(trained: Any) -> None:
    pixels = (trained.images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    labels = trained.labels.numpy()
    names = ("gaussian-noise", "contrast", "fog")
    found = under_corruption(Victim(trained.network), pixels, labels, names=names, severities=(1, 5))
    assert found.clean.mean() == 1
    assert found.right.shape == (3, 2, 60)
    assert (found.accuracy[:, 0] >= found.accuracy[:, 1]).all()
    assert found.accuracy[1, 1] < 0.95
    assert found.mean_accuracy == pytest.approx(found.accuracy.mean())
    table = found.table()
    assert len(table) == 6
    assert table[1]["corruption"] == "gaussian-noise"
    assert table[1]["severity"] == 5
    assert table[1]["low"] <= table[1]["accuracy"] <= table[1]["high"]
    rows = found.per_class(["a", "b", "c", "d", "e"])
    assert rows["a"]["n"] == 15
    assert rows["e"] == {"n": 0, "clean_accuracy": None, "robust_accuracy": None}


def test_without_images_nothing_can_be_said(trained: Any) -> None:
    with pytest.raises(UsageError, match="0 images and 0 labels"):
        under_corruption(Victim(trained.network), pictures(0), np.zeros(0, dtype=np.int64))
