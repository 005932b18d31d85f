from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.cli.tune import lines, told
from tune_study import tuning

Evenhand = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "0"), "--trials must be from 1 to 10,000, not 0"),
        (("--preset", "reference"), "say --recipe reference"),
        (("--time-limit", "soon"), "--time-limit takes"),
        (("--remedy", "smite"), "smite"),
        (("--remedy", "logit-adjust:tau=tuned"), "write logit-adjust alone"),
        (("--set", "momentun=0"), "momentun"),
        (("--repair", "drop", "--folds", "2"), "at least 3 folds"),
    ],
)
def test_tune_refuses_before_any_work(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    found = evenhand("tune", pictures, "--out", tmp_path / "run", "--quiet", *words)
    assert found.code == 2
    assert said in found.err
    assert not (tmp_path / "run/trials").exists()


def test_json_says_what_was_found_and_whether_it_helps() -> None:
    found = told(tuning())
    assert found["best"]["settings"]["epochs"] == 10
    assert (found["value"], found["interval"]) == (0.83, [0.8, 0.86])
    assert (found["default"]["name"], found["default"]["remedy"]) == ("default", "balanced-softmax")
    assert found["default"]["difference_low"] < found["default"]["difference"] < found["default"]["difference_high"]
    assert [rival["name"] for rival in found["against"]] == ["default", "recipe"]
    assert (found["verdict"], found["trials"], found["stopped"]) == ("better", 40, 13)
    assert found["importance"][0]["setting"] == "rate"


def test_people_read_the_conclusion_first_and_the_command_last() -> None:
    first, *_, mattered, last = lines(tuning())
    assert first.startswith("The best of 40 trials beats the default")
    assert mattered == "What mattered most: rate 60%, remedy 30%, batch 10%."
    assert last.startswith("Train so: evenhand train DATA --remedy ")
