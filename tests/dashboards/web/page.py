"""`anfang web` as people start it, on the real Kafka, and alerts told to it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from infra.events import Alert, encoder
from infra.local.ports import free_port
from infra.local.process import wait_until
from infra.settings import Settings
from infra.topics import ALERTS
from tests.kafka_helpers import produce


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def told(settings: Settings, one: Alert) -> None:
    """Send an alert's state, as the alerts worker would."""
    produce(settings, ALERTS, [(one.zone_id.encode(), encoder.encode(one), one.updated_ms)])


def anfang(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """The command, as people start it."""
    command, env = [sys.executable, "-m", "anfang", *arguments], {**os.environ, **settings.as_environment()}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def add_user(settings: Settings, name: str) -> str:
    """Add a guard; returns the password that the command printed."""
    added, _ = anfang(settings, "web", "user", "add", name, "--role", "guard").communicate(timeout=60)
    return added.split()[-1]


@contextmanager
def page_of(settings: Settings) -> Iterator[str]:
    """`anfang web` on a free port, answering; its address."""
    port = free_port(set())
    base, page = f"http://127.0.0.1:{port}", anfang(settings, "web", "--port", str(port))
    try:
        wait_until(lambda: _answers(base), 60, "the live page")
        yield base
    finally:
        page.terminate()
        page.wait(30)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz").is_success
    except httpx.TransportError:
        return False
