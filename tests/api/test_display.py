import re

import numpy as np

from evenhand.api import display
from evenhand.evaluation.metrics import evaluate
from evenhand.records.values import Interval


def test_what_is_no_html_is_escaped_everywhere() -> None:
    labels = np.array([0, 1, 1, 0])
    found = evaluate(labels, np.eye(2, dtype=np.float32)[labels], ("<b>", "a & b"))
    told = display.panel("<i>", display.figures(found), display.confusion(found), display.paragraph("<u>"))
    assert not re.search(r"<[bui]>", told)
    assert "&lt;b&gt;" in told
    assert "a &amp; b" in told
    assert "<script" not in told
    assert "http" not in told


def test_numbers_stand_to_the_right() -> None:
    told = display.table(["class", "n"], [["a", 1200], ["b", 3]])
    assert re.search(r"text-align:right[^>]*>1,200<", told)
    assert re.search(r"text-align:left[^>]*>a<", told)


def test_intervals_are_drawn_on_one_scale() -> None:
    first, second = display.whiskers([Interval(0.5, 0.4, 0.6), Interval(0.9, 0.8, 1.0)])
    assert 'cx="30.7"' in first
    assert 'cx="129.3"' in second
    assert 'aria-label="50.0 %, 40.0 to 60.0 %"' in first
    assert display.whiskers([]) == []
    assert 'cx="6.0"' in display.whiskers([Interval(1.0, 1.0, 1.0)])[0]


def test_large_pictures_are_made_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    assert len(display.picture(noise)) < 20_000
    assert "pixelated" in display.picture(noise[:32, :32])
    assert "pixelated" not in display.picture(noise)
