from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evenhand.data.pixels import decode, resize
from evenhand.data.readers.source import FileImage
from evenhand.predicting import decoding
from evenhand.predicting.decoding import Batch, decoded
from evenhand.predicting.inputs import Inputs, Item
from handed_over import encoded, picture_folder, pixels

SIZE = (20, 28)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = picture_folder(
        tmp_path_factory.mktemp("data") / "data", {"a": 150, "b": 60}, sizes=((32, 32), (9, 70), (20, 28))
    )
    (place / "a/0007.gif").write_bytes(b"GIF89a broken")
    (place / "b/0000.png").write_bytes(b"")
    return place


def joined(batches: Iterator[Batch]) -> tuple[list[str], list[str], np.ndarray]:
    found = list(batches)
    items = [item.name for batch in found for item in batch.items]
    errors = [error for batch in found for error in batch.errors]
    return items, errors, np.concatenate([batch.pixels for batch in found])


@pytest.mark.parametrize("jobs", [1, 2])
def test_pictures_come_in_order_as_decode_and_resize_give_them(
    folder: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MOST", 16)
    inputs = Inputs((str(folder),), tmp_path)
    names, errors, found = joined(decoded(inputs, SIZE, tmp_path, jobs=jobs))
    assert names == [item.name for item in inputs]
    wrong = {name: error for name, error in zip(names, errors, strict=True) if error}
    assert [Path(name).name for name in wrong] == ["0007.gif", "0000.png"]
    assert wrong[str(folder / "b/0000.png")] == "empty: the file is empty"
    for name, error, one in zip(names, errors, found, strict=True):
        if not error:
            np.testing.assert_array_equal(one, resize(decode(Path(name).read_bytes()), SIZE))


def test_few_pictures_start_no_process(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "StreamingEngine", None)
    items = list(Inputs((str(folder / "b"),), tmp_path))
    assert len(joined(decoded(items[:40], SIZE, tmp_path, jobs=2))[0]) == 40


def test_pictures_are_taken_only_as_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encoded(pixels(1, SIZE)[0]))
    taken = 0

    def endless() -> Iterator[Item]:
        nonlocal taken
        while True:
            taken += 1
            yield Item("one.png", FileImage(tmp_path / "one.png"))

    batches = decoded(endless(), (1000, 1000), tmp_path, jobs=2)
    first = next(batches)
    assert first.pixels.shape == (2, 1000, 1000, 3)
    # Two batches a process and one more wait, each of two pictures, besides those that were looked at to begin with.
    assert taken <= 65 + 2 * (2 * 2 + 1) + 2
    batches.close()


def test_an_item_without_a_place_keeps_its_error(tmp_path: Path) -> None:
    items = [Item("x", None, "no file can have this name"), Item("gone.png", FileImage(tmp_path / "gone.png"))]
    _, errors, _ = joined(decoded(items, SIZE, tmp_path))
    assert errors[0] == "no file can have this name"
    assert errors[1].startswith("missing: ")
