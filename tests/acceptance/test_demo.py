"""`anfang demo` as a newcomer runs it: stopped with Ctrl-C half-way, and then once more in the same home.

Without Superset, whose start, dashboards and check `tests/dashboards/test_superset.py` has.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from infra.local.process import wait_until
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from tests.conftest import stack_settings
from tests.dashboards.web.stage import csrf

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


@pytest.fixture
def place(tmp_path: Path, stack: Settings) -> Iterator[Path]:
    """An empty folder to run in; `stack` is asked for only so that the parts are there."""
    del stack
    yield tmp_path
    leftovers = _processes_of(tmp_path)
    for process in leftovers:
        process.kill()
    assert leftovers == []


def _processes_of(place: Path) -> list[psutil.Process]:
    """Processes that work in `place` or have it in their environment or arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            told = " ".join([*process.cmdline(), process.cwd(), process.environ().get("ANFANG_HOME", "")])
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if str(place) in told and process.pid != os.getpid():
            found.append(process)
    return found


def _demo(place: Path) -> "subprocess.Popen[bytes]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANFANG_")}
    with (place / "demo.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "anfang", "demo", "--no-superset"],
            cwd=place,
            env=environment | {"ANFANG_HOME": str(place / "home")},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def test_the_demo_stops_when_told_and_then_tells_the_truth(place: Path) -> None:
    stopped = _demo(place)
    wait_until(lambda: "incident day to Kafka" in (place / "demo.log").read_text(), 300, "the events are in Kafka")
    os.killpg(stopped.pid, signal.SIGINT)
    assert stopped.wait(90) != 0
    wait_until(lambda: _processes_of(place) == [], 20, "everything stopped after Ctrl-C")

    assert _demo(place).wait(600) == 0, (place / "demo.log").read_text()[-3000:]
    summary = json.loads((place / "out" / "demo" / "summary.json").read_bytes())
    _check(summary)
    assert (place / summary["report"]).stat().st_size > 50_000
    _opens_with_the_file(summary["page_url"], place / "home" / "secrets" / "web_demo")

    down = [sys.executable, "-m", "anfang", "down"]
    subprocess.run(down, cwd=place, env=os.environ | stack_settings(place / "home").as_environment(), check=True)
    wait_until(lambda: _processes_of(place) == [], 20, "everything stopped")


def _opens_with_the_file(address: str, password: Path) -> None:
    """The live page is up and lets in whoever has the password of the file, which the demo did not print."""
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text() not in (password.parents[2] / "demo.log").read_text()
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        fields = {"csrf": csrf(client.get("/login").text), "user": "demo", "password": password.read_text()}
        assert "示范花园" in client.post("/login", data=fields).text


def _check(summary: dict[str, object]) -> None:
    assert summary["daily_counts_equal"] is True
    produced, valid = summary["events_produced"], summary["events_valid"]
    duplicates, dead_letters = summary["duplicates"], summary["dead_letters"]
    assert isinstance(produced, int)
    assert isinstance(valid, int)
    assert isinstance(duplicates, int)
    assert isinstance(dead_letters, int)
    assert produced == valid + duplicates + dead_letters
    assert min(valid, duplicates, dead_letters) > 0
    assert summary["incidents_injected"] == summary["incidents_matched"] == 8
    assert summary["false_alerts"] == 0
    assert summary["stream_batch_differences"] == 0
    assert summary["report_figures"] == summary["report_figures_verified"]
    assert summary["page_zones"] == len(load_site(SMALL_SITE).zones)
    alerts, shown = summary["alerts"], summary["page_alerts"]
    assert isinstance(alerts, int)
    assert isinstance(shown, int)
    assert 0 < shown <= alerts
    true, seen = summary["camera_crossings_true"], summary["camera_crossings_seen"]
    assert isinstance(true, list)
    assert isinstance(seen, list)
    assert min(true) > 0
    assert max(abs(a - b) for a, b in zip(true, seen, strict=True)) <= 2
    estimate, running_sum = summary["occupancy_mae"], summary["occupancy_mae_running_sum"]
    assert isinstance(estimate, float)
    assert isinstance(running_sum, float)
    assert estimate < running_sum
