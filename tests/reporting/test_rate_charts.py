from dataclasses import replace

import pytest

import rate_study
from evenhand.reporting.charts import scale
from evenhand.reporting.rate_charts import LogScale, course_chart, log_scale, loss_scale, range_chart, rate_chart


def test_an_axis_of_rates_is_logarithmic() -> None:
    axis = LogScale(1e-4, 1.0)
    assert [axis.at(rate) for rate in (1e-4, 1e-2, 1.0, 100.0)] == [0.0, 50.0, 100.0, 100.0]
    assert axis.ticks == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    wide = log_scale([1e-10, 10.0])
    assert len(wide.ticks) <= 8
    assert wide.low < 1e-10
    assert wide.high > 10


def test_what_explodes_does_not_press_the_others_flat() -> None:
    axis = loss_scale(rate_study.study())
    assert 1.1 < axis.high < 3
    assert axis.low == 0


def test_a_training_is_drawn_as_far_as_it_came() -> None:
    study = rate_study.study()
    axis = scale(0, 2)
    whole = course_chart(study.rows[2].courses, axis, "label", epochs=10, broken=None)
    assert whole.count('class="epochs"') == whole.count('class="validation"') == whole.count('class="steps"') == 1
    assert 'class="mark"' not in whole
    last = max(int(point.split(",")[0]) for point in whole.split('class="steps" points="')[1].split('"')[0].split())
    assert last >= 990
    broken = study.rows[-1]
    drawn = course_chart(broken.courses, axis, "label", epochs=10, broken=(13, 100))
    # One epoch of ten was trained, and the 13th of its hundred steps is a hundredth of the way.
    assert '<line class="mark" x1="1.2%"' in drawn
    last = max(int(point.split(",")[0]) for point in drawn.split('class="steps" points="')[1].split('"')[0].split())
    assert last <= 12
    assert "<script" not in course_chart(study.rows[2].courses, axis, "<script>", epochs=10, broken=None)


def test_every_training_of_a_rate_is_drawn() -> None:
    row = rate_study.row(0.003, seeds=3)
    chart = course_chart(row.courses, scale(0, 2), "label", epochs=10, broken=None)
    assert chart.count('class="epochs"') == 3
    assert chart.count('class="steps"') == 1


def test_losses_against_rates_leave_out_what_is_no_number() -> None:
    study = rate_study.study()
    axis = loss_scale(study)
    chart = rate_chart(study, axis, "label")
    # Of six rates one ends as no number, and one far above the picture: their dots are missing.
    assert chart.count("<circle") == 2 * 4
    assert chart.count('class="best"') == 1
    assert 'class="best"' not in rate_chart(replace(study, suggested=None), axis, "label")


def test_a_range_test_shows_its_suggestion_and_how_sure_it_is() -> None:
    axis = scale(0, 1.2)
    chart = range_chart(rate_study.finder(), axis, "label")
    assert chart.count('class="try"') == 3
    assert chart.count('class="sure"') == chart.count('class="best"') == 1
    nothing = range_chart(rate_study.finder(None), axis, "label")
    assert "sure" not in nothing
    assert "best" not in nothing
