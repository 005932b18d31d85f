"""Remedies from the command line to the report: stacking, tuning, second trainings, the final model's last layer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Evenhand = Callable[..., Any]


def test_two_corrections_are_refused_with_the_reason_and_the_way_out(
    evenhand: Evenhand, pictures: Path, tmp_path: Path
) -> None:
    for command in ("run", "compare", "train"):
        said = evenhand(command, pictures, "--out", tmp_path / "run", "--remedy", "sampler+smote")
        assert (said.code, said.out) == (2, "")
        for word in ("sampler", "smote", "correct twice", "--allow-stacking"):
            assert word in said.err
    assert not (tmp_path / "run").exists()


def test_what_is_stacked_tuned_and_trained_twice_is_compared(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str]
) -> None:
    remedies = ["sampler+logit-adjust", "crt", "mislas:epochs=2", "logit-adjust:tau=tuned"]
    words = [part for remedy in remedies for part in ("--remedy", remedy)]
    run = tmp_path / "run"
    told = evenhand("compare", pictures, "--out", run, "--json", *quick, *words, "--allow-stacking").json
    assert {row["remedy"] for row in told["leaderboard"]} == set(remedies)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "--allow-stacking" in page
    assert "then a new last layer on balanced draws" in page
    # One trunk a fold and kind: none, which crt and the tuned correction share, mixup, sampler.
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (run / "trials").glob("*/result.json")]
    trained = [result["remedy"] for result in results if not result["parent"]]
    assert [trained.count(remedy) for remedy in ("none", "mixup", "sampler")] == [2, 2, 2]
    assert len(list((run / "cache" / "trunks").iterdir())) == 4


@pytest.mark.parametrize(
    ("remedy", "head", "experts"),
    [("logit-adjust:tau=tuned", "linear", 1), ("lws", "linear", 1), ("ldam-drw", "cosine", 1), ("balpoe", "linear", 3)],
)
def test_a_model_is_trained_saved_and_judged_again(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str], remedy: str, head: str, experts: int
) -> None:
    run = tmp_path / "run"
    told = evenhand("train", pictures, "--out", run, "--json", *quick, "--remedy", remedy).json
    described = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))
    assert (described["shape"]["head"], described["shape"]["experts"]) == (head, experts)
    assert "tuned" not in described["remedy"]
    again = evenhand("evaluate", run / "model", pictures, "--json").json
    assert again["balanced_accuracy"] == pytest.approx(told["test"]["balanced_accuracy"])
