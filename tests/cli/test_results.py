"""What commands print: results on stdout, one JSON object when asked, everything else on stderr."""

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.data.demo import make_demo

FIGURES = {
    f"{name}{end}"
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")
    for end in ("", "_low", "_high")
}
EVALUATION = {"n", "classes", "corrected", "per_class", "confusion"} | FIGURES
COMMON = {"schema_version", "command"}

Evenhand = Callable[..., Any]
Finished = tuple[Path, Any]


def test_run_says_what_the_contract_names(finished: Finished) -> None:
    folder, said = finished
    told = said.json
    assert set(told) >= COMMON | {"run", "chosen", "test", "wrong_labels_estimate", "report"}
    assert (told["schema_version"], told["command"], told["run"]) == (1, "run", str(folder))
    assert set(told["chosen"]) >= {"remedy", "repair", "model"}
    assert set(told["test"]) >= EVALUATION
    assert set(told["wrong_labels_estimate"]) == {"value", "low", "high"}
    assert Path(told["report"]).is_file()
    assert (Path(told["model"]) / "model.json").is_file()


def test_evaluate_says_what_the_contract_names(evenhand: Evenhand, finished: Finished, pictures: Path) -> None:
    told = evenhand("evaluate", finished[0] / "model", pictures, "--json", "--reject-below", "0.4").json
    assert set(told) >= COMMON | {"model"} | EVALUATION
    assert told["abstention"]["reject_below"] == 0.4
    assert sum(row["right"] for row in told["abstention"]["curve"][0]["per_class"].values()) <= told["n"]
    assert "Leaving unsure ones to people" in (finished[0] / "report.html").read_text(encoding="utf-8")
    assert (told["command"], told["model"]) == ("evaluate", str(finished[0] / "model"))
    assert all(told[f"{name}_low"] <= told[name] <= told[f"{name}_high"] for name in ("accuracy", "macro_f1", "ece"))
    assert set(told["per_class"]) == set(told["classes"])
    for row in told["per_class"].values():
        assert set(row) == {"precision", "recall", "f1", "support", "reading"}
    assert "against" not in told
    model = finished[0] / "model"
    against = evenhand("evaluate", model, pictures, "--json", "--against", model).json["against"]
    assert (against["model"], against["only_first"], against["p"]) == (str(model), 0, 1.0)
    assert against["balanced_accuracy_difference_low"] < 0 < against["balanced_accuracy_difference_high"]
    assert [sum(row) for row in told["confusion"]] == [told["per_class"][name]["support"] for name in told["classes"]]


def test_compare_says_what_the_contract_names(
    evenhand: Evenhand, pictures: Path, two_remedies: list[str], tmp_path: Path
) -> None:
    told = evenhand("compare", pictures, "--out", tmp_path / "run", "--json", *two_remedies).json
    assert set(told) >= COMMON | {"run", "chosen", "ties", "leaderboard"}
    with (tmp_path / "run/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(told["leaderboard"]) == 2
    for row, line in zip(told["leaderboard"], table, strict=True):
        assert set(row) >= {"remedy", "repair", "balanced_accuracy", "low", "high", "macro_f1", "seconds"}
        assert set(row) == set(line) | {"seconds", "recall", "expected_recall"}
        assert set(row["recall"]) == {"Cars", "Cats", "Trucks"}
        assert float(line["balanced_accuracy"]) == row["balanced_accuracy"]
        assert row["seconds"] > 0
        assert row["log_loss_scaled"] > 0
    best, other = told["leaderboard"]
    assert best["vs_best"] is None
    assert other["vs_best"] <= 0
    assert other["vs_best_low"] <= other["vs_best"] <= other["vs_best_high"]
    assert 0 <= other["vs_best_p"] <= other["vs_best_p_holm"] <= 1
    assert other["tied"] == (told["ties"] != []) == (told["chosen"]["needed"] is not None)
    plain = next(row for row in told["leaderboard"] if (row["remedy"], row["repair"]) == ("none", "none"))
    assert plain["vs_plain"] is None
    assert not (tmp_path / "run/model").exists()


def test_audit_says_what_the_contract_names(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ("--preset", "quick", "--folds", "2", "--jobs", "1", "--json")
    told = evenhand("audit", pictures, "--out", tmp_path / "run", *words).json
    assert set(told) >= COMMON | {
        "run", "n", "counts", "unreadable", "duplicate_groups", "leaked", "label_issues", "wrong_labels_estimate"
    }  # fmt: skip
    tables = {}
    for name in ("unreadable", "duplicates", "odd_images", "label_issues", "balance"):
        with (tmp_path / f"run/audit/{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert told["unreadable"] == len(tables["unreadable"]) >= 5
    assert told["duplicate_groups"] == len({row["group"] for row in tables["duplicates"]}) == 8
    near = {row["group"] for row in tables["duplicates"] if row["kind"] == "near"}
    assert told["near_duplicate_groups"] == len(near) == 3
    assert told["odd_images"] == len(tables["odd_images"])
    assert told["leaked"] == sum(row["leaked"] == "true" for row in tables["duplicates"]) == 3
    assert told["label_issues"] == sum(row["flagged"] == "true" for row in tables["label_issues"])
    assert {row["class"]: int(row["train"]) for row in tables["balance"]} == told["counts"]["train"]
    assert set(tables["label_issues"][0]) == {"path", "given", "suggested", "suspicion", "flagged"}
    suspicions = [float(row["suspicion"]) for row in tables["label_issues"]]
    assert suspicions == sorted(suspicions, reverse=True)


def test_train_and_report_say_where_things_lie(
    evenhand: Evenhand, pictures: Path, quick: list[str], tmp_path: Path
) -> None:
    told = evenhand("train", pictures, "--out", tmp_path / "run", "--remedy", "sampler", "--json", *quick).json
    assert (told["command"], told["chosen"]["remedy"], told["chosen"]["repair"]) == ("train", "sampler", "none")
    report = Path(told["report"])
    content = report.read_bytes()
    report.unlink()
    again = evenhand("report", tmp_path / "run", "--json").json
    assert again == {"schema_version": 1, "command": "report", "run": str(tmp_path / "run"), "report": str(report)}
    assert report.read_bytes() == content


def test_the_demo_needs_no_data(evenhand: Evenhand, tmp_path: Path) -> None:
    told = evenhand("demo", "--out", tmp_path / "demo", "--scale", "0.02", "--data-only", "--json", "--quiet").json
    assert set(told) == COMMON | {"data"}
    plain = evenhand("demo", "--out", tmp_path / "demo", "--scale", "0.02", "--data-only", "--quiet")
    assert plain.out == f"Pictures: {told['data']}\n"
    other = evenhand("demo", "--out", tmp_path / "demo", "--scale", "0.03", "--data-only")
    assert (other.code, other.out) == (2, "")
    assert "holds something other" in other.err


def test_demo_long_tailed_draws_ten_classes(evenhand: Evenhand, tmp_path: Path) -> None:
    told = evenhand("demo", "--long-tailed", "--out", tmp_path, "--scale", "0.01", "--data-only", "--json").json
    assert len(list(Path(told["data"], "train").iterdir())) == 10
    plain = evenhand("demo", "--long-tailed", "--out", tmp_path, "--scale", "0.01", "--data-only", "--quiet")
    assert plain.out == f"Pictures: {told['data']}\n"
    other = evenhand("demo", "--out", tmp_path, "--scale", "0.01", "--data-only", "--quiet")
    assert (other.code, other.out) == (2, "")


def test_people_read_tables_and_sentences(evenhand: Evenhand, finished: Finished, pictures: Path) -> None:
    said = evenhand("evaluate", finished[0] / "model", pictures)
    assert said.code == 0
    for words in ("balanced accuracy", "95 % interval", "Cats", "weighted average", "labelled as"):
        assert words in said.out
    assert "Decoding images" in said.err
    assert "Decoding" not in said.out
    # Sentences are not broken where nobody asked for it: a line can be searched for.
    assert any(line.startswith("Trucks: ") and line.endswith(".") for line in said.out.splitlines())


def test_progress_goes_to_stderr_and_quiet_silences_it(finished: Finished, evenhand: Evenhand, pictures: Path) -> None:
    assert "Training the final model: 2 of 2" in finished[1].err
    said = evenhand("evaluate", finished[0] / "model", pictures, "--json", "--quiet")
    assert said.err == ""
    assert said.json


NAMES = ("قطة", "貓", "кошка é [b]")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, evenhand: Evenhand) -> tuple[list[str], Any]:
    """An audit of the demo pictures with their class folders renamed: the command, and what it said."""
    folder = tmp_path_factory.mktemp("scripts")
    make_demo(folder / "data", scale=0.02)
    for split in ("train", "test"):
        for old, new in zip(("Cars", "Cats", "Trucks"), NAMES, strict=True):
            (folder / "data" / split / old).rename(folder / "data" / split / new)
    words = ["audit", str(folder / "data"), "--out", str(folder / "run"), "--preset", "quick", "--folds", "2"]
    return [*words, "--jobs", "1"], evenhand(*words, "--jobs", "1")


def test_class_names_in_any_script(audited: tuple[list[str], Any], evenhand: Evenhand) -> None:
    words, said = audited
    assert said.code == 0, said.err
    assert all(name in said.out for name in NAMES)
    told = evenhand(*words, "--json").json
    assert set(told["counts"]["train"]) == set(NAMES)


@pytest.mark.parametrize(("encoding", "flags"), [("ascii", []), ("ascii", ["--json"]), ("latin-1", [])])
def test_class_names_that_the_terminal_cannot_show(
    program: list[str], audited: tuple[list[str], Any], encoding: str, flags: list[str]
) -> None:
    surroundings = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "200"}
    done = subprocess.run([*program, *audited[0], *flags], capture_output=True, env=surroundings)
    assert done.returncode == 0, done.stderr.decode(encoding)
    out = done.stdout.decode(encoding)
    if flags:
        assert set(json.loads(out)["counts"]["train"]) == set(NAMES)
    else:
        assert all(name.encode(encoding, "backslashreplace").decode(encoding) in out for name in NAMES)
