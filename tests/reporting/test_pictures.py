"""The album: every picture once, and cut out of its sheet where the page says it lies."""

import io
import re
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from evenhand.reporting.pictures import COLUMNS, SHEET, Album, embedded_size, make_album


def cut(album: Album, row: int) -> np.ndarray:
    """Return the pixels that the page shows for a row, going by its HTML alone."""
    found = re.search(r'class="pic s(\d+) .*--x:(\d+);--y:(\d+)"', album.picture(row, "a picture"))
    assert found, "the picture is not in the album"
    sheet, x, y = map(int, found.groups())
    height, width = album.tile
    with Image.open(io.BytesIO(album.sheets[sheet])) as image:
        assert image.width == COLUMNS * width
        pixels = np.asarray(image.convert("RGB"))
    return pixels[y * height : (y + 1) * height, x * width : (x + 1) * width]


def test_pixels_come_back_exactly_without_loss(made_up: ModuleType) -> None:
    pixels = made_up.pixels(np.arange(600) % 5, (20, 12))
    rows = [599, 3, 3, *range(10, 400)]
    album = make_album(pixels, rows, 64, None)
    assert len(album.sheets) == -(-len(set(rows)) // SHEET)
    for row in rows:
        np.testing.assert_array_equal(cut(album, row), pixels[row])


def test_lossy_pictures_come_back_nearly(made_up: ModuleType) -> None:
    flat = np.full((40, 32, 32, 3), 0, dtype=np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None] * 6
    album = make_album(flat, range(40), 64, 90)
    for row in range(40):
        assert np.abs(cut(album, row).astype(int) - flat[row]).max() <= 6


def test_large_pictures_are_reduced_and_keep_their_aspect(made_up: ModuleType) -> None:
    album = make_album(made_up.pixels(np.zeros(3, dtype=int), (100, 200)), range(3), 64, 90)
    assert album.tile == (32, 64)
    assert not album.tiny
    assert "--aspect:0.50000" in album.style()


def test_tiny_pictures_keep_hard_edges_and_grow_by_whole_factors(made_up: ModuleType) -> None:
    album = make_album(made_up.pixels(np.zeros(3, dtype=int), (28, 28)), range(3), 64, None)
    assert "image-rendering:pixelated" in album.style()
    assert "--small:56px;--large:84px" in album.style()


def test_a_picture_tells_a_screen_reader_what_it_is_and_one_without_room_is_left_out(made_up: ModuleType) -> None:
    album = make_album(made_up.pixels(np.zeros(3, dtype=int), (8, 8)), [1], 64, None)
    assert 'role="img" aria-label="a &lt;cat&gt;"' in album.picture(1, "a <cat>")
    assert album.picture(2, "another") == ""


def test_no_picture_at_all_makes_an_empty_album(made_up: ModuleType) -> None:
    pixels = made_up.pixels(np.zeros(3, dtype=int), (8, 8))
    assert make_album(pixels, [], 64, None).sheets == ()
    assert embedded_size(pixels, [], 64, None) == 0


@pytest.mark.parametrize("quality", [None, 80])
def test_the_size_is_judged_well_enough_to_spare_work(made_up: ModuleType, quality: int | None) -> None:
    pixels = made_up.pixels(np.arange(700) % 5, (32, 32))
    real = len(make_album(pixels, range(700), 64, quality).style())
    assert embedded_size(pixels, range(700), 64, quality) == pytest.approx(real, rel=0.15)
