import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.readers.pickled_values import resolved
from evenhand.data.readers.plain_pickle import load_plain
from evenhand.data.readers.tensors import NAMES, is_older_torch, load_older_torch, load_torch
from evenhand.errors import DataError

BASE = torch.arange(-12, 12)
TENSORS = {
    **{
        str(dtype): BASE.abs().to(dtype)
        for dtype in (
            torch.uint8,
            torch.int8,
            torch.int16,
            torch.int32,
            torch.int64,
            torch.float16,
            torch.bfloat16,
            torch.float32,
            torch.float64,
            torch.bool,
            torch.uint16,
            torch.uint32,
            torch.uint64,
        )
    },
    "transposed": BASE.float().reshape(4, 6).t(),
    "a part": BASE.reshape(4, 6)[1:3, ::2],
    "expanded": BASE[:3].reshape(1, 3).expand(3, 3),
    "one number": torch.tensor(3),
    "nothing": torch.zeros(0, 3),
    "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "with a gradient": torch.rand(3, requires_grad=True),
    "a parameter": torch.nn.Parameter(torch.rand(2, 2)),
}


def by_pickle(value: Any, path: Path) -> Any:
    return load_plain(io.BytesIO(pickle.dumps(value)), path, NAMES)


def by_torch(value: Any, path: Path) -> Any:
    torch.save(value, path)
    return load_torch(path)


def by_older_torch(value: Any, path: Path) -> Any:
    torch.save(value, path, _use_new_zipfile_serialization=False)
    with path.open("rb") as file:
        assert is_older_torch(file)
        return load_older_torch(file, path)


WAYS = [by_pickle, by_torch, by_older_torch]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TENSORS)
def test_tensors_come_back_as_arrays(tmp_path: Path, name: str, way: Any) -> None:
    tensor = TENSORS[name]
    found = resolved(way(tensor, tmp_path / "data.pt"))
    expected = tensor.detach()
    expected = expected.float() if expected.dtype == torch.bfloat16 else expected
    assert found.dtype == expected.numpy().dtype
    np.testing.assert_array_equal(found, expected.numpy())


@pytest.mark.parametrize("way", WAYS)
def test_values_around_tensors_stay_as_they_are(tmp_path: Path, way: Any) -> None:
    shared = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
    value = {"pairs": [(shared[0], "cat"), (shared[2], 5)], "size": shared.shape, "names": ("cat", None, 0.5)}
    found = way(value, tmp_path / "data.pt")
    assert found["size"] == (3, 2, 2)
    assert found["names"] == ("cat", None, 0.5)
    assert [resolved(image).tolist() for image, _ in found["pairs"]] == [[[0, 1], [2, 3]], [[8, 9], [10, 11]]]
    assert [label for _, label in found["pairs"]] == ["cat", 5]


class Hostile:
    def __reduce__(self) -> Any:
        return (eval, ("__import__('pathlib').Path('marker').touch()",))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", [lambda bad: bad, lambda bad: [(torch.zeros(2, 2), bad)], lambda bad: {"a": bad}])
def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Any, place: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"nothing in it was executed: it asks for .*eval"):
        way(place(Hostile()), tmp_path / "data.pt")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("way", WAYS)
def test_networks_and_data_sets_are_refused_by_name(tmp_path: Path, way: Any) -> None:
    with pytest.raises(DataError, match=r"it asks for torch\.utils\.data\.dataset\.TensorDataset"):
        way(torch.utils.data.TensorDataset(torch.zeros(2)), tmp_path / "data.pt")
    with pytest.raises(DataError, match=r"it asks for torch\.nn\.modules\.linear\.Linear"):
        way(torch.nn.Linear(1, 1), tmp_path / "data.pt")


@pytest.mark.parametrize("kind", ["sparse", "of eight-bit floats", "complex"])
def test_tensors_of_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    tensor = {
        "sparse": lambda: torch.eye(3).to_sparse(),
        "of eight-bit floats": lambda: torch.zeros(3, dtype=torch.uint8).view(torch.float8_e4m3fn),
        "complex": lambda: torch.zeros(3, dtype=torch.complex64),
    }[kind]()
    with pytest.raises(DataError, match="nothing in it was executed"):
        by_torch(tensor, tmp_path / "data.pt")


def test_a_program_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "program.pt", "w") as file:
        file.writestr("program/data.pkl", b"N.")
        file.writestr("program/code/__torch__.py", b"print('hello')")
    with pytest.raises(DataError, match="TorchScript"):
        load_torch(tmp_path / "program.pt")


def repacked(path: Path, change: Any, compression: int = zipfile.ZIP_STORED) -> Path:
    """Return a copy of a PyTorch file with its members changed."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda members: members.pop("data/data.pkl"), r"no data\.pkl"),
        (lambda members: members.update({"other/data.pkl": b"N."}), "or several"),
        (lambda members: members.update({"data/byteorder": b"big"}), "byte order"),
        (lambda members: members.pop("data/data/0"), "damaged"),
        (lambda members: members.update({"data/data/0": b"abc"}), "cut off"),
    ],
)
def test_damaged_files_say_what_is_wrong(tmp_path: Path, change: Any, words: str) -> None:
    torch.save([(torch.zeros(4, 4), 1)], tmp_path / "data.pt")
    with pytest.raises(DataError, match=words):
        load_torch(repacked(tmp_path / "data.pt", change))


def test_compressed_parts_could_be_bombs(tmp_path: Path) -> None:
    torch.save(torch.zeros(100, 100), tmp_path / "data.pt")
    with pytest.raises(DataError, match="compressed"):
        load_torch(repacked(tmp_path / "data.pt", lambda members: None, zipfile.ZIP_DEFLATED))


def tensor_of(offset: Any, size: Any, stride: Any, numbers: int = 8) -> Any:
    """Return a tensor as a file may describe it, of a storage of some numbers."""
    rebuild = NAMES["torch._utils", "_rebuild_tensor_v2"].make
    storage = load_older_torch(io.BytesIO(_storage(numbers)), Path("x"))
    return resolved(rebuild(storage, offset, size, stride, False, {}))


def _storage(numbers: int) -> bytes:
    file = io.BytesIO()
    torch.save(torch.arange(numbers, dtype=torch.float32).untyped_storage(), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (9,), (4,)),
        (30, (2,), (2,)),
        (10**12, (1,), (1,)),
        (0, (10**9,), (0,)),
        (0, (10**5, 10**5), (0, 0)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, ("2",), (1,)),
        (0.0, (2,), (1,)),
    ],
)
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(offset: Any, size: Any, stride: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        tensor_of(offset, size, stride)


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=3),
)
def test_views_are_those_of_torch_or_refused(offset: int, sides: list[tuple[int, int]]) -> None:
    size, stride = tuple(side for side, _ in sides), tuple(step for _, step in sides)
    numbers = torch.arange(32, dtype=torch.uint8)
    try:
        expected = torch.as_strided(numbers, size, stride, offset).numpy()
    except RuntimeError:
        expected = None
    storage = load_older_torch(io.BytesIO(_bytes_of(numbers)), Path("x"))
    tensor = NAMES["torch._utils", "_rebuild_tensor_v2"].make(storage, offset, size, stride, False, {})
    if expected is None:
        with pytest.raises(ValueError, match="larger"):
            resolved(tensor)
    else:
        np.testing.assert_array_equal(resolved(tensor), expected)


def _bytes_of(numbers: torch.Tensor) -> bytes:
    file = io.BytesIO()
    torch.save(numbers.untyped_storage(), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    older = data.draw(st.booleans())
    torch.save([(torch.ones(2, 2), 1)], path, _use_new_zipfile_serialization=not older)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        if older:
            with path.open("rb") as file:
                load_older_torch(file, path)
        else:
            load_torch(path)
    except DataError as error:
        assert "damaged.pt" in str(error)  # noqa: PT017
