"""The report in a real browser: at the width of a phone and of a desk, by mouse and by keyboard, in light and dark."""

import base64
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser, in_browser
from evenhand.reporting.content import ReportData
from evenhand.reporting.report import write_report

pytestmark = in_browser

CLASSES = ("سيارات", "貓", "बिल्ली", "a class with a rather long name <b>& markup</b>", "חתול")


@pytest.fixture(scope="module")
def data(made_up: ModuleType) -> ReportData:
    return made_up.report_data(CLASSES, (120, 60, 40, 40, 20), (30, 20, 20, 20, 10))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def page(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(data, tmp_path_factory.mktemp("report") / "report.html")


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_its_window_and_nothing_complains(
    browser: Browser, page: Path, tmp_path: Path, width: int, theme: str
) -> None:
    browser.open(page, width, theme=theme)
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    taken = browser.photograph(tmp_path / f"report-{width}-{theme}.png")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert taken.shape[1] == width
    assert browser.complaints() == []
    paper = taken[:5, -5:].mean()
    assert paper > 240 if theme == "light" else paper < 40
    # Text, charts and pictures leave many colours; a page that failed to draw has a handful.
    colours = taken[::3].astype(np.uint32) @ np.array([65_536, 256, 1], dtype=np.uint32)
    assert len(np.unique(colours)) > 5_000


@pytest.mark.parametrize("kind", ["audit alone", "edits and repairs", "two hundred classes", "long names"])
def test_other_reports_fit_a_phone_too(browser: Browser, made_up: ModuleType, tmp_path: Path, kind: str) -> None:
    made = {
        "audit alone": made_up.audit_only(),
        "edits and repairs": made_up.edited(),
        "two hundred classes": made_up.report_data(
            [f"class {n}" for n in range(200)], [9] * 200, [1] * 200, side=(8, 8), remedies=made_up.REMEDIES[:2]
        ),
        "long names": made_up.report_data(("w" * 500, "two words " * 30), (40, 9), (5, 5), title="t" * 500),
    }[kind]
    browser.open(write_report(made, tmp_path / "report.html"), 400)
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    browser.photograph(tmp_path / f"{kind}.png")
    assert browser.run("return document.documentElement.scrollWidth") <= 400
    assert browser.complaints() == []


def test_a_click_on_a_cell_shows_its_pictures_and_another_hides_them(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    browser.open(page, 1400)
    figure = browser.find("#model figure.confusion")
    button = figure.find_element(By.CSS_SELECTOR, "button[data-cell='1,1']")
    count = int(button.text)
    button.click()
    shown = figure.find_elements(By.CSS_SELECTOR, ".behind [role=img]")
    assert len(shown) == min(count, 18)
    assert all(picture.size["width"] > 50 and picture.size["height"] > 50 for picture in shown)
    assert "貓" in shown[0].get_attribute("aria-label")
    assert f"Labelled 貓, called 貓: {count}" in figure.find_element(By.CSS_SELECTOR, ".behind .title").text
    browser.photograph(tmp_path / "cell.png")
    # The pictures are really drawn: those of this class are blue bars on grey noise.
    colours = Image.open(io.BytesIO(shown[0].screenshot_as_png)).convert("RGB")
    red, _, blue = np.asarray(colours).reshape(-1, 3).mean(axis=0)
    assert blue > red + 5
    button.click()
    assert not figure.find_elements(By.CSS_SELECTOR, ".behind [role=img]")
    assert "Choose a number" in figure.find_element(By.CSS_SELECTOR, ".behind").text


def test_cells_are_reached_and_opened_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page, 1400)
    browser.run("document.getElementById('model').scrollIntoView()")
    browser.run("const h = document.getElementById('model-title'); h.tabIndex = -1; h.focus()")
    for _ in range(3):
        browser.press(Keys.TAB)
        focused = browser.driver.switch_to.active_element
        if focused.get_attribute("data-cell"):
            break
    assert focused.get_attribute("data-cell") == "0,0"
    browser.press(Keys.ARROW_DOWN)
    browser.press(Keys.ARROW_RIGHT)
    focused = browser.driver.switch_to.active_element
    assert focused.get_attribute("data-cell") not in ("0,0", None)
    browser.press(Keys.ENTER)
    assert focused.get_attribute("aria-pressed") == "true"
    assert browser.find_all("#model .behind [role=img]")
    assert browser.find("#model .behind").get_attribute("aria-live") == "polite"
    # One stop for the whole matrix: the next Tab leaves it.
    browser.press(Keys.TAB)
    assert browser.driver.switch_to.active_element.get_attribute("data-cell") is None


def test_the_theme_is_switched_and_remembered(browser: Browser, page: Path) -> None:
    def paper() -> object:
        return browser.run("return getComputedStyle(document.body).backgroundColor")

    browser.open(page, 1400)
    browser.run("localStorage.clear()")
    browser.open(page, 1400)
    light = paper()
    browser.find("#theme").click()
    dark = paper()
    assert dark != light
    browser.open(page, 1400)
    assert paper() == dark
    browser.find("#theme").click()
    assert paper() == light
    browser.run("localStorage.clear()")
    browser.open(page, 1400, theme="dark")
    assert paper() == dark


def test_the_leaderboard_sorts_by_any_column_both_ways(browser: Browser, page: Path, data: ReportData) -> None:
    browser.open(page, 1400)
    heads = browser.find_all("#leaderboard thead th")

    def column(number: int) -> list[str]:
        return [
            row.find_elements(By.CSS_SELECTOR, "th, td")[number].text
            for row in browser.find_all("#leaderboard tbody tr")
        ]

    losses = [f"{row.evaluation.log_loss.value:.3f}" for row in data.results]
    heads[4].find_element(By.TAG_NAME, "button").click()
    assert column(4) == sorted(losses, key=float)
    assert heads[4].get_attribute("aria-sort") == "ascending"
    heads[4].find_element(By.TAG_NAME, "button").click()
    assert column(4) == sorted(losses, key=float, reverse=True)
    assert heads[1].get_attribute("aria-sort") is None
    heads[0].find_element(By.TAG_NAME, "button").click()
    names = [name.split("\n")[0] for name in column(0)]
    assert names[0].startswith("balanced-softmax")
    assert names == sorted(names, key=str.lower)


def test_a_row_of_the_leaderboard_leads_to_its_details(browser: Browser, page: Path) -> None:
    browser.open(page, 1400)
    assert browser.find("#row-3").get_attribute("open") is None
    browser.find("#leaderboard a[href='#row-3']").click()
    assert browser.find("#row-3").get_attribute("open") is not None
    assert browser.find("#row-3 svg.curve").is_displayed()


def test_without_scripts_everything_but_the_cells_is_there(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, 1400, scripts=False)
    try:
        assert not browser.find("#theme").is_displayed()
        assert browser.find("#leaderboard").is_displayed()
        assert len(browser.find_all(".gallery .pic")) == 12
        browser.find("#row-2 > summary").click()
        assert browser.find("#row-2 table.matrix").is_displayed()
        assert "need JavaScript" in browser.find("#row-2 noscript").text
        browser.photograph(tmp_path / "without-scripts.png")
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


def test_names_from_right_to_left_stand_in_their_place(browser: Browser, page: Path) -> None:
    """The given name stands left of the arrow, also where both run from right to left and would swap places."""
    browser.open(page, 1400)
    given, suggested = browser.find_all("#labels .gallery .words")[0].find_elements(By.TAG_NAME, "bdi")
    assert given.rect["x"] < suggested.rect["x"]
    assert browser.run("return getComputedStyle(arguments[0]).unicodeBidi", given) == "isolate"


def test_paper_shows_what_is_folded_away_in_light_colours(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, 1400, theme="dark")
    printed = base64.b64decode(browser.command("Page.printToPDF", printBackground=False)["data"])
    (tmp_path / "report.pdf").write_bytes(printed)
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 8
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    try:
        assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not browser.find("nav").is_displayed()
    finally:
        browser.command("Emulation.setEmulatedMedia", media="", features=[])
