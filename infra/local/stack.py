"""The local stack: Kafka and ClickHouse, started, watched and stopped as a whole; other rooms' processes with them."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from infra.errors import UserError
from infra.local.clickhouse import clickhouse_answers, server_binary, start_clickhouse
from infra.local.files import log_file, private_folder, stack_home, write_private
from infra.local.java import find_java
from infra.local.kafka import kafka_answers, start_kafka
from infra.local.parts import clickhouse_library, kafka_jars
from infra.local.ports import LOOPBACK, AskedPorts, Ports, check_free, choose_ports, remember_ports, remembered_ports
from infra.local.process import Process, alive, last_lines, wait_until
from infra.local.registry import is_running, register_process, registered, stop_process
from infra.settings import Settings, StackState

READY_TIMEOUT_S: Final = 60.0
LEAST_DISK_BYTES: Final = 2 * 10**9


@dataclass(frozen=True)
class Part:
    """One part of the stack: its process, its ports, how it starts and how it shows that it is ready."""

    name: str
    title: str
    ports: tuple[str, ...]
    start: Callable[[Settings, Ports], Process]
    ready: Callable[[Settings, Ports], bool]


PARTS: Final = (
    Part("kafka", "Kafka", ("kafka", "kafka_controller"), start_kafka, lambda _, ports: kafka_answers(ports.kafka)),
    Part(
        "clickhouse",
        "ClickHouse",
        ("clickhouse", "clickhouse_http"),
        start_clickhouse,
        lambda settings, ports: clickhouse_answers(settings, ports.clickhouse),
    ),
)


@dataclass(frozen=True)
class PartStatus:
    """One line of `anfang status`. `uptime_s` is None where the process does not run."""

    name: str
    pid: int
    address: str
    uptime_s: float | None
    healthy: bool


def up(settings: Settings, asked: AskedPorts | None = None) -> list[str]:
    """Start what does not run and wait until it answers; returns the names of the parts it started.

    Raises UserError where something is missing or does not come up; what it had started is then stopped again, as it
    is on Ctrl-C.
    """
    with _only_one(settings):
        stopped = [part for part in PARTS if not is_running(settings, part.name)]
        if not stopped:
            return []
        _check_parts(settings)
        for part in stopped:
            stop_process(settings, part.name)  # what a killed process may have left behind
        ports = _ports_for(settings, asked or AskedPorts(), stopped)
        try:
            for part in stopped:
                register_process(settings, part.name, part.start(settings, ports))
            for part in stopped:
                _wait_ready(settings, part, ports)
        except BaseException:
            for part in stopped:
                stop_process(settings, part.name)
            raise
        _write_state(settings, ports)
        return [part.name for part in stopped]


def down(settings: Settings) -> list[str]:
    """Stop every process of the stack, last started first; returns the names of those that ran."""
    with _only_one(settings):
        ran = [name for name in reversed(registered(settings)) if stop_process(settings, name)]
        (stack_home(settings) / "stack.json").unlink(missing_ok=True)
        return ran


def status(settings: Settings) -> list[PartStatus]:
    """State of each process that belongs to the stack."""
    ports = remembered_ports(settings)
    return [_status_of(settings, name, process, ports) for name, process in registered(settings).items()]


def _status_of(settings: Settings, name: str, process: Process, ports: Ports | None) -> PartStatus:
    runs = alive(process)
    part = next((part for part in PARTS if part.name == name), None)
    healthy = runs and (part is None or (ports is not None and part.ready(settings, ports)))
    uptime_s = time.time() - process.created if runs else None
    return PartStatus(name, process.pid, _address(part, ports), uptime_s, healthy)


def _address(part: Part | None, ports: Ports | None) -> str:
    if part is None or ports is None:
        return ""
    return f"{LOOPBACK}:" + ", ".join(str(getattr(ports, name)) for name in part.ports if name != "kafka_controller")


def _check_parts(settings: Settings) -> None:
    find_java()
    kafka_jars(settings)
    if server_binary() is None:
        clickhouse_library(settings)
    free = shutil.disk_usage(stack_home(settings)).free
    if free < LEAST_DISK_BYTES:
        raise UserError(
            f"{stack_home(settings)} has {free / 1e9:.1f} GB free, needed are {LEAST_DISK_BYTES / 1e9:.0f} GB",
            "free some disk, or set ANFANG_HOME to a folder on a larger one",
        )


def _ports_for(settings: Settings, asked: AskedPorts, stopped: list[Part]) -> Ports:
    """Ports for this start, remembered for the next; those of parts about to start must be free."""
    running = {name for part in PARTS if part not in stopped for name in part.ports}
    remembered = remembered_ports(settings)
    ports = choose_ports(asked, remembered)
    for name in Ports.__struct_fields__:
        if name not in running:
            check_free(name, getattr(ports, name))
        elif getattr(ports, name) != getattr(remembered, name):
            raise UserError(f"{name} is running on another port", "run `anfang down` first")
    remember_ports(settings, ports)
    return ports


def _wait_ready(settings: Settings, part: Part, ports: Ports) -> None:
    def ready_or_dead() -> bool:
        return not is_running(settings, part.name) or part.ready(settings, ports)

    try:
        wait_until(ready_or_dead, READY_TIMEOUT_S, f"{part.title} ready")
        problem = "" if is_running(settings, part.name) else f"{part.title} ended while starting"
    except TimeoutError:
        problem = f"{part.title} was not ready after {READY_TIMEOUT_S:.0f} s"
    if problem:
        log = log_file(settings, part.name)
        said = "\n".join(last_lines(log)) or "nothing"
        raise UserError(f"{problem}; its log {log} says:\n{said}", "put that right and run `anfang up` again")


def _write_state(settings: Settings, ports: Ports) -> None:
    state = StackState(
        kafka_port=ports.kafka,
        clickhouse_port=ports.clickhouse,
        clickhouse_http_port=ports.clickhouse_http,
    )
    write_private(stack_home(settings) / "stack.json", msgspec.json.encode(state))


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time for each home; a second waits."""
    path = private_folder(stack_home(settings)) / ".lock"
    with path.open("w") as file:
        path.chmod(0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
