import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.readers.safe_pickle import read_pickle
from evenhand.data.readers.source import ArrayImage, Source
from evenhand.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
TENSORS = torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255
LABELS = [0, 1, 0, 1, 0, 1]


def read(content: Any, folder: Path, protocol: int = 4) -> Source:
    path = folder / "data.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return read_pickle(path, folder / "scratch")


def pixels(source: Source) -> list[Any]:
    return [np.load(e.locator.file)[e.locator.row] for e in source.entries if isinstance(e.locator, ArrayImage)]


def rows(source: Source) -> list[tuple[str, str, str]]:
    return [(entry.path, entry.label, entry.split) for entry in source.entries]


PAIRS = {
    "tensors and numbers": lambda: [(image, label) for image, label in zip(TENSORS, LABELS, strict=True)],
    "tensors and tensors": lambda: [(i, torch.tensor(label)) for i, label in zip(TENSORS, LABELS, strict=True)],
    "arrays and numpy numbers": lambda: [(i, np.int64(label)) for i, label in zip(IMAGES, LABELS, strict=True)],
    "lists in a tuple": lambda: tuple([image, label] for image, label in zip(IMAGES, LABELS, strict=True)),
    "a pair of arrays": lambda: (IMAGES, np.array(LABELS)),
    "a pair of tensors": lambda: (TENSORS, torch.tensor(LABELS)),
    "a pair of an array and a list": lambda: [IMAGES, LABELS],
    "a dict of arrays": lambda: {"images": IMAGES, "labels": np.array(LABELS)},
    "a dict of lists": lambda: {"x": list(IMAGES), "y": LABELS},
    "an ordered dict of tensors": lambda: OrderedDict(data=TENSORS, targets=torch.tensor(LABELS)[:, None]),
    "bytes for names": lambda: {b"images": IMAGES, b"labels": LABELS},
    "a batch of CIFAR": lambda: {
        b"batch_label": b"one of 5",
        b"data": IMAGES.transpose(0, 3, 1, 2).reshape(6, -1),
        b"labels": LABELS,
        b"filenames": [b"a.png"] * 6,
    },
}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_every_way_of_writing_images_and_labels(tmp_path: Path, kind: str, protocol: int) -> None:
    source = read(PAIRS[kind](), tmp_path, protocol)
    assert rows(source) == [(f"train/{place:06d}", str(place % 2), "train") for place in range(6)]
    np.testing.assert_array_equal(pixels(source), IMAGES)
    assert not source.findings


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("newer", [True, False])
def test_files_of_torch(tmp_path: Path, kind: str, newer: bool) -> None:
    path = tmp_path / "data.pt"
    torch.save(PAIRS[kind](), path, _use_new_zipfile_serialization=newer)
    source = read_pickle(path, tmp_path / "scratch")
    assert [entry.label for entry in source.entries] == [str(label) for label in LABELS]
    np.testing.assert_array_equal(pixels(source), IMAGES)


def test_the_reference_studys_shape_is_exact_to_the_bit(tmp_path: Path) -> None:
    """What a usual conversion to tensors divides by 255 comes back without loss."""
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).expand(3, 16, 16)
    source = read([(every.float() / 255, 0), (every.float().div(127.5).sub(1) / 2 + 0.5, 1)], tmp_path)
    np.testing.assert_array_equal(pixels(source)[0], every.permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(pixels(source)[1], every.permute(1, 2, 0).numpy())


def test_splits_with_class_names(tmp_path: Path) -> None:
    content = {
        "Train": [(image, label) for image, label in zip(IMAGES[:3], ["cat", "dog", "cat"], strict=True)],
        "valid": {"images": IMAGES[3:4], "labels": [1], "classes": ["cat", "dog"]},
        "test": (IMAGES[4:], ["dog", "cat"]),
    }
    with pytest.raises(DataError, match="labels that are text and labels that are numbers"):
        read(content, tmp_path)
    content["valid"] = {"images": IMAGES[3:4], "labels": ["dog"]}
    assert rows(read(content, tmp_path)) == [
        ("Train/000000", "cat", "train"),
        ("Train/000001", "dog", "train"),
        ("Train/000002", "cat", "train"),
        ("test/000000", "dog", "test"),
        ("test/000001", "cat", "test"),
        ("valid/000000", "dog", "val"),
    ]


def test_splits_by_the_names_of_arrays(tmp_path: Path) -> None:
    content = {
        "train_images": IMAGES[:4],
        "train_labels": LABELS[:4],
        "test_images": TENSORS[4:],
        "test_labels": [0, 1],
    }
    source = read(content | {"label_names": ["cat", "dog"]}, tmp_path)
    assert [(entry.split, entry.label) for entry in source.entries] == [
        ("test", "cat"),
        ("test", "dog"),
        *[("train", "cat"), ("train", "dog")] * 2,
    ]


def test_class_names_of_splits_must_agree(tmp_path: Path) -> None:
    part = {"images": IMAGES[:2], "labels": [0, 1]}
    content = {"train": part | {"classes": ["cat", "dog"]}, "test": part | {"classes": ["cat", "dog"]}}
    assert {entry.label for entry in read(content, tmp_path).entries} == {"cat", "dog"}
    content["test"]["classes"] = ["dog", "cat"]
    with pytest.raises(DataError, match="different class names in its splits"):
        read(content, tmp_path)


@pytest.mark.parametrize("kind", [dict, lambda content: defaultdict(list, content)])
def test_a_dict_from_class_name_to_images(tmp_path: Path, kind: Any) -> None:
    content = kind({"dog": list(IMAGES[:2]), "cat": IMAGES[2:5], "قطة": [TENSORS[5]], "none": []})
    source = read(content, tmp_path)
    assert rows(source) == [
        ("train/cat/000000", "cat", "train"),
        ("train/cat/000001", "cat", "train"),
        ("train/cat/000002", "cat", "train"),
        ("train/dog/000000", "dog", "train"),
        ("train/dog/000001", "dog", "train"),
        ("train/قطة/000000", "قطة", "train"),
    ]
    np.testing.assert_array_equal(pixels(source), IMAGES[[2, 3, 4, 0, 1, 5]])


def test_a_split_of_a_dict_from_class_name_to_images(tmp_path: Path) -> None:
    source = read({"train": {"a": IMAGES[:2], "b": IMAGES[2:4]}, "test": {"a": IMAGES[4:5], "b": IMAGES[5:]}}, tmp_path)
    assert [path for path, _, _ in rows(source)] == [
        "test/a/000000",
        "test/b/000000",
        *(f"train/{name}/00000{number}" for name in "ab" for number in (0, 1)),
    ]


def test_groups_and_images_of_several_sizes(tmp_path: Path) -> None:
    content = {"images": [IMAGES[0], IMAGES[1][:2], IMAGES[2]], "labels": ["a", "b", "a"], "group": ["p", "q", "p"]}
    source = read(content, tmp_path)
    assert [entry.group for entry in source.entries] == ["p", "q", "p"]
    assert [image.shape for image in pixels(source)] == [(4, 4, 3), (2, 4, 3), (4, 4, 3)]


class Hostile:
    def __reduce__(self) -> Any:
        return (eval, ("__import__('pathlib').Path('marker').touch()",))


@pytest.mark.parametrize(
    "content",
    [
        lambda: Hostile(),
        lambda: [(Hostile(), 0)],
        lambda: [(IMAGES[0], Hostile())],
        lambda: {"images": IMAGES, "labels": LABELS, "hook": Hostile()},
        lambda: {"train": [(torch.zeros(3, 2, 2), Hostile())]},
        lambda: np.array([Hostile()], dtype=object),
    ],
)
@pytest.mark.parametrize("how", ["pickle", "torch", "older torch"])
def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, how: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data.pth"
    if how == "pickle":
        path.write_bytes(pickle.dumps(content()))
    else:
        torch.save(content(), path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(
        DataError, match=r"data\.pth was refused and nothing in it was executed: it asks for (.*eval|arrays of)"
    ):
        read_pickle(path, tmp_path / "scratch")
    assert not (tmp_path / "marker").exists()
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (5, "holds a value of the type int"),
        ("text", "holds a value of the type str"),
        (IMAGES, r"holds an array of the shape \(6, 4, 4, 3\)"),
        (list(IMAGES), r"an array of the shape \(4, 4, 3\) at place 0"),
        ([(IMAGES[0], 1), 7], "a value of the type int at place 1"),
        ([(IMAGES[0], 1, 2)], "a value of the type tuple at place 0"),
        ([("a.png", 1)], "a value of the type str instead of an image at place 0"),
        ([(IMAGES[0], None)], "neither text nor a whole number: NoneType"),
        ({"images": IMAGES}, "without labels beside them"),
        ({"images": IMAGES, "labels": 5}, "a value of the type int where labels are expected"),
        ({"images": 5, "labels": [1]}, "a value of the type int where images are expected"),
        ({"images": (0, 0)}, "without labels beside them"),
        ({"a": 1}, "no images and labels under names that are known"),
        ({"train": 5}, "a value of the type int for the split 'train'"),
        ({"train": {"test": [(IMAGES[0], 1)]}}, "splits inside the split"),
        ({1.5: [IMAGES[0]]}, r"the key 1\.5"),
        ([(IMAGES[0], 0), (IMAGES[1] / 300, 1), (IMAGES[2] * -1.0, 1)], "Floats must lie in"),
        ([(np.zeros((2, 5, 5)), 0)], "images of the shape 2x5x5"),
    ],
)
def test_what_cannot_be_understood_is_told(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(content, tmp_path)


def test_nothing_in_the_file(tmp_path: Path) -> None:
    assert not read([], tmp_path).entries
    assert not read({}, tmp_path).entries
    (tmp_path / "data.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        read_pickle(tmp_path / "data.pkl", tmp_path)


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    content = pickle.dumps([(IMAGES[0], 1)])
    for length in range(1, len(content)):
        (tmp_path / "data.pkl").write_bytes(content[:length])
        with pytest.raises(DataError, match="damaged or cut off"):
            read_pickle(tmp_path / "data.pkl", tmp_path / "scratch")


def test_a_tensor_larger_than_its_numbers(tmp_path: Path) -> None:
    huge = torch.zeros(1).as_strided((3, 3000, 3000), (0, 0, 0))
    with pytest.raises(DataError, match="larger than its storage"):
        read([(huge, 0)], tmp_path)


VALUES = st.recursive(
    st.one_of(st.integers(-5, 300), st.text(max_size=3), st.none(), st.just(IMAGES[0]), st.just(IMAGES[:2])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, min_size=2, max_size=2).map(tuple),
        st.dictionaries(
            st.sampled_from(["images", "labels", "x", "y", "train", "test", "classes", "a"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_plain_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    try:
        source = read(content, tmp_path_factory.getbasetemp())
    except DataError as error:
        assert "data.pkl" in str(error)  # noqa: PT017
    else:
        assert len({entry.path for entry in source.entries}) == len(source.entries)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=100))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pkl"
    path.write_bytes(content)
    try:
        assert not read_pickle(path, path.parent / "scratch").entries
    except DataError as error:
        assert "random.pkl" in str(error)  # noqa: PT017
