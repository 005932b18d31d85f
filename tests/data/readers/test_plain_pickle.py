import contextlib
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from evenhand.data.readers.pickled_values import PLAIN, resolved
from evenhand.data.readers.plain_pickle import load_plain
from evenhand.data.readers.tensors import NAMES
from evenhand.errors import DataError

HERE = Path("data.pkl")
PLAIN_KEYS = st.one_of(st.text(), st.binary(), st.integers(), st.booleans(), st.none())
PLAIN_VALUES = st.recursive(
    st.one_of(PLAIN_KEYS, st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(PLAIN_KEYS, inner),
        st.sets(PLAIN_KEYS),
        st.frozensets(PLAIN_KEYS),
        st.binary().map(bytearray),
    ),
    max_leaves=30,
)


def load(data: bytes, **options: Any) -> Any:
    return load_plain(io.BytesIO(data), HERE, NAMES, **options)


@given(PLAIN_VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back_as_they_were(value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@given(
    arrays(
        st.sampled_from(["?", "u1", "<u2", ">u2", "i1", "<i4", ">i8", "<f2", "<f4", ">f8", "S3", "<U4", ">U2"]),
        array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
    st.sampled_from(["C", "F"]),
)
def test_arrays_come_back_as_they_were(array: Any, protocol: int, order: Any) -> None:
    found = resolved(load(pickle.dumps(np.asarray(array, order=order), protocol)))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("value", [np.uint8(3), np.float32(0.5), np.int64(-7), np.bool_(True), np.str_("cat")])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_single_numbers_of_numpy(value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_dicts_of_the_collections_module_are_dicts(protocol: int) -> None:
    assert load(pickle.dumps(OrderedDict(a=1, b=[2]), protocol)) == {"a": 1, "b": [2]}
    lists = defaultdict(list, {"cat": [1], "dog": [2, 3]})
    assert load(pickle.dumps(lists, protocol)) == {"cat": [1], "dog": [2, 3]}


def test_shared_and_circular_values_stay_shared() -> None:
    shared = [1]
    found = load(pickle.dumps([shared, shared]))
    assert found[0] is found[1]
    circle: list[Any] = []
    circle.append(circle)
    found = load(pickle.dumps(circle))
    assert found[0] is found


def test_pickles_of_python_2_are_read() -> None:
    text = b"(dp0\nS'labels'\np1\n(lp2\nI3\naL5L\nas."
    assert load(text) == {"labels": [3, 5]}
    array = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02U\x01b\x87q\x03Rq\x04"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x02\x07\xfftb."
    )
    assert resolved(load(array)).tolist() == [7, 255]


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.call


Pair = namedtuple("Pair", "image label")

HOSTILE = {
    "os.system": lambda marker: Calls(os.system, f"touch {marker}"),
    "eval": lambda marker: Calls(eval, f"__import__('pathlib').Path({str(marker)!r}).touch()"),
    "exec": lambda marker: Calls(exec, f"import pathlib; pathlib.Path({str(marker)!r}).touch()"),
    "open": lambda marker: Calls(open, str(marker), "w"),
    "getattr": lambda marker: Calls(getattr, Path(), "touch"),
    "subprocess": lambda marker: Calls(subprocess.call, ["touch", str(marker)]),
    "in a pair": lambda marker: [(np.zeros((2, 2)), Calls(os.system, f"touch {marker}"))],
    "as a label of a dict": lambda marker: {"images": [], "labels": Calls(os.system, f"touch {marker}")},
    "as a state": lambda marker: Calls(OrderedDict, state=Calls(os.system, f"touch {marker}")),
    "as an argument": lambda marker: Calls(OrderedDict, Calls(os.system, f"touch {marker}")),
    "an array of objects": lambda marker: np.array([Calls(os.system, f"touch {marker}")], dtype=object),
    "an import": lambda marker: Calls(__import__, "antigravity"),
    "numpy.load": lambda marker: Calls(np.load, str(marker)),
    "a class of its own": lambda marker: Pair(1, 2),
    "a path": lambda marker: Path(marker),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_executed(tmp_path: Path, name: str, protocol: int) -> None:
    marker = tmp_path / "marker"
    data = pickle.dumps(HOSTILE[name](marker), protocol)
    with pytest.raises(DataError, match="nothing in it was executed: it asks for"):
        load(data)
    assert not list(tmp_path.iterdir())


def test_the_marker_would_appear_where_pickle_is_trusted(tmp_path: Path) -> None:
    """Without this, the test above could pass because the pickles do nothing."""
    for name in ("os.system", "eval", "in a pair", "an array of objects"):
        pickle.loads(pickle.dumps(HOSTILE[name](tmp_path / "marker")))
        assert [path.name for path in tmp_path.iterdir()] == ["marker"]
        (tmp_path / "marker").unlink()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", r"it asks for os\.system\. "),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", r"os\.system"),
        (b"(ios\nsystem\n.", "the instruction INST"),
        (b"(cos\nsystem\no.", r"os\.system"),
        (b"(S'a'\no.", "the instruction OBJ"),
        (b"\x82\x01.", "the instruction EXT1"),
        (b"ccopyreg\n_reconstructor\n.", r"copyreg\._reconstructor"),
        (b"cPIL.Image\nImage\n.", r"PIL\.Image\.Image"),
        (b"cnumpy\nndarray\n)R.", "a call of a type"),
        (b"cnumpy\nndarray\n)\x81.", "a call of a type"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\nlist\n(I0\ntS'b'\ntR.", "an array of another class"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(I5\n(I0\ntS'b'\ntR.", "an array of another class"),
        (b"cnumpy\ndtype\n(S'O8'\ntR.", "arrays of the type 'O8'"),
        (b"cnumpy\ndtype\n(S'V8'\ntR.", "arrays of the type 'V8'"),
        (b"cnumpy\ndtype\n(S'u1,O'\ntR.", "arrays of the type"),
        (b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.", "the encoding 'rot13'"),
        (b"I1\n)R.", "a call of a int"),
        (b"]}b.", "attributes of a list"),
        (b"Pid\n.", "lie outside of the file"),
        (b"K\x01Q.", "lie outside of the file"),
        (b"}(I1\nI2\ntI3\ns.", "keys that are neither"),
        (b"\x8f((I1\nI2\nt\x90.", "keys that are neither"),
        (b"N]a.", "appending to a NoneType"),
        (b"]I1\nI2\ns.", "items of a list"),
        (b"](I1\n\x90.", "members of a list"),
        (b"\x80\x05\x97.", "the instruction NEXT_BUFFER"),
    ],
)
def test_what_a_pickle_asked_for_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(data)


def mentioned(array: bytes) -> bytes:
    """Return the pickle of an array with a given state."""
    return b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n" + array + b"tb."


DTYPE = b"cnumpy\ndtype\n(S'u1'\ntR"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        b"\x80\x05",
        b".",
        b"(.",
        b"(t",
        b"t.",
        b"0.",
        b"I1\n(.",
        b"a.",
        b"s.",
        b"g99\n.",
        b"h\x05.",
        b"\x80\xff.",
        b"Inonsense\n.",
        b"Fnonsense\n.",
        b"X\xff\xff\xff\xffabc.",
        b"B\xff\xff\xff\xffabc.",
        b"\x8e" + struct.pack("<Q", 2**63 - 1) + b"abc.",
        b"\x96" + struct.pack("<Q", 2**40) + b"abc.",
        b"\x8b" + struct.pack("<i", -5) + b".",
        b"X\x02\0\0\0\xff\xff.",
        b"r\xff\xff\xff\x7f.",
        b"}(I1\nu.",
        b"K\x01\x85\x93.",
        b"cbuiltins\nlist\n(I5\ntR.",
        b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.",
        b"cbuiltins\nbytes\n(I5\ntR.",
        b"ccollections\nOrderedDict\n((lI1\natR.",
        mentioned(b"(I-1\nt" + DTYPE + b"I00\nS'abc'\n"),
        mentioned(b"(I4\nt" + DTYPE + b"I00\nS'abc'\n"),
        mentioned(b"(I1000000000000\nI1000000000000\nt" + DTYPE + b"I00\nS''\n"),
        mentioned(b"S'x'\n" + DTYPE + b"I00\nS'abc'\n"),
        mentioned(b"(I3\ntNI00\nS'abc'\n"),
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\ntb.",
    ],
)
def test_damage_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(DataError, match=r"data\.pkl is no pickle or PyTorch file that can be read"):
        load(data)


def test_an_array_that_is_never_filled_is_damage() -> None:
    value = load(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.")
    with pytest.raises(ValueError, match="without content"):
        resolved(value)


def test_bombs_cost_nothing() -> None:
    """Places in memory far out, endless nesting and deep keys end Python's own reader or the process."""
    assert load(b"I7\nr\xff\xff\xff\x7f.") == 7
    deep = b")" + b"\x85" * 300_000
    assert type(load(deep + b".")) is tuple
    for use in (b"}" + deep + b"I1\ns.", b"(" + deep + b"\x91."):
        with pytest.raises(DataError, match="keys that are neither"):
            load(use)


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    _survives(data)


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
BITS = [b"os\nsystem\n", b"numpy\nndarray\n", b"builtins\nset\n", b"1\n", b"\x01", b"\0\0\0\0", b"'a'\n", b"a\n"]


@settings(max_examples=400)
@given(st.lists(st.sampled_from([*OPCODES, *BITS]), max_size=40))
def test_random_instructions_are_refused_or_read(parts: list[bytes]) -> None:
    _survives(b"".join(parts) + b".")


@settings(max_examples=200)
@given(st.data())
def test_damaged_pickles_of_pairs_are_refused_or_read(data: st.DataObject) -> None:
    content = bytearray(
        pickle.dumps([(np.arange(6, dtype=np.uint8).reshape(1, 2, 3), 1)], data.draw(st.integers(0, 5)))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _survives(bytes(content))
    _survives(bytes(content[: data.draw(st.integers(0, len(content)))]))


def _survives(data: bytes) -> None:
    before = set(sys.modules)
    with contextlib.suppress(DataError):
        load(data)
    # Reading text loads the codec it is written in, and nothing else.
    assert {name for name in set(sys.modules) - before if not name.startswith("encodings.")} == set()


def test_the_list_of_names_is_short_and_none_of_them_is_the_real_thing() -> None:
    assert len(PLAIN) < 30
    assert {module for module, _ in NAMES} == {
        "_codecs",
        "collections",
        "numpy",
        "numpy.core.multiarray",
        "numpy._core.multiarray",
        "numpy.core.numeric",
        "numpy._core.numeric",
        "builtins",
        "__builtin__",
        "torch",
        "torch._utils",
        "torch.storage",
    }
    for named in NAMES.values():
        assert named.make.__module__.startswith("evenhand.data.readers.")


def test_values_outside_of_the_pickle_come_from_whoever_knows_them() -> None:
    assert load(b"K\x05Q.", outside=lambda identity: identity * 2) == 10
    assert load(b"Pabc\n.", outside=lambda identity: identity) == "abc"
