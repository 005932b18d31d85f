"""Weak remedies that stop early, and runs that may not take longer than they were allowed, through the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.study import judging

Evenhand = Callable[..., Any]

FOUR = [
    "--preset", "quick", "--set", "epochs=1", "--set", "precision=float32", "--folds", "4", "--repair", "none",
    "--jobs", "1",
]  # fmt: skip
REMEDIES = ["--remedy", "none", "--remedy", "sampler", "--remedy", "class-weights"]


def rows(run: Path) -> dict[str, dict[str, str]]:
    with (run / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return {row["remedy"]: row for row in csv.DictReader(file)}


def test_a_remedy_that_stopped_is_marked_wherever_it_is_told(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "stopping", lambda *_, **__: np.array([1]))
    run = tmp_path / "run"
    said = evenhand("compare", pictures, "--out", run, "--halving", "--json", *FOUR, *REMEDIES).json
    assert [(row["remedy"], row["stopped"]) for row in said["leaderboard"] if row["stopped"]] == [("sampler", "weak")]
    assert said["economy"]["stopped"] == [
        {"name": "sampler", "model": "simple", "trainings": 2, "planned": 4, "why": "weak"}
    ]
    assert said["chosen"]["remedy"] != "sampler"
    assert "1 of them were clearly behind and stopped early" in said["chosen"]["reason"]
    table = rows(run)
    assert [table["sampler"][name] for name in ("trainings", "planned", "stopped")] == ["2", "4", "weak"]
    assert (table["none"]["trainings"], table["none"]["stopped"]) == ("4", "")
    judged = {one["remedy"]: one for one in json.loads((run / "judged.json").read_text())}
    assert len(judged["sampler"]["by_fold"]) == 2
    # Four of the label audit, four of either that went on, and two.
    assert len(list((run / "trials").iterdir())) == 4 + 4 + 4 + 2
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.count("stopped after 2 of 4 trainings") >= 2
    assert "Clearly behind the one that led, and stopped early: sampler (simple, after 2 of 4 trainings)" in page
    assert "--halving" in page
    before = (run / "leaderboard.csv").read_bytes()
    told = evenhand("compare", pictures, "--out", run, "--halving", *FOUR, *REMEDIES)
    assert (run / "leaderboard.csv").read_bytes() == before
    assert "Clearly behind the one that led, and stopped early: sampler (simple, after 2 of 4 trainings)" in told.out
    assert "stopped" in told.out.partition("Chosen:")[0]


def test_the_grid_is_whole_without_halving(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = evenhand("compare", pictures, "--out", run, "--json", *FOUR, *REMEDIES).json
    assert {row["trainings"] for row in said["leaderboard"]} == {4}
    assert said["economy"] == {"stopped": [], "timed": None, "sentences": []}
    assert "same_bytes_again" not in json.loads((run / "study.json").read_text())


@pytest.mark.slow
def test_a_limit_ever_so_short_ends_with_a_model_and_says_what_was_left_out(
    evenhand: Evenhand, pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["--preset", "quick", "--set", "precision=float32", "--jobs", "1", "--time-limit", "1s"]
    said = evenhand("run", pictures, "--out", run, "--json", *words).json
    assert (run / "model" / "model.safetensors").is_file()
    assert said["test"]["n"] > 0
    timed = said["economy"]["timed"]
    assert timed["limit"] == 1
    assert timed["spent"] > 1
    left_out = " ".join(timed["left_out"])
    for words_ in (
        "No repair of suspected labels was compared; asked for: drop.",
        "The labels were not looked at.",
        "Not tried at all: sampler, balanced-softmax.",
        "The training images were dealt into 2 folds instead of 3.",
        "of their epochs.",
        "What leaks are worth was not measured.",
        "How the model breaks was not measured.",
    ):
        assert words_ in left_out
    study = json.loads((run / "study.json").read_text())
    assert study["same_bytes_again"] is False
    assert study["settings"]["time_limit"] == 1
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "The run had a time limit of 1 s and took" in page
    assert "The labels were not looked at." in page
    assert "--time-limit 1s" in page
    assert "need not give the same figures" in page


def test_an_audit_says_what_its_limit_left_out(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ["--preset", "quick", "--set", "precision=float32", "--jobs", "1"]
    said = evenhand("audit", pictures, "--out", tmp_path / "run", "--json", *words, "--time-limit", "1s").json
    assert said["economy"]["timed"]["limit"] == 1
    assert said["economy"]["timed"]["left_out"][0] == "The labels were looked at with 1 network a fold instead of 2."
    told = evenhand("audit", pictures, "--out", tmp_path / "run", *words, "--time-limit", "1s").out
    assert "The labels were looked at with 1 network a fold instead of 2." in told


@pytest.mark.slow
def test_a_limit_with_room_for_everything_changes_nothing(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, two_remedies: list[str]
) -> None:
    found = []
    for name, limit in (("without", []), ("with", ["--time-limit", "2h"])):
        said = evenhand("compare", pictures, "--out", tmp_path / name, "--json", *limit, *two_remedies).json
        found.append((tmp_path / name / "leaderboard.csv").read_bytes())
    assert found[0] == found[1]
    assert said["economy"]["timed"]["left_out"] == []
    assert said["economy"]["sentences"][1] == "Everything that was asked for was done."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "rai"], "There is no engine 'rai'. Did you mean 'ray'?"),
        (["--address", "host:1"], "--address names a Ray cluster; say --engine ray with it."),
        (["--time-limit", "soon"], "--time-limit takes hours, minutes or seconds"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    said = evenhand("run", pictures, "--out", tmp_path / "run", *words)
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "run").exists()
