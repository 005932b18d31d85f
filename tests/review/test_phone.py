"""The review page on a phone: it fits, and fingers are enough."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser import in_browser
from review_page import Page, edits

pytestmark = in_browser

Served = Callable[[Path], Any]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_it_fits_and_is_used_by_touch(chromium: Page, served: Served, run_folder: Path, theme: str) -> None:
    with served(run_folder) as address:
        chromium.open(address, 400, 800, theme)
        for mode in ("single", "grid"):
            if mode == "grid":
                chromium.click("#mode")
            assert chromium.run("return document.documentElement.scrollWidth") <= 400
            first = "accept" if mode == "single" else "settle"
            box = chromium.run("return document.getElementById(arguments[0]).getBoundingClientRect().toJSON()", first)
            assert box["bottom"] <= 800  # what one needs most is on the screen without scrolling
            assert box["height"] >= 44
        chromium.click("#mode")
        chromium.click("#accept")
        chromium.click("#exclude")
        assert [entry.action for entry in edits(run_folder)] == ["label", "exclude"]
        colour = chromium.run("return getComputedStyle(document.body).backgroundColor")
        assert colour == ("rgb(251, 250, 247)" if theme == "light" else "rgb(20, 22, 25)")


def swipe(page: Page, right: int, down: int = 0, start: str = "#picture") -> None:
    """Draw a finger over the page."""
    box = page.run("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", start)
    left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.browser.command
    touch("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": left, "y": top}])
    for part in (0.3, 0.6, 1):
        point = {"x": left + part * right, "y": top + part * down}
        touch("Input.dispatchTouchEvent", type="touchMove", touchPoints=[point])
    touch("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.wait()


def test_a_swipe_turns_the_page_and_never_decides(chromium: Page, served: Served, run_folder: Path) -> None:
    with served(run_folder) as address:
        chromium.open(address, 400, 800)
        assert chromium.find("figcaption .touch").is_displayed()
        swipe(chromium, -120)
        assert chromium.row == 1
        assert not chromium.find("figcaption .touch").is_displayed()  # whoever swipes need not be told how
        swipe(chromium, -120, start="#reason")
        assert chromium.row == 2
        swipe(chromium, 120)
        assert chromium.row == 1
        swipe(chromium, 20)
        swipe(chromium, -60, down=90)
        assert chromium.row == 1
        chromium.click("#mode")
        count = len(chromium.find_all("#tiles button"))
        swipe(chromium, -120, start="#tiles")
        assert chromium.data("at") == str(1 + count)
        assert edits(run_folder) == ()


def test_at_a_desk_nobody_speaks_of_swiping(page: Page) -> None:
    assert not page.find("figcaption .touch").is_displayed()
    assert page.find("#accept kbd").is_displayed()


@pytest.mark.parametrize(("width", "height"), [(400, 800), (1400, 900), (1000, 500)])
def test_what_is_settled_at_once_is_seen_at_once(
    chromium: Page, served: Served, run_folder: Path, width: int, height: int
) -> None:
    with served(run_folder) as address:
        chromium.open(address, width, height)
        chromium.click("#mode")
        chromium.press("j", "k")
        low = chromium.run(
            "const tiles = [...document.querySelectorAll('#tiles button')];"
            "return Math.max(...tiles.map(one => one.getBoundingClientRect().bottom))"
        )
        top, bottom = chromium.run(
            "const box = document.getElementById('grid-acts').getBoundingClientRect(); return [box.top, box.bottom]"
        )
        assert low <= top + 1
        assert bottom <= height
        assert chromium.run("return scrollY") == 0
    chromium.complaints()
