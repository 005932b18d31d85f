"""Everything that a pickle may name, as one literal table, and the stand-ins that these names build."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEYS = (str, bytes, int, float, bool, type(None))
MOST_REPEATED = 16
"""A tensor may show each number of its storage a few times (one grey plane as three), not without end."""
_DTYPE = re.compile(r"[?biufSU]\d{0,6}")


class RefusedError(Exception):
    """What a pickle asked for and does not get."""


@dataclass(frozen=True)
class Named:
    """A name that may stand in a pickle, and the function of this module that is called instead of it."""

    name: str
    make: Callable[..., Any]


class PlainDtype:
    """The type of an array's numbers while a pickle is being read."""

    def __init__(self, name: Any, *_: Any) -> None:
        text = _text(name)
        if not _DTYPE.fullmatch(text):
            raise RefusedError(f"arrays of the type {text[:40]!r}")
        self.dtype = np.dtype(text)

    def build(self, state: Any) -> None:
        """Take the byte order; records, objects and dates have more of a state and are refused."""
        if not (isinstance(state, tuple) and len(state) == 8 and state[2:5] == (None, None, None)):
            raise RefusedError("arrays of records")
        self.dtype = self.dtype.newbyteorder(_text(state[1]))  # type: ignore[arg-type]


class PlainArray:
    """An array while a pickle is being read, and afterwards."""

    def __init__(self, array: NDArray[Any] | None = None) -> None:
        self._array = array

    @property
    def array(self) -> NDArray[Any]:
        """The array.

        Raises
        ------
        ValueError
            When the pickle never said what is in it.
        """
        if self._array is None:
            raise ValueError("an array without content")
        return self._array

    def build(self, state: Any) -> None:
        """Take shape, type, order and bytes."""
        if not (isinstance(state, tuple) and len(state) in (4, 5)):
            raise ValueError("the state of an array has 5 parts")
        shape, dtype, fortran, raw = state[-4:]
        self._array = _array(raw, dtype, shape, "F" if fortran else "C")


@dataclass
class Storage:
    """The numbers that one or several tensors share; `numbers` may be filled in after the tensors were named."""

    dtype: str
    numbers: NDArray[Any] | None = None


@dataclass(frozen=True)
class PlainTensor:
    """A tensor as a view of its storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str

    @property
    def array(self) -> NDArray[Any]:
        """The tensor as a read-only array; bfloat16 becomes float32.

        Raises
        ------
        ValueError
            When it reaches beyond its storage, or is far larger than it.
        """
        if self.storage.numbers is None:
            raise ValueError("a tensor without content")
        numbers = self.storage.numbers.view("u2" if self.dtype == "bfloat16" else self.dtype)
        if self.dtype == "bfloat16":
            numbers = (numbers.astype("u4") << 16).view("f4")
        if 0 in self.size:
            return np.zeros(self.size, numbers.dtype)
        last = self.offset + sum((side - 1) * step for side, step in zip(self.size, self.stride, strict=True))
        if last >= len(numbers) or math.prod(self.size) > MOST_REPEATED * len(numbers):
            raise ValueError("a tensor that is larger than its storage")
        steps = [step * numbers.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, steps, writeable=False)


def resolved(value: Any) -> Any:
    """Return the array of a stand-in; anything else as it is."""
    return value.array if isinstance(value, (PlainArray, PlainTensor)) else value


def keys_of(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values after making sure that they can be keys: the hash of a deep tuple would crash the process."""
    for value in values:
        if not isinstance(value, _KEYS):
            raise RefusedError(f"keys that are neither text nor numbers but {type(value).__name__}")
    return values


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _array(raw: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    if isinstance(raw, list):
        raise RefusedError("arrays of objects")
    if isinstance(raw, str):  # written by Python 2
        raw = raw.encode("latin-1")
    if not (isinstance(raw, (bytes, bytearray)) and isinstance(dtype, PlainDtype) and _is_shape(shape)):
        raise ValueError("an array without bytes, type or shape")
    if math.prod(shape) * dtype.dtype.itemsize != len(raw):
        raise ValueError("an array whose bytes do not fill its shape")
    if not raw:
        return np.zeros(shape, dtype.dtype)
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)


def _reconstruct(kind: Any, *_: Any) -> PlainArray:
    if not (isinstance(kind, Named) and kind.name == "ndarray"):
        raise RefusedError("an array of another class")
    return PlainArray()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> PlainArray:
    return PlainArray(_array(raw, dtype, shape, order))


def _scalar(dtype: Any, raw: Any) -> Any:
    return _array(raw, dtype, (1,), "C")[0].item()


def _encode(text: Any, encoding: Any) -> bytes:
    if _text(encoding) not in ("latin1", "latin-1", "utf-8", "utf8"):
        raise RefusedError(f"the encoding {_text(encoding)[:40]!r}")
    return _text(text).encode(_text(encoding))


def _bytes(*arguments: Any) -> bytes:
    return _encode(*arguments) if arguments else b""


def _byte_array(*arguments: Any) -> bytes:
    if len(arguments) == 1 and isinstance(arguments[0], bytes):
        return arguments[0]
    return _bytes(*arguments)


def _set(*arguments: Any) -> set[Any]:
    return set(keys_of(_list(*arguments)))


def _list(*arguments: Any) -> list[Any]:
    if len(arguments) > 1 or not all(isinstance(argument, (list, tuple, set, frozenset)) for argument in arguments):
        raise ValueError("a list is made from a list")
    return list(arguments[0]) if arguments else []


def _ordered_dict(*arguments: Any) -> dict[Any, Any]:
    pairs = _list(*arguments)
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise ValueError("a dict is made from pairs")
    keys_of([key for key, _ in pairs])
    return dict(pairs)


def _default_dict(*_: Any) -> dict[Any, Any]:
    return {}


def no_call(*_: Any) -> Any:
    """Refuse to call a name that may only stand as an argument."""
    raise RefusedError("a call of a type")


_BUILDERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _ordered_dict,
    ("collections", "defaultdict"): _default_dict,
    ("numpy", "ndarray"): no_call,
    ("numpy", "dtype"): PlainDtype,
    **{
        (module, name): make
        for module in ("builtins", "__builtin__")
        for name, make in (
            ("set", _set),
            ("frozenset", _set),
            ("list", _list),
            ("dict", _ordered_dict),
            ("bytes", _bytes),
            ("bytearray", _byte_array),
        )
    },
    **{
        (f"{module}.multiarray", name): make
        for module in ("numpy.core", "numpy._core")
        for name, make in (
            ("_reconstruct", _reconstruct),
            ("scalar", _scalar),
        )
    },
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}
PLAIN: dict[tuple[str, str], Named] = {key: Named(key[1], make) for key, make in _BUILDERS.items()}
"""(module, name) in a pickle -> what is called instead: arrays and plain containers."""
