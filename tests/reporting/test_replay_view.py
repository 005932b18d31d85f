from types import ModuleType

import pytest

from evenhand.records.values import Interval
from evenhand.reporting.replay_view import replay_view
from evenhand.reporting.report import render
from evenhand.study.replay import ClassRow, Replay, Row


@pytest.fixture
def found() -> Replay:
    f1 = {"precision": 0.9, "recall": 1.0, "f1": 0.947}
    classes = (ClassRow("Cars", f1, f1), ClassRow("Trucks", {"precision": 0.941, "recall": 0.314}, f1))
    measured = Interval(0.91, 0.88, 0.93)
    return Replay(
        "the reference study",
        "test",
        625,
        5625,
        ("First.", "Second."),
        (
            Row("SMOTE", "smote", (14847, 14847), (0.8784, measured), (0.59, measured), classes),
            Row("sampler", "sampler", (5625, None), (0.7584, None), (0.565, None), (ClassRow("Cars", f1, {}),)),
        ),
    )


def test_published_and_measured_stand_side_by_side(found: Replay) -> None:
    view = replay_view(found, ())
    assert view
    first, second = view.rows
    assert [(pair.published, pair.measured) for pair in first.pairs] == [
        ("14,847", "14,847"),
        (".878", ".910"),
        (".590", ".910"),
    ]
    assert first.pairs[1].reach == ".880 to .930"
    assert [(pair.published, pair.measured) for pair in first.classes[1].pairs] == [
        (".941", ".900"),
        (".314", "1.000"),
        ("–", ".947"),
    ]
    assert [pair.measured for pair in second.pairs] == ["–", "–", "–"]


def test_the_page_shows_the_table_only_for_a_replay(made_up: ModuleType, found: Replay) -> None:
    assert replay_view(None, ()) is None
    assert b'id="published"' not in render(made_up.report_data())
    page = made_up.read_page(render(made_up.report_data(replay=found)))
    section = next(node for node in page.all("section") if node.attributes.get("id") == "published")
    assert "First. Second." in section.text
    assert "SMOTE" in section.text
    assert any(node.attributes.get("href") == "#published" for node in page.all("a"))
