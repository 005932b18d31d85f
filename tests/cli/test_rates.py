import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.cli.rates import MOST_RATES, asked_rates
from evenhand.errors import UsageError

Evenhand = Callable[..., Any]
FAST = ("--preset", "quick", "--jobs", "1", "--quiet")
ROW = {"rate", "verdict", "final_loss", "step"}
KINDS = {"too_small", "slow", "converges", "unstable", "diverges"}


def test_rates_and_grids_are_read() -> None:
    assert asked_rates(["0.1", "1e-10", "0.1"], None) == (1e-10, 0.1)
    assert asked_rates(None, ["1e-5:1:6"]) == (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    assert asked_rates(["0.5"], ["0.1:0.2:2", "1:2:2"]) == (0.1, 0.2, 0.5, 1.0, 2.0)
    assert asked_rates(None, None) == ()


@pytest.mark.parametrize(
    ("rates", "grids", "told"),
    [
        (["quick"], [], "'quick' is no number"),
        (["0"], [], "above 0"),
        (["-1"], [], "above 0"),
        (["nan"], [], "above 0"),
        (["1e7"], [], "at most 1e+06"),
        ([], ["1e-5:1"], "LOW:HIGH:N"),
        ([], ["1e-5:1:many"], "LOW:HIGH:N"),
        ([], ["1e-5:1:1"], "N from 2"),
        ([], ["1:1e-5:3"], "the first rate must be below the second"),
        ([], ["a:1:3"], "'a' is no number"),
        ([], ["1:2:200", "3:4:200"], f"at most {MOST_RATES}"),
    ],
)
def test_what_is_no_rate_is_refused_with_a_reason(rates: list[str], grids: list[str], told: str) -> None:
    with pytest.raises(UsageError) as error:
        asked_rates(rates, grids)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--rate 0.01"),
        (("--find", "--tests", "0"), "--tests must be at least 1"),
        (("--rate", "0.1", "--set", "learning_rate=1"), "leave --set learning_rate out"),
        (("--rate", "0.1", "--epochs", "0"), "epochs must be 1"),
        (("--rate", "0.1", "--remedy", "smite"), "smite"),
        (("--rate", "0.1", "--model", "simpel"), "simple"),
    ],
)
def test_lr_refuses_before_any_work(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    said = evenhand("lr", pictures, "--out", tmp_path / "run", *words)
    assert said.code == 2
    assert told in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "preset"),
    [
        ((), "reference"),
        (("--find",), "standard"),
        (("--preset", "quick"), "quick"),
        (("--preset", "quick", "--find"), "quick"),
    ],
)
def test_a_plain_study_is_that_of_the_reference_and_the_finder_serves_train(
    evenhand: Evenhand,
    pictures: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    preset: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from evenhand.pipeline import learning_rates as studying

    asked: list[Any] = []

    def study(settings: Any, rates: Any, *_: Any, **__: Any) -> Any:
        asked.append((settings, rates))
        raise UsageError("seen")

    monkeypatch.setattr(studying, "learning_rates", study)
    evenhand("lr", pictures, "--out", tmp_path / "run", "--rate", "0.1", "--epochs", "7", *words)
    ((settings, rates),) = asked
    assert (settings.preset, settings.changes, settings.remedies, rates) == (preset, {"epochs": 7}, ("none",), (0.1,))


@pytest.mark.slow
def test_lr_says_what_the_contract_names(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ("lr", pictures, "--out", tmp_path / "run", "--recipe", "reference", "--epochs", "4", *FAST)
    told = evenhand(*words, "--rate", "1e-10", "--rate", "1000", "--json").json
    assert set(told) >= {"schema_version", "command", "run", "rates", "suggested", "report"}
    assert (told["command"], told["run"]) == ("lr", str(tmp_path / "run"))
    small, large = told["rates"]
    assert set(small) >= ROW
    assert {small["verdict"], large["verdict"]} <= KINDS
    assert (small["rate"], small["verdict"], small["step"]) == (1e-10, "too_small", None)
    assert (large["rate"], large["verdict"], large["final_loss"]) == (1000.0, "diverges", None)
    assert large["step"] >= 1
    assert told["suggested"] is None
    assert "Every step is so short" in small["explanation"]
    report = Path(told["report"]).read_text(encoding="utf-8")
    assert "Learning rates: 1e-10 is too small and 1000 diverges." in report
    # What was asked is told again, so that the report's command does the same.
    assert "--rate 1e-10 --rate 1000" in report
    # A further rate joins the others in the same folder; those that are finished are read.
    trials = {place.name: place.stat().st_mtime_ns for place in (tmp_path / "run/trials").iterdir()}
    more = evenhand(*words, "--rate", "1e-10", "--rate", "0.01", "--rate", "1000", "--json").json
    assert [row["rate"] for row in more["rates"]] == [1e-10, 0.01, 1000.0]
    assert more["rates"][0] == small
    now = {place.name: place.stat().st_mtime_ns for place in (tmp_path / "run/trials").iterdir()}
    assert len(now) == len(trials) + 1
    assert all(now[name] == time for name, time in trials.items())
    kept = json.loads((tmp_path / "run/learning_rate/summary.json").read_text(encoding="utf-8"))
    assert [row["rate"] for row in kept["rows"]] == [1e-10, 0.01, 1000.0]


@pytest.mark.slow
def test_find_suggests_a_rate_and_checks_it(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ("lr", pictures, "--out", tmp_path / "run", "--find", "--tests", "2", "--epochs", "6", *FAST)
    said = evenhand(*words)
    assert said.code == 0, said.err
    assert "2 range tests of " in said.out
    assert "Suggested learning rate: " in said.out
    told = evenhand(*words, "--json").json
    finder = told["finder"]
    assert len(finder["each"]) == 2
    assert finder["low"] <= finder["suggested"] <= finder["high"]
    assert len(told["rates"]) == 5
    assert finder["suggested"] in [row["rate"] for row in told["rates"]]
    assert (tmp_path / "run/learning_rate/range_test.csv").is_file()
    assert "The range test" in Path(told["report"]).read_text(encoding="utf-8")
