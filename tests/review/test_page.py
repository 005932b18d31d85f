"""The page in a real browser, by real keys: at a desk, on a phone, in two tabs, and after a restart."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browser import Browser, in_browser
from evenhand.auditing.ledger import Edit, append, edit, read_ledger
from evenhand.data.manifest import read_manifest

pytestmark = in_browser

Served = Callable[[Path], Any]


class Page:
    """The review page in a browser: what it shows, and keys that wait for its answer."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.driver = browser, browser.driver
        self.text, self.find, self.find_all, self.run = browser.text, browser.find, browser.find_all, browser.run
        self.complaints = browser.complaints

    def open(self, address: str, width: int = 1200, height: int = 900, theme: str = "light") -> None:
        self.browser.open(address, width, height, theme)
        self.wait(lambda: self.data("row") is not None)

    def wait(self, true: Callable[[], object] = lambda: True) -> None:
        """Wait until something is so and the page is at rest."""
        self.browser.wait(lambda: true() and self.data("busy") is None)

    def data(self, name: str) -> str | None:
        return self.run("return document.body.dataset[arguments[0]] ?? null", name)  # type: ignore[no-any-return]

    @property
    def toast(self) -> str:
        """The passing message, whether it has faded in already or not."""
        return self.run("return document.getElementById('toast').textContent")  # type: ignore[no-any-return]

    def press(self, *keys: str) -> None:
        """Press keys one after the other, each when the page has answered the one before."""
        for key in keys:
            self.browser.press(key)
            self.wait()

    def click(self, selector: str) -> None:
        self.find(selector).click()
        self.wait()

    @property
    def row(self) -> int:
        return int(self.data("row") or -1)


@pytest.fixture
def chromium(browser: Browser) -> Page:
    return Page(browser)


@pytest.fixture
def page(chromium: Page, served: Served, run_folder: Path) -> Iterator[Page]:
    with served(run_folder) as address:
        chromium.open(address)
        chromium.complaints()  # of the page before, whose server is gone
        yield chromium
        assert chromium.complaints() == []


def edits(run: Path) -> tuple[Edit, ...]:
    return read_ledger(run / "edits.jsonl").edits if (run / "edits.jsonl").exists() else ()


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


def test_by_keyboard_alone_every_button_is_reached(page: Page, run_folder: Path) -> None:
    reached = set()
    for _ in range(20):
        page.press(Keys.TAB)
        reached.add(page.driver.execute_script("return document.activeElement.id || document.activeElement.value"))
    assert {"list", "mode", "help", "accept", "keep", "exclude", "undo", "back", "next", "Cars", "Trucks"} <= reached
    page.driver.execute_script("document.getElementById('exclude').focus({focusVisible: true})")
    page.press(Keys.ENTER)
    assert [entry.action for entry in edits(run_folder)] == ["exclude"]


def test_a_screenful_is_settled_with_one_key(page: Page, run_folder: Path) -> None:
    page.press("g")
    tiles = page.driver.find_elements(By.CSS_SELECTOR, "#tiles button")
    count = len(tiles)
    assert count >= 12
    assert "instead of Cats" in tiles[0].text
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


def test_two_tabs_lose_nothing_and_tell_of_each_other(page: Page, run_folder: Path) -> None:
    first = page.driver.current_window_handle
    address = page.driver.current_url
    page.driver.switch_to.new_window("tab")
    page.open(address)
    assert page.row == 0
    page.press(Keys.ENTER, Keys.ENTER, Keys.ENTER)
    page.driver.switch_to.window(first)
    assert page.row in (0, 3)
    page.driver.execute_script("dispatchEvent(new Event('focus'))")
    page.wait(lambda: page.text("#verdict") == "Settled: Cars")
    assert page.data("length") == "3"
    page.press("j", "j", "j", " ")
    assert [entry.action for entry in edits(run_folder)] == ["label"] * 3 + ["keep"]
    assert "4 of 14" in page.text("#done")
    # A program that adds to the ledger is noticed with the next key.
    words = {"pixel_sha256": read_manifest(run_folder / "manifest.csv", ("Cars", "Cats", "Trucks")).pixel_sha256[9]}
    append(run_folder / "edits.jsonl", [edit("exclude", "somebody else", **words)])
    page.press(" ")
    assert page.toast == "Decisions from another window have been taken in."
    assert "6 of 14" in page.text("#done")
    page.driver.close()
    page.driver.switch_to.window(page.driver.window_handles[0])


def test_it_tells_how_far_one_is(page: Page) -> None:
    assert page.text("#advice") == "Go on: 14 of 14 suspects are open."
    page.press(*[Keys.ENTER] * 16)
    assert page.text("#advice").startswith("All suspects are settled. 22 random checks are open")
    right = "of the suggestions are right (14 of 14; 95 % interval 78 to 100 %)\n100 %"
    assert right in page.text("#figures")
    page.press(*[Keys.ENTER] * 22)
    assert page.text("#advice").startswith("You can stop. All suspects are settled, and none of 24 random checks")


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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_it_fits_and_is_used_by_touch(chromium: Page, served: Served, run_folder: Path, theme: str) -> None:
    with served(run_folder) as address:
        chromium.open(address, 400, 800, theme)
        for mode in ("single", "grid"):
            if mode == "grid":
                chromium.click("#mode")
            width = chromium.driver.execute_script("return document.documentElement.scrollWidth")
            assert width <= 400
            first = "accept" if mode == "single" else "settle"
            box = chromium.driver.execute_script(
                "const b = document.getElementById(arguments[0]).getBoundingClientRect(); return [b.bottom, b.height]",
                first,
            )
            assert box[0] <= 800  # what one needs most is on the screen without scrolling
            assert box[1] >= 44
        chromium.click("#mode")
        chromium.click("#accept")
        chromium.click("#exclude")
        assert [entry.action for entry in edits(run_folder)] == ["label", "exclude"]
        colour = chromium.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert colour == ("rgb(251, 250, 247)" if theme == "light" else "rgb(20, 22, 25)")


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
