from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand.data.readers import to_pixels
from evenhand.data.readers.source import ArrayImage, Source
from evenhand.data.readers.to_pixels import Block, store_blocks
from evenhand.errors import DataError, EvenhandError

HERE = Path("data.npz")
COLOURS = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)


def stored(images: Any, scratch: Path, **options: Any) -> Source:
    return store_blocks([Block(images, ["x"] * len(images), **options)], scratch, HERE)


def pixels(source: Source) -> list[Any]:
    found = []
    for entry in source.entries:
        assert isinstance(entry.locator, ArrayImage)
        array = np.load(entry.locator.file)
        assert array.dtype == np.uint8
        assert array.shape[3] == 3
        found.append(array[entry.locator.row])
    return found


def grey(values: Any) -> Any:
    return np.repeat(np.asarray(values)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("images", "expected", "note"),
    [
        (COLOURS, COLOURS, ""),
        (np.asfortranarray(COLOURS), COLOURS, ""),
        (COLOURS.transpose(0, 3, 1, 2), COLOURS, "channels first (3 x height x width)"),
        (COLOURS[..., 0], grey(COLOURS[..., 0]), ""),
        (COLOURS[..., :1], grey(COLOURS[..., 0]), ""),
        (COLOURS[:, None, :, :, 0], grey(COLOURS[..., 0]), "channels first (1 x height x width)"),
        (COLOURS[:, :5, :5].transpose(0, 3, 1, 2).reshape(4, 75), COLOURS[:, :5, :5], "3 colour planes of 5x5"),
        (COLOURS[:, :5, :5, 0].reshape(4, 25), grey(COLOURS[:, :5, :5, 0]), "one grey plane of 5x5"),
        (COLOURS.astype(np.int64), COLOURS, "whole numbers up to 255"),
        (COLOURS.astype(np.int16), COLOURS, "whole numbers up to 255"),
        (COLOURS.astype(">u2") * 257, COLOURS, "65535 is taken for white"),
        (COLOURS.astype(np.int32) * 257, COLOURS, "65535 is taken for white"),
        (COLOURS / 255, COLOURS, "0 is taken for black, 1 for white"),
        ((COLOURS / 255).astype(np.float32), COLOURS, "0 is taken for black, 1 for white"),
        (COLOURS / 127.5 - 1, COLOURS, "-1 is taken for black, 1 for white"),
        (COLOURS.astype(np.float16), COLOURS, "0 is taken for black, 255 for white"),
        (COLOURS > 127, (COLOURS > 127) * 255, ""),
    ],
)
def test_every_layout_and_type(tmp_path: Path, images: Any, expected: Any, note: str) -> None:
    source = stored(images, tmp_path)
    np.testing.assert_array_equal(pixels(source), expected)
    assert [entry.path for entry in source.entries] == [f"train/{place:06d}" for place in range(4)]
    assert note in " ".join(source.notes)
    assert bool(note) == bool(source.notes)
    # One image at a time, as lists of tensors come, gives the same.
    assert store_blocks([Block(list(images), ["x"] * 4)], tmp_path / "list", HERE).notes == source.notes
    np.testing.assert_array_equal(pixels(stored(list(images), tmp_path / "list")), expected)


def test_channels_last_wins_where_both_could_be() -> None:
    size, turn, note = to_pixels._layout((3, 8, 3), HERE)
    assert (size, note) == ((3, 8), "")
    assert turn(np.zeros((2, 3, 8, 3))).shape == (2, 3, 8, 3)
    assert to_pixels._layout((3, 8, 4), HERE)[0] == (8, 4)
    assert to_pixels._layout((4, 8, 4), HERE)[0] == (4, 8)


def test_transparency_is_laid_over_white_in_any_type(tmp_path: Path) -> None:
    rgba = np.array([[[[10, 20, 30, 255], [10, 20, 30, 0]], [[0, 0, 0, 128], [255, 0, 101, 51]]]], dtype=np.uint8)
    expected = [[[10, 20, 30], [255, 255, 255]], [[127, 127, 127], [255, 204, 224]]]
    for number, images in enumerate((rgba, rgba.transpose(0, 3, 1, 2), rgba / 255)):
        np.testing.assert_array_equal(pixels(stored(images, tmp_path / str(number)))[0], expected)


@given(arrays(np.uint16, (2, 3, 4), elements=st.integers(0, 65535)))
def test_sixteen_bits_are_scaled_as_in_files(tmp_path_factory: pytest.TempPathFactory, images: Any) -> None:
    images[0, 0, 0] = 65535
    found = pixels(stored(images, tmp_path_factory.mktemp("scratch")))
    np.testing.assert_array_equal(found, grey(np.floor(images / 257 + 0.5).astype(np.uint8)))


def test_the_range_is_judged_over_all_splits_together(tmp_path: Path) -> None:
    dark, light = np.full((1, 2, 2), 0.5), np.full((1, 2, 2), -0.5)
    blocks = [Block(dark, ["x"]), Block(light, ["x"], "test", "test"), Block(np.full((1, 2, 2), 200, np.uint8), ["x"])]
    source = store_blocks(blocks, tmp_path, HERE)
    values = {
        entry.path.split("/")[0]: image[0, 0, 0] for entry, image in zip(source.entries, pixels(source), strict=True)
    }
    assert values["test"] == 64
    assert {image[0, 0, 0] for image in pixels(source)} == {64, 191, 200}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_image_with_numbers_that_are_none_is_a_finding(tmp_path: Path, bad: float) -> None:
    images = COLOURS / 255
    images[1, 2, 3, 0] = bad
    source = stored(images, tmp_path)
    assert [finding.path for finding in source.findings] == ["train/000001"]
    assert source.findings[0].kind == "unreadable"
    assert [entry.path for entry in source.entries] == ["train/000000", "train/000002", "train/000003"]
    np.testing.assert_array_equal(pixels(source), COLOURS[[0, 2, 3]])


def test_images_of_several_sizes_and_types_keep_their_places(tmp_path: Path) -> None:
    images = [COLOURS[0], COLOURS[1][:3], COLOURS[2].transpose(2, 0, 1), COLOURS[3][..., 0], COLOURS[1]]
    source = stored(images, tmp_path)
    expected = [COLOURS[0], COLOURS[1][:3], COLOURS[2], grey(COLOURS[3][..., 0]), COLOURS[1]]
    assert [entry.path for entry in source.entries] == [f"train/{place:06d}" for place in range(5)]
    for found, wanted in zip(pixels(source), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_memory_stays_bounded_by_working_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_pixels, "_CHUNK_BYTES", 1)
    images = COLOURS / 255
    images[1, 0, 0, 0] = np.nan
    np.testing.assert_array_equal(pixels(stored(images, tmp_path)), COLOURS[[0, 2, 3]])


def test_labels_splits_and_groups_are_kept(tmp_path: Path) -> None:
    block = Block(COLOURS, ["b", "a", "b", "a"], "val", "dev", ["one", None, "one", "two"])
    entries = store_blocks([block], tmp_path, HERE).entries
    assert [(entry.path, entry.label, entry.split, entry.group) for entry in entries] == [
        ("dev/000000", "b", "val", "one"),
        ("dev/000001", "a", "val", None),
        ("dev/000002", "b", "val", "one"),
        ("dev/000003", "a", "val", "two"),
    ]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 5, 6, 2)), "images of the shape 5x6x2"),
        (np.zeros((2, 4, 4, 4, 3)), "images of the shape 4x4x4x3"),
        (np.zeros((2, 7)), "images of the shape 7"),
        (np.zeros(2), r"images of the shape \(none\)"),
        (np.zeros((2, 0, 4)), "images of the shape 0x4"),
        (np.zeros((2, 1, 1, 1), dtype=complex), "of the type complex128"),
        (np.array([[["a"]], [["b"]]]), "of the type str"),
        (np.full((2, 4, 4), -1), "pixels from -1 to -1"),
        (np.full((2, 4, 4), 70000), "pixels from 70000 to 70000"),
        (np.linspace(-2, 3, 32).reshape(2, 4, 4), r"pixels from -2 to 3\. Floats must lie in"),
        (np.linspace(-130, 130, 32).reshape(2, 4, 4), "undo any other normalisation"),
        (np.linspace(0, 3000, 32).reshape(2, 4, 4), "Floats must lie in"),
    ],
)
def test_what_is_no_image_says_so(tmp_path: Path, images: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        stored(images, tmp_path)


def test_numbers_of_images_and_labels_must_agree(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 images but 3 labels in train"):
        store_blocks([Block(COLOURS, ["a"] * 3)], tmp_path, HERE)


def test_an_enlarged_image_may_overshoot_a_little(tmp_path: Path) -> None:
    images = np.array([[[-0.01, 0.5], [1.015, 1.0]]])
    np.testing.assert_array_equal(pixels(stored(images, tmp_path))[0][..., 0], [[0, 128], [255, 255]])


def test_no_images_are_no_entries(tmp_path: Path) -> None:
    for images in (COLOURS[:0], (COLOURS / 255)[:0], []):
        assert stored(images, tmp_path) == Source(())


def test_a_full_disk_is_told_before_the_work(small_disk: Path) -> None:
    # Each row is the same memory over and over: as large as it says only once it is written out.
    images = np.broadcast_to(COLOURS[0], (100_000, 5, 6, 3))
    with pytest.raises(EvenhandError, match="Free some space"):
        store_blocks([Block(images, ["x"] * 100_000)], small_disk / "scratch", HERE)
