"""A pickle machine that can build arrays, tensors and plain containers, and nothing else.

It follows the instructions of a pickle itself instead of handing them to Python's own machine: names in the file are
looked up in a literal table of our own functions and never imported, so there is nothing that a file could run. It also
refuses what would only exhaust or crash the process: deep keys, endless lengths, references that lead nowhere.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast

from evenhand.data.readers.pickled_values import Named, PlainArray, PlainDtype, RefusedError, keys_of
from evenhand.data.readers.source import text_of
from evenhand.errors import DataError

_MARK = object()


class Stream(Protocol):
    """What pickles are read from: a binary file, or a memory map of one, which gives no more than there is."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes."""

    def readline(self) -> bytes:
        """Return bytes up to the end of the line."""

    def tell(self) -> int:
        """Return the place of the next byte."""

    def seek(self, place: int, /) -> object:
        """Go to a place."""


Names = Mapping[tuple[str, str], Named]
Outside = Callable[[Any], Any]


def load_plain(stream: Stream, where: Path, names: Names, outside: Outside | None = None) -> Any:
    """Return what one pickle says; arrays come as stand-ins that `resolved` turns into arrays.

    Parameters
    ----------
    stream : binary file
        Read from where it stands to the end of the pickle.
    where : Path
        The file it comes from, for messages.
    names : mapping
        (module, name) -> what is called instead; a pickle that names anything else is refused.
    outside : callable, optional
        Given the identity of a value that lies outside of the pickle, returns the value.

    Raises
    ------
    DataError
        When it is damaged, or asks for anything that is not on the list; nothing in it was executed.
    """
    with told(where):
        return run_plain(stream, names, outside)


def run_plain(stream: Stream, names: Names, outside: Outside | None = None) -> Any:
    """Return what one pickle says, as `load_plain` does, but raise what happens; see `told`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # odd escapes in text that Python 2 wrote
        return _Machine(names, outside).run(pickletools.genops(cast(IO[bytes], stream)))


@contextmanager
def told(where: Path) -> Iterator[None]:
    """Tell whatever is wrong with the pickles of a file as one kind of error."""
    try:
        yield
    except RefusedError as error:
        raise DataError(
            f"{where} was refused and nothing in it was executed: it asks for {error}. A pickle may hold arrays, "
            "tensors, numbers, text, lists, tuples and dicts. Save the images as one of these, or use a folder."
        ) from error
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError, RecursionError) as error:
        raise DataError(
            f"{where} is no pickle or PyTorch file that can be read: it is damaged or cut off "
            f"({text_of(str(error))[:200]})."
        ) from error


class _Machine:
    """The stack and the memory of a pickle that is being read, and what its instructions do to them."""

    def __init__(self, names: Names, outside: Outside | None) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names, self.outside = names, outside

    def run(self, instructions: Iterable[tuple[pickletools.OpcodeInfo, Any, Any]]) -> Any:
        """Follow instructions up to the end; return what is left."""
        for opcode, argument, _ in instructions:
            if opcode.name == "STOP":
                return self.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise RefusedError(f"the instruction {opcode.name}")
            step(self, argument)
        raise ValueError("no end")

    def pop(self) -> Any:
        """Take the topmost value."""
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def top(self, count: int) -> list[Any]:
        """Return the topmost values, the last one last."""
        values = self.stack[-count:]
        if len(values) < count or any(value is _MARK for value in values):
            raise ValueError("too few values")
        return values

    def marked(self) -> list[Any]:
        """Take everything above the last mark, and the mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("no mark")

    def drop(self) -> None:
        del self.stack[-1]

    def drop_marked(self) -> None:
        self.marked()

    def put(self, argument: Any) -> None:
        self.memo[len(self.memo) if argument is None else int(argument)] = self.top(1)[0]

    def get(self, argument: Any) -> None:
        self.stack.append(self.memo[int(argument)])

    def append(self, values: list[Any]) -> None:
        (target,) = self.top(1)
        if type(target) is not list:
            raise RefusedError(f"appending to a {type(target).__name__}")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        (target,) = self.top(1)
        if type(target) is not dict:
            raise RefusedError(f"items of a {type(target).__name__}")
        target.update(_dict(values))

    def add_items(self, values: list[Any]) -> None:
        (target,) = self.top(1)
        if type(target) is not set:
            raise RefusedError(f"members of a {type(target).__name__}")
        target.update(keys_of(values))

    def name(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is no text")
        known = self.names.get((module, name))
        if known is None:
            raise RefusedError(text_of(f"{module}.{name}")[:120])
        self.stack.append(known)

    def call(self) -> None:
        function, arguments = self.top(2)
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise RefusedError(f"a call of a {type(function).__name__}")
        self.stack[-2:] = [function.make(*arguments)]

    def build(self) -> None:
        state = self.pop()
        (target,) = self.top(1)
        if isinstance(target, (PlainArray, PlainDtype)):
            target.build(state)
        elif type(target) is not dict:  # a dict may carry attributes (a state dict does); they are of no use here
            raise RefusedError(f"attributes of a {type(target).__name__}")

    def fetch(self, identity: Any) -> None:
        if self.outside is None:
            raise RefusedError("values that lie outside of the file")
        self.stack.append(self.outside(identity))


def _dict(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise ValueError("a key without a value")
    return dict(zip(keys_of(values[::2]), values[1::2], strict=True))


def _gather(make: Callable[[list[Any]], Any]) -> Step:
    return lambda machine, _: machine.stack.append(make(machine.marked()))


def _constant(value: Any) -> Step:
    return lambda machine, _: machine.stack.append(value)


def _new(make: Callable[[], Any]) -> Step:
    return lambda machine, _: machine.stack.append(make())


def _tuple(count: int) -> Step:
    def step(machine: _Machine, _: Any) -> None:
        machine.stack[-count:] = [tuple(machine.top(count))]

    return step


def _push(machine: _Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _skip(machine: _Machine, argument: Any) -> None:
    del machine, argument


Step = Callable[[_Machine, Any], None]

# fmt: off
_ARGUMENTS = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
)
# fmt: on
_STEPS: dict[str, Step] = {
    **dict.fromkeys(_ARGUMENTS, _push),
    "PROTO": _skip,
    "FRAME": _skip,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "MARK": _constant(_MARK),
    "EMPTY_LIST": _new(list),
    "EMPTY_DICT": _new(dict),
    "EMPTY_SET": _new(set),
    "LIST": _gather(list),
    "TUPLE": _gather(tuple),
    "DICT": _gather(_dict),
    "FROZENSET": _gather(lambda values: frozenset(keys_of(values))),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_marked(),
    "DUP": lambda machine, _: machine.stack.append(machine.top(1)[0]),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.marked()),
    "GLOBAL": lambda machine, argument: machine.name(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*[machine.pop(), machine.pop()][::-1]),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
    "PERSID": lambda machine, argument: machine.fetch(argument),
    "BINPERSID": lambda machine, _: machine.fetch(machine.pop()),
}
