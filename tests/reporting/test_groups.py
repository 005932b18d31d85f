"""The picture in which bars join what cannot be told apart."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from evenhand.evaluation.score_table import ScoreTable
from evenhand.records.comparison import Judged
from evenhand.records.values import Interval
from evenhand.reporting.groups import MOST_ROWS, groups
from evenhand.reporting.report import render


def judged(remedy: str, figure: float, *noise: float, repair: str = "none", model: str = "simple") -> Judged:
    by_fold = tuple(figure + part / 100 for part in noise)
    return Judged(remedy, repair, model, Interval(figure, figure - 0.02, figure + 0.02), by_fold)


# What is left of each without means of rows and columns adds to nothing: one point up and down.
ROWS = (
    judged("sampler", 0.90, 1, -1, 0, 0),
    judged("smote", 0.89, -1, 1, 0, 0, repair="drop"),
    judged("augment", 0.82, 0, 0, 1, -1),
    judged("none", 0.60, 0, 0, -1, 1),
)


def test_bars_join_what_the_scores_cannot_tell_apart(made_up: ModuleType) -> None:
    found = groups(made_up.report_data(judged=ROWS))
    assert found is not None
    table = ScoreTable.of(np.array([row.by_fold for row in ROWS])[:, None], 4)
    assert found.critical == f"{100 * table.critical:.1f}"
    assert [row.groups for row in found.rows] == ["1", "1", "alone", "alone"]
    assert [row.name for row in found.rows] == ["sampler", "smote, suspects left out", "augment", "plain training"]
    assert [row.figure for row in found.rows] == ["90.0\u00a0%", "89.0\u00a0%", "82.0\u00a0%", "60.0\u00a0%"]
    assert [row.place for row in found.rows] == ["1.2", "1.8", "3.0", "4.0"]
    picture = made_up.read_page(found.picture.encode())
    (line,) = picture.of_class("joins")
    dots = picture.of_class("joined")
    assert [dot.attributes["cy"] for dot in dots] == [line.attributes["y1"], line.attributes["y2"]]
    assert len(picture.of_class("dot")) == 4
    (svg,) = picture.all("svg", role="img")
    assert "bar 1: sampler, smote, suspects left out" in svg.attributes["aria-label"]
    assert svg.attributes["aria-label"].startswith("Four candidates, best first")


def test_where_all_can_be_told_apart_there_is_no_bar(made_up: ModuleType) -> None:
    found = groups(made_up.report_data(judged=(ROWS[0], *ROWS[2:])))
    assert found is not None
    assert {row.groups for row in found.rows} == {"alone"}
    assert "joins" not in found.picture
    assert "All can be told apart" in found.picture


def test_networks_are_named_where_there_are_several(made_up: ModuleType) -> None:
    rows = (replace(ROWS[0], model="resnet"), *ROWS[1:])
    found = groups(made_up.report_data(judged=rows))
    assert found is not None
    assert found.networks
    assert "sampler · resnet" in found.picture
    assert found.rows[0].network == "resnet"


def test_candidates_that_stopped_early_are_not_in_it(made_up: ModuleType) -> None:
    found = groups(made_up.report_data(judged=(*ROWS, judged("smote", 0.7, 0.0, 0.0))))
    assert found is not None
    assert found.count == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"judged": ROWS[:1]},
        {"judged": ROWS, "held_out": 1},
        {"judged": ROWS, "folds": 0},
        {"judged": ROWS, "held_out": 3},
    ],
)
def test_without_several_folds_and_candidates_there_is_no_picture(made_up: ModuleType, changes: dict[str, int]) -> None:
    assert groups(made_up.report_data(**changes)) is None


def test_a_run_that_kept_no_list_is_shown_by_its_leaderboard(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = groups(data)
    assert found is not None
    assert found.count == len(data.results)


def test_very_many_candidates_are_cut_off(made_up: ModuleType) -> None:
    draw = np.random.default_rng(0)
    many = tuple(judged(f"focal:gamma={place}", 0.9 - 0.004 * place, *draw.normal(size=4)) for place in range(50))
    found = groups(made_up.report_data(judged=many))
    assert found is not None
    assert (len(found.rows), found.left_out) == (MOST_ROWS, 50 - MOST_ROWS)
    assert found.bars_left_out >= 0


def test_the_page_shows_the_picture_with_its_table_beside_it(made_up: ModuleType) -> None:
    page = made_up.read_page(render(made_up.report_data(judged=ROWS)))
    (figure,) = page.of_class("groups")
    assert figure.all("figcaption")
    assert len(figure.all("table")) == 1
    assert len(figure.all("svg", role="img")) == 1
    assert not made_up.read_page(render(made_up.audit_only())).of_class("groups")
