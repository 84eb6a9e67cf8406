"""Pictures of the live page, to be looked at: `python -m tests.dashboards.web.look OUT`."""

import sys
import tempfile
import time
from pathlib import Path

from infra.clock import MINUTE_MS
from infra.settings import FULL_SITE
from infra.site import load_site
from tests.dashboards.web.browser import DESKTOP, PHONE, chromium, log_in, served
from tests.dashboards.web.stage import OTHER, SITE, Stage, day_of


def main(out: Path) -> None:
    """Both sites, both sizes, light and dark."""
    out.mkdir(parents=True, exist_ok=True)
    for site in (SITE, load_site(FULL_SITE)):
        with tempfile.TemporaryDirectory() as home:
            now_ms = time.time_ns() // 1_000_000
            stage = Stage(Path(home), (), (site, OTHER))
            stage.clock.advance(now_ms - stage.clock.now_ms())
            own = site.estate.id
            stage.give_estate("wang", own)
            stage.tell(day_of(site, now_ms))
            stage.clock.advance(MINUTE_MS // 6)
            with served(stage.app) as base:
                for size, name in ((PHONE, "phone"), (DESKTOP, "desktop")):
                    for dark in (False, True):
                        with chromium(size, dark=dark) as browser:
                            log_in(browser, base, "wang")
                            time.sleep(1.0)
                            browser.save_screenshot(str(out / f"{own}-{name}-{'dark' if dark else 'light'}.png"))
                            if not dark:
                                tall = browser.execute_script("return document.documentElement.scrollHeight")
                                view = {
                                    "width": size[0],
                                    "height": min(tall, 4000),
                                    "deviceScaleFactor": 1,
                                    "mobile": False,
                                }
                                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
                                time.sleep(0.5)
                                browser.save_screenshot(str(out / f"{own}-{name}-whole.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
