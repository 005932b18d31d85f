import io
import os
import zipfile
from pathlib import Path

import pytest

from evenhand.data.readers.source import FileImage, MemberImage
from evenhand.errors import DataError
from evenhand.predicting.inputs import Inputs
from handed_over import encoded, pixels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of empty files; what they hold is of no interest here."""
    names = ("b.png", "a.JPG", "notes.txt", "deep/er/z.webp", "deep/c.png", ".hidden.png", ".git/x.png", "café.bmp")
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str, **words: object) -> list[str]:
    inputs = Inputs(paths, Path(), **words)  # type: ignore[arg-type]
    found = [item.name for item in inputs]
    if "stdin" not in words:
        assert inputs.count() == len(found)
    return found


def test_a_folder_gives_its_pictures_then_those_below_each_sorted(folder: Path) -> None:
    assert names("data") == ["data/a.JPG", "data/b.png", "data/café.bmp", "data/deep/c.png", "data/deep/er/z.webp"]


def test_words_keep_their_order_and_files_their_names(folder: Path) -> None:
    assert names("data/b.png", "data/notes.txt", "data/a.JPG") == ["data/b.png", "data/notes.txt", "data/a.JPG"]
    assert names("data/absent.png") == ["data/absent.png"]


def test_patterns_are_expanded_and_sorted(folder: Path) -> None:
    assert names("data/*.png") == ["data/b.png"]
    assert names("data/**/*.png") == ["data/b.png", "data/deep/c.png"]
    with pytest.raises(DataError, match=r"Nothing matches the pattern 'data/\*\.gif'"):
        names("data/*.gif")
    (folder / "data/odd[1].png").touch()
    assert names("data/odd[1].png") == ["data/odd[1].png"]


@pytest.mark.parametrize("text", ["label,path\nx,b.png\ny,deep/c.png\n", "\ufefffile;n\nb.png;1\ndeep/c.png;2\n"])
def test_a_table_names_pictures_relative_to_itself(folder: Path, text: str) -> None:
    (folder / "data/list.csv").write_text(text, encoding="utf-8")
    assert names("data/list.csv") == ["b.png", "deep/c.png"]
    found = list(Inputs(("data/list.csv",), folder))
    assert [item.locator for item in found] == [FileImage(Path("data/b.png")), FileImage(Path("data/deep/c.png"))]
    elsewhere = next(iter(Inputs(("data/list.csv",), folder, Path("/elsewhere"))))
    assert elsewhere.locator == FileImage(Path("/elsewhere/b.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a,b\n1,2\n", r"no column 'path'.*'a,b'"), (b"path\n\xff\n", "UTF-8"), (b'path\n"x\n', "cannot be read")],
)
def test_a_table_that_cannot_be_understood(folder: Path, content: bytes, message: str) -> None:
    (folder / "list.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        names("list.csv")


def test_an_archive_gives_its_pictures(folder: Path) -> None:
    with zipfile.ZipFile("all.zip", "w") as archive:
        for name in ("b/2.png", "b/1.jpg", "__MACOSX/1.jpg", "readme.txt"):
            archive.writestr(name, b"")
    assert names("all.zip") == ["all.zip/b/1.jpg", "all.zip/b/2.png"]
    assert next(iter(Inputs(("all.zip",), folder))).locator == MemberImage(Path("all.zip"), "b/1.jpg")
    Path("broken.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"broken\.zip"):
        names("broken.zip")


def test_standard_input_lists_paths_or_is_a_picture(folder: Path) -> None:
    listed = io.BytesIO("data/b.png\r\n\ndata/café.bmp\n".encode())
    assert names("-", stdin=listed) == ["data/b.png", "data/café.bmp"]
    assert names("-", stdin=io.BytesIO(b"")) == []
    picture = encoded(pixels(1)[0])
    (item,) = Inputs(("-",), folder, stdin=io.BytesIO(picture))
    assert item.name == "-"
    assert isinstance(item.locator, FileImage)
    assert item.locator.path.read_bytes() == picture
    assert Inputs(("-",), folder).count() is None
    with pytest.raises(DataError, match="only once"):
        Inputs(("-", "-"), folder)


def test_names_that_are_no_text_or_no_name_at_all(folder: Path) -> None:
    (item,) = Inputs(("-",), folder, stdin=io.BytesIO(b"bad\xff.png\n"))
    assert item.name == "bad\\xff.png"
    item.name.encode()
    (item,) = Inputs(("a\0b.png",), folder)
    assert (item.locator, item.error) == (None, "no file can have this name")


def test_links_in_a_circle_end(folder: Path) -> None:
    os.symlink(folder / "data", folder / "data/deep/circle")
    assert len(names("data")) == 5


def test_a_folder_that_cannot_be_opened_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refusing(place: str) -> object:
        if str(place).endswith("er"):
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", refusing)
    found = list(Inputs(("data",), folder))
    assert found[-1].name == "data/deep/er"
    assert found[-1].error == "the folder cannot be opened: Permission denied"
