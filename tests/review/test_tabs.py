"""Two tabs of one browser on the same review: nothing is lost, and nothing is overruled unseen."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from browser import in_browser
from evenhand.auditing.ledger import append, edit
from evenhand.data.manifest import read_manifest
from review_page import Page, edits

pytestmark = in_browser

SIDE_BY_SIDE = """
for (const kind of ["focus", "visibilitychange"]) {
  addEventListener(kind, event => event.stopImmediatePropagation(), true);
}
"""
"""Two windows beside each other are in front all the time: nothing tells them to look what the other one did."""


@pytest.fixture
def tabs(chromium: Page, served: Callable[..., Any], run_folder: Path) -> Iterator[tuple[str, str]]:
    """Two tabs of one browser on the same picture; the second is in front."""
    with served(run_folder) as address:
        chromium.open(address)
        first = chromium.driver.current_window_handle
        chromium.driver.switch_to.new_window("tab")
        chromium.open(address)
        chromium.complaints()
        second = chromium.driver.current_window_handle
        yield first, second
        # The browser notes that the server refused, and nothing else.
        assert [said for said in chromium.complaints() if "409 (Conflict)" not in said] == []
        chromium.driver.switch_to.window(second)
        chromium.driver.close()
        chromium.driver.switch_to.window(first)


@pytest.fixture
def beside(chromium: Page, tabs: tuple[str, str]) -> tuple[str, str]:
    """The two tabs as if they were windows beside each other."""
    for tab in tabs:
        chromium.driver.switch_to.window(tab)
        chromium.run(SIDE_BY_SIDE)
    return tabs


def test_two_tabs_lose_nothing_and_tell_of_each_other(chromium: Page, tabs: tuple[str, str], run_folder: Path) -> None:
    assert chromium.row == 0
    chromium.press(Keys.ENTER, Keys.ENTER, Keys.ENTER)
    chromium.driver.switch_to.window(tabs[0])
    assert chromium.row in (0, 3)
    chromium.run("dispatchEvent(new Event('focus'))")
    chromium.wait(lambda: chromium.text("#verdict") == "Settled: Cars")
    assert chromium.data("length") == "3"
    chromium.press("j", "j", "j", " ")
    assert [entry.action for entry in edits(run_folder)] == ["label"] * 3 + ["keep"]
    assert "4 of 14" in chromium.text("#done")
    # A program that adds to the ledger is noticed with the next key.
    words = {"pixel_sha256": read_manifest(run_folder / "manifest.csv", ("Cars", "Cats", "Trucks")).pixel_sha256[9]}
    append(run_folder / "edits.jsonl", [edit("exclude", "somebody else", **words)])
    chromium.press(" ")
    assert chromium.toast == "Decisions from another window have been taken in."
    assert "6 of 14" in chromium.text("#done")


def test_two_tabs_on_one_picture_do_not_overrule_each_other_unseen(
    chromium: Page, beside: tuple[str, str], run_folder: Path
) -> None:
    chromium.press("r", "bed", Keys.ENTER, "3")
    chromium.driver.switch_to.window(beside[0])
    # This tab still shows the picture as open.
    assert (chromium.row, chromium.text("#verdict")) == (0, "")
    chromium.press("x")
    assert [entry.label for entry in edits(run_folder)] == ["Trucks"]
    assert chromium.toast == (
        "Meanwhile another window decided: this picture is settled as Trucks. Press once more to overrule that."
    )
    assert (chromium.row, chromium.text("#verdict")) == (0, "Settled: Trucks. Reason: bed")
    chromium.press("x")
    assert [entry.action for entry in edits(run_folder)] == ["label", "exclude"]
    # The other tab wants to undo its own decision, which is no longer the last one.
    chromium.driver.switch_to.window(beside[1])
    chromium.press("u")
    assert len(edits(run_folder)) == 2
    assert "so nothing was undone. The last is train/Cats/00000.png, excluded." in chromium.toast
    chromium.press("u")
    assert [entry.action for entry in edits(run_folder)] == ["label", "exclude", "undo"]
    chromium.press("k")
    assert chromium.text("#verdict") == "Settled: Trucks. Reason: bed"


def test_two_tabs_settle_screenfuls_of_the_same_pictures_once(
    chromium: Page, beside: tuple[str, str], run_folder: Path
) -> None:
    chromium.press("g")
    chromium.driver.switch_to.window(beside[0])
    chromium.press(" ", "g")
    settled = len(edits(run_folder))
    chromium.driver.switch_to.window(beside[1])
    chromium.press(Keys.ENTER)
    assert len(edits(run_folder)) == settled == 1
    assert "decided about 1 of these pictures, so nothing was written" in chromium.toast
    assert "settled" in chromium.find_all("#tiles button")[0].text
    chromium.press(Keys.ENTER)
    assert len(edits(run_folder)) == len(chromium.find_all("#tiles button"))
