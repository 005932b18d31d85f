"""Differences and further figures as text."""

from dataclasses import replace
from types import ModuleType

import pytest

from evenhand.records.compared import Calibrated, Compared, OnTrueLabels, Versus
from evenhand.records.values import Interval
from evenhand.reporting.against import MOST_CLASSES, against, further_figures, probability
from evenhand.reporting.report import render


def test_a_difference_in_points_with_its_interval_and_chance() -> None:
    found = against(Versus("none", "simple", 0.196, 0.171, 0.221, 0.0004, 0.012), "simple")
    assert found is not None
    assert (found.points, found.reach, found.network) == ("+19.6", "+17.1 to +22.1", "")
    assert found.chance == "p\u00a0<\u00a0.001, Holm .012"
    worse = against(Versus("none", "simple", -0.1), "resnet")
    assert worse is not None
    assert (worse.points, worse.reach, worse.chance, worse.network) == ("−10.0", "", "", "simple")
    assert against(None, "simple") is None


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "<\u00a0.001"), (0.001, ".001"), (0.0499, ".050"), (0.5, ".500"), (1.0, "1"), (0.9999, "1")]
)
def test_chances_are_short(p: float, text: str) -> None:
    assert probability(p) == text


def test_further_figures_are_named_and_have_intervals() -> None:
    found = Compared(
        Calibrated(1.5, Interval(0.3, 0.2, 0.4), Interval(0.02, 0.01, 0.05)),
        OnTrueLabels(Interval(0.9, 0.8, 1), Interval(0.7, 0.6, 0.8), (Interval(0.5, 0.4, 0.6), Interval(1, 1, 1))),
    )
    rows = {row.term: (row.value, row.reach) for row in further_figures(found, ("Cars", "Cats"))}
    assert rows == {
        "log-loss, scaled": ("0.300", "0.200 to 0.400"),
        "calibration error, scaled": ("2.0\u00a0%", "1.0 to 5.0\u00a0%"),
        "expected accuracy": ("90.0\u00a0%", "80.0 to 100.0\u00a0%"),
        "expected macro F1": ("70.0\u00a0%", "60.0 to 80.0\u00a0%"),
        "expected recall of Cars": ("50.0\u00a0%", "40.0 to 60.0\u00a0%"),
        "expected recall of Cats": ("100.0\u00a0%", "100.0 to 100.0\u00a0%"),
    }
    assert further_figures(Compared(), ("Cars", "Cats")) == ()
    many = tuple(str(number) for number in range(MOST_CLASSES + 1))
    assert len(further_figures(found, many)) == 4


def test_the_page_shows_both_differences_of_every_candidate_where_they_are_known(made_up: ModuleType) -> None:
    data = made_up.report_data()
    beside = tuple(
        Compared(
            vs_plain=None if row is data.plain else Versus("none", "simple", 0.1, 0.05, 0.15, 0.01, 0.02, 0.01, True),
            vs_best=None if row is data.chosen else Versus("sampler", "resnet", -0.1, -0.15, 0.02, 0.2, 0.4, 0.3),
        )
        for row in data.results
    )
    page = made_up.read_page(render(replace(data, compared=beside)))
    (table,) = page.all("table", id="differences")
    first, *_, last = table.all("tbody")[0].all("tr")
    assert [cell.text for cell in first.all("td")] == ["+10.0 +5.0 to +15.0 p .010, Holm .020", "–"]
    told = ["–", "−10.0 −15.0 to +2.0 p .200, Holm .400 both with resnet"]
    assert [cell.text for cell in last.all("td")] == told
    assert [term.text for term in page.all("dfn")].count("Paired difference") == 1
    assert not made_up.read_page(render(data)).all("table", id="differences")
