from pathlib import Path

import pytest

from evenhand.data.readers.catalogue import read_source
from evenhand.errors import DataError
from packing import hub, packed, png


def cell(number: int) -> dict[str, object]:
    return {"bytes": png(number), "path": None}


def test_parquet_shards_of_the_hub_are_one_data_set_by_split(tmp_path: Path) -> None:
    data = tmp_path / "set/data"
    data.mkdir(parents=True)
    hub(data, [cell(1), cell(2)], [0, 1], "train-00000-of-00002.parquet")
    hub(data, [cell(3)], [1], "train-00001-of-00002.parquet")
    hub(data, [cell(4)], [0], "test-00000-of-00001.parquet")
    (tmp_path / "set/README.md").write_text("about it")
    source, classes = read_source(tmp_path / "set", tmp_path / "scratch")
    assert classes == ("cat", "dog")
    assert [(entry.path, entry.label, entry.split) for entry in source.entries] == [
        ("data/test-00000-of-00001/0", "cat", "test"),
        ("data/train-00000-of-00002/0", "cat", "train"),
        ("data/train-00000-of-00002/1", "dog", "train"),
        ("data/train-00001-of-00002/0", "dog", "train"),
    ]
    assert not source.findings


def test_tar_shards_pad_numbers_alike_and_folders_name_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / f"set/{split}").mkdir(parents=True)
    packed(tmp_path / "set/train", ["1.jpg", ("1.cls", "3")], "00.tar")
    packed(tmp_path / "set/train", ["2.jpg", ("2.cls", "11")], "01.tar.gz")
    packed(tmp_path / "set/val", ["3.jpg", ("3.cls", "3")], "00.tar")
    source, classes = read_source(tmp_path / "set", tmp_path / "scratch")
    assert classes == ("03", "11")
    assert [(entry.path, entry.label, entry.split) for entry in source.entries] == [
        ("train/00/1.jpg", "03", "train"),
        ("train/01/2.jpg", "11", "train"),
        ("val/00/3.jpg", "03", "val"),
    ]


def test_a_mixture_or_a_damaged_shard_is_not_guessed_at(tmp_path: Path) -> None:
    data = tmp_path / "set"
    data.mkdir()
    packed(data, ["1.jpg", ("1.cls", "3")], "00.tar")
    hub(data, [cell(1)], [0], "train.parquet")
    with pytest.raises(DataError, match="There are no images"):
        read_source(data, tmp_path / "scratch")
    (data / "train.parquet").unlink()
    (data / "01.tar").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"01\.tar is no \.tar that can be read"):
        read_source(data, tmp_path / "scratch")
