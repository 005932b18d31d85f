import csv
import io
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.readers.source import FileImage, Source
from evenhand.data.readers.table import read_table_bytes, read_table_file
from evenhand.errors import DataError

HERE = Path("data.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files a.png to f.png and below/g.png; what is in them does not matter to a table."""
    (tmp_path / "below").mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "below/g.png"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def read(folder: Path, text: str | bytes, name: str = "data.csv") -> Source:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table_file(path, folder / "scratch")


def rows(source: Source) -> list[tuple[str, str, str, str | None]]:
    return [(entry.path, entry.label, entry.split, entry.group) for entry in source.entries]


def findings(source: Source) -> list[tuple[str, str]]:
    return [(finding.path, finding.kind) for finding in source.findings]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("path,label\na.png,cat\nbelow/g.png,dog\n", "data.csv"),
        ("path;label\r\na.png;cat\r\nbelow/g.png;dog", "data.csv"),
        ("path\tlabel\na.png\tcat\nbelow/g.png\tdog\n", "data.tsv"),
        ("path\tlabel\na.png\tcat\nbelow/g.png\tdog\n", "data.csv"),
        ("path,label\na.png,cat\nbelow/g.png,dog\n", "data.tsv"),
        ('\ufeff"path","label"\n"a.png","cat"\n\n"below/g.png","dog"\n\n', "data.csv"),
        (" Label , PATH \n cat , a.png \n dog , below/g.png \n", "data.csv"),
        ("filename,class\na.png,cat\nbelow/g.png,dog\n", "data.csv"),
        ("image,target\na.png,cat\nbelow/g.png,dog\n", "data.csv"),
        ("file,category\na.png,cat\nbelow\\g.png,dog\n", "data.csv"),
    ],
)
def test_every_way_of_writing_a_table(folder: Path, text: str, name: str) -> None:
    source = read(folder, text, name)
    assert rows(source) == [("a.png", "cat", "train", None), ("below/g.png", "dog", "train", None)]
    assert [entry.locator for entry in source.entries] == [
        FileImage(folder / "a.png"),
        FileImage(folder / "below/g.png"),
    ]
    assert not source.findings
    assert not source.notes


def test_splits_and_groups(folder: Path) -> None:
    text = "path,label,split,patient\na.png,x,Train,1\nb.png,y,VALIDATION,\nc.png,x,dev,1\nd.png,y,testing,2\n"
    assert rows(read(folder, text)) == [
        ("a.png", "x", "train", "1"),
        ("b.png", "y", "val", None),
        ("c.png", "x", "val", "1"),
        ("d.png", "y", "test", "2"),
    ]


def test_the_first_of_several_headings_wins_and_the_others_are_told(folder: Path) -> None:
    source = read(folder, "class,label,path,notes\nA,x,a.png,blurred\nB,y,b.png,\n")
    assert [entry.label for entry in source.entries] == ["x", "y"]
    assert source.notes == ("Columns of data.csv that are not used: class, notes.",)


def test_our_own_manifest_is_read_by_its_given_labels(folder: Path) -> None:
    text = "path,sha256,split,given,corrected,group,pixel_sha256\na.png,0f,train,x,y,0,1e\nb.png,1f,test,y,y,1,2e\n"
    source = read(folder, text, "manifest.csv")
    assert rows(source) == [("a.png", "x", "train", "0"), ("b.png", "y", "test", "1")]
    assert source.notes == ("Labels of manifest.csv are those of its column given, not of corrected.",)


def test_rows_that_a_run_excluded_are_left_out_and_counted(folder: Path) -> None:
    text = (
        "path,sha256,split,given,corrected,group\na.png,0,train,x,y,0\nb.png,1,excluded,y,y,1\ngone,2,Excluded,y,y,2\n"
    )
    source = read(folder, text, "manifest.csv")
    assert rows(source) == [("a.png", "x", "train", "0")]
    assert source.findings == ()
    assert source.notes[-1] == "Rows of manifest.csv that are left out because their split is excluded: 2."


def test_absolute_paths_stay_as_they_are_written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    source = read(elsewhere, f"path,label\n{folder / 'a.png'},x\n../{folder.name}/b.png,y\n")
    assert [entry.path for entry in source.entries] == [str(folder / "a.png"), f"../{folder.name}/b.png"]


def test_missing_files_and_empty_cells_are_findings_with_their_line(folder: Path) -> None:
    text = f'path,label\na.png,x\ngone.png,y\nb.png,\n,x\n"{"n" * 5000}.png",x\nnull\0.png,x\na.png/b.png,x\n'
    source = read(folder, text)
    assert [entry.path for entry in source.entries] == ["a.png"]
    assert {finding.kind for finding in source.findings} == {"missing"}
    details = [finding.detail for finding in source.findings]
    assert details[0].startswith("line 3: there is no such file in the folder")
    assert details[1:3] == ["line 4 has no label", "line 5 has no path"]
    assert [detail[:6] for detail in details[3:]] == ["line 6", "line 7", "line 8"]


def test_when_no_file_is_there_it_says_where_it_looked(folder: Path) -> None:
    with pytest.raises(DataError, match=rf"None of the 2 files .* for example 'x/1\.png'.*relative to .*{folder.name}"):
        read(folder, "path,label\nx/1.png,a\nx/2.png,b\n")


def test_a_file_listed_twice(folder: Path) -> None:
    text = (
        "path,label,split\na.png,x,train\nb.png,y,train\n./a.png,x,train\nb.png,x,train\nc.png,x,train\nc.png,x,test\n"
        "d.png,y,train\nb.png,y,train\n"
    )
    source = read(folder, text)
    assert [entry.path for entry in source.entries] == ["a.png", "d.png"]
    assert findings(source) == [(path, "duplicate_name") for path in ("./a.png", "b.png", "c.png")]
    details = [finding.detail for finding in source.findings]
    assert details == [
        "line 4: listed in line 2 already",
        "line 3 says 'y' (train), line 5 says 'x' (train); neither is taken",
        "line 6 says 'x' (train), line 7 says 'x' (test); neither is taken",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty. It needs a first line"),
        ("\n\n", "is empty"),
        ("path,lable\na.png,x\n", r"no column 'label' .* Its columns are: path, lable\. Rename the column 'lable'\?"),
        ("fliename,label\na.png,x\n", r"no column 'path' .* Rename the column 'fliename'\?"),
        ("path,weight\na.png,x\n", r"no column 'label' \(or class, category, target, given\).*: path, weight\.$"),
        ("a.png,x\nb.png,y\n", "no column 'path'"),
        ("path,label,path\n", "two columns named 'path'"),
        ("path,label\na.png,x\nb.png,y,z\n", "3 values in line 3, but 2 columns"),
        ("path,label\na.png,x\n\nb.png\n", "1 values in line 4, but 2 columns"),
        ('path,label\n"a.png",x\n"b.png,y\n', "from line 3 on: unexpected end of data. Check its quotation marks"),
        ('path,label\n"a"b,x\n', "from line 2 on"),
        (f'path,label\n"{"a" * 200_000}",x\n', "from line 2 on: field larger"),
        ("path,label,split\na.png,x,tset\n", r"the split 'tset' in line 2\. Did you mean 'test'\?"),
        ("path,label,split\na.png,x,\n", r"the split '' in line 2\. Known: dev, excluded, test"),
        ("path,label\nb.png,kot\na.png,caf\xe9\n".encode("latin-1"), "not written in UTF-8: line 3 has the byte 0xe9"),
        ("path,label\na.png,x\n".encode("utf-16"), "UTF-16. Save it as UTF-8"),
        ("path,label\na.png,x\n".encode("utf-16-be"), "has no column|not written"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_place(folder: Path, text: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(folder, text)


def test_rows_of_several_lines_keep_the_count_of_lines(folder: Path) -> None:
    text = 'path,label,note\na.png,x,"one\ntwo\nthree"\ngone.png,x,\n'
    assert read(folder, text).findings[0].detail.startswith("line 5:")


def test_a_table_that_cannot_be_read_or_is_no_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table_file(folder / "absent.csv", folder)
    monkeypatch.setattr("evenhand.data.readers.table.MOST_BYTES", 10)
    with pytest.raises(DataError, match="too much for a table"):
        read(folder, "path,label\na.png,x\n")


def test_only_a_header_is_no_entry(folder: Path) -> None:
    assert read(folder, "path,label\n") == Source(())


CELL = st.text(st.characters(codec="utf-8"), max_size=8)


@given(
    st.lists(st.tuples(CELL, CELL, st.sampled_from(["train", "val", "test"]), CELL), max_size=8),
    st.sampled_from(",;\t"),
)
def test_whatever_csv_writes_is_read(table: list[tuple[str, str, str, str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("path", "label", "split", "group"), *table])
    source = read_table_bytes(text.getvalue().encode(), HERE, lambda path: FileImage(Path("x")), "nowhere")
    taken = {entry.path for entry in source.entries}
    for path, label, split, group in table:
        mine = [entry for entry in source.entries if entry.path == path.strip()]
        assert mine or path.strip() not in taken
        if mine and [row[0].strip() for row in table].count(path.strip()) == 1:
            assert (mine[0].split, mine[0].group or "") == (split, group.strip())
            assert mine[0].label in (label.strip(), unicodedata.normalize("NFC", label.strip()))


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=120), st.text(max_size=60).map(lambda text: b"path,label\n" + text.encode())))
def test_random_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        source = read_table_bytes(content, HERE, lambda path: FileImage(Path("x")), "nowhere")
    except DataError as error:
        assert "data.csv" in str(error)  # noqa: PT017
    else:
        assert len({entry.path for entry in source.entries}) == len(source.entries)
