import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import attacked_run
from browser import Browser, in_browser
from evenhand.errors import EvenhandError
from evenhand.reporting.report import LIMIT, write_report
from evenhand.reporting.robustness import Attacked, read_attacks
from evenhand.reporting.robustness_page import render_robustness, write_robustness

SECTIONS = (
    "How it breaks",
    "Accuracy against noise",
    "The smallest noise that it takes",
    "Where attacks lead",
    "What it looks like",
    "Fooling the model against fooling the eye",
    "Common corruptions",
    "Are rare classes more fragile?",
    "Can these figures be believed?",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacked_run.attack(tmp_path_factory.mktemp("attacked"))


@pytest.fixture(scope="module")
def found(run: Path) -> tuple[Attacked, ...]:
    return read_attacks(run)


def test_the_page_is_whole_and_needs_nothing_from_outside(
    made_up: ModuleType, run: Path, found: tuple[Attacked, ...]
) -> None:
    place = write_robustness(run, "my <model>", "m")
    assert place == run / "robustness" / "report.html"
    page = place.read_bytes()
    assert page == render_robustness(found, "my <model>")
    root = made_up.read_page(page)
    heads = [node.text for tag in ("h1", "h2", "h3") for node in root.all(tag)]
    for words in SECTIONS:
        assert any(words in head for head in heads), words
    text = page.decode()
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"data:image/webp;base64,[\w+/=]+", "", text))
    assert "my &lt;model&gt;" in text
    assert len(root.all("img")) == 3 * 8
    assert all(node.attributes["alt"] for node in root.all("img"))
    assert all(node.attributes.get("aria-label") for node in root.all("svg") if node.attributes.get("role") == "img")
    assert len(page) < 500_000


def test_without_attacks_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(EvenhandError, match="no finished attacks"):
        write_robustness(tmp_path, "model")


def test_the_report_of_a_run_has_it_as_a_section(
    made_up: ModuleType, tmp_path: Path, found: tuple[Attacked, ...]
) -> None:
    plain = write_report(made_up.report_data(), tmp_path / "plain.html").read_bytes()
    assert b"How it breaks" not in plain
    page = write_report(made_up.report_data(attacks=found), tmp_path / "report.html").read_bytes()
    root = made_up.read_page(page)
    (section,) = [node for node in root.all("section") if node.attributes["id"] == "attacks"]
    heads = [node.text for tag in ("h2", "h3") for node in section.all(tag)]
    for words in SECTIONS:
        assert any(words in head for head in heads), words
    assert "How it breaks" in [node.text for node in root.all("a", href="#attacks")]
    assert len(page) < LIMIT


class TestInABrowser:
    pytestmark = in_browser

    @pytest.mark.parametrize("width", [400, 1400])
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("place", ["alone", "section"])
    def test_it_fits_its_window(
        self, browser: Browser, made_up: ModuleType, run: Path, tmp_path: Path, width: int, theme: str, place: str
    ) -> None:
        page = tmp_path / "report.html"
        if place == "section":
            write_report(made_up.report_data(attacks=read_attacks(run)), page)
        browser.open(page if place == "section" else write_robustness(run, "model"), width, theme=theme)
        browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        taken = browser.photograph(tmp_path / f"robustness-{width}-{theme}.png")
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.complaints() == []
        assert taken[:5, -5:].mean() > 240 if theme == "light" else taken[:5, -5:].mean() < 40
        colours = taken[::3].astype(np.uint32) @ np.array([65_536, 256, 1], dtype=np.uint32)
        assert len(np.unique(colours)) > 1_000

    def test_marks_lie_on_the_chart_and_pictures_are_seen(self, browser: Browser, run: Path) -> None:
        browser.open(write_robustness(run, "model"), 1400)
        chart = browser.find("svg.shares").rect
        assert chart["width"] > 400
        for mark in browser.find_all("svg.shares .spot")[:3]:
            assert chart["x"] - 8 <= mark.rect["x"] <= chart["x"] + chart["width"] + 8
            assert chart["y"] - 8 <= mark.rect["y"] <= chart["y"] + chart["height"] + 8
        pictures = browser.find_all("img.adv")
        assert all(picture.size["width"] > 60 and picture.size["height"] > 60 for picture in pictures)
        assert browser.run("return [...document.images].every(image => image.complete && image.naturalWidth > 0)")
