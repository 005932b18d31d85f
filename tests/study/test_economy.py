from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import TIME, WEAK, Curve, RemedyResult
from evenhand.study.economy import Economy, Timed, clock_words, read_economy, write_economy

WHOLE = RemedyResult(
    remedy="none",
    repair="none",
    model="simple",
    evaluation=evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]]), ("a", "b")),
    probabilities=np.zeros((0, 2), np.float32),
    indices=np.zeros(0, np.int64),
    trained_counts=(1, 1),
    curve=Curve((), ()),
    by_fold=(0.5, 0.5, 0.5, 0.5),
    planned=4,
)
FEW = replace(WHOLE, remedy="smote", repair="drop", by_fold=(0.4, 0.4), stopped=WEAK)
LATE = replace(WHOLE, remedy="sampler", by_fold=(0.4,), stopped=TIME)


def test_nothing_left_out_is_nothing_to_say() -> None:
    assert Economy.of([WHOLE]).sentences() == []


def test_those_who_stopped_are_named_with_how_far_they_came() -> None:
    assert Economy.of([WHOLE, FEW, LATE]).sentences() == [
        "Clearly behind the one that led, and stopped early: smote, suspects left out (simple, after 2 of 4 trainings)."
        " The rule is made so that among equals anybody at all is stopped in at most 5 of 100 comparisons.",
        "Not finished for want of time, the weakest first: sampler (simple, after 1 of 4 trainings).",
    ]


def test_a_time_limit_is_always_told() -> None:
    bytes_ = "What fits into a time depends on the machine and the hour, so a run with a time limit cannot be repeated "
    short = Economy(timed=Timed(1200, 1130.2, ("The labels were not looked at.",))).sentences()
    assert short == [
        "The run had a time limit of 20 min and took 18 min 50 s.",
        "For want of time less was done than was asked for:",
        "The labels were not looked at.",
        bytes_ + "to the same bytes.",
    ]
    assert Economy(timed=Timed(90, 60)).sentences()[1] == "Everything that was asked for was done."
    assert "less was done" in Economy.of([LATE], Timed(90, 60)).sentences()[1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45.4, "45 s"), (119, "119 s"), (120, "2 min"), (1130, "18 min 50 s"), (3600, "1 h"), (5430, "1 h 30 min")],
)
def test_a_time_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert clock_words(seconds) == words


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    assert read_economy(tmp_path) is None
    for told in (Economy.of([WHOLE, FEW, LATE]), Economy(timed=Timed(90, 60.5, ("a", "b")))):
        write_economy(tmp_path, told)
        assert read_economy(tmp_path) == told
    (tmp_path / "economy.json").write_text("{}")
    with pytest.raises(EvenhandError, match=r"economy\.json cannot be read"):
        read_economy(tmp_path)
