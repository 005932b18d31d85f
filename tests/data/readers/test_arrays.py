import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.readers import arrays
from evenhand.data.readers.arrays import read_npz
from evenhand.data.readers.source import ArrayImage, Source
from evenhand.errors import DataError, EvenhandError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


def written(folder: Path, **members: Any) -> Path:
    path = folder / "data.npz"
    np.savez_compressed(path, **members)
    return path


def pixels(source: Source) -> list[Any]:
    return [np.load(e.locator.file)[e.locator.row] for e in source.entries if isinstance(e.locator, ArrayImage)]


def rows(source: Source) -> list[tuple[str, str, str]]:
    return [(entry.path, entry.label, entry.split) for entry in source.entries]


def test_the_layout_of_medmnist(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        train_images=IMAGES[:3],
        train_labels=np.array([[0], [10], [2]], dtype=np.uint8),
        val_images=IMAGES[3:4],
        val_labels=np.array([[1]], dtype=np.uint8),
        test_images=IMAGES[4:],
        test_labels=np.array([[2], [0]], dtype=np.uint8),
    )
    source = read_npz(path, tmp_path / "scratch")
    assert rows(source) == [
        ("test/000000", "02", "test"),
        ("test/000001", "00", "test"),
        ("train/000000", "00", "train"),
        ("train/000001", "10", "train"),
        ("train/000002", "02", "train"),
        ("val/000000", "01", "val"),
    ]
    np.testing.assert_array_equal(pixels(source), IMAGES[[4, 5, 0, 1, 2, 3]])
    assert not source.findings
    assert sorted(file.name for file in (tmp_path / "scratch").iterdir()) == [f"images-0000{n}.npy" for n in range(3)]


def test_plain_arrays_with_names_and_groups(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        x=np.asfortranarray(IMAGES),
        y=[0, 1, 0, 1, 0, 1],
        classes=np.array(["cat", "dog"]),
        group=[7, 7, 8, 8, 9, 9],
        extra=1,
    )
    source = read_npz(path, tmp_path / "scratch")
    assert [entry.label for entry in source.entries] == ["cat", "dog"] * 3
    assert [entry.group for entry in source.entries] == ["7", "7", "8", "8", "9", "9"]
    np.testing.assert_array_equal(pixels(source), IMAGES)
    assert source.notes == ("Not used in data.npz: extra.",)


def test_notes_and_findings_come_along(tmp_path: Path) -> None:
    images = (IMAGES / 255).transpose(0, 3, 1, 2)
    images[2, 0, 0, 0] = np.nan
    source = read_npz(written(tmp_path, images=images, labels=np.eye(6)), tmp_path / "scratch")
    assert [finding.path for finding in source.findings] == ["train/000002"]
    assert len(source.notes) == 3
    np.testing.assert_array_equal(pixels(source), IMAGES[[0, 1, 3, 4, 5]])


class Hostile:
    def __reduce__(self) -> Any:
        return (eval, ("__import__('pathlib').Path('marker').touch()",))


@pytest.mark.parametrize("place", ["images", "labels", "classes", "groups"])
def test_arrays_of_objects_are_refused_and_nothing_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    members: dict[str, Any] = {"images": IMAGES, "labels": np.arange(6), "classes": list("abcdef"), "groups": range(6)}
    members[place] = np.array([Hostile()] * 6, dtype=object)
    with pytest.raises(DataError, match="nothing in it was executed: it holds Python objects"):
        read_npz(written(tmp_path, **members), tmp_path / "scratch")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"images": IMAGES}, "without labels"),
        ({"pictures": IMAGES}, "It holds: pictures"),
        ({"images": IMAGES, "labels": range(5)}, "6 images but 5 labels"),
        ({"images": np.arange(6), "labels": range(6)}, r"images of the shape \(6,\)"),
        ({"images": np.float64(1), "labels": range(6)}, r"images of the shape \(\)"),
        ({"images": IMAGES, "labels": range(6), "classes": ["a"]}, "only 1 class names"),
        ({"images": IMAGES.astype("M8[s]"), "labels": range(6)}, "of the type datetime64"),
    ],
)
def test_what_cannot_be_understood_is_told(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_npz(written(tmp_path, **members), tmp_path / "scratch")


def member(content: bytes, claimed: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """Return an .npy file that claims a shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": claimed})
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (member(b"abc", (6, 4, 5, 3)), member(bytes(6), (6,))),
        (member(b"abc", (10**9, 10**6, 10**3, 3)), member(bytes(6), (6,))),
        (member(bytes(360), (6, 4, 5, 3)), member(b"", (10**15,))),
        (b"no array", member(bytes(6), (6,))),
        (member(bytes(360), (6, 4, 5, 3)), b""),
        (pickle.dumps(IMAGES), member(bytes(6), (6,))),
    ],
)
def test_members_that_are_no_arrays_or_lie_about_their_size(tmp_path: Path, images: bytes, labels: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as file:
        file.writestr("images.npy", images)
        file.writestr("labels.npy", labels)
    with pytest.raises(DataError, match=r"data\.npz"):
        read_npz(tmp_path / "data.npz", tmp_path / "scratch")


def test_labels_of_a_size_that_no_labels_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, images=IMAGES, labels=range(6))
    monkeypatch.setattr(arrays, "MOST_LABEL_BYTES", 10)
    with pytest.raises(DataError, match="too much for labels"):
        read_npz(path, tmp_path / "scratch")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY\x01\0", b"hello"])
def test_files_of_other_kinds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"not an \.npz file that can be read"):
        read_npz(tmp_path / "data.npz", tmp_path / "scratch")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(written(folder, images=IMAGES[:2], labels=[0, 1]).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "damaged.npz").write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        read_npz(folder / "damaged.npz", folder / "scratch")
    except DataError as error:
        assert "damaged.npz" in str(error)  # noqa: PT017


def test_a_full_disk_is_told(small_disk: Path, tmp_path: Path) -> None:
    path = written(tmp_path, images=np.zeros((100, 100, 100, 3), dtype=np.uint8), labels=np.arange(100) % 2)
    with pytest.raises(EvenhandError, match="Free some space"):
        read_npz(path, small_disk / "scratch")
