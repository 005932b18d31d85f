import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.locations import UndecodableError, read_bytes
from evenhand.data.pixels import decode
from evenhand.data.readers import parquet
from evenhand.data.readers.parquet import read_parquet
from evenhand.data.readers.source import FileImage, Source
from evenhand.errors import DataError, UsageError
from packing import findings, hub, png


def plain(folder: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "data.parquet")
    return folder / "data.parquet"


def read(path: Path) -> Source:
    return read_parquet(path, path.parent / "scratch")


def test_the_hugging_face_layout_with_embedded_bytes(tmp_path: Path) -> None:
    images = [{"bytes": png(number), "path": f"some/where/{number}.png"} for number in range(20)]
    source = read(hub(tmp_path, images, [0, 1] * 10))
    assert [entry.label for entry in source.entries] == ["cat", "dog"] * 10
    assert source.entries[7].path == "train/07-7.png"
    assert [decode(read_bytes(entry.locator))[0, 0, 0] for entry in source.entries] == list(range(20))
    assert not source.findings
    assert not source.notes


def test_bytes_alone_text_labels_splits_and_groups(tmp_path: Path) -> None:
    path = plain(
        tmp_path, jpg=[png(1), png(2)], category=["a", "b"], split=["train", "validation"], patient=[7, 7], age=[1, 2]
    )
    source = read(path)
    assert [(entry.path, entry.label, entry.split, entry.group) for entry in source.entries] == [
        ("train/0", "a", "train", "7"),
        ("val/1", "b", "val", "7"),
    ]
    assert source.notes == ("Columns of data.parquet that are not used: age.",)


def test_rows_without_an_image_or_a_class_are_findings(tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(png(9))
    outside = ["../here.png", "/etc/passwd", "C:\\a.png", "a/../../b.png"]
    images = [{"bytes": png(1), "path": "../../../a.png"}, None, {"bytes": None, "path": "here.png"}]
    images += [{"bytes": None, "path": name} for name in outside] + [{"bytes": png(2), "path": None}] * 3
    source = read(hub(tmp_path, images, [0] * 7 + [None, -1, 1]))
    assert [entry.path for entry in source.entries] == ["train/0-a.png", "train/2-here.png", "train/9"]
    assert source.entries[1].locator == FileImage(tmp_path / "here.png")
    assert [kind for _, kind in findings(source)] == ["missing"] * 7
    details = " ".join(finding.detail for finding in source.findings)
    assert details.count("outside of the folder") == 4
    assert "row 1 holds no image" in details
    assert details.count("has no label") == 2


def test_paths_are_read_as_a_table_lists_them(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    path = plain(tmp_path, filename=["a.png", "gone.png", None], label=[0, 11, 3])
    source = read(path)
    assert [(entry.path, entry.label, entry.locator) for entry in source.entries] == [
        ("a.png", "00", FileImage(tmp_path / "a.png"))
    ]
    assert findings(source) == [("gone.png", "missing"), ("data.parquet", "missing")]
    assert "row 1: there is no such file" in source.findings[0].detail
    with pytest.raises(DataError, match="None of the 2 files that"):
        read(plain(tmp_path, filename=["gone.png", "lost.png"], label=[0, 1]))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"image": [png(1)]}, "has no column label. Its columns are: image"),
        ({"label": ["a"], "pathh": ["x"]}, "has no column image or path"),
        ({"label": ["a"], "one": [png(1)], "two": [png(1)]}, "several columns of images: one, two"),
        ({"label": [1.5], "image": [png(1)]}, "neither text nor a whole number: 1.5"),
        ({"label": [[1, 2]], "image": [png(1)]}, "neither text nor a whole number: list"),
        ({"label": pa.array([None], pa.int64()), "image": [png(1)]}, "no label in any of its 1 rows"),
        ({"label": ["a"], "image": [png(1)], "split": ["trian"]}, "the split 'trian' in row 0. Did you mean 'train'"),
        ({"label": ["a"], "image": [png(1)], "Label": ["b"]}, "columns of the same name"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path: Path, columns: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read(plain(tmp_path, **columns))
    assert words in str(caught.value)
    assert "data.parquet" in str(caught.value)


def test_a_label_beyond_the_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label 2 but only 2 class names"):
        read(hub(tmp_path, [{"bytes": png(1), "path": None}], [2]))


def test_metadata_that_is_damaged_names_nothing(tmp_path: Path) -> None:
    for said in ("{", "[" * 100_000, '{"info": 3}', '{"info": {"features": {"label": {"names": [1, 2]}}}}'):
        table = pa.table({"image": [png(1)], "label": [1]}).replace_schema_metadata({"huggingface": said})
        pq.write_table(table, tmp_path / "data.parquet")
        assert [entry.label for entry in read(tmp_path / "data.parquet").entries] == ["1"]


def test_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hub(tmp_path, [{"bytes": png(1), "path": "a.png"}, {"bytes": bytes(2000), "path": "b.png"}], [0, 1])
    monkeypatch.setattr(parquet, "MOST_BYTES", 1000)
    source = read(path)
    assert findings(source) == [("train/1-b.png", "oversized")]
    monkeypatch.setattr(parquet, "MOST_UNPACKED_BYTES", 50)
    with pytest.raises(DataError, match="Write several files"):
        read(path)
    monkeypatch.setattr(parquet, "MOST_ROWS", 1)
    with pytest.raises(DataError, match="has 2 rows; at most 1"):
        read(path)


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hub(tmp_path, [{"bytes": png(1), "path": "a.png"}], [0])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"Install it with: pip install 'evenhand\[parquet\]'"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"path,label\n"])
def test_files_that_are_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"data\.parquet is no Parquet file that can be read.*Write it again"):
        read(tmp_path / "data.parquet")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_shows_when_images_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    images = [{"bytes": png(number), "path": f"{number}.png"} for number in range(4)]
    path = hub(folder, images, [0, 1, 0, 1], "damaged.parquet", split=["train", "test"] * 2)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        for entry in read_parquet(path, folder / "parquet-scratch").entries:
            decode(read_bytes(entry.locator))
    except DataError as error:
        assert "damaged.parquet" in str(error)  # noqa: PT017
    except UndecodableError as error:
        assert error.kind in ("unreadable", "truncated", "empty", "oversized", "unsupported", "missing")  # noqa: PT017
