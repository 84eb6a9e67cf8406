"""Pictures of dashboards as people see them: a real login, a real page, by a headless Chromium."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from PIL import Image

from dashboards.superset import server
from dashboards.superset.api import Api
from dashboards.superset.install import HERE, ensure_environment
from infra.errors import UserError
from infra.settings import Settings

BROWSER: Final = HERE / "browser.py"
PROGRAMS: Final = {"ANFANG_CHROMIUM": "chromium", "ANFANG_CHROMEDRIVER": "chromedriver"}
TIMEOUT_S: Final = 900
PICTURE_WIDTH: Final = 1200


class Page(msgspec.Struct, frozen=True):
    """What the browser saw: how many charts, what the page says of broken ones, and each chart's query by its id."""

    charts: int
    broken: list[str]
    queries: dict[str, dict[str, Any]]


def look(settings: Settings, dashboards: Sequence[str], folder: Path) -> dict[str, Page]:
    """Open the dashboards (their slugs), write a picture of each whole page to folder/SLUG.png."""
    env = {
        **browser_programs(),
        "ANFANG_URL": server.url(settings),
        "ANFANG_USER": server.ADMIN,
        "ANFANG_PASSWORD_FILE": str(server.admin_password_file(settings)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    python = ensure_environment(settings) / "bin" / "python"
    with tempfile.TemporaryDirectory() as home:
        answer = Path(home) / "pages.json"
        _run(
            [str(python), str(BROWSER), str(folder.absolute()), str(answer), *dashboards],
            {**os.environ, **env, "HOME": home},
        )
        pages = msgspec.json.decode(answer.read_bytes(), type=dict[str, Page])
    for dashboard in dashboards:
        shrink(folder / f"{dashboard}.png")
    return pages


def shrink(picture: Path) -> None:
    """Make a picture small enough for the documents: 1200 pixels wide, 256 colours."""
    with Image.open(picture) as whole:
        height = round(whole.height * PICTURE_WIDTH / whole.width)
        whole.convert("RGB").resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS).save(picture)
    few_colours(picture)


def few_colours(picture: Path) -> None:
    """Save a picture with 256 colours."""
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def browser_programs() -> dict[str, str]:
    """Chromium and its driver."""
    found = {name: shutil.which(program) for name, program in PROGRAMS.items()}
    if None in found.values():
        raise UserError("Chromium is missing", "run `apt-get install chromium chromium-driver fonts-noto-cjk`")
    return {name: str(path) for name, path in found.items()}


def save_queries(api: Api, page: Page) -> int:
    """Save with each chart the query that the page asked for it, so that `check` can ask it; returns how many."""
    for chart, query in page.queries.items():
        content = {"query_context": json.dumps(query), "query_context_generation": True}
        api.put(f"/api/v1/chart/{chart}", content)
    return len(page.queries)


def _run(command: list[str], env: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"the browser was not done after {TIMEOUT_S} s", "look into `anfang logs superset`") from error
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise UserError(f"the browser failed:\n{said}", "look into `anfang logs superset`")
