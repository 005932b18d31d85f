"""The review page in a real browser, for its tests and its benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from browser import Browser
from evenhand.auditing.ledger import Edit, read_ledger


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


def edits(run: Path) -> tuple[Edit, ...]:
    """Return what lies in a run's ledger."""
    return read_ledger(run / "edits.jsonl").edits if (run / "edits.jsonl").exists() else ()
