"""The command `audit` with one detector after the other."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Evenhand = Callable[..., Any]


def flags(run: Path) -> list[tuple[str, str]]:
    with (run / "audit/label_issues.csv").open(encoding="utf-8", newline="") as file:
        return sorted((row["path"], row["flagged"]) for row in csv.DictReader(file))


def test_another_detector_speaks_of_the_same_networks(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ["--preset", "quick", "--set", "epochs=2", "--folds", "2", "--jobs", "1", "--json"]
    run = tmp_path / "run"
    first = evenhand("audit", pictures, "--out", run, *words)
    assert first.code == 0
    ours, trained = flags(run), {place.name: place.stat().st_mtime_ns for place in (run / "trials").iterdir()}
    other = evenhand("audit", pictures, "--out", run, "--detector", "cleanlab:predicted_neq_given", *words)
    assert other.code == 0
    assert flags(run) != ours
    assert {place.name: place.stat().st_mtime_ns for place in (run / "trials").iterdir()} == trained
    assert other.json["wrong_labels_estimate"] == first.json["wrong_labels_estimate"]
    assert "cleanlab:predicted_neq_given" in (run / "report.html").read_text(encoding="utf-8")
    evenhand("audit", pictures, "--out", run, *words)
    assert flags(run) == ours


@pytest.mark.parametrize("command", ["audit", "compare", "run", "train"])
def test_a_detector_that_does_not_exist_is_refused_with_the_nearest(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, command: str
) -> None:
    said = evenhand(command, pictures, "--out", tmp_path / "run", "--detector", "cleanlab:bothe")
    assert said.code == 2
    assert "cleanlab:both" in said.err
    assert not (tmp_path / "run").exists()
