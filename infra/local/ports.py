"""Ports of the local stack: asked for, remembered or chosen free; a taken one is told with who has it."""

import secrets
import socket
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from infra.errors import UserError
from infra.local.files import stack_home, write_private
from infra.settings import Settings

LOOPBACK: Final = "127.0.0.1"
LOWEST_PORT: Final = 20_000  # below the ports that the system gives to outgoing connections (from 32768)
HIGHEST_PORT: Final = 31_999


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """The ports of one stack, all on 127.0.0.1; remembered in `home/ports.json`."""

    kafka: int
    kafka_controller: int
    clickhouse: int
    clickhouse_http: int


@dataclass(frozen=True, kw_only=True)
class AskedPorts:
    """What `anfang up` was asked for; None leaves it to us."""

    kafka: int | None = None
    clickhouse: int | None = None
    clickhouse_http: int | None = None


OPTIONS: Final = {
    "kafka": "--kafka-port",
    "clickhouse": "--clickhouse-port",
    "clickhouse_http": "--clickhouse-http-port",
}


def choose_ports(asked: AskedPorts, remembered: Ports | None) -> Ports:
    """Asked ports before remembered ones before free ones, all different."""
    chosen: dict[str, int] = {}
    for name in Ports.__struct_fields__:
        port = getattr(asked, name, None) or getattr(remembered, name, None)
        chosen[name] = port or free_port(set(chosen.values()))
    if len(set(chosen.values())) < len(chosen):
        raise UserError(f"the same port twice: {chosen}", "give each part a port of its own")
    return Ports(**chosen)


def free_port(avoid: set[int]) -> int:
    """A port of the loopback that nothing listens on."""
    while True:
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT + 1)
        if port not in avoid and is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether we could listen on `port` of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on `port` of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_healthy(url: str) -> bool:
    """Whether an HTTP server of ours says 200 at `url`, an address of the loopback."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 http, on the loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def check_free(name: str, port: int) -> None:
    """Raises UserError telling who listens on `port` when it is taken."""
    if not is_free(port):
        option = OPTIONS.get(name)
        other = f"start with another port: `anfang up {option} PORT`" if option else "run `anfang up` again"
        raise UserError(f"port {port} for {name} is taken by {holder(port)}", f"stop that process, or {other}")


def holder(port: int) -> str:
    """Who listens on `port`: name, pid and command line, as far as we may know."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            return _describe(connection.pid)
    return "another process"


def _describe(pid: int | None) -> str:
    try:
        process = psutil.Process(pid) if pid else None
        return (
            f"{process.name()} (pid {pid}: {' '.join(process.cmdline())[:80]})" if process else "another user's process"
        )
    except psutil.Error:
        return f"process {pid}"


def _file(settings: Settings) -> Path:
    return stack_home(settings) / "ports.json"


def remembered_ports(settings: Settings) -> Ports | None:
    """The ports of the last start."""
    path = _file(settings)
    return msgspec.json.decode(path.read_bytes(), type=Ports) if path.exists() else None


def remember_ports(settings: Settings, ports: Ports) -> None:
    """Keep the ports for the next start."""
    write_private(_file(settings), msgspec.json.encode(ports))
