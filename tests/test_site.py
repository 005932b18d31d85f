"""The site of docs/: every page is in its place, every link leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag

import pytest
from typer.main import get_command

from browser import in_browser
from evenhand.cli.app import app
from evenhand.remedies.entries import REMEDIES

if TYPE_CHECKING:
    from browser import Browser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href"), ("object", "data")}
"""What a browser fetches by itself."""


def test_every_page_has_one_place_in_the_navigation() -> None:
    yaml = pytest.importorskip("yaml", reason="the site needs pip install 'evenhand[docs]'")
    listed = list(named(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert set(listed) == pages, "name a new page under nav in mkdocs.yml, where a reader would look for it"


def named(part: Any) -> Iterator[str]:
    """Yield the pages of a part of the navigation."""
    if isinstance(part, str):
        yield part
    else:
        for inner in part.values() if isinstance(part, dict) else part:
            yield from named(inner)


def test_the_first_page_leads_to_all_others() -> None:
    first = (DOCS / "index.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\]\(([^)#]+\.md)", first))
    # What stands under the page of Python is reached from there.
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"index.md"}
    assert {page for page in pages if not page.startswith("reference/python-")} <= told


def test_every_remedy_has_its_formula() -> None:
    page = (DOCS / "methods/remedies.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^### (.*)$", page, re.MULTILINE))
    assert set(re.findall(r"`([^`]+)`", headings)) == set(REMEDIES)


class Page(HTMLParser):
    """What a built page loads, where it leads, and which places it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if (tag, name) in LOADED:
                self.loads.append(value)
            elif (tag, name) == ("a", "href"):
                self.leads.append(value)
            elif name in ("id", "name"):
                self.places.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    for library in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(library, reason="the site needs pip install 'evenhand[docs]'")
    place = tmp_path_factory.mktemp("docs") / "site"
    # With --quiet nothing would be strict: what is not said is not counted either.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    # The page for addresses that do not exist has links from the root of a server, as it may appear anywhere.
    found = [file for file in site.rglob("*.html") if file.name != "404.html"]
    return {file: Page(file.read_text(encoding="utf-8")) for file in found}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        assert page.loads
        for address in (address for address in page.loads if not address.startswith("data:")):
            assert "//" not in address, f"{file.name} loads {address}"
            assert (file.parent / unquote(urldefrag(address)[0])).exists(), f"{file.name} loads {address}"
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"""url\(["']?([^)"']+)""", sheet.read_text(encoding="utf-8")):
            assert address.startswith(("data:", "#")) or (sheet.parent / address).exists(), f"{sheet.name}: {address}"
        assert "@import" not in sheet.read_text(encoding="utf-8")


def test_every_link_and_every_place_exists(pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        for address in page.leads:
            place, fragment = urldefrag(address)
            if "://" in place or place.startswith("mailto:"):
                continue
            target = (file.parent / unquote(place)).resolve() if place else file
            assert target.exists(), f"{file.name} leads to {address}"
            if fragment and target in pages:
                assert unquote(fragment) in pages[target].places, f"{file.name} leads to {address}"


def test_formulas_are_drawn_by_the_browser_itself(site: Path) -> None:
    for page in sorted((DOCS / "methods").glob("*.md")):
        source = page.read_text(encoding="utf-8")
        built = (site / "methods" / f"{page.stem}.html").read_text(encoding="utf-8")
        assert built.count('display="block"') == len(re.findall(r"^\$\$", source, re.MULTILINE))
        assert "arithmatex" not in built
        assert not re.search(r"\\[a-zA-Z]{3,}", re.sub(r"<(script|style).*?</\1>", "", built, flags=re.DOTALL))


def test_the_command_reference_is_complete(site: Path) -> None:
    page = (site / "reference/commands.html").read_text(encoding="utf-8")
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'id="evenhand-{name}"' in page
        for parameter in command.params:
            for word in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"<code>{word}</code>" in page, f"{name} {word}"


@pytest.mark.browser
@in_browser[1]
@pytest.mark.parametrize("width", [400, 1400])
def test_the_site_works_from_a_folder_and_its_search_finds(site: Path, browser: Browser, width: int) -> None:
    """No server, no network: a reader opens the file, searches, and no page is wider than the screen."""
    browser.open(site / "methods/remedies.html", width)
    assert browser.find("math").size["height"] > 5
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.open(site / "index.html", width)
    if width < 500:
        browser.find("label.md-header__button[for=__search]").click()
    browser.find("input[data-md-component=search-query]").send_keys("Borderline-SMOTE1")
    browser.wait(lambda: browser.find_all(".md-search-result__item a[href*='methods/remedies.html']"))
    fetched = browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert not [name for name in fetched if not name.startswith(("file:", "data:", "blob:"))]
    assert not browser.complaints()
