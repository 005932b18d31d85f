"""Studies by file, the reference study replayed, and what next: from the command to its files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STUDY = """
preset = "quick"
folds = 3
repairs = ["none"]

[set]
epochs = 1
precision = "float32"

[[compare]]
name = "thin"
remedies = ["none", "logit-adjust"]
model = "simple"

[[compare]]
name = "fast"
remedies = ["none"]
model = "simple"
set = { learning_rate = 0.01 }
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "a.toml"
    place.write_text(STUDY)
    return place


@pytest.fixture(scope="module")
def grouped(
    tmp_path_factory: pytest.TempPathFactory, evenhand: Callable[..., Any], pictures: Path, file: Path
) -> tuple[Path, Any]:
    run = tmp_path_factory.mktemp("grouped") / "run"
    return run, evenhand("compare", pictures, "--study", file, "--out", run, "--jobs", 1, "--json")


def test_groups_are_compared_with_recipes_of_their_own(grouped: tuple[Path, Any]) -> None:
    run, said = grouped
    rows = {(row["remedy"], row["model"]) for row in said.json["leaderboard"]}
    assert rows == {("none", "simple (thin)"), ("logit-adjust", "simple (thin)"), ("none", "simple (fast)")}
    assert said.json["chosen"]["model"].startswith("simple (")
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "simple (fast)" in report
    assert "--study RUN/study.toml" in report


def test_a_run_keeps_a_study_file_that_replays_it(
    grouped: tuple[Path, Any], tmp_path: Path, evenhand: Callable[..., Any], pictures: Path
) -> None:
    run, _ = grouped
    again = tmp_path / "again"
    said = evenhand("compare", pictures, "--study", run / "study.toml", "--out", again, "--jobs", 1)
    assert said.code == 0, said.err
    for name in ("leaderboard.csv", "study.toml", "judged.json", "choice.json"):
        assert (again / name).read_bytes() == (run / name).read_bytes(), name


def test_the_same_command_goes_on_and_another_is_refused(
    grouped: tuple[Path, Any], evenhand: Callable[..., Any], pictures: Path, file: Path
) -> None:
    run, first = grouped
    same = evenhand("compare", pictures, "--study", file, "--out", run, "--jobs", 1, "--json")
    assert same.json["leaderboard"] == first.json["leaderboard"]
    other = evenhand("compare", pictures, "--study", file, "--out", run, "--jobs", 1, "--seed", 1)
    assert other.code == 2


def test_typed_options_win_even_with_their_default_value(
    tmp_path: Path, evenhand: Callable[..., Any], pictures: Path, file: Path
) -> None:
    file.with_name("b.toml").write_text(STUDY.replace("folds", "seed = 3\nfolds"))
    run = tmp_path / "run"
    words = ["--study", file.with_name("b.toml"), "--seed", 0, "--remedy", "none", "--out", run, "--jobs", 1]
    said = evenhand("compare", pictures, *words, "--json")
    assert {row["remedy"] for row in said.json["leaderboard"]} == {"none"}
    kept = (run / "study.toml").read_text()
    assert "seed = 0" in kept
    assert kept.count('remedies = ["none"]') == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold = 3", "it cannot say 'fold'. Did you mean 'folds'?"),
        ("[[compare]]\nname = 'a'\nremedies = ['smotte']", "Did you mean 'smote'?"),
        ("[[compare]]\nname = 'a'\nmodel = 'resnett'", "Did you mean 'resnet'?"),
        ("[[compare]]\nname = 'a'\nset = { epoch = 3 }", "Did you mean 'epochs'?"),
        ("remedies = ['sampler+class-weights']", "--allow-stacking"),
    ],
)
def test_a_wrong_word_in_a_file_leaves_nothing(
    tmp_path: Path, evenhand: Callable[..., Any], pictures: Path, text: str, message: str
) -> None:
    (tmp_path / "a.toml").write_text(text)
    said = evenhand("compare", pictures, "--study", tmp_path / "a.toml", "--out", tmp_path / "run")
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "run").exists()


def test_the_reference_study_stands_beside_ones_own_figures(
    tmp_path: Path, evenhand: Callable[..., Any], pictures: Path
) -> None:
    run = tmp_path / "run"
    words = ["compare", pictures, "--preset", "reference", "--set", "epochs=1", "--out", run, "--jobs", 1]
    told = evenhand(*words, "--json").json["published"]
    assert told["judged_on"] == "test"
    smote = told["rows"][-1]
    assert (smote["name"], smote["accuracy"][0], smote["examples"][0]) == ("SMOTE", 0.8784, 14847)
    assert smote["accuracy"][1]["low"] <= smote["accuracy"][1]["value"] <= smote["accuracy"][1]["high"]
    assert [one["name"] for one in smote["per_class"]] == ["Cars", "Trucks", "Cats"]
    assert any("trains otherwise" in line for line in told["explanation"])
    said = evenhand(*words)
    assert "published" in said.out
    assert ".878" in said.out
    assert "two thirds of its cats are filed as cars" in said.out
    assert 'id="published"' in (run / "report.html").read_text(encoding="utf-8")


def test_what_next_is_said_where_it_is_asked_for(
    tmp_path: Path, evenhand: Callable[..., Any], pictures: Path, quick: list[str]
) -> None:
    run = tmp_path / "run"
    words = ["compare", pictures, *quick, "--remedy", "none", "--remedy", "logit-adjust", "--what-next", "--out", run]
    said = evenhand(*words, "--json")
    told = said.json["what_next"]
    assert "draw learning curves (--no-what-next leaves them out)" in said.err
    assert told["limit"] == 2.0
    assert told["curves"][0]["name"] == ""
    assert told["verdict"] == told["notes"][0]
    assert told["settle"]["suspects"] == 0
    assert told["larger"]["large"] == ""
    assert (run / "what_next.json").is_file()
    report = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="next"' in report
    assert "--what-next" in report
    assert told["verdict"] in evenhand(*words).out


def test_quick_runs_leave_it_out(finished: tuple[Path, Any]) -> None:
    run, said = finished
    assert said.json["what_next"] is None
    assert not (run / "what_next.json").exists()
