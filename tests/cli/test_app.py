import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import evenhand as package
from evenhand.errors import DataError, EvenhandError, ExportError, ModelFileError, UsageError
from evenhand.pipeline import run as pipeline

COMMANDS = ("run", "demo", "audit", "compare", "train", "evaluate", "report", "review", "edits")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(evenhand: Callable[..., Any], command: str) -> None:
    said = evenhand(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: evenhand {command}" in said.out
    assert "--json" in said.out
    # Every option says what it is for.
    options = [line for line in said.out.splitlines() if line.startswith("  --")]
    assert options
    assert all(len(line.split(maxsplit=1)) == 2 for line in options), said.out


def test_without_a_word_the_help_appears(evenhand: Callable[..., Any]) -> None:
    said = evenhand()
    assert said == evenhand("--help")
    assert said.code == 0
    assert all(command in said.out for command in COMMANDS)
    assert evenhand("--version").out == f"{package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rnu DATA", "Did you mean 'run'?"),
        ("run DATA --prest quick", "--preset"),
        ("run DATA --preset quik", "Did you mean 'quick'?"),
        ("run DATA --remedy smotte", "Did you mean 'smote'?"),
        ("run DATA --remedy smote:kk=2", "Did you mean 'k'?"),
        ("run DATA --remedy none --remedy augment+samplr", "Did you mean 'sampler'?"),
        ("run DATA --remedy oversample+sampler", "oversample and sampler both"),
        ("run DATA --model resnett", "Did you mean 'resnet'?"),
        ("run DATA --recipe standart", "Did you mean 'standard'?"),
        ("run DATA --repair rop", "Did you mean 'drop'?"),
        ("run DATA --refit al", "Did you mean 'all'?"),
        ("run DATA --set epoch=3", "Did you mean 'epochs'?"),
        ("run DATA --set augmentation.corp=3", "Did you mean 'crop'?"),
        ("run DATA --set epochs", "--set takes name=value"),
        ("run DATA --set epochs=many", "epochs is a whole number and cannot be 'many'"),
        ("run DATA --set epochs=0", "epochs must be 1 to"),
        ("run DATA --set learning_rate=nan", "learning_rate must be 0 to"),
        ("run DATA --set optimiser=adam", "no optimiser 'adam'"),
        ("run DATA --device gpu", "Did you mean 'cpu'?"),
        ("run DATA --device cuda:99", "There is no device 'cuda:99'"),
        ("run DATA --size 0", "--size takes a side of 1 to 4096"),
        ("run DATA --size 3x4x5", "--size takes"),
        ("run DATA --folds 1", "--folds must be at least 2"),
        ("run DATA --folds 2 --repair drop", "at least 3 folds"),
        ("run DATA --trust 2", "--trust must be above 0"),
        ("run DATA --jobs 0", "--jobs must be at least 1"),
        ("run DATA --jobs many", "--jobs"),
        ("run", "Missing argument 'DATA'"),
        ("run DATA MORE", "MORE"),
        ("train DATA --remedy none --remedy smote", "use compare for several"),
        ("train DATA --repair none,drop", "use compare for several"),
        ("evaluate MODEL DATA --split tests", "Did you mean 'test'?"),
        ("demo --scale 0", "scale must be above 0"),
        ("report NOWHERE", "no run folder"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(
    evenhand: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DATA").mkdir()
    said = evenhand(*words.split())
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert message in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["DATA"], "a refused command leaves nothing"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EvenhandError("The disk is full."), 1, "Error: The disk is full.\n"),
        (UsageError("So."), 2, "Error: So.\n"),
        (DataError("So."), 3, "Error: So.\n"),
        (ModelFileError("So."), 4, "Error: So.\n"),
        (ExportError("So."), 5, "Error: So.\n"),
        (
            KeyboardInterrupt(),
            130,
            "Error: Interrupted. What is finished is kept; the same command goes on from there.\n",
        ),
        (EOFError("No data left"), 1, "Error: No data left\nSet EVENHAND_DEBUG=1 to see where.\n"),
        (ZeroDivisionError("by zero"), 1, "Error: ZeroDivisionError: by zero\nSet EVENHAND_DEBUG=1 to see where.\n"),
        (
            OSError(28, "No space left", "cache/x.npy"),
            1,
            "Error: Could not write cache/x.npy: the disk is full. Free some space.\n",
        ),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_every_error_is_a_sentence_and_an_exit_code(
    evenhand: Callable[..., Any], tmp_path: Path, error: BaseException, code: int, words: str, flags: list[str]
) -> None:
    with mock.patch.object(pipeline, "run", side_effect=error):
        said = evenhand("run", tmp_path, *flags)
    # Before a message about an end of file, typer ends the line of a prompt that was never there.
    assert (said.code, said.out, said.err.lstrip()) == (code, "", words)


def test_a_traceback_is_shown_to_those_who_ask(
    evenhand: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENHAND_DEBUG", "1")
    with mock.patch.object(pipeline, "run", side_effect=DataError("No images.")):
        said = evenhand("run", tmp_path)
    assert said.code == 3
    assert said.out == ""
    assert "Traceback" in said.err
    assert said.err.endswith("Error: No images.\n")


@pytest.fixture
def printing(program: list[str], pictures: Path) -> list[str]:
    """A command that prints a line and is quick about it."""
    return [*program, "demo", "--out", str(pictures.parent / "demo"), "--scale", "0.001", "--data-only", "--quiet"]


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def buffering(request: pytest.FixtureRequest) -> dict[str, str]:
    """Surroundings in which the trouble shows when the line is printed, or only when the program ends."""
    return os.environ | {"PYTHONUNBUFFERED": request.param}


def test_a_reader_that_stops_reading_is_no_error_to_talk_about(printing: list[str], buffering: dict[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(printing, stdout=write, stderr=subprocess.PIPE, text=True, env=buffering)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_results_that_cannot_be_written_are_an_error(printing: list[str], buffering: dict[str, str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(printing, stdout=full, stderr=subprocess.PIPE, text=True, env=buffering)
    assert done.stderr == "Error: Could not write the results: the disk is full. Free some space.\n"
    assert done.returncode == 1
