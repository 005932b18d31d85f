import io
import pickle
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.locations import UndecodableError, read_bytes
from evenhand.data.readers import packed as packed_
from evenhand.data.readers.archive import read_archive
from evenhand.data.readers.source import ArrayImage, MemberImage, Source
from evenhand.errors import DataError, EvenhandError


def packed(folder: Path, members: Any, name: str = "data.zip") -> Path:
    """Write an archive of (name or ZipInfo, content) pairs; a name alone has itself as content."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member in members:
            key, content = member if isinstance(member, tuple) else (member, member)
            file.writestr(key, content)
    return path


def read(folder: Path, *members: Any) -> Source:
    return read_archive(packed(folder, members), folder / "scratch")


def rows(source: Source) -> list[tuple[str, str, str]]:
    return [(entry.path, entry.label, entry.split) for entry in source.entries]


def findings(source: Source) -> list[tuple[str, str]]:
    return [(finding.path, finding.kind) for finding in source.findings]


def test_a_tree_of_images_is_read_where_it_lies(tmp_path: Path) -> None:
    source = read(tmp_path, "cats/a.png", "dogs/b.png", "dogs/.c.png", "dogs/d.txt", "README", "empty/")
    assert rows(source) == [("cats/a.png", "cats", "train"), ("dogs/b.png", "dogs", "train")]
    assert source.entries[0].locator == MemberImage(tmp_path / "data.zip", "cats/a.png")
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"cats/a.png", b"dogs/b.png"]
    assert findings(source) == [("dogs/.c.png", "hidden"), ("dogs/d.txt", "unsupported")]
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["mydata/cats/a.png", "mydata/dogs/b.png"], ["cats/a.png", "dogs/b.png"]),
        (["mydata/train/cats/a.png", "mydata/test/cats/b.png"], ["test/cats/b.png", "train/cats/a.png"]),
        (["one/two/cats/a.png", "one/two/dogs/b.png"], ["cats/a.png", "dogs/b.png"]),
        (["mydata/cats/a.png", "__MACOSX/mydata/cats/._a.png", ".DS_Store", "README"], ["cats/a.png"]),
        (["mydata/cats/a.png", "other/notes.txt"], ["mydata/cats/a.png"]),
        (["cats/a.png"], ["cats/a.png"]),
        (["train/cats/a.png"], ["train/cats/a.png"]),
        (["test/cats/a.png"], ["test/cats/a.png"]),
        (["mydata/a.png", "mydata/cats/b.png"], ["mydata/a.png", "mydata/cats/b.png"]),
    ],
)
def test_a_single_folder_around_everything_is_looked_through(
    tmp_path: Path, members: list[str], expected: list[str]
) -> None:
    assert [entry.path for entry in read(tmp_path, *members).entries] == expected


def encrypted() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("cats/locked.png")
    info.flag_bits |= 1
    return info


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("cats/link.png")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("member", "path", "kind", "words"),
    [
        (("../outside.png", b"x"), "../outside.png", "misplaced", "points out"),
        (("cats/../../outside.png", b"x"), "cats/../../outside.png", "misplaced", "points out"),
        (("/etc/a.png", b"x"), "/etc/a.png", "misplaced", "points out"),
        (("C:\\a.png", b"x"), "C:/a.png", "misplaced", "points out"),
        ((link(), b"../../outside.png"), "cats/link.png", "unsupported", "a link"),
        (("cats/more.zip", b"PK"), "cats/more.zip", "unsupported", "unpack it"),
        (("more.tar.gz", b"PK"), "more.tar.gz", "unsupported", "unpack it"),
    ],
)
def test_members_that_are_left_alone(tmp_path: Path, member: Any, path: str, kind: str, words: str) -> None:
    source = read(tmp_path, "cats/a.png", "dogs/b.png", member)
    assert [entry.path for entry in source.entries] == ["cats/a.png", "dogs/b.png"]
    assert findings(source) == [(path, kind)]
    assert words in source.findings[0].detail
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.zip"]


def test_encrypted_members_are_findings(tmp_path: Path) -> None:
    path = packed(tmp_path, ["cats/a.png", "cats/locked.png"])
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of the second member
        start = content.rindex(mark)
        content[start + place] |= 1
    path.write_bytes(content)
    source = read_archive(path, tmp_path)
    assert [entry.path for entry in source.entries] == ["cats/a.png"]
    assert findings(source) == [("cats/locked.png", "unreadable")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    source = read(tmp_path, ("cats/a.png", b"first"), ("cats/a.png", b"last"), "dogs/b.png", "dogs/B.png")
    assert [entry.path for entry in source.entries] == ["cats/a.png", "dogs/B.png"]
    assert read_bytes(source.entries[0].locator) == b"last"
    assert findings(source) == [("cats/a.png", "duplicate_name"), ("dogs/b.png", "duplicate_name")]


def renamed(path: Path, old: bytes, new: bytes) -> Path:
    """Change the bytes of a name in an archive, without the mark that says UTF-8."""
    assert len(old) == len(new)
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def test_names_in_utf8_without_saying_so_and_in_other_encodings(tmp_path: Path) -> None:
    path = packed(tmp_path, ["XXXX/a.png", "dogs/Y.png"])
    renamed(renamed(path, b"XXXX/", "ké".encode() + b"t/"), b"dogs/Y", b"dogs/\x82")
    source = read_archive(path, tmp_path)
    assert rows(source) == [("dogs/é.png", "dogs", "train"), ("két/a.png", "két", "train")]
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"dogs/Y.png", b"XXXX/a.png"]


def test_names_with_backslashes(tmp_path: Path) -> None:
    source = read(tmp_path, "cats\\a.png", "dogs\\deep\\b.png")
    assert [entry.path for entry in source.entries] == ["cats/a.png", "dogs/deep/b.png"]
    assert read_bytes(source.entries[0].locator) == b"cats\\a.png"


def test_bombs_are_met_when_they_are_read_and_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenhand.data.locations.MOST_BYTES", 10_000)
    source = read(tmp_path, ("cats/bomb.png", bytes(20_000)), "cats/a.png")
    assert len(source.entries) == 2
    with pytest.raises(UndecodableError, match="at most") as caught:
        read_bytes(source.entries[1].locator)
    assert caught.value.kind == "oversized"


def test_a_member_that_is_longer_than_it_says(tmp_path: Path) -> None:
    path = packed(tmp_path, [("cats/bomb.png", bytes(50_000)), "cats/a.png"])
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(mark)
        content[start + place : start + place + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    locator = next(entry.locator for entry in read_archive(path, tmp_path).entries if entry.path.endswith("bomb.png"))
    with pytest.raises(UndecodableError, match="unpacked"):
        read_bytes(locator)


IMAGES = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, images=IMAGES, labels=[0, 1, 0, 1])
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.npz", npz()),
        ("below/data.NPZ", npz()),
        ("data.pkl", pickle.dumps((IMAGES, [0, 1, 0, 1]))),
        ("data.pickle", pickle.dumps((IMAGES, [0, 1, 0, 1]))),
    ],
)
def test_arrays_and_pickles_in_an_archive(tmp_path: Path, name: str, content: bytes) -> None:
    source = read(tmp_path, (name, content), "README")
    assert rows(source) == [(f"train/00000{place}", str(place % 2), "train") for place in range(4)]
    assert isinstance(source.entries[0].locator, ArrayImage)
    assert sorted(file.name for file in (tmp_path / "scratch").iterdir()) == ["images-00000.npy"]


def test_a_pickle_that_points_out_of_the_archive_is_left_alone(tmp_path: Path) -> None:
    source = read(tmp_path, ("../../data.pkl", pickle.dumps((IMAGES, [0, 1, 0, 1]))))
    assert not source.entries
    assert findings(source) == [("../../data.pkl", "misplaced")]


def test_several_arrays_or_arrays_beside_images_are_not_guessed_at(tmp_path: Path) -> None:
    assert not read(tmp_path, ("a.npz", npz()), ("b.npz", npz())).entries
    assert [entry.path for entry in read(tmp_path, ("a.npz", npz()), "cats/a.png").entries] == ["cats/a.png"]


class Hostile:
    def __reduce__(self) -> Any:
        return (eval, ("__import__('pathlib').Path('marker').touch()",))


def test_a_pickle_in_an_archive_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="nothing in it was executed"):
        read(tmp_path, ("data.pkl", pickle.dumps([Hostile()])))
    assert not (tmp_path / "marker").exists()
    assert not list((tmp_path / "scratch").iterdir())


def test_an_array_too_large_to_unpack(tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path, [("data.npz", bytes(2_000_000))])
    with pytest.raises(EvenhandError, match="Free some space"):
        read_archive(path, small_disk / "scratch")
    monkeypatch.setattr(packed_, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="Unpack it yourself"):
        read_archive(path, small_disk / "scratch")


def test_a_table_beside_images_names_the_classes(tmp_path: Path) -> None:
    listed = ["images/a.png,cat,train", "images/b.png,dog,test", "images/gone.png,dog,test", "/etc/x.png,cat,test"]
    table = "\n".join(["file,class,split", *listed])
    source = read(tmp_path, ("mydata/labels.csv", table), "mydata/images/a.png", "mydata/images/b.png")
    assert rows(source) == [("images/a.png", "cat", "train"), ("images/b.png", "dog", "test")]
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"mydata/images/a.png", b"mydata/images/b.png"]
    assert findings(source) == [("images/gone.png", "missing"), ("/etc/x.png", "missing")]
    assert source.notes == ("Labels are those of mydata/labels.csv in the archive.",)


@pytest.mark.parametrize(
    ("table", "expected", "note"),
    [
        # Folders say the same and name splits besides.
        ("path,label\ntrain/cats/a.png,cats\ntest/cats/b.png,cats\n", ["test", "train"], "left alone: labels.csv"),
        # Folders say something else.
        ("path,label\ntrain/cats/a.png,cats\ntest/cats/b.png,dogs\n", ["train", "train"], "Labels are those of"),
        # The table knows more.
        ("path,label,group\ntrain/cats/a.png,cats,1\ntest/cats/b.png,cats,2\n", ["train", "train"], "Labels are"),
        # The table is about something else.
        ("name,age\nTom,3\n", ["test", "train"], "left alone: labels.csv"),
        ("path,label\nelsewhere/a.png,cats\n", ["test", "train"], "left alone: labels.csv"),
    ],
)
def test_a_table_beside_class_folders(tmp_path: Path, table: str, expected: list[str], note: str) -> None:
    source = read(tmp_path, ("labels.csv", table), "train/cats/a.png", "test/cats/b.png")
    assert [entry.split for entry in source.entries] == expected
    assert note in " ".join(source.notes)


def test_a_table_where_folders_cannot_be_understood(tmp_path: Path) -> None:
    members = ["dev/cats/a.png", "clean/cats/b.png"]
    source = read(tmp_path, ("labels.csv", "path,label\ndev/cats/a.png,cats\nclean/cats/b.png,dogs\n"), *members)
    assert [entry.label for entry in source.entries] == ["cats", "dogs"]
    with pytest.raises(DataError, match="named like splits"):
        read(tmp_path, ("labels.csv", "no,table\n"), *members)
    with pytest.raises(DataError, match="no column 'path'"):
        read(tmp_path, ("labels.csv", "no,table\n1,2\n"), "a.png", "b.png")


def test_a_table_of_a_size_that_no_table_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_, "MOST_TABLE_BYTES", 10)
    with pytest.raises(DataError, match="too much for a table"):
        read(tmp_path, ("labels.csv", "path,label\na.png,x\n"), "a.png")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello"])
def test_files_that_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"no \.zip that can be read"):
        read_archive(tmp_path / "data.zip", tmp_path)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_shows_when_images_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(packed(folder, ["cats/a.png", ("labels.csv", "path,label\ncats/a.png,x\n")]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "damaged.zip"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        for entry in read_archive(path, folder / "scratch").entries:
            read_bytes(entry.locator)
    except DataError as error:
        assert "damaged.zip" in str(error)  # noqa: PT017
    except UndecodableError as error:
        assert error.kind in ("unreadable", "oversized")  # noqa: PT017
