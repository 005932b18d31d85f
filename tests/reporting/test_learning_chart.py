from xml.etree import ElementTree

import pytest

from evenhand.reporting.learning_chart import learning_chart, shared_scale
from evenhand.study.next_steps import ClassCurve, Point, Reach


def curve(images: int = 200) -> ClassCurve:
    sizes = (images // 4, images // 2, images, 2 * images)
    course = tuple(
        Reach(size, 0.6 + 0.1 * place, 0.58 + 0.1 * place, 0.62 + 0.1 * place) for place, size in enumerate(sizes)
    )
    points = tuple(Point(reach.images, reach.value, None) for reach in course[:3])
    return ClassCurve("Cats", images, points, course, ())


def test_sizes_lie_as_far_apart_as_people_double_them() -> None:
    chart = ElementTree.fromstring(str(learning_chart(curve(), shared_scale([curve()]), "words")))
    dots = [float(node.get("cx", "").rstrip("%")) for node in chart.iter("circle")]
    assert dots == pytest.approx([0, 100 / 3, 200 / 3], abs=0.01)
    mark = next(node for node in chart.iter("line") if node.get("class") == "mark")
    assert mark.get("x1") == "66.67%"
    told = [node.text for node in chart.iter("text") if "x" in (node.get("class") or "").split()]
    assert told == ["50", "200", "400"]
    assert chart.get("aria-label") == "words"


def test_higher_is_better_and_the_band_holds_the_line() -> None:
    chart = ElementTree.fromstring(str(learning_chart(curve(), shared_scale([curve()]), "")))
    heights = [float(node.get("cy", "").rstrip("%")) for node in chart.iter("circle")]
    assert heights == sorted(heights, reverse=True)
    band = next(chart.iter("polygon"))
    assert len(str(band.get("points")).split()) == 8
    known, beyond = (node for node in chart.iter("polyline"))
    assert known.get("class") == "epochs"
    assert str(known.get("points")).split()[-1] == str(beyond.get("points")).split()[0], (
        "the dashes begin where it ends"
    )


def test_all_curves_share_an_axis_that_holds_them() -> None:
    scale = shared_scale([curve(), curve(1000)])
    assert scale.low <= 0.58
    assert scale.high >= 0.92


def test_a_class_of_few_pictures_can_be_drawn() -> None:
    small = curve(4)
    assert "<polyline" in learning_chart(small, shared_scale([small]), "")
