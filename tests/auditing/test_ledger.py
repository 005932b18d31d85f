import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.auditing.ledger import (
    Edit,
    active,
    append,
    apply,
    as_trained,
    edit,
    fingerprint,
    latest,
    read_ledger,
    replay,
)
from evenhand.data.manifest import EXCLUDED, Manifest
from evenhand.errors import DataError, EvenhandError, UsageError
from evenhand.records.audit import Decided


def label(pixels: str, name: str, **words: str) -> Edit:
    return edit("label", "me", pixel_sha256=pixels, path=f"{pixels}.png", given="cat", label=name, **words)


def undo(of: Edit) -> Edit:
    return edit("undo", "me", undoes=of.id)


def manifest() -> Manifest:
    return Manifest(
        classes=("cat", "dog"),
        paths=("1.png", "2.png", "3.png", "copy.png", "test.png"),
        file_sha256=("f",) * 5,
        pixel_sha256=("one", "two", "three", "one", "five"),
        split=np.array(["train", "train", "train", "train", "test"]),
        given=np.array([0, 0, 1, 1, 0]),
        corrected=np.array([0, 0, 1, 1, 0]),
        group=np.arange(5),
    )


# --- on disk --------------------------------------------------------------------------------------------------------


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    first = label("one", "дог", reason="it barks\nloudly")
    append(path, [first])
    append(path, [undo(first), edit("exclude", "you", pixel_sha256="two", path="b.png", given="cat")])
    ledger = read_ledger(path)
    assert ledger.edits[0] == first
    assert [entry.action for entry in ledger.edits] == ["label", "undo", "exclude"]
    assert ledger.torn == ()
    assert first.time.endswith("+00:00")


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_torn_last_line_is_reported_and_never_glued_to_the_next(tmp_path: Path, left: int) -> None:
    path = tmp_path / "edits.jsonl"
    append(path, [label("one", "dog"), label("two", "dog")])
    whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(whole + last.rstrip(b"\n")[:left])
    assert read_ledger(path).torn == (2,)
    third = label("three", "dog")
    append(path, [third])
    after = read_ledger(path)
    assert [entry.pixel_sha256 for entry in after.edits] == ["one", "three"]
    assert after.torn == (2,)


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    append(path, [label("one", "dog")])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append(path, [label("two", "dog")])
    assert len(read_ledger(path).edits) == 2


APPEND = """
import sys
from pathlib import Path
from evenhand.auditing.ledger import append, edit
for number in range(int(sys.argv[3])):
    append(Path(sys.argv[1]), [edit("label", sys.argv[2], pixel_sha256=f"{sys.argv[2]}-{number}", label="x" * 3000)])
"""


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    started = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(path), name, "60"]) for name in ("one", "other", "third")
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    ledger = read_ledger(path)
    assert ledger.torn == ()
    for name in ("one", "other", "third"):
        mine = [entry.pixel_sha256 for entry in ledger.edits if entry.reviewer == name]
        assert mine == [f"{name}-{number}" for number in range(60)]


def test_a_full_disk_adds_nothing(small_disk: Path) -> None:
    path = small_disk / "edits.jsonl"
    append(path, [label("one", "dog")])
    before = path.read_bytes()
    with pytest.raises(EvenhandError, match="the disk is full"):
        append(path, [label("two", "x" * 2_000_000)])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1]", "Line 1 of .* is no edit: it is no object"),
        ('{"id": "a", "time": "t", "reviewer": "r", "action": "burn"}', "no action 'burn'"),
        ('{"id": "a", "time": "t", "reviewer": "r", "action": "label", "pixel_sha256": "x"}', "it lacks label"),
        ('{"id": "a", "time": "t", "reviewer": "r", "action": "undo"}', "it lacks undoes"),
        ('{"id": 1, "action": "undo"}', "a value is no text"),
        ("path,label", "holds no edits: line 1 is no JSON"),
    ],
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_ledger(path)


def test_a_ledger_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no ledger"):
        read_ledger(tmp_path / "edits.jsonl")


def test_an_entry_that_makes_no_sense_is_not_made() -> None:
    with pytest.raises(ValueError, match="lacks label"):
        edit("label", "me", pixel_sha256="one")


# --- replay ---------------------------------------------------------------------------------------------------------


class Model:
    """Says in the simplest way what stands: it asks of each entry whether a later undo that stands hits it."""

    def __init__(self, edits: list[Edit]) -> None:
        self.edits = edits

    def stands(self, place: int) -> bool:
        mine = self.edits[place].id
        return not any(
            entry.action == "undo" and entry.undoes == mine and self.stands(later)
            for later, entry in enumerate(self.edits)
            if later > place
        )

    def state(self) -> dict[str, Edit]:
        return {
            entry.pixel_sha256: entry
            for place, entry in enumerate(self.edits)
            if entry.action != "undo" and self.stands(place)
        }


@st.composite
def histories(draw: st.DrawFn) -> list[Edit]:
    edits: list[Edit] = []
    for number in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from(["label", "keep", "exclude", "undo", "undo"]))
        common = {"id": str(number), "time": "t", "reviewer": "r", "action": kind}
        if kind == "undo":
            # Also of what was never there, and of what comes later.
            edits.append(Edit(**common, undoes=str(draw(st.integers(0, 10)))))
        else:
            edits.append(Edit(**common, pixel_sha256=draw(st.sampled_from("ab")), given="cat", label="dog"))
    return edits


@given(histories())
@settings(max_examples=300)
def test_replay_agrees_with_a_simple_model(edits: list[Edit]) -> None:
    assert replay(edits) == Model(edits).state()


@given(histories(), histories())
def test_a_replay_of_what_was_written_is_the_same(tmp_path_factory: pytest.TempPathFactory, a: Any, b: Any) -> None:
    path = tmp_path_factory.mktemp("ledger") / "edits.jsonl"
    for part in (a, b):
        if part:
            append(path, part)
    if a or b:
        assert replay(read_ledger(path).edits).keys() == replay([*a, *b]).keys()


def test_an_undo_can_be_undone() -> None:
    first, second = label("one", "dog"), label("one", "cow")
    back = undo(second)
    assert replay([first, second])["one"] is second
    assert replay([first, second, back])["one"] is first
    assert replay([first, second, back, undo(back)])["one"] is second


def test_one_undo_takes_back_what_one_key_did() -> None:
    single = label("one", "dog")
    together = [label("two", "dog", batch="b"), label("three", "dog", batch="b")]
    edits = [single, *together]
    assert latest(edits) == together
    edits += [undo(entry) for entry in latest(edits)]
    assert latest(edits) == [single]
    edits += [undo(single)]
    assert latest(edits) == []
    assert active(edits) == []


def test_the_fingerprint_tells_what_was_decided_and_not_by_whom() -> None:
    one = [label("one", "dog"), edit("keep", "me", pixel_sha256="two", given="cat")]
    other = [replace(entry, reviewer="you", id=entry.id[::-1], time="later") for entry in reversed(one)]
    assert fingerprint(replay(one)) == fingerprint(replay(other))
    assert fingerprint(replay(one)) != fingerprint(replay(one[:1]))
    assert fingerprint(replay([])) != fingerprint(replay([edit("exclude", "me", pixel_sha256="one")]))


# --- applied to data ------------------------------------------------------------------------------------------------


def test_decisions_change_corrected_labels_and_leave_given_ones() -> None:
    before = manifest()
    decisions = replay(
        [
            label("one", "dog"),  # also of the copy, which is a dog already
            edit("keep", "me", pixel_sha256="two", given="cat"),
            edit("exclude", "me", pixel_sha256="three"),
            label("five", "dog"),
            label("elsewhere", "bird"),
        ]
    )
    after = apply(before, decisions)
    assert after.manifest.given.tolist() == before.given.tolist()
    assert after.manifest.corrected.tolist() == [1, 0, 1, 1, 1]
    assert after.manifest.split.tolist() == ["train", "train", EXCLUDED, "train", "test"]
    assert after.settled.all()
    assert (after.changed, after.excluded, after.strange) == (2, 1, 1)
    assert after.decided == Decided(changed=1, kept=2, excluded=1, changed_apart=1, strange=1)
    assert after.decided.settled == 4
    assert after.sentence() == (
        "Edits: 2 labels changed, 2 kept, 1 image excluded. One decision is about a picture that is not in the data."
    )
    assert before.split.tolist() == manifest().split.tolist()


def test_training_goes_by_corrected_labels_and_the_test_by_given_ones() -> None:
    trained = as_trained(apply(manifest(), replay([label("one", "dog"), label("five", "dog")])).manifest)
    assert trained.given.tolist() == [1, 0, 1, 1, 0]
    assert trained.corrected.tolist() == [1, 0, 1, 1, 1]
    assert trained.counts("train") == {"cat": 1, "dog": 3}


def test_no_test_image_is_ever_left_out() -> None:
    after = apply(manifest(), replay([edit("exclude", "me", pixel_sha256="five")]))
    assert after.manifest.split.tolist() == manifest().split.tolist()
    assert after.excluded == 0


def test_a_keep_settles_copies_that_say_otherwise() -> None:
    after = apply(manifest(), replay([edit("keep", "me", pixel_sha256="one", given="cat")]))
    assert after.manifest.corrected.tolist() == [0, 0, 1, 0, 0]


def test_a_class_that_the_data_lack_is_an_error() -> None:
    with pytest.raises(DataError, match=r"call 1.png 'dogs', and the data have no such class. Did you mean 'dog'"):
        apply(manifest(), replay([label("one", "dogs")]))


def test_lines_are_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    append(path, [label("one", "dog")])
    line = json.loads(path.read_text(encoding="utf-8"))
    assert {name: line[name] for name in ("action", "label", "given", "path", "pixel_sha256", "reviewer")} == {
        "action": "label",
        "label": "dog",
        "given": "cat",
        "path": "one.png",
        "pixel_sha256": "one",
        "reviewer": "me",
    }
    assert "undoes" not in line
