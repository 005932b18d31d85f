"""What stands, entry by entry, is what the whole ledger says."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.auditing.ledger import Edit, active, append, edit, latest
from evenhand.data.manifest import Manifest
from evenhand.review.standing import UNDECIDED, Standing

CLASSES = ("Cars", "Cats")


@pytest.fixture
def manifest() -> Manifest:
    """Six pictures; the last two have the same pixels."""
    numbers = np.arange(6, dtype=np.int64)
    names = tuple(f"{number}.png" for number in numbers)
    hashes = ("a", "b", "c", "d", "e", "e")
    return Manifest(CLASSES, names, hashes, hashes, np.full(6, "train"), 0 * numbers, 0 * numbers, numbers)


def decision(name: str, label: str, **words: str) -> Edit:
    return (
        edit("label", "me", pixel_sha256=name, label=label, **words)
        if label
        else edit("exclude", "me", pixel_sha256=name)
    )


def checked(standing: Standing, manifest: Manifest) -> None:
    """Compare with what is worked out from all entries at once."""
    stands = active(standing.edits)
    last = {entry.pixel_sha256: entry for entry in stands}
    for row, name in enumerate(manifest.pixel_sha256):
        entry = last.get(name)
        assert standing.entry(row) == entry
        code = UNDECIDED if entry is None else 2 if entry.verdict is None else CLASSES.index(entry.verdict)
        assert standing.decided[row] == code
    assert standing.last() == latest(standing.edits)
    expected = [row for entry in stands[::-1] for row in standing.rows.get(entry.pixel_sha256, ())]
    assert list(standing.newest()) == expected


@pytest.mark.parametrize("seed", range(20))
def test_decisions_and_undos_in_any_order(manifest: Manifest, tmp_path: Path, seed: int) -> None:
    """Undos of anything, undos of undos among them; strange pictures; several entries at once."""
    chance, path = random.Random(seed), tmp_path / "edits.jsonl"
    standing, written = Standing(path, manifest), []
    for _ in range(30):
        entries = []
        for _ in range(chance.choice([1, 1, 1, 3])):
            if written and chance.random() < 0.45:
                entries.append(edit("undo", "me", undoes=chance.choice(written).id))
            else:
                entries.append(decision(chance.choice("abcdez"), chance.choice([*CLASSES, ""])))
        if len(entries) > 1:
            entries = [entry if entry.action == "undo" else replace(entry, batch=entries[0].id) for entry in entries]
        append(path, entries)
        written += entries
        standing.refresh()
        checked(standing, manifest)
    checked(Standing(path, manifest), manifest)


def test_a_class_that_the_run_does_not_know_leaves_the_picture_open(manifest: Manifest, tmp_path: Path) -> None:
    append(tmp_path / "edits.jsonl", [decision("a", "Cars"), decision("a", "Vans")])
    standing = Standing(tmp_path / "edits.jsonl", manifest)
    assert standing.decided[0] == UNDECIDED
    assert standing.entry(0) == standing.edits[1]


def test_a_ledger_that_became_shorter_is_read_anew(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    append(path, [decision("a", "Cars"), decision("b", "Cats")])
    standing = Standing(path, manifest)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    standing.refresh()
    assert standing.decided.tolist() == [0, *[UNDECIDED] * 5]
    checked(standing, manifest)
