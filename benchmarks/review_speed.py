"""The review page at 50,000 pictures: what a key costs, at most 100 ms, on the server and in a browser.

python benchmarks/review_speed.py [--images 50000] [--decided 20000] [--runs 15] [--look 0.5] [--no-browser]

In the browser the time is that from the key event to the end of the first frame that shows the answer: the next picture
with its words, the screenful with all its pictures. Before each key somebody looks for half a second. It needs Chromium
with its chromedriver.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.auditing.ledger import append, edit
from evenhand.review.queue import read_queue
from evenhand.review.session import Session
from hardware import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "review"))
from conftest import build

if TYPE_CHECKING:
    from review_page import Page

TARGET = 0.1
LISTEN = """
window.asked = [];
addEventListener("keydown", event => {
  const body = document.body.dataset, state = () => [body.row, body.length, body.at].join();
  const began = event.timeStamp, before = state();
  const look = () => {
    const shown = [...document.querySelectorAll("#picture, #tiles img")].every(one => one.complete);
    if (state() === before || body.busy || !shown) { requestAnimationFrame(look); return; }
    // The frame is on the screen when the next one may begin.
    requestAnimationFrame(() => setTimeout(() => asked.push(performance.now() - began)));
  };
  requestAnimationFrame(look);
}, true);
"""


def main() -> None:
    """Time every request a key can cause, and every key, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=50_000)
    words.add_argument("--decided", type=int, default=20_000)
    words.add_argument("--runs", type=int, default=15)
    words.add_argument("--look", type=float, default=0.5, help="seconds before each key")
    words.add_argument("--browser", action=argparse.BooleanOptionalAction, default=True)
    settings = words.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        run = build(Path(folder), n=settings.images, wrong=settings.images // 10, side=32, tested=10)
        queue = read_queue(run)
        hashes = queue.manifest.pixel_sha256[-settings.decided - 10 : -10]
        append(run / "edits.jsonl", [edit("keep", "me", pixel_sha256=name, given="Cars") for name in hashes])
        _on_the_server(Session(run, queue, "me"), settings.runs)
        if settings.browser:
            _in_a_browser(run, Path(folder), settings.runs, settings.look)


def _on_the_server(session: Session, runs: int) -> None:
    session.neighbours.ready(600)
    for name, work in {
        "decide": lambda: session.decide([(int(session.rows("suspects")[0]), "keep", "")]),
        "next picture": lambda: session.item("suspects", 1, undecided=True),
        "grid of 40": lambda: session.grid("suspects", 0, 40),
        "state": session.state,
        "image": lambda: session.png(7),
        "undo": lambda: session.undo("suspects"),
    }.items():
        _say(f"server, {name}", [_seconds(work) for _ in range(runs)])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _in_a_browser(run: Path, folder: Path, runs: int, look: float) -> None:
    from selenium.webdriver.common.keys import Keys

    from browser import Browser
    from review_page import Page

    program = shutil.which("evenhand") or str(Path(sys.executable).with_name("evenhand"))
    server = subprocess.Popen(
        [program, "review", str(run), "--no-browser", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout
    browser = Browser(folder / "profile")
    try:
        page = Page(browser)
        page.open(json.loads(server.stdout.readline())["url"], 1400, 900)
        page.wait(lambda: page.find_all("#alike img"))
        page.run(LISTEN)
        print(f"browser: Chromium {browser.driver.capabilities['browserVersion']} without a window")
        keys = {"accept": Keys.ENTER, "keep": " ", "exclude": "x", "next": "j", "undo": "u"}
        for name, key in keys.items():
            _say(f"browser, {name}", [_answered(page, key, look) for _ in range(runs)])
        page.press("g")
        for name, key in (("next screenful", "j"), ("settle a screenful", Keys.ENTER)):
            times = [_answered(page, key, look) for _ in range(runs)]
            _say(f"browser, {name} of {len(page.find_all('#tiles button'))}", times)
    finally:
        browser.driver.quit()
        server.terminate()
        server.wait()


def _answered(page: Page, key: str, look: float) -> float:
    """Look, press a key, and return the seconds until its answer is on the screen."""
    time.sleep(look)
    page.run("asked.length = 0")
    page.press(key)
    page.wait(lambda: page.run("return asked.length"))
    return float(page.run("return asked[0]")) / 1e3


def _say(name: str, times: list[float]) -> None:
    middle = sorted(times)[len(times) // 2]
    print(
        f"{name}: median {middle * 1e3:.1f} ms of {len(times)}, worst {max(times) * 1e3:.1f} ms, "
        f"target {TARGET * 1e3:.0f} ms: {'met' if middle <= TARGET else 'MISSED'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
