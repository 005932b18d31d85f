import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evenhand.auditing import scan as scanning
from evenhand.auditing.duplicates import duplicates
from evenhand.auditing.scan import Scan, scan
from evenhand.data.demo import make_demo
from evenhand.data.manifest import write_manifest
from evenhand.disk import read_table
from evenhand.errors import DataError, EvenhandError
from evenhand.progress import Progress

REAL = Path(__file__).parents[2].parent / "shared/data/car-truck-cat"


def picture(path: Path, colour: Any = 0, size: tuple[int, int] = (6, 4)) -> Path:
    """Write a picture of one colour; size is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = (colour, 0, 0) if isinstance(colour, int) else colour
    Image.new("RGB", size, rgb).save(path, "PNG")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes in three splits, each picture of its own red."""
    names = ["train/b/1.png", "train/b/2.png", "train/a/1.png", "train/a/2.png", "val/a/1.png", "test/b/1.png"]
    for number, name in enumerate(names):
        picture(tmp_path / "data" / name, number * 10)
    return tmp_path / "data"


def look(data: Path, **options: Any) -> Scan:
    return scan(data, cache=data.parent / "cache", **options)


def reds(found: Scan) -> dict[str, int]:
    return dict(zip(found.dataset.manifest.paths, found.dataset.pixels[:, 0, 0, 0].tolist(), strict=True))


def states(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def never(*_: object, **__: object) -> Any:
    raise AssertionError("decoded again")


def test_rows_come_by_split_then_path_and_labels_by_class_order(data: Path) -> None:
    before = states(data)
    manifest = look(data).dataset.manifest
    assert manifest.classes == ("a", "b")
    assert manifest.paths == (
        "train/a/1.png",
        "train/a/2.png",
        "train/b/1.png",
        "train/b/2.png",
        "val/a/1.png",
        "test/b/1.png",
    )
    assert manifest.split.tolist() == ["train"] * 4 + ["val", "test"]
    assert manifest.given.tolist() == manifest.corrected.tolist() == [0, 0, 1, 1, 0, 1]
    assert manifest.group.tolist() == list(range(6))
    assert manifest.file_sha256[0] == hashlib.sha256((data / "train/a/1.png").read_bytes()).hexdigest()
    assert states(data) == before
    assert look(data, classes=["b", "a"]).dataset.manifest.given.tolist() == [1, 1, 0, 0, 1, 0]


def test_pixels_are_a_memory_map_that_nobody_can_change(data: Path) -> None:
    found = look(data)
    assert isinstance(found.dataset.pixels, np.memmap)
    assert found.dataset.pixels.dtype == np.uint8
    assert found.dataset.pixels.shape == (6, 4, 6, 3)
    assert found.dataset.size == (4, 6)
    assert not found.dataset.pixels.flags.writeable
    assert reds(found)["test/b/1.png"] == 50
    assert found.notes == ("All images have 4x6 pixels (height x width).",)


def test_what_is_decoded_once_is_not_decoded_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = look(data)
    monkeypatch.setattr("evenhand.auditing.decoded.decode_all", never)
    again = look(data)
    assert again.dataset.manifest.fingerprint() == first.dataset.manifest.fingerprint()
    assert reds(again) == reds(first)
    assert again.findings == first.findings
    assert again.sizes.tolist() == first.sizes.tolist() == [[4, 6]] * 6
    kinds = sorted((path.name.split("-")[0], path.suffix) for path in (data.parent / "cache").iterdir())
    assert kinds == [("near", ".npy"), ("pixels", ".json"), ("pixels", ".npy")]


def without_sizes(index: str) -> str:
    """As versions wrote it that did not keep the sizes of the files."""
    return json.dumps([row[:4] for row in json.loads(index)])


@pytest.mark.parametrize(
    "damaged",
    [*(lambda _, text=text: text for text in ("", "{", "[5]", '[["a", "b", "c", "d", "e"]]')), without_sizes],
)
def test_a_damaged_index_costs_a_decoding(data: Path, damaged: Callable[[str], str]) -> None:
    first = look(data)
    (index,) = (data.parent / "cache").glob("*.json")
    index.write_text(damaged(index.read_text(encoding="utf-8")), encoding="utf-8")
    again = look(data)
    assert again.dataset.manifest.fingerprint() == first.dataset.manifest.fingerprint()
    assert again.sizes.tolist() == first.sizes.tolist()


def test_near_duplicates_are_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    images[5] = images[0] // 2 + 60
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 1] * 3)
    look(tmp_path / "data.npz")
    monkeypatch.setattr(scanning, "near_pairs", never)
    os.utime(tmp_path / "data.npz", ns=(1, 1))  # it is decoded again, but holds the same pixels
    found = look(tmp_path / "data.npz")
    assert found.near.tolist() == [[0, 5]]
    assert found.dataset.manifest.group.tolist() == [0, 1, 2, 3, 4, 0]
    with pytest.raises(AssertionError, match="again"):
        look(tmp_path / "data.npz", size=(16, 16))
    monkeypatch.setattr(scanning, "search_fingerprint", lambda: "another search")
    with pytest.raises(AssertionError, match="again"):
        look(tmp_path / "data.npz")


@pytest.mark.parametrize("pairs", [b"", b"no array", [[0, 6]], [[-1, 2]], [0, 1], [[0.0, 1.0]], [[None, 1]]])
def test_a_damaged_list_of_near_duplicates_costs_a_search(tmp_path: Path, pairs: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 1] * 3)
    assert look(tmp_path / "data.npz").near.shape == (0, 2)
    (place,) = (tmp_path / "cache").glob("near-*.npy")
    if isinstance(pairs, bytes):
        place.write_bytes(pairs)
    else:
        np.save(place, np.array(pairs))
    assert look(tmp_path / "data.npz").near.shape == (0, 2)


def test_the_size_of_the_file_is_kept_upright(data: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (30, 10)).save(data / "train/a/2.jpg", exif=turned)
    picture(data / "train/a/large.png", 1, (100, 80))
    found = look(data)
    sizes = dict(zip(found.dataset.manifest.paths, found.sizes.tolist(), strict=True))
    assert sizes["train/a/2.jpg"] == [30, 10]
    assert sizes["train/a/large.png"] == [80, 100]
    assert sizes["train/a/1.png"] == [4, 6]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: picture(data / "train/a/1.png", 99),
        lambda data: os.utime(data / "train/a/1.png", ns=(1, 1)),
        lambda data: (data / "train/a/1.png").unlink(),
        lambda data: (data / "train/a/1.png").rename(data / "train/a/0.png"),
        lambda data: picture(data / "train/a/3.png", 99),
    ],
)
def test_a_changed_file_is_noticed(
    data: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(data)
    change(data)
    monkeypatch.setattr("evenhand.auditing.decoded.decode_all", never)
    with pytest.raises(AssertionError, match="decoded again"):
        look(data)
    monkeypatch.undo()
    assert len(look(data).dataset.manifest) == sum(1 for _ in data.rglob("*.png"))


def test_another_size_is_another_array(data: Path) -> None:
    assert look(data).dataset.size == (4, 6)
    found = look(data, size=(3, 5))
    assert found.dataset.size == (3, 5)
    assert found.notes == ("All images are brought to 3x5 pixels, as asked.",)
    assert look(data).dataset.size == (4, 6)


@pytest.mark.parametrize("suffix", [".npz", ".zip"])
def test_changed_arrays_of_the_same_shape_are_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    for red in (10, 77):
        images = np.full((4, 5, 6, 3), red, dtype=np.uint8)
        images[:, 0, 0, 1] = range(4)
        np.savez(tmp_path / "inner.npz", images=images, labels=[0, 1, 0, 1])
        if suffix == ".zip":
            with zipfile.ZipFile(path, "w") as file:
                file.write(tmp_path / "inner.npz", "inner.npz")
        else:
            (tmp_path / "inner.npz").replace(path)
        os.utime(path, ns=(red, red))
        found = look(path)
        assert set(reds(found).values()) == {red}
        assert found.dataset.manifest.paths == tuple(f"train/00000{number}" for number in range(4))
        assert not (tmp_path / "cache/scratch").exists()
    assert set(reds(look(path)).values()) == {77}


def test_the_same_pixels_are_the_same_from_whatever_kind_of_data(data: Path, tmp_path: Path) -> None:
    from_folder = look(data)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
        for path in from_folder.dataset.manifest.paths:
            file.write(data / path, path)
    rows = zip(from_folder.dataset.manifest.paths, from_folder.dataset.manifest.split, strict=True)
    table = "\n".join(["path,label,split", *(f"data/{path},{path.split('/')[1]},{split}" for path, split in rows)])
    (tmp_path / "data.csv").write_text(table, encoding="utf-8")
    manifest = from_folder.dataset.manifest
    arrays: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = from_folder.dataset.pixels[manifest.where(split)]
        arrays[f"{split}_labels"] = manifest.given[manifest.where(split)]
    np.savez(tmp_path / "data.npz", classes=["a", "b"], **arrays)
    for kind in ("zip", "csv", "npz"):
        found = scan(tmp_path / f"data.{kind}", cache=tmp_path / kind)
        assert found.dataset.manifest.fingerprint() == manifest.fingerprint()
        np.testing.assert_array_equal(found.dataset.pixels, from_folder.dataset.pixels)


def test_test_images_that_lie_apart(data: Path, tmp_path: Path) -> None:
    picture(tmp_path / "apart/a/9.png", 200)
    (data / "test/b/1.png").unlink()
    found = look(data, test=tmp_path / "apart")
    assert found.dataset.manifest.paths[-1] == "test/a/9.png"
    assert found.dataset.manifest.where("test").tolist() == [5]
    assert reds(found)["test/a/9.png"] == 200


def test_images_of_several_sizes_are_brought_to_one_and_a_bomb_has_no_say(data: Path) -> None:
    picture(data / "train/a/large.png", 1, (100, 80))
    found = look(data)
    assert found.dataset.size == (16, 16)
    assert "2 different sizes" in found.notes[-1]
    picture(data / "train/a/large.png", 1, (6, 4))
    whole = picture(data.parent / "whole.png").read_bytes()
    huge = bytearray(whole)
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    (data / "train/a/bomb.png").write_bytes(huge)
    found = look(data)
    assert found.dataset.size == (4, 6)
    assert [finding.path for finding in found.findings] == ["train/a/bomb.png"]


def broken(folder: Path) -> None:
    whole = picture(folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_bytes(b"404")
    (folder / "link.png").symlink_to("nowhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")


def test_broken_files_are_findings(data: Path) -> None:
    broken(data / "train/a")
    (data / ".git").mkdir()
    found = look(data)
    kinds = {finding.path: finding.kind for finding in found.findings}
    kinds.pop("train/a/pipe.png", None)
    assert kinds == {
        ".git": "hidden",
        "train/a/cut.png": "truncated",
        "train/a/empty.png": "empty",
        "train/a/text.png": "unreadable",
        "train/a/link.png": "missing",
    }
    assert len(found.dataset.manifest) == len(found.dataset.pixels) == 6


def test_a_class_that_cannot_be_read_at_all_is_no_class(data: Path) -> None:
    (data / "train/c").mkdir()
    broken(data / "train/c")
    found = look(data)
    assert found.dataset.manifest.classes == ("a", "b")
    assert "No image of the class c can be read; it is left out." in found.notes
    assert look(data, classes=["a", "b", "c"]).dataset.manifest.classes == ("a", "b", "c")
    for path in data.glob("*/b/*"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="one class only, 'a'"):
        look(data)


def test_too_few_classes_or_images(tmp_path: Path) -> None:
    picture(tmp_path / "one/a/1.png")
    with pytest.raises(DataError, match=r"one class only, 'a'.*give the folder that holds these"):
        look(tmp_path / "one")
    assert look(tmp_path / "one", least_classes=1).dataset.manifest.classes == ("a",)
    (tmp_path / "none/a").mkdir(parents=True)
    with pytest.raises(DataError, match="There are no images in"):
        look(tmp_path / "none")
    for name in ("a", "b"):
        picture(tmp_path / "bad" / name / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"None of the 2 images .* for example a/1\.png: the file is empty"):
        look(tmp_path / "bad")


def test_a_class_of_one_image_is_a_class(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"data/a/{number}.png", number)
    picture(tmp_path / "data/b/1.png", 9)
    assert look(tmp_path / "data").dataset.manifest.counts("train") == {"a": 3, "b": 1}


def test_images_of_the_same_pixels_or_the_same_group_are_one_group(tmp_path: Path) -> None:
    for number, red in enumerate([1, 2, 3, 1, 4, 5, 6]):
        picture(tmp_path / f"{number}.png", red)
    lines = [
        "path,label,group",
        "0.png,a,",
        "1.png,b,x",
        "2.png,a,y",
        "3.png,b,x",
        "4.png,a,z",
        "5.png,b,z",
        "6.png,a,",
    ]
    (tmp_path / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    assert scan(tmp_path / "data.csv", cache=tmp_path / "cache").dataset.manifest.group.tolist() == [
        0,
        0,
        2,
        0,
        4,
        4,
        6,
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are always text")
def test_tables_can_hold_any_name(data: Path) -> None:
    os.rename(os.fsencode(data / "train/a/1.png"), os.fsencode(data / "train/a") + b'/\xff,"\n.png')
    found = look(data)
    write_manifest(data.parent / "manifest.csv", found.dataset.manifest)
    rows = read_table(data.parent / "manifest.csv")
    assert [row["path"] for row in rows] == list(found.dataset.manifest.paths)
    assert 'train/a/\\xff,"\n.png' in found.dataset.manifest.paths
    assert json.loads(next((data.parent / "cache").glob("*.json")).read_text(encoding="utf-8"))


def test_a_scan_that_was_killed_leaves_nothing_for_long(data: Path) -> None:
    cache = data.parent / "cache"
    (cache / "scratch/data").mkdir(parents=True)
    (cache / "scratch/data/images-00000.npy").write_bytes(b"half")
    (cache / ".pixels-abc.npy.123.tmp").write_bytes(b"half")
    (cache / ".near-abc.npy.123.tmp").write_bytes(b"half")
    (cache / "other").write_bytes(b"somebody's")
    look(data)
    assert sorted(path.name.split("-")[0] for path in cache.iterdir()) == ["near", "other", "pixels", "pixels"]


def test_a_place_that_cannot_be_written(data: Path, tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(EvenhandError, match="Could not write"):
        scan(data, cache=tmp_path / "file")
    with pytest.raises(EvenhandError, match="Could not write"):
        scan(data, cache=tmp_path / "file/cache")
    (tmp_path / "locked/cache").mkdir(parents=True)
    read_only(tmp_path / "locked")
    with pytest.raises(EvenhandError, match="read-only"):
        scan(data, cache=tmp_path / "locked/cache")
    with pytest.raises(EvenhandError, match="read-only"):
        scan(data, cache=tmp_path / "locked/other")


def test_a_full_disk(data: Path, small_disk: Path) -> None:
    with pytest.raises(EvenhandError, match="the disk is full"):
        scan(data, cache=small_disk / "cache", size=(500, 500))
    assert not list((small_disk / "cache").iterdir())
    scan(data, cache=small_disk / "cache")


def test_a_disk_that_fails_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(scanning, "read_source", failing)
    with pytest.raises(EvenhandError, match=r"could not be read.*Input/output error"):
        look(data)


def test_progress_is_told(data: Path) -> None:
    told = []

    class Listening(Progress):
        def _ignore(self, units: int) -> None:
            told.append(units)

    look(data, progress=Listening())
    assert told == [1, 1]


def test_the_demo_sets_faults_are_found(tmp_path: Path) -> None:
    truth = make_demo(tmp_path / "data", scale=0.02)
    found = look(truth.folder)
    assert {finding.path: finding.kind for finding in found.findings} == truth.broken
    assert "Files beside the class folders are left alone: truth.csv." in found.notes
    groups: dict[int, set[str]] = {}
    for row in duplicates(found.dataset.manifest, found.near):
        groups.setdefault(row.group, set()).add(row.path)
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, [*truth.duplicates, *truth.near_duplicates]))
    group = dict(zip(found.dataset.manifest.paths, found.dataset.manifest.group.tolist(), strict=True))
    assert all(group[one] == group[other] for one, other in [*truth.duplicates, *truth.near_duplicates])
    assert len(set(group.values())) == len(group) - len(truth.duplicates) - len(truth.near_duplicates)
    assert len(look(truth.folder, alike=False).near) == 0
    assert dict(zip(found.dataset.manifest.paths, found.dataset.manifest.given, strict=True)) == {
        path: found.dataset.manifest.classes.index(given) for path, given, _ in truth.rows
    }


@pytest.mark.skipif(not REAL.exists(), reason="the reference study's data is not beside this checkout")
def test_the_reference_studys_data(tmp_path: Path) -> None:
    found = scan(REAL / "train", cache=tmp_path / "cache", test=REAL / "clean", jobs=2)
    assert found.dataset.manifest.counts("train") == {"Cars": 4949, "Cats": 227, "Trucks": 449}
    assert found.dataset.pixels.shape[1:] == (32, 32, 3)
    assert not found.findings
