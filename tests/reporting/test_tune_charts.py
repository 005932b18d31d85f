import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from evenhand.reporting.tune_charts import course_chart, figure_scale, parallel_chart, place_of, slice_chart
from evenhand.study.tuning.figures import STOPPED
from evenhand.study.tuning.space import Setting
from tune_study import space, trials


def test_the_course_has_a_dot_a_trial_and_rises_with_the_best() -> None:
    made = trials(30)
    best = max((trial for trial in made if trial.state != STOPPED), key=lambda trial: trial.value)
    chart = course_chart(made, best.number, figure_scale(made), "what it shows")
    root = ET.fromstring(chart)
    dots = list(root.iter("circle"))
    assert len(dots) == 30
    assert sum("hollow" in part.attrib["class"] for part in dots) == 10
    assert dots[-1].attrib["class"] == "trial best-trial"
    (line,) = root.iter("polyline")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True)
    assert root.attrib["aria-label"] == "what it shows"


def test_figures_far_below_the_best_stand_on_the_edge() -> None:
    made = trials(8)
    made = (*made[:7], replace(made[7], value=0.1))
    axis = figure_scale(made)
    assert axis.low >= 40
    assert axis.at(10.0) == 0


@pytest.mark.parametrize(
    ("setting", "value", "place"),
    [
        (Setting("a", "a", ("x", "y")), "x", 0.25),
        (Setting("a", "a", ("x", "y")), "gone", 0.5),
        (Setting("a", "a", low=0.1, high=10.0, log=True), 1.0, 0.5),
        (Setting("a", "a", low=0.0, high=4.0), 1.0, 0.25),
        (Setting("a", "a", low=0.0, high=4.0), 9.0, 1.0),
        (Setting("a", "a", low=2.0, high=2.0), 2.0, 0.5),
    ],
)
def test_places_on_an_axis(setting: Setting, value: object, place: float) -> None:
    assert place_of(setting, value) == pytest.approx(place)  # type: ignore[arg-type]


def test_parallel_coordinates_have_a_line_a_trial_and_an_axis_a_setting() -> None:
    made = trials(12)
    shown = [(setting.name, setting) for setting in space().settings if setting.open and not setting.remedies]
    chart = parallel_chart(shown, made, 4, {4, 5, 6}, figure_scale(made))
    root = ET.fromstring(chart)
    lines = list(root.iter("polyline"))
    assert len(lines) == 12
    assert [line.attrib["class"] for line in lines[-3:]] == ["leading", "leading", "chosen"]
    assert all(len(line.attrib["points"].split()) == len(shown) + 1 for line in lines)
    names = [part.text for part in root.iter("text") if part.attrib["class"] == "axis-name"]
    assert names == [*(name for name, _ in shown), "figure, %"]
    assert "logit-adjust" in chart


def test_a_slice_shows_those_trials_that_have_the_setting() -> None:
    made = trials(30)
    setting = next(one for one in space().settings if one.name == "rate")
    chart = slice_chart(setting, made, 0, figure_scale(made), "rates")
    assert chart.count("<circle") == 30
    assert re.findall(r'class="x"[^>]*>([^<]+)<', chart) == ["0.1", "1", "10"]
    remedy = next(one for one in space().settings if one.name == "remedy")
    assert "logit-adjust" in slice_chart(remedy, made, 0, figure_scale(made), "remedies")
