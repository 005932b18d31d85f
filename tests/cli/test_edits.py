"""Decisions about labels, from the ledger to training, figures and exports."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.auditing.ledger import append, edit

Evenhand = Callable[..., Any]
Finished = tuple[Path, Any]
Tree = Callable[[Path], dict[str, str | None]]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def entry(row: dict[str, str], action: str, **words: str) -> Any:
    return edit(action, "me", pixel_sha256=row["pixel_sha256"], path=row["path"], given=row["given"], **words)


@pytest.fixture
def reviewed(finished: Finished, tmp_path: Path) -> tuple[Path, dict[str, list[dict[str, str]]]]:
    """A copy of a run with a ledger: three Cars are Cats, a Truck is excluded, a test Cat is a Car, a Cat is kept."""
    run = Path(shutil.copytree(finished[0], tmp_path / "reviewed"))
    rows = table(run / "manifest.csv")
    common = [row["pixel_sha256"] for row in rows]
    single = [row for row in rows if common.count(row["pixel_sha256"]) == 1]

    def some(split: str, given: str, count: int) -> list[dict[str, str]]:
        return [row for row in single if (row["split"], row["given"]) == (split, given)][:count]

    cars, cats, trucks = some("train", "Cars", 3), some("train", "Cats", 1), some("train", "Trucks", 1)
    tested = some("test", "Cats", 1)
    append(
        run / "edits.jsonl",
        [
            *(entry(row, "label", label="Cats") for row in cars),
            *(entry(row, "keep") for row in cats),
            *(entry(row, "exclude", reason="a blank picture") for row in trucks),
            *(entry(row, "label", label="Cars") for row in tested),
            edit("label", "me", pixel_sha256="0" * 64, path="gone.png", given="Cars", label="Cats"),
        ],
    )
    return run, {"cars": cars, "cats": cats, "trucks": trucks, "test": tested}


@pytest.mark.slow
def test_a_run_goes_by_the_edits(
    evenhand: Evenhand, finished: Finished, pictures: Path, quick: list[str], reviewed: Any, tmp_path: Path, tree: Tree
) -> None:
    run, rows = reviewed
    before = tree(pictures)
    words = ["--remedy", "none", *quick, "--edits", run / "edits.jsonl"]
    out = tmp_path / "again"
    said = evenhand("run", pictures, "--out", out, "--json", *words).json
    counts = {row["class"]: int(row["train"]) for row in table(out / "audit/balance.csv")}
    given = {row["class"]: int(row["train"]) for row in table(run / "audit/balance.csv")}
    assert counts == {"Cars": given["Cars"] - 3, "Cats": given["Cats"] + 3, "Trucks": given["Trucks"] - 1}

    manifest = {row["path"]: row for row in table(out / "manifest.csv")}
    for row in rows["cars"]:
        assert (manifest[row["path"]]["given"], manifest[row["path"]]["corrected"]) == ("Cars", "Cats")
    assert manifest[rows["trucks"][0]["path"]]["split"] == "excluded"
    assert manifest[rows["test"][0]["path"]]["split"] == "test"
    place = list(manifest).index(rows["trucks"][0]["path"])
    with np.load(out / "results.npz") as results:
        assert place not in results["indices"]

    # The test's given labels stay what they were; beside them stand the figures on corrected ones.
    assert [sum(row) for row in said["test"]["confusion"]] == [
        sum(row) for row in finished[1].json["test"]["confusion"]
    ]
    corrected = said["test"]["corrected"]
    assert corrected["per_class"]["Cars"]["support"] == said["test"]["per_class"]["Cars"]["support"] + 1
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "corrected labels" in report
    assert "--edits" in report  # in the command that does it again

    summary = json.loads((out / "audit/summary.json").read_text(encoding="utf-8"))
    assert any(
        note.startswith(
            "Edits: 4 labels changed, 1 kept, 1 image excluded. One decision is about a picture that is not"
        )
        for note in summary["notes"]
    )
    # A run stays a function of its key: the same folder takes no other edits.
    again = evenhand("run", pictures, "--out", out, *words[:-2])
    assert again.code == 2
    assert "edits was" in again.err
    assert tree(pictures) == before


def test_settled_images_are_no_suspects(evenhand: Evenhand, pictures: Path, finished: Finished, tmp_path: Path) -> None:
    words = ["--preset", "quick", "--folds", "2", "--jobs", "1", "--json"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert evenhand("audit", pictures, "--out", first, *words).code == 0
    worst = table(first / "audit/label_issues.csv")[:20]
    rows = {row["path"]: row for row in table(first / "manifest.csv") if row["split"] == "train"}
    append(first / "edits.jsonl", [entry(rows[row["path"]], "keep") for row in worst])
    said = evenhand("audit", pictures, "--out", second, *words, "--edits", first / "edits.jsonl").json
    after = {row["path"]: row for row in table(second / "audit/label_issues.csv")}
    assert sum(float(row["suspicion"]) for row in worst) > 0
    assert all(float(after[row["path"]]["suspicion"]) == 0 for row in worst)
    assert said["wrong_labels_estimate"]["value"] >= 0


def test_evaluate_shows_given_and_corrected_labels(evenhand: Evenhand, pictures: Path, reviewed: Any) -> None:
    run, _ = reviewed
    plain = evenhand("evaluate", run / "model", pictures, "--json").json
    edited = evenhand("evaluate", run / "model", pictures, "--edits", run / "edits.jsonl", "--json").json
    assert plain["corrected"] is None
    assert edited["corrected"]["per_class"]["Cars"]["support"] == plain["per_class"]["Cars"]["support"] + 1
    assert {name: value for name, value in edited.items() if name != "corrected"} == {
        name: value for name, value in plain.items() if name != "corrected"
    }
    assert (
        "The same on corrected labels"
        in evenhand("evaluate", run / "model", pictures, "--edits", run / "edits.jsonl").out
    )


def test_a_ledger_that_is_not_there_is_said_before_any_work(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    said = evenhand("run", pictures, "--out", tmp_path / "run", "--edits", tmp_path / "none.jsonl")
    assert said.code == 2
    assert "There is no ledger" in said.err
    assert not (tmp_path / "run").exists()


def test_several_ledgers_go_together_and_contradictions_are_told(
    evenhand: Evenhand, pictures: Path, reviewed: Any, tmp_path: Path
) -> None:
    run, rows = reviewed
    other = tmp_path / "other.jsonl"
    append(other, [entry(rows["cars"][0], "keep"), entry(rows["cars"][1], "label", label="Cats")])
    words = ["evaluate", run / "model", pictures, "--split", "all", "--json"]
    first, both = (
        evenhand(*words, *(word for ledger in ledgers for word in ("--edits", ledger)))
        for ledgers in ([run / "edits.jsonl"], [run / "edits.jsonl", other])
    )
    cars = [said.json["corrected"]["per_class"]["Cars"]["support"] for said in (first, both)]
    assert cars[1] == cars[0] + 1, "the later ledger keeps one of the three cars"
    assert "contradict" not in first.err
    assert "The ledgers contradict each other about one picture; the later decision counts." in both.err


@pytest.mark.slow
def test_the_manifest_of_an_edited_run_is_data_without_what_was_excluded(
    evenhand: Evenhand, pictures: Path, reviewed: Any, tmp_path: Path
) -> None:
    run, rows = reviewed
    words = ["--preset", "quick", "--folds", "2", "--jobs", "1", "--json"]
    edited = tmp_path / "edited"
    ledgers = [run / "edits.jsonl", tmp_path / "other.jsonl"]
    append(ledgers[1], [entry(rows["cars"][0], "exclude")])
    first = evenhand("audit", pictures, "--out", edited, *words, "--edits", ledgers[0], "--edits", ledgers[1]).json
    assert "The ledgers contradict each other about one picture; the later decision counts." in first["notes"]
    study = json.loads((edited / "study.json").read_text(encoding="utf-8"))
    assert study["edits"] == [str(ledger) for ledger in ledgers]
    assert study["decided"] == {
        "changed": 2, "kept": 1, "excluded": 2, "changed_apart": 1, "kept_apart": 0, "strange": 1,
    }  # fmt: skip
    assert (edited / "report.html").read_text(encoding="utf-8").count("--edits") == 2

    data = Path(shutil.copytree(pictures, tmp_path / "data"))
    shutil.copy(edited / "manifest.csv", data)
    told = evenhand("audit", data / "manifest.csv", "--out", tmp_path / "again", *words).json
    assert "Rows of manifest.csv that are left out because their split is excluded: 2." in told["notes"]
    assert told["n"] == first["n"]
