from dataclasses import replace
from types import ModuleType

import pytest

from evenhand.records.values import Interval
from evenhand.reporting.next_view import next_view
from evenhand.reporting.report import render
from evenhand.study.next_steps import WhatNext

CLASSES = ("Cars", "Cats", "Trucks")


@pytest.fixture
def found(made_up: ModuleType) -> WhatNext:
    made: WhatNext = made_up.what_next()
    return made


def test_a_run_without_it_has_no_section(made_up: ModuleType) -> None:
    assert next_view(None, CLASSES) is None
    assert b'id="next"' not in render(made_up.report_data())


def test_every_step_has_its_row(found: WhatNext) -> None:
    view = next_view(found, CLASSES)
    assert view
    assert len(view.steps) == len(found.steps)
    clear, unknown = view.steps[0], view.steps[-1]
    assert (clear.name, clear.value, clear.tag) == ("Settling the 310 suspects", "+5.0", "worth it")
    assert clear.reach == "+3.0 to +7.0"
    assert (unknown.value, unknown.reach, unknown.chart) == ("–", "cannot be told", "")


def test_curves_and_their_table_say_the_same(found: WhatNext) -> None:
    view = next_view(found, CLASSES)
    assert view
    assert view.rows[0].name == "All classes together"
    assert len(view.curves) == len(view.rows) == len(found.curves)
    assert view.factors == ("1.5 times as many", "twice as many")
    row, curve = view.rows[1], found.curves[1]
    assert row.images == str(curve.images)
    assert [gain[0] for gain in row.gains] == [str(gain.images) for gain in curve.gains]
    assert row.recall.startswith("+")
    assert view.rows[0].recall == ""


def test_minus_signs_are_real_ones(found: WhatNext) -> None:
    worse = replace(found, larger=replace(found.larger, chosen="simple", gain=Interval(-0.02, -0.05, 0.01)))
    view = next_view(worse, CLASSES)
    assert view
    assert "−2.0 points (−5.0 to +1.0)" in view.verdict
    assert view.steps[-1].reach == "−5.0 to +1.0"


def test_the_page_shows_it_with_units_and_caption(made_up: ModuleType, found: WhatNext) -> None:
    page = made_up.read_page(render(made_up.report_data(what_next=found)))
    section = next(node for node in page.all("section") if node.attributes.get("id") == "next")
    assert section.text.startswith("What next Label first: settling the 310 suspects")
    assert "in per cent (up) by the number of pictures" in section.text
    assert len(section.of_class("learn")) == len(found.curves)
    assert "and no further" in section.text
    assert any(node.attributes.get("href") == "#next" for node in page.all("a"))


def test_without_curves_the_rest_is_still_told(made_up: ModuleType, found: WhatNext) -> None:
    page = made_up.read_page(render(made_up.report_data(what_next=replace(found, curves=()))))
    section = next(node for node in page.all("section") if node.attributes.get("id") == "next")
    assert section.of_class("learn") == []
    assert "No learning curve was drawn" in section.text
