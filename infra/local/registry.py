"""Which processes belong to the stack: one file `home/run/NAME.json` each, so that commands never race for one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from infra.errors import UserError
from infra.local.files import log_file, stack_home, write_private
from infra.local.process import Process, alive, start_detached, stop
from infra.settings import Settings


def register_process(settings: Settings, name: str, process: Process) -> None:
    """Make `process` part of the stack: `anfang status` shows it and `anfang down` stops it."""
    write_private(_file(settings, name), msgspec.json.encode(process))


def start_process(settings: Settings, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
    """Start `argv` detached as the stack's process `name`, logging to home/logs/NAME.log. `env` adds to our own.

    Raises UserError when `name` already runs.
    """
    running = read_process(settings, name)
    if running is not None and alive(running):
        raise UserError(f"{name} is already running (pid {running.pid})", "stop it first: `anfang down`")
    process = start_detached(argv, log_file(settings, name), env)
    register_process(settings, name, process)
    return process


def stop_process(settings: Settings, name: str) -> bool:
    """Stop the process `name` with its children and forget it; False when there was none running."""
    process = read_process(settings, name)
    if process is None:
        return False
    was_alive = alive(process)
    stop(process)
    _file(settings, name).unlink(missing_ok=True)
    return was_alive


def read_process(settings: Settings, name: str) -> Process | None:
    """The registered process `name`, running or not."""
    path = _file(settings, name)
    return msgspec.json.decode(path.read_bytes(), type=Process) if path.exists() else None


def is_running(settings: Settings, name: str) -> bool:
    """Whether the process `name` is registered and lives."""
    process = read_process(settings, name)
    return process is not None and alive(process)


def registered(settings: Settings) -> dict[str, Process]:
    """All registered processes by name, in the order they were started."""
    names = [path.stem for path in _folder(settings).glob("*.json")]
    found = {name: process for name in names if (process := read_process(settings, name)) is not None}
    return dict(sorted(found.items(), key=lambda item: (item[1].created, item[1].pid)))


def _folder(settings: Settings) -> Path:
    return stack_home(settings) / "run"


def _file(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{name}.json"
