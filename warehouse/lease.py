"""One nightly at a time in a database, whichever machines they run on: a lease with signs of life.

A nightly first writes its bid, then looks who else is there, and gives way to whoever is. Of two that start at the same
moment at least one therefore sees the other; where both give way they try again, each after a time of its own. No clock
counts but the server's.
This holds for one ClickHouse server; replicas would have to be read with `select_sequential_consistency`.
A lease that is not renewed ends after `LEASE_S`; at once where its process was of this machine and is gone.
"""

import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import psutil
from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from infra.errors import UserError
from infra.local.process import Process, alive
from infra.settings import Settings
from warehouse.client import ask, connect

LEASE_S: Final = 60.0
RENEW_S: Final = 10.0
ATTEMPTS: Final = 5
LONGEST_PAUSE_S: Final = 0.2
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE: Final = Path("/proc/self/ns/pid")


class Bid(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to load, or loads."""

    holder: str
    host: str
    pid: int
    place: str
    process_started: float
    started: datetime
    silent_s: float = 0.0

    @property
    def gone(self) -> bool:
        """Whether its process was of this machine and does not run any more."""
        process = Process(pid=self.pid, created=self.process_started, log="", argv=[])
        return self.place == place() and not alive(process)


def place() -> str:
    """This boot of this machine and this pid namespace: where two pids can be compared."""
    return f"{BOOT_ID.read_text().strip()}/{PID_NAMESPACE.stat().st_ino}"


class Lease:
    """The right to load, kept alive by a thread until it is released."""

    def __init__(self, settings: Settings, client: Client, lease_s: float) -> None:
        """Nothing is written yet: see `nightly_lease`."""
        self._settings, self._client, self._lease_s = settings, client, lease_s
        self._holder, self._started_ms = secrets.token_hex(8), time.time_ns() // 1_000_000
        self._ended = threading.Event()
        self._signed_s = time.monotonic()

    def bid(self) -> None:
        """Take the lease. Raises UserError naming whoever holds it or bids for it."""
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * random.uniform(0, LONGEST_PAUSE_S))  # noqa: S311 so that equals do not meet again
            self._sign(self._client)
            others = self._others()
            if not others:
                return
            self._sign(self._client, released=True)
        raise UserError(
            _told(others[0]),
            f"wait until it has ended; one that was killed on another machine blocks for {self._lease_s:.0f} s",
        )

    def check(self) -> None:
        """Raises UserError when this run was silent for so long that another may have begun."""
        if time.monotonic() - self._signed_s > self._lease_s or self._others():
            raise UserError(
                f"this nightly was silent for more than {self._lease_s:.0f} s and has lost its lease to the next",
                "run it again; nothing was changed",
            )

    def keep(self, renew_s: float) -> None:
        """Give signs of life until the end: what the thread does."""
        while not self._ended.wait(renew_s):
            with suppress(UserError, Error, OSError, EOFError), connect(self._settings, "loader") as client:
                if time.monotonic() - self._signed_s <= self._lease_s:  # a lost lease stays lost
                    self._sign(client)

    def release(self) -> None:
        """Let the next nightly begin; where ClickHouse does not answer, time or the end of this process does it."""
        self._ended.set()
        with suppress(UserError, Error, OSError, EOFError), connect(self._settings, "loader") as client:
            self._sign(client, released=True)

    def _others(self) -> list[Bid]:
        rows = ask(self._client, "live_leases", lease_s=self._lease_s)
        bids = [msgspec.convert(dict(zip(Bid.__struct_fields__, row, strict=True)), Bid) for row in rows]
        return [bid for bid in bids if bid.holder != self._holder and not bid.gone]

    def _sign(self, client: Client, *, released: bool = False) -> None:
        begun_s = time.monotonic()
        ask(
            client,
            "sign_lease",
            holder=self._holder,
            host=socket.gethostname(),
            pid=os.getpid(),
            place=place(),
            process_started=psutil.Process().create_time(),
            started_ms=self._started_ms,
            released=int(released),
        )
        self._signed_s = begun_s


def _told(bid: Bid) -> str:
    since = f"{bid.started:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"another nightly is at work: on {bid.host}, process {bid.pid}, since {since}, "
        f"last sign of life {bid.silent_s:.0f} s ago"
    )


@contextmanager
def nightly_lease(settings: Settings, client: Client, renew_s: float = RENEW_S) -> Iterator[Lease]:
    """Hold the database's lease; raises UserError where another nightly has it. `client` is the loader's."""
    lease = Lease(settings, client, LEASE_S)
    lease.bid()
    thread = threading.Thread(target=lease.keep, args=(renew_s,), name="nightly lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.release()
        thread.join()
