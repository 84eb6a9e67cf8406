"""Two nightlies cannot meet: leases on the real ClickHouse, held by threads and by processes that are killed."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.errors import UserError
from infra.local.process import wait_until
from infra.settings import Settings
from warehouse.client import ask, connect
from warehouse.lease import LEASE_S, Lease, nightly_lease
from warehouse.migrate import migrate

HOLD = """
import time
from infra.settings import Settings
from warehouse.client import connect
from warehouse.lease import nightly_lease
settings = Settings()
with connect(settings, "loader") as client, nightly_lease(settings, client):
    time.sleep(600)
"""


@pytest.fixture
def warehouse(fresh: Settings) -> Settings:
    """A migrated database."""
    migrate(fresh, ("mine",))
    return fresh


def holders(settings: Settings) -> int:
    """How many leases are live."""
    with connect(settings, "loader") as client:
        return len(ask(client, "live_leases", lease_s=60.0))


@pytest.mark.stack
def test_a_second_nightly_is_told_who_holds_the_lease(warehouse: Settings) -> None:
    with connect(warehouse, "loader") as one, connect(warehouse, "loader") as other:
        with nightly_lease(warehouse, one) as lease:
            with (
                pytest.raises(UserError, match=rf"another nightly is at work: on .*, process {os.getpid()}, since 20"),
                nightly_lease(warehouse, other),
            ):
                pass
            lease.check()
        with nightly_lease(warehouse, other) as lease:
            lease.check()
    assert holders(warehouse) == 0


@pytest.mark.stack
def test_of_many_that_start_at_once_never_two_hold_it(warehouse: Settings) -> None:
    inside, most = threading.Semaphore(1), []

    def try_to_hold(_: int) -> None:
        with connect(warehouse, "loader") as client:
            lease = Lease(warehouse, client, 60.0)
            try:
                lease.bid()
            except UserError:
                return
            alone = inside.acquire(blocking=False)
            most.append(alone)
            if alone:
                inside.release()
            lease.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_to_hold, range(24)))
    assert most
    assert all(most)


@pytest.mark.stack
def test_a_killed_nightly_of_this_machine_does_not_block(warehouse: Settings) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD], env={**os.environ, **warehouse.as_environment()})
    try:
        wait_until(lambda: holders(warehouse) == 1, 30, "a lease of the other process")
        with connect(warehouse, "loader") as client:
            with pytest.raises(UserError, match=f"process {process.pid}"):
                Lease(warehouse, client, 60.0).bid()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert holders(warehouse) == 1  # it stands there still, but its process is gone
            with nightly_lease(warehouse, client) as lease:
                lease.check()
    finally:
        process.kill()


@pytest.mark.stack
def test_a_lease_that_is_not_renewed_ends_and_its_holder_notices(warehouse: Settings) -> None:
    with connect(warehouse, "loader") as one, connect(warehouse, "loader") as other:
        asleep = Lease(warehouse, one, LEASE_S)
        asleep.bid()
        with pytest.raises(UserError, match="another nightly"):
            Lease(warehouse, other, LEASE_S).bid()
        wait_until(lambda: not ask(other, "live_leases", lease_s=1.0), 30, "a second of silence")
        next_one = Lease(warehouse, other, 1.0)
        next_one.bid()
        with pytest.raises(UserError, match="lost its lease"):
            asleep.check()
        next_one.release()


@pytest.mark.stack
def test_the_thread_renews_the_lease(warehouse: Settings) -> None:
    with (
        connect(warehouse, "loader") as one,
        connect(warehouse, "loader") as other,
        nightly_lease(warehouse, one, renew_s=0.2) as lease,
    ):
        seen = set()

        def two_more() -> bool:
            seen.update(other.execute("SELECT max(seen) FROM nightly_leases"))
            return len(seen) > 2

        wait_until(two_more, 60, "two more signs of life")
        lease.check()
