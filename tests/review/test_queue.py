import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evenhand.auditing.ledger import append, edit
from evenhand.disk import write_arrays
from evenhand.errors import UsageError
from evenhand.review.queue import CONFLICTS, EVERY, SUSPECTS, read_queue
from evenhand.review.session import Session


def test_suspects_come_worst_first_with_a_random_check_in_eight(run_folder: Path) -> None:
    queue = read_queue(run_folder)
    first = queue.lists["suspects"][:16]
    assert np.flatnonzero(queue.check[first]).tolist() == [7, 15]
    suspects = first[~queue.check[first]]
    assert suspects.tolist() == list(range(14))
    assert queue.flagged[suspects].all()
    assert not (queue.flagged & queue.check).any()
    assert EVERY == 8
    # Every picture is in the list once.
    assert sorted(queue.lists["suspects"].tolist()) == list(range(64))


def test_checks_are_the_same_every_time_and_spread_over_all(run_folder: Path) -> None:
    one, again, other = read_queue(run_folder), read_queue(run_folder), read_queue(run_folder, seed=1)
    assert one.check.sum() == 24
    assert (one.check == again.check).all()
    assert (one.check != other.check).any()


def test_lists_by_class_go_by_the_label_as_filed(run_folder: Path) -> None:
    queue = read_queue(run_folder)
    rows = queue.lists["class:Cats"]
    assert (queue.manifest.given[rows] == 1).all()
    assert (np.diff(queue.suspicion[rows]) <= 0).all()
    assert sum(len(queue.lists[f"class:{name}"]) for name in queue.manifest.classes) == 64


def test_probabilities_come_from_the_trials(run_folder: Path) -> None:
    queue = read_queue(run_folder)
    assert queue.probabilities[0].argmax() == 0
    assert queue.probabilities[0].sum() == pytest.approx(1)
    assert np.isnan(queue.probabilities[64:]).all()


def test_networks_that_judged_no_labels_are_asked_only_where_there_are_no_others(run_folder: Path) -> None:
    other = run_folder / "trials/other/oof.npz"
    other.parent.mkdir()
    contrary = {"rows": np.arange(10, 64), "logits": np.tile(np.float32([0, 0, 9]), (54, 1))}
    write_arrays(other, contrary)
    before = read_queue(run_folder).probabilities
    assert before[0].argmax() == 0
    assert before[12].argmax() == 0
    (run_folder / "trials/k/oof.npz").unlink()
    alone = read_queue(run_folder).probabilities
    assert np.isnan(alone[:10]).all()
    assert (alone[10:64].argmax(axis=1) == 2).all()


def test_what_is_no_run_is_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no run folder"):
        read_queue(tmp_path)
    (run_folder / "audit/summary.json").unlink()
    with pytest.raises(UsageError, match="stopped before its audit"):
        read_queue(run_folder)
    shutil.rmtree(run_folder / "cache")
    with pytest.raises(UsageError, match=r"decoded images .* are gone"):
        read_queue(run_folder)


def test_an_audit_that_judged_no_labels_has_no_suspects(build_run: Callable[..., Path], tmp_path: Path) -> None:
    run = build_run(tmp_path)
    table = run / "audit/label_issues.csv"
    table.write_text(table.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="judged no labels"):
        read_queue(run)


def test_a_ledger_of_before_is_taken_up(run_folder: Path) -> None:
    queue = read_queue(run_folder)
    words = {"pixel_sha256": queue.manifest.pixel_sha256[3], "given": "Cats"}
    append(run_folder / "edits.jsonl", [edit("label", "you", label="Trucks", **words)])
    assert Session(run_folder, queue, "me").decided[3] == 2


def test_contradicting_copies_are_a_list_of_their_own_and_the_first(
    build_run: Callable[..., Path], tmp_path: Path
) -> None:
    assert next(iter(read_queue(build_run(tmp_path / "none")).lists)) == SUSPECTS
    queue = read_queue(build_run(tmp_path / "some", copies=[(20, 21, 66), (30, 33), (40, 41)]))
    given = queue.manifest.given
    assert given[30] == given[33]  # these copies agree
    assert next(iter(queue.lists)) == CONFLICTS
    assert queue.lists[CONFLICTS].tolist() == [20, 21, 66, 40, 41]
    assert queue.copies[66] == (20, 21, 66)
    assert queue.copies[30] == (30, 33)
    assert 22 not in queue.copies
