import gzip
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.locations import UndecodableError, read_bytes
from evenhand.data.readers import tape
from evenhand.data.readers.source import ArrayImage, SliceImage
from evenhand.data.readers.tape import read_tar
from evenhand.errors import DataError, EvenhandError
from packing import findings, packed
from packing import read_packed as read


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_tree_of_images_is_read_where_it_lies(tmp_path: Path) -> None:
    folder = special("mydata/dogs", tarfile.DIRTYPE)
    source = read(tmp_path, folder, "./mydata/cats/a.png", "mydata/dogs/b.png", "mydata/dogs/.c.png", "README")
    assert [(entry.path, entry.label) for entry in source.entries] == [("cats/a.png", "cats"), ("dogs/b.png", "dogs")]
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"./mydata/cats/a.png", b"mydata/dogs/b.png"]
    place = source.entries[0].locator
    assert isinstance(place, SliceImage)
    assert place.file == place.origin == tmp_path / "data.tar"
    assert findings(source) == [("dogs/.c.png", "hidden")]
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("name", ["data.tar.gz", "data.tgz", "data.tar"])
def test_compressed_archives_are_told_by_their_bytes(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path, ["cats/a.png", "dogs/b.png"], "made.tar.gz").rename(tmp_path / name)
    source = read_tar(path, tmp_path / "scratch")
    assert [read_bytes(entry.locator) for entry in source.entries] == [b"cats/a.png", b"dogs/b.png"]
    assert {entry.locator.origin for entry in source.entries} == {path}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("member", "path", "kind", "words"),
    [
        (("../outside.png", b"x"), "../outside.png", "misplaced", "points out"),
        (("/etc/a.png", b"x"), "/etc/a.png", "misplaced", "points out"),
        (special("cats/link.png", tarfile.SYMTYPE, "/etc/passwd"), "cats/link.png", "unsupported", "a link"),
        (special("cats/hard.png", tarfile.LNKTYPE, "../x"), "cats/hard.png", "unsupported", "a link"),
        (special("cats/disk.png", tarfile.BLKTYPE), "cats/disk.png", "unsupported", "no ordinary file"),
        (special("cats/pipe.png", tarfile.FIFOTYPE), "cats/pipe.png", "unsupported", "no ordinary file"),
        (("cats/more.tar", b"x"), "cats/more.tar", "unsupported", "unpack it"),
    ],
)
def test_members_that_are_left_alone(tmp_path: Path, member: Any, path: str, kind: str, words: str) -> None:
    member = member if isinstance(member, tuple) else (member, b"")
    source = read(tmp_path, "cats/a.png", "dogs/b.png", member)
    assert [entry.path for entry in source.entries] == ["cats/a.png", "dogs/b.png"]
    assert findings(source) == [(path, kind)]
    assert words in source.findings[0].detail
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.tar"]


def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    source = read(tmp_path, ("cats/a.png", b"first"), ("cats/a.png", b"last"), "dogs/b.png")
    assert read_bytes(source.entries[0].locator) == b"last"
    assert findings(source) == [("cats/a.png", "duplicate_name")]


def test_an_archive_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path, ["cats/a.png", ("dogs/c.png", bytes(4000))])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"data\.tar is no \.tar that can be read: unexpected end of data"):
        read_tar(path, tmp_path / "scratch")
    with gzip.open(tmp_path / "cut.tar.gz", "wb") as file:
        file.write(np.random.default_rng(0).bytes(20_000))
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "cut.tar.gz").read_bytes()[:9000])
    with pytest.raises(DataError, match=r"cut\.tar\.gz is no \.tar\.gz that can be read.*Pack it again"):
        read_tar(tmp_path / "cut.tar.gz", tmp_path / "scratch")


def test_bombs_are_refused_before_the_disk_is_full(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, ["cats/a.png", ("cats/b.png", bytes(9_000_000))], "data.tar.gz")
    monkeypatch.setattr(tape, "SMALL", 2**21)
    with pytest.raises(DataError, match="decompression bomb"):
        read_tar(path, tmp_path / "scratch")
    monkeypatch.setattr(tape, "SMALL", 2**30)
    with pytest.raises(EvenhandError, match=r"disk is full|are free there"):
        read_tar(path, small_disk / "scratch")
    monkeypatch.setattr("evenhand.data.locations.MOST_BYTES", 10_000)
    with pytest.raises(UndecodableError, match="at most") as caught:
        read_bytes(read_tar(path, tmp_path / "scratch").entries[1].locator)
    assert caught.value.kind == "oversized"


def test_a_header_that_claims_to_be_huge_costs_no_memory(tmp_path: Path) -> None:
    info = special("cats/a.png", tarfile.XHDTYPE)
    info.size = 2**34
    path = tmp_path / "data.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(DataError, match=r"data\.tar is no \.tar that can be read"):
        read_tar(path, tmp_path / "scratch")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "MOST_MEMBERS", 2)
    with pytest.raises(DataError, match=r"more than 2 members\. Pack it in parts"):
        read(tmp_path, "cats/a.png", "cats/b.png", "cats/c.png")


IMAGES = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)


def test_tables_and_pickles_in_an_archive(tmp_path: Path) -> None:
    listed = read(
        tmp_path, ("labels.csv", "path,label,split\nx/a.png,cat,train\nx/b.png,dog,test\n"), "x/a.png", "x/b.png"
    )
    assert [(entry.path, entry.label, entry.split) for entry in listed.entries] == [
        ("x/a.png", "cat", "train"),
        ("x/b.png", "dog", "test"),
    ]
    source = read(tmp_path, ("data.pkl", pickle.dumps((IMAGES, [0, 1, 0, 1]))), "README")
    assert [entry.label for entry in source.entries] == ["0", "1", "0", "1"]
    assert isinstance(source.entries[0].locator, ArrayImage)


@pytest.mark.parametrize("content", [b"", b"hello", bytes(512), bytes(10240)])
def test_files_that_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.tar").write_bytes(content)
    with pytest.raises(DataError, match=r"data\.tar is no \.tar that can be read"):
        read_tar(tmp_path / "data.tar", tmp_path)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_shows_when_images_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(["damaged.tar", "damaged.tar.gz"]))
    path = packed(folder, ["a.png", ("a.json", '{"label": 3}'), "b.png", ("b.cls", "7"), "x/c.png"], name)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 5 * 1024) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        for entry in read_tar(path, folder / "scratch").entries:
            read_bytes(entry.locator)
    except DataError as error:
        assert "damaged.tar" in str(error)  # noqa: PT017
    except UndecodableError as error:
        assert error.kind in ("unreadable", "oversized", "truncated")  # noqa: PT017
