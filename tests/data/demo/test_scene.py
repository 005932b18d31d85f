import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from evenhand.data.demo import clean_set
from evenhand.data.demo.scene import THINGS, encoded, picture


@pytest.mark.parametrize("name", list(THINGS))
def test_a_picture_is_a_function_of_its_arguments(name: str) -> None:
    first = picture(name, 0, 1, 2)
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, picture(name, 0, 1, 2))
    for other in ((0, 1, 3), (0, 2, 2), (1, 1, 2)):
        assert (first != picture(name, *other)).mean() > 0.5


def test_pictures_differ_within_a_class_as_they_do_between_classes() -> None:
    pixels, _ = clean_set(40)
    for part in pixels.reshape(3, 40, -1).astype(float):
        gaps = [np.abs(left - right).mean() for left, right in pairwise(part)]
        assert min(gaps) > 8
        assert part.std(axis=0).mean() > 30


def test_pictures_use_the_range_from_dark_to_bright_and_colour() -> None:
    pixels, _ = clean_set(40)
    brightness = pixels.mean(axis=(1, 2, 3))
    assert brightness.min() < 90
    assert brightness.max() > 170
    colourful = np.ptp(pixels.astype(int), axis=3).mean(axis=(1, 2))
    assert 0.01 < (colourful < 15).mean() < 0.5


def test_no_straight_line_through_the_pixels_tells_the_classes_apart() -> None:
    # Were mean colour or position enough, the set would be a toy: a linear model must stay far below a network.
    (pixels, labels), (unseen, truth) = clean_set(150, seed=1), clean_set(100, seed=2)
    flat, held = (images.reshape(len(images), -1) / 255 for images in (pixels, unseen))
    accuracy = LogisticRegression(C=0.01, max_iter=500).fit(flat, labels).score(held, truth)
    assert 0.4 < accuracy < 0.8


def test_encoded_pictures_are_read_back_exactly() -> None:
    pixels = picture("Cats", 5)
    with Image.open(io.BytesIO(encoded(pixels))) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_the_pictures_are_those_that_every_published_figure_was_measured_on() -> None:
    # Brightness of the four quarters. Another version of Pillow may round an edge otherwise; other dice would show.
    expected = {
        "Cars": (79.5, 152.9, 170.8, 222.3),
        "Cats": (159.5, 176.2, 124.8, 126.4),
        "Trucks": (133.3, 121.5, 124.1, 111.3),
    }
    for name, quarters in expected.items():
        grey = picture(name, 0, 0, 7).mean(axis=2).reshape(2, 16, 2, 16).mean(axis=(1, 3))
        np.testing.assert_allclose(grey.ravel(), quarters, atol=1)
