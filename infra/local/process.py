"""Processes of the local stack: started detached, found again by pid and start time, stopped with their children."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from infra.errors import UserError

POLL_S = 0.05
CLOCK_SLACK_S = 1.0  # start times are told relative to a boot time that the clock's adjustment can move


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A started process. `created` (seconds since 1970) tells it from a later process with the same pid."""

    pid: int
    created: float
    log: str
    argv: list[str]


def wait_until(predicate: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return as soon as `predicate()` holds. Raises TimeoutError naming `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not so within {timeout_s:g} s")
        time.sleep(POLL_S)


def start_detached(argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Process:
    """Start `argv` in a session of its own with output appended to `log`; it outlives us. `env` adds to our own."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.touch(mode=0o600)
    to_log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            {**os.environ, **(env or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), to_log, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
    except OSError as error:
        raise UserError(f"{argv[0]} cannot be started: {error.strerror}", "run `anfang doctor`") from error
    return Process(pid=pid, created=_created(pid), log=str(log), argv=list(argv))


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of our modules with this very Python."""
    return [sys.executable, "-m", module, *arguments]


def alive(process: Process) -> bool:
    """Whether this very process still runs (not another one with its pid, not a zombie)."""
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.created) < CLOCK_SLACK_S
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(process: Process) -> list[psutil.Process]:
    """The process and its descendants that still run: every member of the session it was started in."""
    return [member for member in psutil.process_iter() if _belongs(member, process)]


def stop(process: Process, timeout_s: float = 15.0) -> None:
    """SIGTERM to the process, after `timeout_s` SIGKILL to what is left of its family; returns when all are gone."""
    if alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not alive(process), timeout_s, f"end of process {process.pid}")
    rest = family(process)
    for member in rest:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(rest, timeout=5)
    _reap(process.pid)


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The last `count` lines of a log file; none when there is no file."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400 * count))
        return file.read().decode("utf-8", "replace").splitlines()[-count:]


def follow(log: Path) -> Iterator[str]:
    """Lines of `log` as they are written, without end."""
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(0, os.SEEK_END)
        while True:
            line = file.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(0.2)


def _created(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _belongs(member: psutil.Process, process: Process) -> bool:
    try:
        in_session = os.getsid(member.pid) == process.pid
        return (
            in_session
            and member.create_time() > process.created - CLOCK_SLACK_S
            and member.status() != psutil.STATUS_ZOMBIE
        )
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _reap(pid: int) -> None:
    """Take the exit status if the process was our child, so that it leaves no zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
