import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evenhand.auditing.scan import Scan, scan
from evenhand.data import pixels
from evenhand.progress import Progress
from packing import packed


class Told(Progress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def picture(path: Path, red: int, side: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (red, 0, 0)).save(path, "PNG")
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is decoded from now on."""
    seen: list[bytes] = []
    decode = pixels.decode

    def noted(data: bytes) -> Any:
        seen.append(data)
        return decode(data)

    monkeypatch.setattr(pixels, "decode", noted)
    return seen


def look(data: Path, **options: Any) -> Scan:
    return scan(data, cache=data.parent / "cache", **options)


def same(one: Scan, other: Scan) -> bool:
    return (
        one.dataset.manifest.fingerprint() == other.dataset.manifest.fingerprint()
        and one.dataset.manifest.file_sha256 == other.dataset.manifest.file_sha256
        and bool((one.dataset.pixels == other.dataset.pixels).all())
        and one.sizes.tolist() == other.sizes.tolist()
        and one.findings == other.findings
    )


def test_only_new_and_changed_files_are_decoded(tmp_path: Path, opened: list[bytes]) -> None:
    data = tmp_path / "data"
    for number in range(8):
        picture(data / "ab"[number % 2] / f"{number}.png", number * 20)
    (data / "a/broken.png").write_bytes(b"no picture")
    look(data)
    assert len(opened) == 9
    opened.clear()
    new = [picture(data / "a/00.png", 250), picture(data / "b/99.png", 251), picture(data / "b/3.png", 77)]
    os.utime(data / "b/3.png", ns=(1, 1))
    told = Told()
    grown = look(data, progress=told)
    # What could not be decoded is tried again: it is rare, and no pixels of it are kept.
    assert sorted(opened) == sorted([*(path.read_bytes() for path in new), b"no picture"])
    assert told.notes == ["Of 11 images 4 are decoded; the others were before."]
    afresh = scan(data, cache=tmp_path / "other")
    assert same(grown, afresh)
    assert grown.dataset.pixels[:, 0, 0, 0].max() == 251


def test_pixels_of_another_size_or_of_damaged_caches_are_not_used(tmp_path: Path, opened: list[bytes]) -> None:
    data = tmp_path / "data"
    for number in range(6):
        picture(data / "ab"[number % 2] / f"{number}.png", number * 20)
    look(data, size=(4, 4))
    opened.clear()
    look(data)
    assert len(opened) == 6
    for index in (tmp_path / "cache").glob("pixels-*.json"):
        index.with_suffix(".npy").write_bytes(b"damaged")
    opened.clear()
    picture(data / "a/new.png", 200)
    assert same(look(data), scan(data, cache=tmp_path / "other"))
    assert len(opened) == 14


def test_a_size_that_was_kept_is_told_where_another_would_be_chosen(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / "data" / "ab"[number % 2] / f"{number}.png", number, 16 if number else 40)
    found = look(tmp_path / "data", kept=(24, 24))
    assert found.dataset.size == (24, 24)
    assert found.notes == ("All images are brought to 24x24 pixels, as before the data grew (see --size).",)
    again = look(tmp_path / "data", kept=(16, 16))
    assert again.dataset.size == (16, 16)
    assert "different sizes" in again.notes[0]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_was_packed_again_is_decoded_again(tmp_path: Path, opened: list[bytes], kind: str) -> None:
    shown = {
        f"{label}/{number}.png": picture(tmp_path / f"{label}{number}.png", number + (label == "b") * 100).read_bytes()
        for label in "ab"
        for number in range(3)
    }

    def pack(members: dict[str, bytes]) -> Path:
        if kind == "tar":
            return packed(tmp_path, list(members.items()))
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        return tmp_path / "data.zip"

    first = look(pack(shown))
    opened.clear()
    changed = dict(zip(shown, reversed(shown.values()), strict=True))
    archive = pack(changed)
    os.utime(archive, ns=(1, 1))
    again = look(archive)
    assert len(opened) == 6
    assert np.array_equal(again.dataset.pixels[::-1], first.dataset.pixels)


def test_shards_that_were_there_before_are_not_decoded_again(tmp_path: Path, opened: list[bytes]) -> None:
    content = [picture(tmp_path / f"{number}.png", number).read_bytes() for number in range(4)]
    folder = tmp_path / "data"
    folder.mkdir()
    packed(folder, [("1.png", content[0]), ("1.cls", "0"), ("2.png", content[1]), ("2.cls", "1")], "0.tar")
    look(folder)
    opened.clear()
    packed(folder, [("1.png", content[2]), ("1.cls", "0"), ("2.png", content[3]), ("2.cls", "1")], "1.tar")
    assert same(look(folder), scan(folder, cache=tmp_path / "other"))
    assert opened[:2] == content[2:]
    assert len(opened) == 2 + 4
