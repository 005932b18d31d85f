from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evenhand.api.pictures import ImagesError, are_paths, read_pixels, to_pixels
from evenhand.errors import DataError

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)


def test_what_paths_are() -> None:
    assert are_paths("a.png")
    assert are_paths(Path("a.png"))
    assert are_paths(["a.png", Path("b.png")])
    assert are_paths(np.array(["a.png"], dtype=object))
    assert not are_paths([])
    assert not are_paths(PICTURES)
    assert not are_paths(PICTURES.tolist())
    assert not are_paths(np.array([[1.0, {}]], dtype=object))


@pytest.mark.parametrize(
    "given",
    [
        PICTURES,
        PICTURES.astype(np.int64),
        PICTURES.astype(np.uint16) * 257,
        PICTURES / 255,
        PICTURES / 127.5 - 1,
        PICTURES.astype(np.float32),
        np.moveaxis(PICTURES, 3, 1),
        np.concatenate([PICTURES, np.full((3, 16, 20, 1), 255, dtype=np.uint8)], axis=3),
    ],
)
def test_every_spelling_of_the_same_pictures_is_the_same_pixels(given: np.ndarray) -> None:
    np.testing.assert_array_equal(to_pixels(given), PICTURES)


def test_black_and_white_can_be_said_and_sizes_changed() -> None:
    found = to_pixels(np.array([[[-3.0, 0.0, 1.0, 9.0]]]), scale=(0.0, 1.0))
    assert found[0, 0, :, 0].tolist() == [0, 0, 255, 255]
    assert to_pixels(PICTURES, (8, 8)).shape == (3, 8, 8, 3)
    assert to_pixels(PICTURES[:0], (8, 8)).shape == (0, 8, 8, 3)
    rows = np.array([[True] * 4])
    assert to_pixels(rows).shape == (1, 2, 2, 3)
    assert to_pixels(rows).min() == 255


def test_files_are_decoded_in_order(tmp_path: Path) -> None:
    places = [tmp_path / f"{number}.png" for number in range(3)]
    for place, pixels in zip(places, PICTURES, strict=True):
        Image.fromarray(pixels).save(place)
    np.testing.assert_array_equal(read_pixels(places[::-1], None), PICTURES[::-1])
    assert read_pixels(places, (8, 8)).shape == (3, 8, 8, 3)
    places[1].unlink()
    places[2].write_bytes(b"")
    with pytest.raises(ImagesError, match=r"1\.png cannot be read: the file is not there.* \(and 1 more\)"):
        read_pixels(places, None)


@pytest.mark.parametrize("given", [PICTURES * 9.0, PICTURES[..., :2], PICTURES[0, 0, :, 0], PICTURES.astype(str)])
def test_what_is_no_picture_is_an_error_of_ours_and_of_scikit_learn(given: np.ndarray) -> None:
    with pytest.raises(ImagesError) as told:
        to_pixels(given)
    assert isinstance(told.value, DataError)
    assert isinstance(told.value, ValueError)
