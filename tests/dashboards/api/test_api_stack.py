"""The API on the real stack: the commands of docs/office.md, as they stand there, fetch a report and verify it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from dashboards.report.check import check_folder, unpack
from infra.local.parts import fetch_parts
from infra.settings import Settings
from tests.dashboards.report_rows import ESTATE, insert, make_rows
from tests.dashboards.web.page import anfang, page_of
from warehouse.client import connect
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[3]
KEY = ["api", "keys", "add", "district", "--scope", "reports:read", "--scope", "reports:create", "--estate"]


@pytest.fixture
def filled(fresh: Settings) -> Settings:
    fetch_parts(fresh)
    migrate(fresh, (ESTATE,))
    with connect(fresh, "migrator") as client:
        insert(client, make_rows())
    return fresh


def documented() -> str:
    """The shell commands of the API's section."""
    text = (ROOT / "docs" / "office.md").read_text(encoding="utf-8").partition("the report API")[2]
    found = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def said(settings: Settings, *arguments: str) -> str:
    return anfang(settings, *arguments).communicate(timeout=120)[0]


def test_reports_are_asked_for_made_fetched_and_verified(filled: Settings, tmp_path: Path) -> None:
    said(filled, "web", "user", "add", "li", "--role", "office")
    token = said(filled, *KEY, ESTATE).split()[-1]
    with page_of(filled) as site:
        with httpx.Client(transport=httpx.HTTPTransport(retries=60), base_url=site, timeout=60) as client:
            assert client.get("/api/v1/reports").status_code == 401
            client.headers["Authorization"] = f"Bearer {token}"
            check_one_that_cannot_be_made(client)
        env = {**os.environ, **filled.as_environment(), "KEY": token, "SITE": site}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        command = ["bash", "-c", f"set -euo pipefail\n{documented()}"]
        shell = subprocess.run(command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500)
    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert '"status": "done"' in shell.stdout
    total = re.search(r"(\d+) of (\d+) figures hold", shell.stdout)
    assert total
    assert total[1] == total[2]
    assert f'"figures": {total[1]}' in shell.stdout
    (tmp_path / "unpacked").mkdir()
    name = unpack(tmp_path / f"{ESTATE}_2024-03-01_2024-03-31.zip", tmp_path / "unpacked")
    assert check_folder(tmp_path / "unpacked", name, [], None).problems == []


def check_one_that_cannot_be_made(client: httpx.Client) -> None:
    """A year without data: it fails, and says what to do."""
    asked = client.post("/api/v1/reports", json={"estate": ESTATE, "period": "1999"}).json()
    while (answer := client.get(asked["href"])).headers.get("retry-after"):
        time.sleep(int(answer.headers["retry-after"]))
    told = answer.json()
    assert told["status"] == "failed"
    assert "no day from 1999-01-01 to 1999-12-31" in told["why"]["problem"]
    assert "anfang nightly" in told["why"]["remedy"]
