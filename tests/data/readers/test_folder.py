import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.readers.folder import arrange, read_folder
from evenhand.data.readers.source import FileImage, Source
from evenhand.errors import DataError

HERE = Path("data")


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def read(folder: Path) -> Source:
    return read_folder(folder, folder / "scratch")


def arranged(*names: str) -> Source:
    return arrange(((name, FileImage(Path(name))) for name in names), HERE)


def rows(source: Source) -> list[tuple[str, str, str]]:
    return [(entry.path, entry.label, entry.split) for entry in source.entries]


def findings(source: Source) -> list[tuple[str, str]]:
    return [(finding.path, finding.kind) for finding in source.findings]


def test_a_folder_a_class(tmp_path: Path) -> None:
    source = read(tree(tmp_path, "cats/b.jpg", "cats/a.PNG", "dogs/deep/er/c.tiff"))
    assert rows(source) == [
        ("cats/a.PNG", "cats", "train"),
        ("cats/b.jpg", "cats", "train"),
        ("dogs/deep/er/c.tiff", "dogs", "train"),
    ]
    assert source.entries[0].locator == FileImage(tmp_path / "cats/a.PNG")
    assert not source.findings
    assert not source.notes


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("VAL", "val"),
        ("valid", "val"),
        ("Validation", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("Testing", "test"),
    ],
)
def test_folders_named_like_splits_are_splits(name: str, split: str) -> None:
    assert rows(arranged(f"{name}/cats/a.png", "train/dogs/b.png"))[0 if name < "train" else -1] in [
        (f"{name}/cats/a.png", "cats", split),
        ("train/dogs/b.png", "dogs", "train"),
    ]
    assert {(label, found) for _, label, found in rows(arranged(f"{name}/cats/a.png"))} == {("cats", split)}


def test_a_class_missing_from_one_split_stays_a_class() -> None:
    source = arranged("train/a/1.png", "train/b/1.png", "train/c/1.png", "test/a/1.png", "test/c/1.png")
    assert [(entry.label, entry.split) for entry in source.entries] == [
        ("a", "test"),
        ("c", "test"),
        ("a", "train"),
        ("b", "train"),
        ("c", "train"),
    ]


def test_a_class_may_be_named_like_a_split() -> None:
    assert {entry.label for entry in arranged("train/1.png", "car/1.png", "bus/1.png").entries} == {
        "train",
        "car",
        "bus",
    }
    with pytest.raises(DataError, match=r"named like splits \(dev, train\) beside others \(clean\)"):
        arranged("train/a/1.png", "dev/a/1.png", "clean/a/1.png")


def test_images_outside_of_class_folders_are_findings() -> None:
    assert findings(arranged("a.png", "cats/b.png")) == [("a.png", "misplaced")]
    assert findings(arranged("a.png", "train/b.png", "train/cats/c.png")) == [
        ("a.png", "misplaced"),
        ("train/b.png", "misplaced"),
    ]


def test_hidden_files_and_clutter_are_findings_and_never_a_class(tmp_path: Path) -> None:
    names = [".git/a.png", "cats/.b.png", "cats/.ipynb_checkpoints/c.png", "__MACOSX/cats/d.png", "Thumbs.db"]
    source = read(tree(tmp_path, *names, "cats/e.png", "dogs/desktop.ini", "dogs/@eaDir/f.png", "dogs/g.png"))
    assert [entry.path for entry in source.entries] == ["cats/e.png", "dogs/g.png"]
    assert sorted(findings(source)) == [
        (path, "hidden")
        for path in sorted(
            [
                ".git",
                "__MACOSX",
                "Thumbs.db",
                "cats/.b.png",
                "cats/.ipynb_checkpoints",
                "dogs/@eaDir",
                "dogs/desktop.ini",
            ]
        )
    ]
    assert findings(arranged("cats/.x/a.png", "cats/.x/b.png", "cats/c.png")) == [("cats/.x", "hidden")]


def test_files_of_other_kinds(tmp_path: Path) -> None:
    source = read(tree(tmp_path, "cats/a.png", "cats/a.txt", "cats/drawing.svg", "README", "labels.csv", "dogs/b.png"))
    assert findings(source) == [("cats/a.txt", "unsupported"), ("cats/drawing.svg", "unsupported")]
    assert source.notes == ("Files beside the class folders are left alone: README, labels.csv.",)
    assert findings(arranged("README", "a/b.txt")) == [("README", "unsupported"), ("a/b.txt", "unsupported")]


def test_class_folders_without_images_are_told(tmp_path: Path) -> None:
    (tree(tmp_path, "cats/a.png", "dogs/notes.txt", "cows/.hidden.png") / "birds").mkdir()
    (tmp_path / "cats/empty").mkdir()
    source = read(tmp_path)
    assert source.notes == ("No images lie in birds, cows, dogs; they are no class.",)
    (tree(tmp_path / "split", "train/a/1.png", "test/b/1.png") / "test/a").mkdir()
    assert read(tmp_path / "split").notes == ("No images lie in test/a; it is no class.",)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cats/A.png", "cats/a.png"),
        ("cats/a.PNG", "cats/a.png"),
        ("cats/cafe\u0301.png", "cats/caf\u00e9.png"),
        ("Cats/a.png", "cats/a.png"),
        ("cats/STRASSE.png", "cats/straße.png"),
    ],
)
def test_names_that_many_systems_cannot_tell_apart(first: str, second: str) -> None:
    source = arranged(first, second, "dogs/b.png")
    assert [entry.path for entry in source.entries] == [first, "dogs/b.png"]
    assert findings(source) == [(second, "duplicate_name")]
    assert first in source.findings[0].detail


def test_classes_of_the_same_letters_are_one_class() -> None:
    source = arranged("train/cafe\u0301/a.png", "test/caf\u00e9/b.png")
    assert {entry.label for entry in source.entries} == {"caf\u00e9"}


ODD = [
    "new\nline.png",
    "return\r.png",
    'quote".png',
    "it's.png",
    "comma,semi;colon.png",
    "tab\t.png",
    "😀.png",
    "صورة.png",
    "\u202eright.png",
    " space .png",
    "back\\slash.png",
    "a" * 250 + ".png",
    "#?%&=+.png",
    "$(touch marker).png",
    "-rf.png",
]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow such names")
def test_odd_names_are_names(tmp_path: Path) -> None:
    source = read(tree(tmp_path, *(f"cats/{name}" for name in ODD), *(f"قطة\n/{name}" for name in ODD)))
    assert {entry.path for entry in source.entries} == {
        f"{folder}/{name}" for folder in ("cats", "قطة\n") for name in ODD
    }
    assert not source.findings


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are always text")
def test_names_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    for name in (b"\xff.png", b"ok.png"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"x")
    os.mkdir(os.fsencode(tmp_path) + b"/\xfe")
    source = read(tmp_path)
    assert rows(source) == [
        ("caf\\xe9/\\xff.png", "caf\\xe9", "train"),
        ("caf\\xe9/ok.png", "caf\\xe9", "train"),
    ]
    assert source.notes == ("No images lie in \\xfe; it is no class.",)
    for entry in source.entries:
        assert isinstance(entry.locator, FileImage)
        assert entry.locator.path.read_bytes() == b"x"
        entry.path.encode()


def test_links_are_followed_once_and_real_folders_come_first(tmp_path: Path) -> None:
    tree(tmp_path / "data", "cats/a.png", "dogs/b.png")
    tree(tmp_path / "elsewhere", "x.png", "below/y.png")
    (tmp_path / "data/alias").symlink_to("cats", target_is_directory=True)
    (tmp_path / "data/birds").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "data/cats/loop").symlink_to("..", target_is_directory=True)
    (tmp_path / "data/cats/link.png").symlink_to("a.png")
    source = read(tmp_path / "data")
    assert [entry.path for entry in source.entries] == [
        "birds/below/y.png",
        "birds/x.png",
        "cats/a.png",
        "cats/link.png",
        "dogs/b.png",
    ]
    assert [(finding.path, finding.kind, finding.detail) for finding in source.findings] == [
        ("alias", "duplicate_name", "a link to cats, which is read already"),
        ("cats/loop", "duplicate_name", "a link to the folder itself, which is read already"),
    ]


def test_links_that_lead_nowhere_are_met_when_they_are_read(tmp_path: Path) -> None:
    tree(tmp_path, "cats/a.png")
    (tmp_path / "cats/broken.png").symlink_to("gone.png")
    (tmp_path / "cats/itself.png").symlink_to("itself.png")
    assert [entry.path for entry in read(tmp_path).entries] == ["cats/a.png", "cats/broken.png", "cats/itself.png"]


def test_folders_that_cannot_be_opened_are_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may open everything, so the refusal is made up."""
    tree(tmp_path, "cats/a.png", "dogs/b.png")
    scandir: Callable[[Path], object] = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "dogs":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("evenhand.data.readers.folder.os.scandir", refusing)
    source = read(tmp_path)
    assert [entry.path for entry in source.entries] == ["cats/a.png"]
    assert [(finding.path, finding.kind, finding.detail) for finding in source.findings] == [
        ("dogs", "unreadable", "the folder cannot be opened: Permission denied")
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_sockets_do_not_stop_the_walk(tmp_path: Path) -> None:
    tree(tmp_path, "cats/a.png")
    os.mkfifo(tmp_path / "cats/pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket may not be long
        try:
            server.bind("cats/socket.png")
        finally:
            os.chdir(here)
        assert len(read(tmp_path).entries) == 3


def test_a_very_deep_tree(tmp_path: Path) -> None:
    tree(tmp_path, "cats/" + "d/" * 400 + "a.png", "dogs/b.png")
    assert [entry.label for entry in read(tmp_path).entries] == ["cats", "dogs"]


PART = st.sampled_from(["a", "B", "b", ".h", "train", "Test", "x.png", "y.jpg", "z.txt", "e\u0301", "é"])


@given(st.lists(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=12, unique=True))
def test_every_file_is_an_entry_a_finding_or_told_in_a_note(names: list[str]) -> None:
    try:
        source = arranged(*names)
    except DataError:
        return
    paths = [entry.path for entry in source.entries]
    assert len(set(paths)) == len(paths)
    found = [finding.path for finding in source.findings]
    for name in names:
        hidden = any(name == path or name.startswith(f"{path}/") for path in found)
        assert (name in paths) + (hidden or name in " ".join(source.notes)) >= 1
    assert arranged(*reversed(names)) == source
