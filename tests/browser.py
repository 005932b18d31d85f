"""A real browser for tests and benchmarks: Chromium without a window, with real keys, touches and photographs."""

import base64
import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its chromedriver is installed here"),
]
"""The marks of a file of tests that need a browser."""

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """A Chromium of its own, with one page open in each of its tabs."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=DRIVER, log_output=subprocess.DEVNULL)
        self.driver = webdriver.Chrome(options=options, service=service)

    def open(
        self, page: Path | str, width: int, height: int = 900, theme: str = "light", *, scripts: bool = True
    ) -> None:
        """Open a file or an address; up to 500 pixels of width it is a phone."""
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        phone = width <= 500 and not isinstance(page, Path)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command("Emulation.setEmulatedMedia", features=features)
        self.command("Emulation.setTouchEmulationEnabled", enabled=phone, maxTouchPoints=1)
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        self.driver.get(page.as_uri() if isinstance(page, Path) else page)

    def command(self, name: str, **values: object) -> dict[str, Any]:
        """Give a command of the browser's own protocol."""
        return self.driver.execute_cdp_cmd(name, values)  # type: ignore[no-any-return]

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def wait(self, true: Callable[[], object]) -> None:
        """Wait until something is so; an error after a minute, because the machine may have other work."""
        WebDriverWait(self.driver, 60, poll_frequency=0.02).until(lambda _: true())

    def photograph(self, place: Path) -> np.ndarray:
        """Keep a picture of the whole page, and return its (height, width, 3) pixels."""
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
        taken = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        data = base64.b64decode(taken["data"])
        place.write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    def complaints(self) -> list[str]:
        """Return what the browser's console says, and forget it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
