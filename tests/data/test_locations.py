import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evenhand.data import locations
from evenhand.data.locations import UndecodableError, image_size, let_go, read_bytes, row_of
from evenhand.data.readers.source import ArrayImage, FileImage, MemberImage


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(UndecodableError) as caught:
        read_bytes(FileImage(path))
    return caught.value.kind, caught.value.detail


def test_bytes_of_files_and_members(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"file")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.png", b"member")
    assert read_bytes(FileImage(tmp_path / "a.png")) == b"file"
    assert read_bytes(MemberImage(tmp_path / "a.zip", "a.png")) == b"member"
    with pytest.raises(UndecodableError, match="unpacked"):
        read_bytes(MemberImage(tmp_path / "a.zip", "b.png"))
    with pytest.raises(UndecodableError, match="not there"):
        read_bytes(MemberImage(tmp_path / "b.zip", "b.png"))


def test_an_archive_is_opened_once_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, real = [], zipfile.ZipFile

    def counted(file: Path) -> zipfile.ZipFile:
        opened.append(file)
        return real(file)

    monkeypatch.setattr("evenhand.data.locations.zipfile.ZipFile", counted)
    let_go()
    path = tmp_path / "a.zip"
    for content in (b"first", b"second one"):
        with real(path, "w") as file:
            file.writestr("a.png", content)
        for _ in range(5):
            assert read_bytes(MemberImage(path, "a.png")) == content
    assert opened == [path, path]
    let_go()


def test_what_is_no_ordinary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(tmp_path / "gone.png") == ("missing", "the file is not there, or is a link to one that is not")
    assert refused(tmp_path) == ("unsupported", "no ordinary file")
    (tmp_path / "itself.png").symlink_to("itself.png")
    assert refused(tmp_path / "itself.png")[0] == "unreadable"
    (tmp_path / "broken.png").symlink_to("nowhere")
    assert refused(tmp_path / "broken.png")[0] == "missing"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert refused(tmp_path / "pipe.png") == ("unsupported", "no ordinary file")
        assert image_size(FileImage(tmp_path / "pipe.png")) is None
    (tmp_path / "large.png").write_bytes(bytes(100))
    monkeypatch.setattr(locations, "MOST_BYTES", 99)
    assert refused(tmp_path / "large.png")[0] == "oversized"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so the refusal is made up."""
    (tmp_path / "a.png").write_bytes(b"x")

    def refusing(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refusing)
    assert refused(tmp_path / "a.png") == ("unreadable", "cannot be read: Permission denied")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_the_size_is_that_of_the_upright_image(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (30, 20))
    path = tmp_path / "a"
    image.save(path, kind)
    assert image_size(FileImage(path)) == (20, 30)
    if kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(path, kind, exif=exif)
        assert image_size(FileImage(path)) == (30, 20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(path, "a")
    assert image_size(MemberImage(tmp_path / "a.zip", "a")) == image_size(FileImage(path))
    path.write_bytes(b"no image")
    assert image_size(FileImage(path)) is None


def test_rows_of_arrays(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(row_of(ArrayImage(tmp_path / "a.npy", 1)), array[1])
    assert image_size(ArrayImage(tmp_path / "a.npy", 1)) == (4, 5)
    np.save(tmp_path / "a.npy", array[::-1, :2])
    np.testing.assert_array_equal(row_of(ArrayImage(tmp_path / "a.npy", 0)), array[2, :2])
