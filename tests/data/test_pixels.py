import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from evenhand.data.locations import UndecodableError
from evenhand.data.pixels import MOST_PIXELS, choose_size, decode, decode_all, over_white, resize
from evenhand.data.readers.source import FileImage
from evenhand.errors import EvenhandError

COLOURS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = np.array([[0, 1, 100], [128, 254, 255]], dtype=np.uint8)
WIDE = np.array([[0, 128, 129], [257, 32896, 65535]], dtype=np.uint16)
WIDE_AS_BYTES = [[0, 0, 1], [1, 128, 255]]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def as_rgb(grey: Any) -> Any:
    return np.repeat(np.asarray(grey, dtype=np.uint8)[:, :, None], 3, axis=2)


def png(pixels: Any, colour_type: int, bits: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG written by hand: Pillow writes no 16-bit colours."""
    lines = b"".join(b"\0" + line.astype(">u2" if bits == 16 else "u1").tobytes() for line in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def check(data: bytes, expected: Any) -> None:
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_colours_are_taken_as_they_are(kind: str) -> None:
    check(encoded(Image.fromarray(COLOURS), kind, **({"lossless": True} if kind == "WEBP" else {})), COLOURS)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    check(encoded(Image.fromarray(GREY), kind), as_rgb(GREY))


def test_jpeg_colours_and_greys_are_close_to_what_was_saved() -> None:
    for image in (np.full((16, 16, 3), (200, 30, 90), dtype=np.uint8), np.full((16, 16), 77, dtype=np.uint8)):
        expected = image if image.ndim == 3 else as_rgb(image)
        found = decode(encoded(Image.fromarray(image), "JPEG", quality=100, subsampling=0))
        assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_cut(kind: str) -> None:
    check(encoded(Image.fromarray(WIDE), kind), as_rgb(WIDE_AS_BYTES))


def test_sixteen_bit_grey_of_other_byte_order_wider_integers_and_inverted_meaning() -> None:
    check(encoded(Image.fromarray(WIDE.astype(">u2")), "TIFF"), as_rgb(WIDE_AS_BYTES))
    check(encoded(Image.fromarray(WIDE.astype(np.int32)), "TIFF"), as_rgb(WIDE_AS_BYTES))
    inverted = encoded(Image.fromarray(WIDE), "TIFF", tiffinfo={262: 0})
    check(inverted, as_rgb((65535 - WIDE.astype(int) + 128) // 257))


def test_sixteen_bit_colours_and_transparency() -> None:
    wide = np.array([[[0, 256, 65535], [0x8000, 0x12FF, 0x3400]]], dtype=np.uint16)
    check(png(wide, 2, 16), [[[0, 1, 255], [0x80, 0x12, 0x34]]])
    seen_through = np.array([[[0, 0, 0, 0], [65535, 0, 0, 65535]]], dtype=np.uint16)
    check(png(seen_through, 6, 16), [[[255, 255, 255], [255, 0, 0]]])
    check(png(np.array([[300, 65535, 0]], dtype=np.uint16), 0, 16, (b"tRNS", b"\x01\x2c")), as_rgb([[255, 255, 0]]))


@pytest.mark.parametrize("value", [-1, 65536])
def test_integers_whose_range_nobody_can_know_are_refused(value: int) -> None:
    with pytest.raises(UndecodableError, match=r"0\.\.65535") as caught:
        decode(encoded(Image.fromarray(np.full((2, 2), value, dtype=np.int32)), "TIFF"))
    assert caught.value.kind == "unsupported"


def test_floats_are_refused() -> None:
    with pytest.raises(UndecodableError, match="floating-point") as caught:
        decode(encoded(Image.fromarray(np.full((2, 2), 0.5, dtype=np.float32)), "TIFF"))
    assert caught.value.kind == "unsupported"


def test_one_bit() -> None:
    dots = np.eye(9, dtype=bool)
    for kind in ("PNG", "BMP", "TIFF", "PPM", "GIF"):
        check(encoded(Image.fromarray(dots), kind), as_rgb(dots * 255))
    check(encoded(Image.fromarray(dots), "PNG", transparency=0), as_rgb(np.full((9, 9), 255)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128], [255, 0, 101, 51]]], dtype=np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    expected = [[[10, 20, 30], [255, 255, 255], [127, 127, 127], [255, 204, 224]]]
    check(encoded(Image.fromarray(rgba), kind, **options), expected)


def test_grey_with_transparency() -> None:
    image = Image.fromarray(np.array([[[0, 255], [0, 0], [100, 51]]], dtype=np.uint8), "LA")
    check(encoded(image, "PNG"), as_rgb([[0, 255, 224]]))
    check(encoded(Image.fromarray(GREY), "PNG", transparency=100), as_rgb(np.where(GREY == 100, 255, GREY)))


def test_a_colour_that_stands_for_transparency() -> None:
    pixels = COLOURS.copy()
    pixels[1, 2] = (1, 2, 3)
    expected = pixels.copy()
    expected[1, 2] = 255
    check(encoded(Image.fromarray(pixels), "PNG", transparency=(1, 2, 3)), expected)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes(kind: str) -> None:
    palette = [(255, 0, 0), (0, 255, 0), (10, 20, 30)]
    places = np.array([[0, 1], [2, 0]], dtype=np.uint8)
    image = Image.fromarray(places, "P")
    image.putpalette([value for colour in palette for value in colour])
    check(encoded(image, kind), np.array(palette)[places])
    if kind in ("PNG", "GIF"):
        seen_through = np.array([palette[0], (255, 255, 255), palette[2]])[places]
        check(encoded(image, kind, transparency=1), seen_through)
    if kind == "PNG":
        fading = np.array([palette[0], (127, 255, 127), (255, 255, 255)])[places]
        check(encoded(image, kind, transparency=bytes([255, 128, 0])), fading)


def test_cmyk() -> None:
    inks = np.zeros((16, 16, 4), dtype=np.uint8)
    inks[:8] = (255, 0, 0, 0)
    inks[8:] = (0, 255, 255, 128)
    expected = np.zeros((16, 16, 3), dtype=np.uint8)
    expected[:8] = (0, 255, 255)
    expected[8:] = (127, 0, 0)
    image = Image.fromarray(inks, "CMYK")
    check(encoded(image, "TIFF"), expected)
    photo = encoded(image, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in photo  # inks are stored inverted in such files
    assert np.abs(decode(photo).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :16] = (255, 0, 0)
    upright[8:, :16] = (0, 0, 255)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    found = decode(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options))
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).max() <= 4


def test_sixteen_bit_grey_is_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    check(encoded(Image.fromarray(WIDE), "PNG", exif=exif), as_rgb(np.rot90(WIDE_AS_BYTES, -1)))


def test_damaged_exif_data_cost_nothing() -> None:
    check(encoded(Image.fromarray(COLOURS), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\xff"), COLOURS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8)) for value in (10, 200, 90)]
    options = {"lossless": True} if kind == "WEBP" else {}
    check(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options), np.full((4, 4, 3), 10))


def test_photos_of_several_pictures_are_photos() -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    found = decode(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert np.abs(found.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "empty", "empty"),
        (b"<html>404</html>", "unreadable", "whatever its name says"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "unreadable", "begins as PNG"),
        (b"RIFF\xff\xff\0\0WEBP", "truncated", "begins as WEBP"),
        (b"II*\0\xff\xff\0\0", "truncated", "begins as TIFF"),
        (encoded(Image.fromarray(COLOURS), "PNG")[:-40], "truncated", "truncated"),
    ],
)
def test_what_cannot_be_decoded_says_why(data: bytes, kind: str, words: str) -> None:
    with pytest.raises(UndecodableError, match=words) as caught:
        decode(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize("side", [8001, 10_000, 60_000])
def test_bombs_are_refused_by_their_header(side: int) -> None:
    assert side * side > MOST_PIXELS
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png(np.zeros((1, 1)), 0, 8)
    bomb = data[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + data[33:]
    with pytest.raises(UndecodableError, match="pixels") as caught:
        decode(bomb)
    assert caught.value.kind == "oversized"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_half_an_image_is_never_taken_for_a_whole_one(kind: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels), kind)
    whole = decode(data)
    for cut in [*range(1, len(data), max(1, len(data) // 25)), len(data) - 20, len(data) - 1]:
        try:
            found = decode(data[:cut])
        except UndecodableError as error:
            assert error.kind in ("truncated", "unreadable")  # noqa: PT017
        else:  # nothing but an end mark is missing
            assert cut > len(data) - 25
            np.testing.assert_array_equal(found, whole)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]))
def test_damage_of_any_kind_is_an_error_with_a_kind(data: st.DataObject, kind: str) -> None:
    content = bytearray(encoded(Image.fromarray(COLOURS), kind))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode(bytes(content))
    except UndecodableError as error:
        assert error.kind in ("truncated", "unreadable", "oversized", "unsupported")  # noqa: PT017
    else:
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3


@given(arrays(np.uint8, (3, 2, 4)))
def test_over_white_is_the_rounded_mixture(rgba: Any) -> None:
    share = rgba[:, :, 3:] / 255
    expected = np.floor(rgba[:, :, :3] * share + 255 * (1 - share) + 0.5)
    assert np.abs(over_white(rgba) - expected).max() <= 1
    opaque = rgba[:, :, 3] == 255
    np.testing.assert_array_equal(over_white(rgba)[opaque], rgba[opaque][:, :3])


def test_resizing_averages_and_leaves_its_own_size_alone() -> None:
    assert resize(COLOURS, (5, 7)) is COLOURS
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[::2] = 255
    assert np.abs(resize(stripes, (8, 8))[1:-1].astype(int) - 127).max() < 12
    assert resize(COLOURS, (10, 3)).shape == (10, 3, 3)


@pytest.mark.parametrize(
    ("sizes", "expected", "words"),
    [
        ([(28, 28)] * 3, (28, 28), "All images have 28x28"),
        ([(20, 30)] * 3, (20, 30), "All images have 20x30"),
        ([(1000, 500)], (224, 112), "brought to 224x112"),
        ([(5000, 1)], (224, 1), "brought to 224x1"),
        ([(30, 40), (33, 50), (60, 70)], (32, 32), "3 different sizes"),
        ([(3, 4), (5, 5)], (16, 16), "2 different sizes"),
        ([(500, 600), (800, 700)], (224, 224), "2 different sizes"),
    ],
)
def test_the_size_is_chosen_from_the_data_and_said(
    sizes: list[tuple[int, int]], expected: tuple[int, int], words: str
) -> None:
    size, note = choose_size(sizes)
    assert size == expected
    assert words in note


def written(folder: Path, count: int, broken: set[int]) -> list[FileImage]:
    locators = []
    for number in range(count):
        path = folder / f"{number}.png"
        path.write_bytes(b"no" if number in broken else encoded(Image.new("RGB", (4, 3), (number, 0, 0)), "PNG"))
        locators.append(FileImage(path))
    return locators


@pytest.mark.parametrize("broken", [set(), {0}, {1, 2, 9}, set(range(1, 10))])
def test_images_that_fail_leave_no_row(tmp_path: Path, broken: set[int]) -> None:
    target = tmp_path / "pixels.npy"
    decoded = decode_all(written(tmp_path, 10, broken), target, (3, 4))
    assert [bool(result.kind) for result in decoded] == [number in broken for number in range(10)]
    array = np.load(target, mmap_mode="r")
    assert array[:, 0, 0, 0].tolist() == [number for number in range(10) if number not in broken]
    assert array.shape[1:] == (3, 4, 3)
    assert not list(tmp_path.glob(".*"))


def test_the_hash_is_of_the_pixels_not_of_the_file_and_knows_the_shape(tmp_path: Path) -> None:
    image, other = Image.new("RGB", (4, 3), "red"), Image.new("RGB", (3, 4), "red")
    contents = [encoded(image, "PNG"), encoded(image, "BMP"), encoded(other, "PNG")]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    found = decode_all([FileImage(tmp_path / str(number)) for number in range(3)], tmp_path / "a.npy", (3, 4))
    assert found[0].pixel_sha256 == found[1].pixel_sha256
    assert found[0].file_sha256 != found[1].file_sha256
    assert found[0].pixel_sha256 != found[2].pixel_sha256


def test_workers_give_the_same_as_one_process(tmp_path: Path) -> None:
    locators = written(tmp_path, 12, {3}) * 50
    alone = decode_all(locators, tmp_path / "alone.npy", (3, 4))
    shared = decode_all(locators, tmp_path / "shared.npy", (3, 4), jobs=2)
    assert alone == shared
    assert (tmp_path / "alone.npy").read_bytes() == (tmp_path / "shared.npy").read_bytes()


def test_an_interrupted_decoding_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locators = written(tmp_path, 3, set())
    monkeypatch.setattr("evenhand.data.pixels._load", lambda locator: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        decode_all(locators, tmp_path / "pixels.npy", (3, 4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    locators = written(tmp_path, 2, set())
    with pytest.raises(EvenhandError, match="Could not write"):
        decode_all(locators, tmp_path / "0.png" / "pixels.npy", (3, 4))


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, small_disk: Path) -> None:
    locators = written(tmp_path, 10, set())
    with pytest.raises(EvenhandError, match="the disk is full"):
        decode_all(locators, small_disk / "pixels.npy", (200, 200))
    assert not list(small_disk.iterdir())
    decode_all(locators, small_disk / "pixels.npy", (20, 20))
