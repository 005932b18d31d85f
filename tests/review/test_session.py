from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evenhand.auditing.ledger import append, edit, read_ledger
from evenhand.errors import DataError, UsageError
from evenhand.review.queue import read_queue
from evenhand.review.session import OvertakenError, Session


@pytest.fixture
def session(run_folder: Path) -> Session:
    return Session(run_folder, read_queue(run_folder), "me")


def test_a_decision_is_on_the_disk_when_the_answer_comes(session: Session) -> None:
    state = session.decide([(0, "label", "Trucks")], reason="it has a bed")
    last = read_ledger(session.path).edits[-1]
    assert (last.action, last.label, last.given, last.reviewer, last.reason) == (
        "label", "Trucks", "Cats", "me", "it has a bed",
    )  # fmt: skip
    assert last.path == session.queue.manifest.paths[0]
    assert state["length"] == 1
    found = session.item("suspects", 0)
    assert (found["decided"], found["verdict"]) == (True, "Trucks")
    assert session.item("suspects", 0, undecided=True)["at"] == 1


def test_two_windows_and_a_restart_see_the_same(session: Session, run_folder: Path) -> None:
    other = Session(run_folder, read_queue(run_folder), "you")
    session.decide([(0, "keep", "")])
    other.decide([(1, "exclude", "")])
    assert session.state()["length"] == other.state()["length"] == 2
    assert session.item("suspects", 1)["decided"]
    # Undo takes back the last decision, whoever made it, also after a restart.
    again = Session(run_folder, read_queue(run_folder), "third")
    state = again.undo("suspects")
    assert (state["undone"], state["at"]) == (1, 1)
    assert not session.item("suspects", 1)["decided"]
    assert session.item("suspects", 0)["decided"]
    assert session.undo("class:Cats")["undone"] == 1
    assert session.undo("suspects")["undone"] == 0
    assert session.state()["settled"] == 0


def test_a_screenful_is_undone_at_once(session: Session) -> None:
    session.decide([(9, "keep", "")])
    session.decide([(row, "keep", "") for row in range(5)])
    assert session.state()["settled"] == 6
    assert session.undo("suspects")["undone"] == 5
    assert session.state()["settled"] == 1


def test_a_grid_is_a_piece_of_the_list(session: Session) -> None:
    grid = session.grid("suspects", 6, 4)
    assert [item["row"] for item in grid["items"]] == session.queue.lists["suspects"][6:10].tolist()
    assert [item["check"] for item in grid["items"]] == [False, True, False, False]
    assert session.grid("suspects", 10**9, 4)["at"] == 63


def test_only_the_audit_says_that_a_label_is_wrong(session: Session) -> None:
    assert session.item("suspects", 0)["judged"] is True
    session.queue.lists["test"] = np.array([66])
    session.queue.suspicion[66] = 0.9  # the final model's doubt about a test picture is no such thing
    assert session.item("test", 0)["judged"] is False


def test_neighbours_show_both_classes_and_only_trusted_labels(session: Session) -> None:
    assert session.neighbours.ready(10)
    groups = session.item("suspects", 0)["neighbours"]
    assert [group["class"] for group in groups] == ["Cats", "Cars"]
    for group in groups:
        assert len(group["rows"]) == 6
        names = [session.classes[session.queue.manifest.given[row]] for row in group["rows"]]
        assert set(names) == {group["class"]}
        assert not session.queue.flagged[group["rows"]].any()


@pytest.mark.parametrize(
    "decisions",
    [[], [(99, "keep", "")], [(-1, "keep", "")], [(0, "label", "Vans")], [(0, "undo", "")], [(0, "keep", "")] * 201],
)
def test_nonsense_is_refused_and_nothing_written(session: Session, decisions: list[tuple[int, str, str]]) -> None:
    with pytest.raises(UsageError):
        session.decide(decisions)
    assert not session.path.exists()


def test_what_another_window_decided_is_not_overruled_unseen(session: Session, run_folder: Path) -> None:
    other = Session(run_folder, read_queue(run_folder), "you")
    seen = session.item("suspects", 0)["seen"]
    assert seen == other.item("suspects", 0)["seen"] == ""
    other.decide([(0, "label", "Trucks")], seen=[seen])
    with pytest.raises(OvertakenError, match=r"this picture is settled as Trucks by you\. Press once more"):
        session.decide([(0, "keep", "")], seen=[seen])
    with pytest.raises(OvertakenError, match="decided about 1 of these pictures, so nothing was written"):
        session.decide([(1, "keep", ""), (0, "keep", "")], seen=["", ""])
    assert session.state()["length"] == 1
    # Whoever has seen it may overrule it; a picture that nobody else touched is nobody's business.
    session.decide([(0, "keep", "")], seen=[session.item("suspects", 0)["seen"]])
    session.decide([(2, "keep", "")], seen=[""])
    other.undo("suspects")
    with pytest.raises(OvertakenError, match="is not settled any more"):
        session.decide([(2, "exclude", "")], seen=[session.standing.edits[2].id])
    assert [entry.action for entry in session.standing.edits] == ["label", "keep", "keep", "undo"]


def test_undo_takes_back_nothing_that_nobody_has_looked_at(session: Session, run_folder: Path) -> None:
    other = Session(run_folder, read_queue(run_folder), "you")
    length = session.decide([(0, "keep", "")])["length"]
    other.decide([(1, "exclude", "")])
    with pytest.raises(OvertakenError, match=r"The last is .*, excluded by you\. Press once more to undo that"):
        session.undo("suspects", length)
    assert session.state()["settled"] == 2
    assert session.undo("suspects", length + 1)["undone"] == 1
    with pytest.raises(OvertakenError, match=r"The last is train/.*, settled as "):
        other.undo("suspects", 2)
    assert other.undo("suspects", 3)["undone"] == 1
    with pytest.raises(OvertakenError, match="Nothing is settled now"):
        session.undo("suspects", 3)


def test_a_reason_is_told_with_what_was_decided(session: Session, run_folder: Path) -> None:
    session.decide([(0, "label", "Trucks")], reason="it has a bed")
    mine, theirs = session.item("suspects", 0), Session(run_folder, session.queue, "you").item("suspects", 0)
    assert (mine["why"], mine["by"], mine["seen"]) == ("it has a bed", "", session.standing.edits[0].id)
    assert (theirs["why"], theirs["by"]) == ("it has a bed", "me")


def test_copies_are_settled_one_after_the_other_and_agree_when_each_suggestion_is_taken(
    build_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = build_run(tmp_path, copies=[(20, 21, 66), (2, 31)])
    session = Session(run, read_queue(run), "me")
    assert session.summary()["start"] == "conflicts"
    first = session.item("conflicts", 0)
    assert (first["row"], first["given"], first["suggested"], first["copied"]) == (20, "Trucks", "Cars", True)
    assert [(copy["row"], copy["given"], copy["split"], copy["same"]) for copy in first["copies"]] == [
        (21, "Cars", "train", False), (66, "Cars", "test", False),
    ]  # fmt: skip
    # In another list the networks' opinion stands.
    assert session.item("class:Trucks", 0)["copied"] is False
    for at in range(3):
        found = session.item("conflicts", at)
        session.decide([(found["row"], "label", found["suggested"])])
    assert session.decided[[20, 21, 66]].tolist() == [0, 0, 0]
    # Of a suspect the suggestion is the networks'; its copy follows what was decided.
    suspect = session.item("conflicts", 3)
    assert (suspect["row"], suspect["suggested"], suspect["copied"], suspect["open"]) == (2, "Trucks", False, 2)
    session.decide([(2, "keep", "")])
    last = session.item("conflicts", 4)
    assert (last["given"], last["suggested"], suspect["given"]) == ("Cats", "Cars", "Cars")
    session.decide([(31, "label", "Cars")])
    assert session.item("conflicts", 4)["open"] == 0
    assert session.summary()["start"] == "suspects"


def test_half_a_line_is_read_when_it_is_whole(session: Session) -> None:
    session.decide([(0, "keep", "")])
    entry = edit("keep", "you", pixel_sha256=session.queue.manifest.pixel_sha256[1], given="Trucks")
    spare = session.path.with_name("spare.jsonl")
    append(spare, [entry])
    line = spare.read_bytes()
    with session.path.open("ab") as file:
        file.write(line[:30])
    assert session.state()["length"] == 1
    with session.path.open("ab") as file:
        file.write(line[30:])
    assert session.state()["length"] == 2


def test_a_torn_line_is_told_and_a_strange_one_is_an_error(session: Session) -> None:
    session.decide([(0, "keep", "")])
    session.path.write_bytes(session.path.read_bytes() + b'{"id": "torn')
    session.decide([(1, "keep", "")])
    state = session.state()
    assert (state["torn"], state["length"]) == (1, 2)
    with session.path.open("ab") as file:
        file.write(b"[]\n")
    with pytest.raises(DataError, match=r"Line 4 of .* is no edit"):
        session.state()


def test_50_000_pictures_with_many_decisions_are_served_and_undone(
    build_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = build_run(tmp_path, n=50_000, wrong=5_000, side=32, tested=10)
    queue = read_queue(run)
    words = [
        edit("keep", "me", pixel_sha256=queue.manifest.pixel_sha256[row], given="Cars") for row in range(20_000, 40_000)
    ]
    append(run / "edits.jsonl", words)
    session = Session(run, queue, "me")
    assert session.neighbours.ready(60)
    first = int(session.rows("suspects")[0])
    before = len((run / "edits.jsonl").read_text(encoding="utf-8").splitlines())
    session.decide([(first, "keep", "")])
    assert session.item("suspects", 1, undecided=True)["row"] != first
    assert len(session.grid("suspects", 0, 40)["items"]) == 40
    session.undo("suspects")
    assert len((run / "edits.jsonl").read_text(encoding="utf-8").splitlines()) == before + 2
