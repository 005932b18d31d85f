"""The page in a real browser, by real keys: at a desk, by keyboard alone, and after a restart."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browser import in_browser
from evenhand.data.manifest import read_manifest
from review_page import Page, edits

pytestmark = in_browser

Served = Callable[[Path], Any]


def test_every_key_does_what_it_says(page: Page, run_folder: Path) -> None:
    manifest = read_manifest(run_folder / "manifest.csv", ("Cars", "Cats", "Trucks"))
    assert page.row == 0
    assert (page.text("#given"), page.text("#suggested")) == ("Cats", "Cars")
    seen = []
    for key, action, label in (
        (Keys.ENTER, "label", "Cars"),
        (" ", "keep", ""),
        ("x", "exclude", ""),
        ("3", "label", "Trucks"),
        ("2", "label", "Cats"),
    ):
        row = page.row
        page.press(key)
        last = edits(run_folder)[-1]
        # On the disk before the next picture shows.
        assert page.row != row
        given = manifest.classes[manifest.given[row]]
        assert (last.path, last.given) == (manifest.paths[row], given)
        assert (last.action, last.label) == (("keep", "") if label == given else (action, label))
        seen.append(row)
    assert len(edits(run_folder)) == 5
    assert "5 of 14 suspects" in page.text("#done")
    page.press("k")
    assert page.row == seen[-1]
    assert page.text("#verdict").startswith("Settled: ")
    page.press("j", "u")
    assert page.row == seen[-1]
    assert edits(run_folder)[-1].undoes == edits(run_folder)[4].id
    page.press("?")
    assert page.driver.find_element(By.ID, "keys").is_displayed()
    page.press("x")  # a key for the page does nothing behind the help
    assert len(edits(run_folder)) == 6
    page.press(Keys.ESCAPE)
    assert not page.driver.find_element(By.ID, "keys").is_displayed()


def test_undo_reaches_back_over_a_restart(chromium: Page, served: Served, run_folder: Path) -> None:
    with served(run_folder) as address:
        chromium.open(address)
        chromium.press(Keys.ENTER, Keys.ENTER)
    with served(run_folder) as address:
        chromium.open(address)
        assert chromium.row == 2  # it goes on with the first open picture
        chromium.press("u", "u")
        assert chromium.row == 0
        assert "0 of 14" in chromium.text("#done")
        assert chromium.text("#verdict") == ""
    assert [entry.action for entry in edits(run_folder)] == ["label", "label", "undo", "undo"]
    chromium.complaints()  # the browser may note that the first server is gone


def test_a_button_pressed_with_the_mouse_does_not_catch_the_keys(page: Page, run_folder: Path) -> None:
    page.click("#accept")
    page.press(" ")
    assert [entry.action for entry in edits(run_folder)] == ["label", "keep"]


FOCUS = """
const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
return [one.id || one.value, style.outlineStyle, parseFloat(style.outlineWidth),
        box.top >= 0 && box.bottom <= innerHeight, box.top, box.left];
"""


def test_by_keyboard_alone_everything_is_reached_in_order_and_seen(page: Page, run_folder: Path) -> None:
    stops = []
    for _ in range(13):
        page.press(Keys.TAB)
        stops.append(page.run(FOCUS))
    header, acts = ["list", "mode", "help"], ["accept", "keep", "exclude", "undo", "back", "next"]
    assert [name for name, *_ in stops] == [*header, *acts, "Cars", "Cats", "Trucks", "why"]
    for name, style, width, inside, *_ in stops:
        assert (style, width >= 2, inside) == ("solid", True, True), name
    # As one reads: from left to right, and then down.
    for one, other in pairwise([stop[4:] for stop in stops[3:]]):
        assert other[0] > one[0] + 5 or (abs(other[0] - one[0]) <= 5 and other[1] > one[1])
    page.run("document.getElementById('exclude').focus({focusVisible: true})")
    page.press(Keys.ENTER)
    assert [entry.action for entry in edits(run_folder)] == ["exclude"]


def test_help_holds_the_keyboard_and_gives_it_back(page: Page, run_folder: Path) -> None:
    page.press("?")
    assert page.find("#keys").is_displayed()
    assert page.run("return document.activeElement.textContent") == "Close"
    page.press(Keys.TAB, Keys.TAB)
    assert page.run("return !document.activeElement.closest('main')")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.find("#keys").is_displayed())  # the browser closes a dialog a moment after the key
    page.press(" ")
    assert [entry.action for entry in edits(run_folder)] == ["keep"]


def test_lists_are_chosen_by_keyboard(page: Page, run_folder: Path) -> None:
    page.press("l", Keys.ARROW_DOWN)
    page.wait(lambda: page.text("#given") == "Cars")
    assert page.run("return document.activeElement.id") == "list"  # whoever goes through the lists is not thrown out
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.wait(lambda: page.text("#given") == "Trucks")
    assert edits(run_folder) == ()
    page.press(Keys.ENTER, "x")
    assert [(entry.action, entry.given) for entry in edits(run_folder)] == [("exclude", "Trucks")]


def test_a_reason_is_typed_and_goes_with_the_next_decision(page: Page, run_folder: Path) -> None:
    row = page.row
    page.press("r", *"x 1 jug?")
    assert (page.row, edits(run_folder)) == (row, ())  # in the field, keys are letters
    assert page.find("#why").get_attribute("value") == "x 1 jug?"
    page.press(Keys.ENTER)
    assert edits(run_folder) == ()
    page.press(" ", Keys.ENTER)
    assert [(entry.action, entry.reason) for entry in edits(run_folder)] == [("keep", "x 1 jug?"), ("label", "")]
    page.press("k", "k")
    assert page.text("#verdict") == "Settled: Cats. Reason: x 1 jug?"
    assert page.find("#why").get_attribute("value") == ""
    # Escape takes it back, and so does going on without a decision: a reason is about one picture.
    page.press("r", "a", Keys.ESCAPE)
    assert page.find("#why").get_attribute("value") == ""
    page.press("r", "b", Keys.ENTER, "j")
    assert page.find("#why").get_attribute("value") == ""
    # One reason for a whole screenful.
    page.press("g", "r", "all", Keys.ENTER, Keys.ENTER)
    assert {entry.reason for entry in edits(run_folder)[2:]} == {"all"}
    assert len(edits(run_folder)) > 10


def test_a_screenful_is_settled_with_one_key(page: Page, run_folder: Path) -> None:
    page.press("g")
    tiles = page.driver.find_elements(By.CSS_SELECTOR, "#tiles button")
    count = len(tiles)
    assert count >= 12
    assert "not Cats" in tiles[0].text
    tiles[1].click()  # this one stays as it is filed
    page.press(Keys.ENTER)
    made = edits(run_folder)
    assert len(made) == count
    assert (made[0].action, made[0].label) == ("label", "Cars")
    assert made[1].action == "keep"
    assert [entry.action for entry in made[2:7]] == ["label"] * 5
    assert made[7].action == "keep"  # the random check is as it is filed
    assert page.data("at") == str(count)
    page.press("k")
    assert page.data("at") == "0"
    page.press("u")
    assert len(edits(run_folder)) == 2 * count
    assert "0 of 14" in page.text("#done")
    # By keyboard: an arrow finds the tiles, Space turns one.
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, " ")
    assert "as filed" in page.driver.find_elements(By.CSS_SELECTOR, "#tiles button")[1].text


def test_it_tells_how_far_one_is(page: Page) -> None:
    assert page.text("#advice") == "Go on: 14 of 14 suspects are open."
    page.press(*[Keys.ENTER] * 16)
    assert page.text("#advice").startswith("All suspects are settled. 22 random checks are open")
    figures = page.text("#figures")
    assert "of the suggestions are right: 14 of 14 suspects (95 % interval 78 to 100 %)\n100 %" in figures
    assert "wrong labels in the random checks: 0 of 2 (95 % interval 0 to 66 %)\n0 %" in figures
    assert re.search(r"wrong labels left \(95 % interval \d+ to \d+\), by .*\nabout \d+", figures)
    assert "pictures settled: 14 relabelled, 2 kept, 0 excluded\n16" in figures
    page.press(*[Keys.ENTER] * 22)
    assert page.text("#advice").startswith("You can stop. All suspects are settled, and none of 24 random checks")
    assert "wrong labels are left." in page.text("#advice")


def test_contradicting_copies_come_first_and_lead_on_to_the_suspects(
    chromium: Page, served: Served, build_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = build_run(tmp_path, copies=[(20, 21), (2, 31)])
    with served(run) as address:
        chromium.open(address)
        assert chromium.find("#list").get_attribute("value") == "conflicts"
        assert (chromium.text("#given"), chromium.text(".looks")) == ("Trucks", "Its copy is filed as\nCars")
        assert chromium.text("#copies figure") == "Cars\nnear-duplicate"
        assert "A near-duplicate is filed as Cars." in chromium.text("#reason")
        # In a screenful, nobody has said yet which of two copies is right.
        chromium.press("g")
        names = [tile.text.split("\n")[0] for tile in chromium.find_all("#tiles button")]
        assert names == ["left open", "left open", "Trucks", "left open"]
        chromium.press("g", " ", Keys.ENTER)
        assert [(entry.action, entry.verdict) for entry in edits(run)] == [("keep", "Trucks"), ("label", "Trucks")]
        chromium.press(Keys.ENTER, Keys.ENTER)
        assert chromium.find("#list").get_attribute("value") == "suspects"
        assert chromium.toast == "All contradictions are settled. These are the suspects, worst first."
        assert chromium.row == 0
    with served(run) as address:
        chromium.open(address)
        assert chromium.find("#list").get_attribute("value") == "suspects"
    chromium.complaints()


def test_words_and_picture_change_together(page: Page) -> None:
    """However slow the pictures come, and whatever keys are pressed meanwhile: nobody decides about another one."""
    page.driver.execute_cdp_cmd("Network.enable", {})
    slow = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        look = "return [document.getElementById('picture').src, document.body.dataset.row, document.body.dataset.busy]"
        for _ in range(2):
            page.browser.press("\ue007", "\ue007")  # the second key finds the page at work, and does nothing
            busy: str | None = "yes"
            while busy:
                source, row, busy = page.run(look)
                assert source.endswith(f"/image/{row}.png")
        assert page.row == 2
    finally:
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow | {"latency": 0})


def test_lists_and_pictures(page: Page) -> None:
    page.wait(lambda: len(page.driver.find_elements(By.CSS_SELECTOR, "#alike img")) == 12)
    assert page.text("#alike h2") == "Most alike among Cats"
    page.wait(
        lambda: page.driver.execute_script(
            "const p = document.getElementById('picture'); return p.complete && p.naturalWidth === 16"
        )
    )
    style = "return getComputedStyle(document.getElementById('picture')).imageRendering"
    assert page.driver.execute_script(style) == "pixelated"
    Select(page.driver.find_element(By.ID, "list")).select_by_value("class:Trucks")
    page.wait(lambda: page.text("#given") == "Trucks")
    page.press(Keys.ENTER)
    assert page.text("#given") == "Trucks"


def test_colours_are_those_of_the_report() -> None:
    import evenhand

    root = Path(evenhand.__file__).parent
    mine = (root / "review/static/page.css").read_text(encoding="utf-8")
    report = (root / "reporting/templates/style.css").read_text(encoding="utf-8")
    colours = re.findall(r"--[\w-]+:#\w+", mine)
    assert len(colours) > 15
    assert [colour for colour in colours if colour not in report] == []


def test_a_server_that_is_gone_is_said(chromium: Page, served: Served, run_folder: Path) -> None:
    with served(run_folder) as address:
        chromium.open(address)
    row = chromium.row
    chromium.press(Keys.ENTER)
    assert "The server has stopped. What you decided is kept" in chromium.toast
    assert chromium.row == row
    assert edits(run_folder) == ()
    chromium.complaints()


@pytest.mark.slow
def test_keys_settle_one_picture_after_the_other_at_50_000_pictures(
    chromium: Page, served: Served, build_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = build_run(tmp_path, n=50_000, wrong=4_000, side=32)
    with served(run) as address:
        chromium.open(address)
        chromium.wait(lambda: len(chromium.driver.find_elements(By.CSS_SELECTOR, "#alike img")) == 12)
        seen = [chromium.row]
        for _ in range(9):
            chromium.press(Keys.ENTER)
            chromium.wait(lambda: chromium.row != seen[-1])
            seen.append(chromium.row)
    assert len(set(seen)) == 10
    assert len(edits(run)) == 9
    chromium.complaints()
