"""Keeps ClickHouse running: `python -m infra.local.clickhouse_supervisor`, with ANFANG_HOME and ANFANG_CACHE set.

Starts the engine as its child and restarts it on the same data when it dies or stops listening, waiting longer each
time it fails to come up. SIGTERM ends both; SIGHUP restarts the engine so that it reads its users anew.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from infra.local.clickhouse import (
    KEEPER,
    START_TIMEOUT_S,
    clickhouse_folder,
    engine_file,
    local_client,
    server_binary,
)
from infra.local.files import write_private
from infra.local.parts import clickhouse_library
from infra.local.ports import Ports, answers, remembered_ports
from infra.local.process import python_module
from infra.local.query_log import bring_past_back, set_past_aside
from infra.settings import Settings

LONGEST_WAIT_S: Final = 30.0
WATCH_S: Final = 0.1
PROBE_EVERY_S: Final = 2.0
DEAF_AFTER: Final = 5
STOP_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


@dataclass
class Wishes:
    """What signals asked for since the engine was started."""

    stop: bool = False
    restart: bool = False


def engine_argv(settings: Settings) -> list[str]:
    """The command line of the engine: the server binary if there is one, else the embedded engine."""
    config = str(clickhouse_folder(settings) / "config.xml")
    binary = server_binary()
    if binary is not None:
        return [binary, "server", f"--config-file={config}"]
    return python_module("infra.local.clickhouse_embedded", str(clickhouse_library(settings)), config)


def _data(settings: Settings) -> Path:
    return clickhouse_folder(settings) / "data"


def backoff_s(failures: int) -> float:
    """Seconds to wait before the next start after `failures` starts that did not come up: 0, 0.5, 1, 2, ... 30."""
    return 0.0 if failures == 0 else min(LONGEST_WAIT_S, 0.5 * 2 ** (failures - 1))


def supervise(settings: Settings, ports: Ports, wishes: Wishes) -> None:
    """Run the engine until a stop is wished."""
    failures = 0
    while not wishes.stop:
        _pause(backoff_s(failures), wishes)
        wishes.restart = False
        if server_binary() is None:
            set_past_aside(_data(settings))
        engine = subprocess.Popen(engine_argv(settings), stdin=subprocess.DEVNULL)
        try:
            failures = 0 if _serve(engine, settings, ports, wishes) else failures + 1
        finally:
            _end(engine, settings, ports)


def _serve(engine: subprocess.Popen[bytes], settings: Settings, ports: Ports, wishes: Wishes) -> bool:
    """Watch one engine until it dies, goes deaf or is wished away; False when it never came up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _listens(ports):
        if engine.poll() is not None or wishes.stop or time.monotonic() > deadline:
            log.error("engine did not come up", pid=engine.pid, exit=engine.poll())
            return wishes.stop
        time.sleep(WATCH_S)
    if server_binary() is None:
        _as_keeper(settings, ports, lambda client: bring_past_back(client, _data(settings)))
    if not wishes.restart:
        write_private(engine_file(settings), str(engine.pid))
        log.info("engine ready", pid=engine.pid, port=ports.clickhouse)
    _watch(engine, ports, wishes)
    return True


def _watch(engine: subprocess.Popen[bytes], ports: Ports, wishes: Wishes) -> None:
    deaf, next_probe = 0, time.monotonic()
    while not (wishes.stop or wishes.restart):
        if engine.poll() is not None:
            log.error("engine died", pid=engine.pid, exit=engine.returncode)
            return
        if time.monotonic() >= next_probe:
            deaf = 0 if _listens(ports) else deaf + 1
            next_probe += PROBE_EVERY_S
        if deaf >= DEAF_AFTER:
            log.error("engine stopped listening", pid=engine.pid)
            return
        time.sleep(WATCH_S)


def _listens(ports: Ports) -> bool:
    return answers(ports.clickhouse) and answers(ports.clickhouse_http)


def _end(engine: subprocess.Popen[bytes], settings: Settings, ports: Ports) -> None:
    """Flush what the query log still holds, then SIGTERM, then SIGKILL."""
    engine_file(settings).unlink(missing_ok=True)
    if engine.poll() is None:
        _as_keeper(settings, ports, lambda client: client.execute("SYSTEM FLUSH LOGS"))
        engine.terminate()
    try:
        engine.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def _as_keeper(settings: Settings, ports: Ports, work: Callable[[Client], object]) -> None:
    """Do `work` on the query log; what goes wrong is told in the log and stops nothing."""
    try:
        with local_client(settings, ports.clickhouse, KEEPER) as client:
            work(client)
    except (Error, OSError, EOFError, ValueError) as error:
        log.error("query log", error=str(error).split("Stack trace")[0])


def _pause(seconds: float, wishes: Wishes) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (wishes.stop or wishes.restart):
        time.sleep(WATCH_S)


def _listen_to_signals(wishes: Wishes) -> None:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        wishes.stop |= number in (signal.SIGTERM, signal.SIGINT)
        wishes.restart |= number == signal.SIGHUP

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)


def main() -> int:
    """Supervise the ClickHouse of the stack named by ANFANG_HOME."""
    wishes, settings = Wishes(), Settings()
    _listen_to_signals(wishes)
    ports = remembered_ports(settings)
    if ports is None:
        log.error("no ports", home=str(settings.home))
        return 1
    supervise(settings, ports, wishes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
