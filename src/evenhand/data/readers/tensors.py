"""Tensors in pickles and PyTorch files, read as arrays without torch: a tensor is a view of numbers, and no more."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from evenhand.data.readers.pickled_values import PLAIN, Named, PlainTensor, RefusedError, Storage, no_call
from evenhand.data.readers.plain_pickle import Stream, run_plain, told

STORAGES = {
    "BoolStorage": "?",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "i2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "UntypedStorage": "u1",
}
"""Names of storages -> type of their numbers."""
DTYPES = {"uint16": "u2", "uint32": "u4", "uint64": "u8"}
"""Newer types of numbers, which have no storage of their own name."""
MAGIC = 0x1950A86A20F9469CFC6C
"""The number that PyTorch's older files begin with."""


def is_older_torch(stream: Stream) -> bool:
    """Return whether a file begins like PyTorch's older format; the stream is put back to its beginning."""
    head = stream.read(64)
    stream.seek(0)
    return MAGIC.to_bytes(10, "little") in head[:32]


def load_older_torch(stream: Stream, where: Path) -> Any:
    """Return what a file of PyTorch's older format says: five pickles, then the numbers of each storage.

    Raises
    ------
    DataError
        When it is damaged, or asks for anything but tensors and plain values; nothing in it was executed.
    """
    with told(where):
        return _older(stream)


def _older(stream: Stream) -> Any:
    storages: dict[str, Storage] = {}

    def outside(identity: Any) -> Storage:
        dtype, key, _ = _identity(identity)
        return storages.setdefault(key, Storage(dtype))

    if run_plain(stream, PLAIN) != MAGIC:
        raise ValueError("it does not begin like a PyTorch file")
    run_plain(stream, PLAIN)
    machine = run_plain(stream, PLAIN)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("its numbers have the byte order of another kind of machine")
    value = run_plain(stream, NAMES, outside)
    keys = run_plain(stream, PLAIN)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise ValueError("its storages are not those that its tensors name")
    for key in keys:
        item = _item_size(storages[key].dtype)
        head = stream.read(8)
        length = int.from_bytes(head, "little") * item
        raw = stream.read(length)
        if len(head) != 8 or len(raw) != length:
            raise ValueError("a storage that is cut off")
        storages[key].numbers = np.frombuffer(raw, np.uint8)
    return value


def load_torch(data: Path) -> Any:
    """Return what a PyTorch file (a zip of a pickle and of storages) says. Raises as `load_older_torch`."""
    with told(data):
        try:
            with zipfile.ZipFile(data) as archive:
                return _zipped(archive)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(str(error)) from error


def _zipped(archive: zipfile.ZipFile) -> Any:
    names = set(archive.namelist())
    heads = [name for name in names if PurePosixPath(name).name == "data.pkl"]
    if len(heads) != 1:
        raise ValueError("no data.pkl, or several")
    folder = heads[0].removesuffix("data.pkl")
    if any(name.startswith(f"{folder}code/") for name in names):
        raise RefusedError("a program (TorchScript)")
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise ValueError("its parts are compressed, which PyTorch never does")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise ValueError("its numbers have the byte order of another kind of machine")
    storages: dict[str, Storage] = {}

    def outside(identity: Any) -> Storage:
        dtype, key, count = _identity(identity)
        if key not in storages:
            raw = archive.read(f"{folder}data/{key}")
            if len(raw) != count * _item_size(dtype):
                raise ValueError("a storage that is cut off")
            storages[key] = Storage(dtype, np.frombuffer(raw, np.uint8))
        return storages[key]

    return run_plain(io.BytesIO(archive.read(heads[0])), NAMES, outside)


def _identity(identity: Any) -> tuple[str, str, int]:
    """Return type, key and length of a storage from what a pickle says of it."""
    if not (isinstance(identity, tuple) and len(identity) in (5, 6) and identity[0] == "storage"):
        raise RefusedError("values that lie outside of the file")
    _, kind, key, _, count = identity[:5]
    if not (isinstance(kind, Named) and kind.name in STORAGES and isinstance(key, str) and type(count) is int):
        raise ValueError("a storage without type, key or length")
    if len(identity) == 6 and identity[5] is not None:
        raise RefusedError("views of storages as very old versions of PyTorch wrote them")
    return STORAGES[kind.name], key, count


def _item_size(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _from_bytes(raw: Any) -> Storage:
    if not isinstance(raw, bytes):
        raise TypeError("a storage without bytes")
    storage = _older(io.BytesIO(raw))
    if not isinstance(storage, Storage):
        raise RefusedError("a storage that is none")
    return storage


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any, dtype: str | None = None) -> PlainTensor:
    del rest  # gradients and hooks
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without storage")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("a tensor whose shape makes no sense")
    return PlainTensor(storage, offset, tuple(size), tuple(stride), dtype or storage.dtype)


def _newer_tensor(storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any) -> PlainTensor:
    if not (isinstance(dtype, Named) and dtype.name in DTYPES):
        raise RefusedError("tensors of other types than numbers")
    return _tensor(storage, offset, size, stride, grad, hooks, dtype=DTYPES[dtype.name])


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _size(sides: Any) -> tuple[int, ...]:
    if not isinstance(sides, tuple):
        raise TypeError("a size that is no tuple")
    return sides


NAMES: dict[tuple[str, str], Named] = {
    **PLAIN,
    ("torch._utils", "_rebuild_tensor"): Named("tensor", _tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Named("tensor", _tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Named("tensor", _newer_tensor),
    ("torch._utils", "_rebuild_parameter"): Named("parameter", _parameter),
    ("torch.storage", "_load_from_bytes"): Named("storage", _from_bytes),
    ("torch", "Size"): Named("Size", _size),
    **{("torch", name): Named(name, no_call) for name in (*STORAGES, *DTYPES)},
    ("torch.storage", "UntypedStorage"): Named("UntypedStorage", no_call),
}
"""Everything that a pickle of tensors may name."""
