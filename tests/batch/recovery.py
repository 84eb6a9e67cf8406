"""What a nightly that met trouble must leave: readers saw the old days or the new, the next run ends as undisturbed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from clickhouse_driver.errors import Error
from pyspark.sql import SparkSession

from batch.nightly import run
from batch.spark import LOCAL_MASTER
from infra.errors import UserError
from infra.local.clickhouse import clickhouse_answers
from infra.local.process import wait_until
from infra.local.stack import up
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DETECTIONS, GATE_PASSAGES, OCCUPANCY
from tests.batch.feed import DAY, NEXT, a_day, alert_state, at, message, minute_row, passage, poison, produce
from tests.batch.troubled import DAYS, MET, empty_disks
from warehouse.access import LOAD_TABLES
from warehouse.client import connect
from warehouse.migrate import migrate

Trouble = tuple[str, str]  # the step at whose beginning it comes, and what it is

SEEN: Final = tuple(table for table in LOAD_TABLES if table not in ("visitors", "dispositions"))
ONE_QUERY: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS name, count(), sum(cityHash64(toString(tuple(*)))) FROM {table}" for table in SEEN
)
ACCOUNTS: Final = "SELECT * EXCEPT (loaded_at, seconds) FROM nightly_accounting FINAL ORDER BY ALL"
Contents = frozenset[tuple[object, ...]]
"""Hash and number of rows of every table a reader may see whole."""


@dataclass(frozen=True)
class Troubled:
    """A warehouse with old days loaded and new messages in Kafka; what readers may see; the rows that are to be."""

    settings: Settings
    allowed: frozenset[Contents]
    wanted: list[list[tuple[object, ...]]]


def prepare(fresh: Settings, site: Site, spark: SparkSession) -> Troubled:
    """Load old days, feed new messages, and see in a database of its own what an undisturbed nightly makes of them."""
    undisturbed = fresh.model_copy(update={"clickhouse_database": f"{fresh.clickhouse_database}_undisturbed"})
    for settings in (fresh, undisturbed):
        migrate(settings, (site.estate.id,))
    feed(fresh, site, 1)
    run(fresh, site, DAY, DAYS, spark=spark)
    old = contents(fresh)
    feed(fresh, site, 2)
    run(undisturbed, site, DAY, DAYS, spark=spark)
    new, wanted = contents(undisturbed), rows(undisturbed)
    with connect(undisturbed, "migrator") as client:
        client.execute(f"DROP DATABASE {undisturbed.clickhouse_database}")
    assert old != new
    return Troubled(fresh, frozenset((old, new)), wanted)


def contents(settings: Settings) -> Contents:
    """What a reader sees now, in one query."""
    with connect(settings, "analyst") as client:
        return frozenset(client.execute(ONE_QUERY))


def rows(settings: Settings) -> list[list[tuple[object, ...]]]:
    """Every row that readers see, and the accounts."""
    selects = [f"SELECT * FROM {table} ORDER BY ALL" for table in SEEN]
    with connect(settings, "analyst") as client:
        return [client.execute(sql) for sql in (*selects, ACCOUNTS)]


@contextmanager
def watched(settings: Settings, allowed: frozenset[Contents]) -> Iterator[None]:
    """While this lasts a reader polls, and what it sees must be allowed."""
    ended, wrong = threading.Event(), []

    def poll() -> None:
        while not ended.wait(0.1):
            with suppress(UserError, Error, OSError, EOFError):  # ClickHouse may be away
                seen = contents(settings)
                if seen not in allowed:
                    wrong.append(seen)

    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(poll)
        try:
            yield
        finally:
            ended.set()
            polled.result()
    assert wrong == []


def meet(settings: Settings, trouble: Trouble, master: str = LOCAL_MASTER) -> None:
    """A nightly that meets trouble; then the stack is whole again."""
    done = in_own_process(settings, *trouble, master)
    empty_disks(settings)
    up(settings)
    port = settings.clickhouse_address()[1]
    wait_until(lambda: clickhouse_answers(settings, port), 60, "ClickHouse's answer")
    if trouble[1] == "driver":
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    else:
        assert MET in done.stdout, done.stderr[-2000:]
    if trouble[1].startswith("full"):
        assert f"{trouble[1].removeprefix('full ')}: the disk is full" in done.stderr, done.stderr[-2000:]


def in_own_process(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A nightly by `tests.batch.troubled`."""
    command = [sys.executable, "-m", "tests.batch.troubled", *arguments]
    environment = {**os.environ, **settings.as_environment(), "PYSPARK_PYTHON": sys.executable}
    return subprocess.run(command, check=False, env=environment, timeout=300, capture_output=True, text=True)


def feed(settings: Settings, site: Site, part: int) -> None:
    """A part of two days' messages, with copies and poison."""
    sent = [message(one) for one in (*a_day(site, DAY, 40 * part), *a_day(site, NEXT, 30 * part))]
    noon = at("12:00:00")
    produce(settings, DETECTIONS, [*sent, *sent[:5], *poison(DAY)])
    produce(settings, OCCUPANCY, [minute_row("plaza", noon, part, 0, revision=part)])
    produce(settings, ALERTS, [alert_state(noon, part)])
    produce(settings, GATE_PASSAGES, [passage(part, noon)])


def recover(
    troubled: Troubled, site: Site, spark: SparkSession, troubles: tuple[Trouble, ...], master: str = LOCAL_MASTER
) -> None:
    """Meet the troubles one after the other; then one whole run must leave what an undisturbed one leaves."""
    with watched(troubled.settings, troubled.allowed):
        for trouble in troubles:
            meet(troubled.settings, trouble, master)
            assert contents(troubled.settings) in troubled.allowed, trouble
        run(troubled.settings, site, DAY, DAYS, spark=spark)
    whole(troubled)


def whole(troubled: Troubled) -> None:
    """The rows are those of an undisturbed run, and none of another load is left."""
    assert rows(troubled.settings) == troubled.wanted
    with connect(troubled.settings, "migrator") as client:
        current = set(client.execute("SELECT load_id FROM nightly_accounting FINAL"))
        for table in LOAD_TABLES:
            assert set(client.execute(f"SELECT DISTINCT load_id FROM {table}")) <= current
