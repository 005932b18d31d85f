"""The words of the functions are those of the command line: a new option there is missed here."""

import inspect
from pathlib import Path

import pytest
from typer.main import get_command

import evenhand
from evenhand.api import words
from evenhand.api.data import Data
from evenhand.cli.app import app
from evenhand.errors import UsageError
from evenhand.settings.costs import Costs

RENAMED = {"change": "set", "model_path": "model", "paths": "images"}
NOT_IN_PYTHON = {
    "json": "results have to_json()",
    "study": "a call is a study written down already",
    "format": "answers are values, not lines of a file",
}


@pytest.mark.parametrize("command", ["audit", "compare", "train", "run", "evaluate", "attack", "predict"])
def test_every_option_is_a_word_of_the_function(command: str) -> None:
    options = {parameter.name for parameter in get_command(app).commands[command].params}  # type: ignore[attr-defined]
    asks_a_model = "model_path" in options
    names = {"network" if asks_a_model and name == "model" else RENAMED.get(name, name) for name in options}
    known = set(inspect.signature(getattr(evenhand, command)).parameters)
    missing = names - known - NOT_IN_PYTHON.keys() - ({"out"} if command == "predict" else set())
    assert not missing


def test_names_are_one_or_several() -> None:
    assert words.names("none, drop") == words.names(["none", "drop"]) == ("none", "drop")
    assert words.names(None) is None
    assert words.names("") is None
    assert words.remedies_of("a:x=1,y=2") == ("a:x=1,y=2",)
    assert words.remedies_of(["a", "b"]) == ("a", "b")
    assert words.places("a") == (Path("a"),)
    assert words.places([Path("a"), "b"]) == (Path("a"), Path("b"))


def test_sizes_and_times() -> None:
    assert words.size_of(32) == (32, 32)
    assert words.size_of((24, 40)) == (24, 40)
    for wrong in (0, 5000, (1, 2, 3), (8.0, 8)):
        with pytest.raises(UsageError, match="size takes"):
            words.size_of(wrong)  # type: ignore[arg-type]
    assert words.seconds(90) == 90.0
    with pytest.raises(UsageError, match="number of seconds"):
        words.seconds(True)


def test_costs_and_priors(tmp_path: Path) -> None:
    (tmp_path / "costs.csv").write_text(",a,b\na,0,2\nb,3,0\n")
    table = {"a": {"a": 0, "b": 2}, "b": {"a": 3, "b": 0}}
    assert words.costs_of(tmp_path / "costs.csv") == words.costs_of(table) == Costs(("a", "b"), ((0, 2), (3, 0)))
    assert words.prior_of({"a": 0.75, "b": 0.25}) == {"a": 0.75, "b": 0.25}
    assert words.prior_of("balanced") == "balanced"
    assert words.prior_of(None) is None


def test_test_images_that_lie_apart_are_what_a_model_is_judged_on() -> None:
    apart = Data(Path("a"), Path("b"), ("x", "y"))
    assert words.judged(apart, "auto") == (Data(Path("b"), classes=("x", "y")), "auto")
    assert words.judged(apart, "train") == (apart, "train")
    assert words.judged(Data(Path("a")), "all") == (Data(Path("a")), "all")
