"""Look at dashboards with a headless Chromium; runs inside Superset's own environment, which has selenium.

    ANFANG_URL=… ANFANG_USER=… ANFANG_PASSWORD_FILE=… python browser.py FOLDER ANSWER_JSON SLUG…

Logs in by the login form, opens each dashboard, waits until every chart has drawn, writes a picture of the whole page
to FOLDER/SLUG.png and, to ANSWER_JSON, for each slug `{"charts": n, "broken": [what the page says], "queries": {chart
id: query context}}`: the queries are those that the page itself asked.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WIDTH: Final = 1600
PAGE_TIMEOUT_S: Final = 180
SETTLE_S: Final = 3.0
CHARTS: Final = "[data-test='dashboard-component-chart-holder']"
LOADING: Final = "[data-test='loading-indicator'], .loading, .ant-spin-spinning"
BROKEN: Final = ".ant-empty, .ant-alert, .ant-result, [role='alert']"
SLICE: Final = re.compile(r'"slice_id":\s*(\d+)')


def open_browser(chromium: str, driver: str) -> Any:
    """A headless Chromium that speaks Chinese and keeps a log of its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=zh-CN"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={WIDTH},1000")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def log_in(browser: Any, base: str, user: str, password: str) -> None:
    """Fill in the login form and send it."""
    browser.get(f"{base}/login/")
    wait = WebDriverWait(browser, PAGE_TIMEOUT_S)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "input[type='password']"))
    fields = browser.find_elements(By.CSS_SELECTOR, "input[type='text'], input[type='password']")
    fields[0].send_keys(user)
    fields[1].send_keys(password)
    browser.find_element(By.CSS_SELECTOR, "button[type='submit'], input[type='submit']").click()
    wait.until(lambda b: "/login" not in b.current_url)


def open_dashboard(browser: Any, base: str, slug: str) -> None:
    """Open the dashboard as tall as it is, so that no chart waits to be scrolled to, and let it draw."""
    browser.set_window_size(WIDTH, 1000)
    browser.get(f"{base}/superset/dashboard/{slug}/?standalone=0&expand_filters=0")
    wait = WebDriverWait(browser, PAGE_TIMEOUT_S)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, CHARTS))
    height = browser.execute_script("return Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))")
    browser.set_window_size(WIDTH, int(height) + 180)
    time.sleep(SETTLE_S)
    wait.until(lambda b: not b.find_elements(By.CSS_SELECTOR, LOADING))
    time.sleep(SETTLE_S)


def queries(browser: Any) -> dict[str, Any]:
    """The query context of each chart, by the chart's id, as the page sent it."""
    found: dict[str, Any] = {}
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        request = message.get("params", {}).get("request", {})
        if message["method"] == "Network.requestWillBeSent" and "/api/v1/chart/data" in request.get("url", ""):
            body = request.get("postData", "")
            chart = SLICE.search(body)
            if chart:
                found[chart[1]] = json.loads(body)
    return found


def broken(browser: Any) -> list[str]:
    """What the page says of charts that failed or are empty: title and message."""
    charts = browser.find_elements(By.CSS_SELECTOR, CHARTS)
    return [" ".join(chart.text.split()) for chart in charts if chart.find_elements(By.CSS_SELECTOR, BROKEN)]


def look(browser: Any, base: str, slug: str, picture: Path) -> dict[str, Any]:
    """Open one dashboard, write its picture, say what is seen."""
    open_dashboard(browser, base, slug)
    browser.save_screenshot(str(picture))
    charts = browser.find_elements(By.CSS_SELECTOR, CHARTS)
    return {"charts": len(charts), "broken": broken(browser), "queries": queries(browser)}


def main(folder: str, answer: str, *slugs: str) -> None:
    """See the module's text."""
    base, user = os.environ["ANFANG_URL"], os.environ["ANFANG_USER"]
    password = Path(os.environ["ANFANG_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    browser = open_browser(os.environ["ANFANG_CHROMIUM"], os.environ["ANFANG_CHROMEDRIVER"])
    try:
        log_in(browser, base, user, password)
        seen = {slug: look(browser, base, slug, Path(folder) / f"{slug}.png") for slug in slugs}
        Path(answer).write_text(json.dumps(seen, ensure_ascii=False), encoding="utf-8")
    except TimeoutException:
        shown = browser.find_element(By.TAG_NAME, "body").text[:500]
        sys.exit(f"{browser.current_url} was not ready after {PAGE_TIMEOUT_S} s; it shows:\n{shown}")
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
