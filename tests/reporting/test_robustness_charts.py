import re

import pytest

from evenhand.reporting.charts import Scale
from evenhand.reporting.robustness_charts import KINDS, Point, Series, legend, share_chart

X = Scale(0.0, 10.0, (0.0, 5.0, 10.0))


def test_a_line_lies_where_its_numbers_say_within_its_band() -> None:
    points = (Point(10, 0.0, 0.0, 0.1), Point(0, 1.0, 0.9, 1.0), Point(5, 0.25, 0.2, 0.3))
    chart = share_chart([Series("curve", points, line=True)], "words", x=X)
    assert '<polyline class="path curve" points="0,0 500,750 1000,1000"/>' in chart
    assert '<polygon class="band curve" points="0,0 500,700 1000,900 1000,1000 500,800 0,100"/>' in chart
    assert 'aria-label="words"' in chart
    assert re.findall(r'class="x"[^>]*>([^<]+)<', chart) == ["0", "5", "10"]
    assert re.findall(r'class="y"[^>]*>([^<]+)<', chart) == [
        "0\u00a0%",
        "25\u00a0%",
        "50\u00a0%",
        "75\u00a0%",
        "100\u00a0%",
    ]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_marks_have_shapes_of_their_own_and_intervals(kind: str) -> None:
    chart = share_chart([Series(kind, (Point(5, 0.5, 0.4, 0.6),))], "words", x=X)
    assert f'<line class="reach {kind}" x1="50.0%" x2="50.0%" y1="40.0%" y2="60.0%"/>' in chart
    assert chart.count('class="spot') == 1


def test_kinds_look_different_beyond_their_colour() -> None:
    drawn = {kind: share_chart([Series(kind, (Point(5, 0.5, 0.4, 0.6),))], "", x=X) for kind in KINDS[1:]}
    shapes = {kind: re.sub(kind, "", re.search(r"<[^<]*spot[^>]*>", chart).group()) for kind, chart in drawn.items()}  # type: ignore[union-attr]
    assert len(set(shapes.values())) == len(shapes)


def test_words_beside_points_do_not_lie_upon_each_other() -> None:
    points = (Point(1, 0.9, 0.8, 1, "C = 1"), Point(1.5, 0.88, 0.8, 1, "C = 2"), Point(9, 0.1, 0, 0.2, "<C>"))
    chart = share_chart([Series("strong", points, line=True)], "words", x=X)
    assert "C = 1" in chart
    assert "C = 2" not in chart
    assert "&lt;C&gt;" in chart
    assert chart.count('class="spot') == 3
    assert 'beside-mark end" x="90.0%"' in chart


def test_an_axis_is_made_where_none_is_given() -> None:
    chart = share_chart([Series("strong", (Point(7, 0.5, 0.4, 0.6),))], "words")
    assert re.findall(r'class="x"[^>]*>([^<]+)<', chart)[-1] == "8"
    assert "<svg" in share_chart([Series("strong", (Point(0, 0.5, 0.4, 0.6),))], "words")


def test_a_legend() -> None:
    assert (
        legend("noise", "random <noise>") == '<span class="sign noise" aria-hidden="true"></span>random &lt;noise&gt;'
    )
