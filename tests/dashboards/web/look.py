"""Pictures of the live page, to be looked at: `python -m tests.dashboards.web.look OUT`."""

import sys
import tempfile
import time
from pathlib import Path

from infra.clock import MINUTE_MS
from infra.settings import FULL_SITE
from infra.site import Site, load_site
from tests.dashboards.web.browser import DESKTOP, PHONE, chromium, log_in, served
from tests.dashboards.web.messages import SITE, day_of
from tests.dashboards.web.stage import OTHER, Stage

MOST_TALL = 4000


def picture(site: Site, size: tuple[int, int], path: Path, *, dark: bool = False, whole: bool = False) -> None:
    """Write to `path` how the page of a made-up day looks in a window of that size, or the whole page."""
    now_ms = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as home:
        stage = Stage(Path(home), (), (site, OTHER))
        stage.clock.advance(now_ms - stage.clock.now_ms())
        stage.give_estate("wang", site.estate.id)
        stage.tell(day_of(site, now_ms))
        stage.clock.advance(MINUTE_MS // 6)
        with served(stage.app) as base, chromium(size, dark=dark) as browser:
            log_in(browser, base, "wang")
            time.sleep(1.0)
            if whole:
                tall = min(browser.execute_script("return document.documentElement.scrollHeight"), MOST_TALL)
                view = {"width": size[0], "height": tall, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
                time.sleep(0.5)
            browser.save_screenshot(str(path))


def main(out: Path) -> None:
    """Both sites, both sizes, light and dark."""
    out.mkdir(parents=True, exist_ok=True)
    for site in (SITE, load_site(FULL_SITE)):
        for size, name in ((PHONE, "phone"), (DESKTOP, "desktop")):
            begin = out / f"{site.estate.id}-{name}"
            for dark in (False, True):
                picture(site, size, begin.with_name(f"{begin.name}-{'dark' if dark else 'light'}.png"), dark=dark)
            picture(site, size, begin.with_name(f"{begin.name}-whole.png"), whole=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
