"""The pictures of dashboards and live page in the documents: `python -m tests.dashboards.pictures` takes all anew.

A stack of its own with made-up days, Superset, and a headless Chromium. It ends with 1 and changes nothing where any
page shows a broken or empty chart. Look at the pictures before you commit them.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from dashboards.superset import server
from dashboards.superset.api import connect
from dashboards.superset.assets import read_assets, slugs
from dashboards.superset.screenshot import few_colours, look
from dashboards.superset.transfer import import_assets
from infra.local.parts import fetch_parts
from infra.local.stack import down, up
from infra.settings import FULL_SITE
from infra.site import load_site
from tests.conftest import stack_settings
from tests.dashboards.superset_estate import fill
from tests.dashboards.web.browser import DESKTOP, PHONE
from tests.dashboards.web.look import picture
from tests.dashboards.web.messages import SITE

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"


def dashboards(folder: Path) -> list[str]:
    """A picture of each dashboard in `folder`; returns what pages say of broken or empty charts."""
    settings, names = stack_settings(folder / "home"), slugs(read_assets())
    fetch_parts(settings)
    try:
        up(settings)
        fill(settings, folder)
        server.start(settings)
        import_assets(settings, connect(settings))
        pages = look(settings, names, folder)
    finally:
        down(settings)
    for name in names:
        (folder / f"{name}.png").rename(folder / f"superset-{name}.png")
    problems = [f"{name}: {said}" for name, page in pages.items() for said in page.broken]
    return problems + [f"{name}: no charts" for name, page in pages.items() if not page.charts]


def main() -> int:
    """All pictures, or none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture(SITE, PHONE, folder / "web-phone.png")
        picture(load_site(FULL_SITE), DESKTOP, folder / "web-desktop.png")
        for taken in folder.glob("web-*.png"):
            few_colours(taken)
        for problem in (problems := dashboards(folder)):
            print(problem, file=sys.stderr)
        if not problems:
            for taken in sorted(folder.glob("*.png")):
                shutil.copy(taken, IMAGES / taken.name)
                print(f"{IMAGES / taken.name}: {taken.stat().st_size / 1000:.0f} kB")
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
