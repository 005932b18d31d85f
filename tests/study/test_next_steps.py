"""What is said of what next, on made-up findings."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evenhand.errors import EvenhandError
from evenhand.records.values import Interval
from evenhand.study.next_steps import (
    FILE,
    ClassCurve,
    Gain,
    Larger,
    Point,
    Reach,
    Settle,
    WhatNext,
    read_what_next,
    write_what_next,
)


def around(value: float, reach: float) -> Interval:
    return Interval(value, value - reach, value + reach)


def curve(name: str, images: int, value: float, reach: float, doubt: float = 0.001) -> ClassCurve:
    gains = tuple(
        Gain(factor, round(images * (factor - 1)), around(part * value, part * reach), around(value, reach), doubt)
        for factor, part in ((1.5, 0.6), (2.0, 1.0))
    )
    points = (Point(images // 2, 0.7, 0.6), Point(images, 0.75, 0.65))
    course = (
        Reach(images // 2, 0.7, 0.69, 0.71),
        Reach(images, 0.75, 0.74, 0.76),
        Reach(2 * images, 0.75 + value, 0.7, 0.9),
    )
    return ClassCurve(name, images, points, course, gains)


SETTLE = Settle(
    suspects=310,
    wrong=290.0,
    elsewhere=around(120, 60),
    repair="drop",
    measured=around(0.03, 0.01),
    in_hand=True,
    back={"Cats": 288, "Cars": 22},
    returned=around(0.05, 0.02),
    gain=around(0.05, 0.02),
)


def found(**changes: Any) -> WhatNext:
    plain = WhatNext(
        figure="expected balanced accuracy",
        network="simple",
        remedy="sampler",
        repair="drop",
        trainings=24,
        repetitions=3,
        curves=(curve("", 5000, 0.03, 0.02), curve("Cats", 200, 0.02, 0.02), curve("Trucks", 449, 0.015, 0.01)),
        unmeasured=("Cars",),
        settle=SETTLE,
        larger=Larger("simple", "resnet", "resnet", around(0.06, 0.02), 3),
    )
    return replace(plain, **changes)


NO_SUSPECTS = replace(SETTLE, suspects=0, gain=None)


def test_labels_come_first_where_they_may_be_worth_as_much() -> None:
    said = found().verdict()
    assert said.startswith("Label first: settling the 310 suspects is worth about +5.0 points (+3.0 to +7.0); ")
    assert "200 more pictures of Cats: +2.0 points (+0.0 to +4.0), which cannot be told from nothing" in said
    assert "449 more pictures of Trucks are worth about +1.5 points (+0.5 to +2.5)" in said
    assert said.endswith("; a network larger than resnet: cannot be told.")


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"settle": NO_SUSPECTS}, "Collect first"),
        ({"settle": replace(SETTLE, gain=around(0.006, 0.002))}, "Collect first"),
        ({"settle": replace(SETTLE, gain=around(0.012, 0.011))}, "Collect first"),
        ({"settle": replace(SETTLE, gain=around(0.025, 0.02))}, "Label first"),
        ({"settle": NO_SUSPECTS, "curves": (curve("Cats", 200, 0.002, 0.003),)}, "Stop here, or change something else"),
        ({"settle": NO_SUSPECTS, "curves": (curve("Cats", 200, 0.02, 0.06),)}, "It cannot be told what would help"),
        (
            {"settle": replace(SETTLE, gain=None), "curves": (), "larger": Larger("simple", "", "simple", None, 0)},
            "It cannot be told what would help",
        ),
        (
            {
                "curves": (),
                "settle": NO_SUSPECTS,
                "larger": Larger("simple", "resnet", "simple", around(0.04, 0.01), 2),
            },
            "Take the larger network",
        ),
    ],
)
def test_the_advice_follows_the_intervals(changes: dict[str, Any], advice: str) -> None:
    assert found(**changes).advice() == advice


def test_the_best_of_many_curves_may_be_so_by_chance() -> None:
    one = found(settle=NO_SUSPECTS, curves=(curve("Cats", 200, 0.02, 0.01, doubt=0.01),))
    assert one.advice() == "Collect first"
    many = found(
        settle=NO_SUSPECTS, curves=tuple(curve(f"class {number}", 200, 0.02, 0.01, doubt=0.01) for number in range(3))
    )
    assert many.advice() == "It cannot be told what would help"
    assert "200 more pictures of class 0: +2.0 points (+1.0 to +3.0), which among so many curves may be chance" in (
        many.verdict()
    )


def test_the_advice_in_short_names_its_step() -> None:
    assert found().short() == "Label first: settling the 310 suspects is worth about +5.0 points (+3.0 to +7.0)"
    nothing = found(settle=NO_SUSPECTS, curves=())
    assert nothing.short() == nothing.advice() == "It cannot be told what would help"


def test_a_larger_network_that_was_tried_and_not_chosen_has_its_figure() -> None:
    tried = found(larger=Larger("simple", "resnet", "simple", around(-0.01, 0.02), 2))
    assert "the larger network resnet: -1.0 points (-3.0 to +1.0)" in tried.verdict()
    assert not any("still larger" in line for line in tried.sentences())
    assert any("still larger one would go on" in line for line in found().sentences())
    flat = found(larger=Larger("simple", "resnet", "resnet", around(0.01, 0.02), 2))
    assert any("no sign that a still larger" in line for line in flat.sentences())
    alone = found(larger=Larger("simple", "", "simple", None, 0))
    assert any("Only the network simple was judged" in line for line in alone.sentences())


def test_what_is_known_of_suspects_is_said() -> None:
    said = " ".join(found().on_labels())
    assert "Of 310 suspects, about 290 are expected" in said
    assert "has brought +3.0 points (+2.0 to +4.0) already" in said
    assert "288 of Cats, 22 of Cars" in said
    assert "About 120 more wrong labels (60 to 180)" in said
    assert "bring +3.0" in " ".join(found(settle=replace(SETTLE, in_hand=False)).on_labels())
    assert "is not known" in " ".join(found(settle=replace(SETTLE, measured=None)).on_labels())
    assert list(found(settle=NO_SUSPECTS).on_labels()) == ["No label is suspected, so there is none to settle."]


def test_the_limits_of_the_method_are_said() -> None:
    said = " ".join(found().method())
    assert "24 trainings of the network simple" in said
    assert "2 times the present pictures and no further" in said
    assert "Not measured one by one, to keep it cheap or for want of pictures: Cars." in said
    assert "To the network that was chosen, resnet" in said
    many = found(unmeasured=tuple(f"class {number}" for number in range(9)))
    assert "class 4 and 4 others" in " ".join(many.method())
    assert "at least two folds" in " ".join(found(curves=()).method())


def test_a_verdict_on_many_classes_stays_readable() -> None:
    many = found(curves=tuple(curve(f"class {number}", 100, number / 1000, 0.001) for number in range(40)))
    assert many.verdict().count("more pictures of") == 4
    assert "class 39" in many.verdict()
    assert len(many.steps) == 42


def test_it_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    assert read_what_next(tmp_path) is None
    for case in (found(), found(curves=(), settle=replace(NO_SUSPECTS, elsewhere=None, measured=None, returned=None))):
        write_what_next(tmp_path, case)
        assert read_what_next(tmp_path) == case
    told = json.loads((tmp_path / FILE).read_text())
    assert told["verdict"] == case.verdict()
    assert told["limit"] == 2.0


@pytest.mark.parametrize("text", ["", "{}", '{"figure": 1}'])
def test_a_damaged_file_is_an_error_with_advice(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(EvenhandError, match="Run the same command again"):
        read_what_next(tmp_path)
