"""The page in a real browser: a picture goes in, the model's answer appears, on a desk and on a phone."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import in_browser
from evenhand.data.pixels import decode, resize
from evenhand.training.model_file import Model
from handed_over import encoded, pixels

if TYPE_CHECKING:
    from browser import Browser

pytestmark = in_browser


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    place = tmp_path / "picture.png"
    place.write_bytes(encoded(pixels(1, (90, 120), seed=8)[0]))
    return place


@pytest.mark.parametrize("width", [400, 1400])
def test_a_picture_gets_its_answer(
    browser: "Browser", served: Callable[..., Any], made: Model, picture: Path, width: int, tmp_path: Path
) -> None:
    with served() as server:
        browser.open(server.url, width)
        browser.wait(lambda: "cat, dog, owl" in browser.text("#about"))
        browser.find("#file").send_keys(str(picture))
        browser.wait(lambda: len(browser.find_all("#bars div")) == 3)
        expected = made.probabilities(resize(decode(picture.read_bytes()), (32, 32))[None])[0]
        best = made.classes[int(expected.argmax())]
        assert browser.text("#verdict") == best
        shown = [row.text.split("\n") for row in browser.find_all("#bars div")]
        assert shown[0] == [best, f"{100 * float(expected.max()):.1f} %"]
        assert browser.find("#picture").is_displayed()
        assert browser.run("return document.documentElement.scrollWidth") <= width
        image = browser.photograph(tmp_path / f"page-{width}.png")
        assert image.shape[1] == width
        assert browser.complaints() == []


def test_what_is_refused_is_said_in_the_page(browser: "Browser", served: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    (tmp_path / "large.png").write_bytes(b"\x89PNG" + bytes(200_000))
    with served("--max-mb", "0.1") as server:
        browser.open(server.url, 1000)
        browser.wait(lambda: "cat" in browser.text("#about"))
        browser.find("#file").send_keys(str(tmp_path / "no.png"))
        browser.wait(lambda: "No picture that can be read" in browser.text("#verdict"))
        assert not browser.find("#picture").is_displayed()
        browser.find("#file").send_keys(str(tmp_path / "large.png"))
        browser.wait(lambda: "larger than 0.1 MB" in browser.text("#verdict"))
        browser.complaints()  # the browser itself reports the refused request


DROP = """
const [text, callback] = arguments;
const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
document.getElementById("drop").dispatchEvent(
  new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""


def test_a_picture_can_be_dropped_and_unsure_answers_are_said_to_be(
    browser: "Browser", served: Callable[..., Any], picture: Path
) -> None:
    with served("--reject-below", "1") as server:
        browser.open(server.url, 1000)
        browser.wait(lambda: "cat" in browser.text("#about"))
        browser.run(DROP, base64.b64encode(picture.read_bytes()).decode())
        browser.wait(lambda: browser.text("#verdict") == "Not sure enough to say")
        assert browser.find("#picture").get_attribute("alt") == "dropped.png"
        assert browser.complaints() == []


def test_beyond_loopback_the_printed_address_opens_the_page_and_no_other(
    browser: "Browser", served: Callable[..., Any], picture: Path
) -> None:
    with served("--host", "0.0.0.0") as server:
        here = f"http://127.0.0.1:{server.address[1]}/"
        browser.open(here, 1000)
        assert "A token is needed" in browser.text("body")
        browser.complaints()
        browser.open(f"{here}?token={server.token}", 1000)
        browser.wait(lambda: "cat" in browser.text("#about"))
        assert browser.driver.current_url == here
        browser.find("#file").send_keys(str(picture))
        browser.wait(lambda: len(browser.find_all("#bars div")) == 3)
        assert browser.complaints() == []
