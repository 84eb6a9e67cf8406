"""Whatever kills a nightly, readers see the old days or the new, and the next run leaves what it would have."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from clickhouse_driver.errors import Error
from pyspark.sql import SparkSession

from batch.nightly import STEPS, run
from infra.errors import UserError
from infra.local.clickhouse import clickhouse_answers
from infra.local.process import wait_until
from infra.local.stack import up
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DETECTIONS, GATE_PASSAGES, OCCUPANCY
from tests.batch.cluster import cluster
from tests.batch.feed import DAY, alert_state, at, message, minute_row, passage, produce
from tests.batch.test_nightly import NEXT, a_day, poison
from tests.batch.troubled import DAYS
from warehouse.access import LOAD_TABLES
from warehouse.client import connect
from warehouse.migrate import migrate

Trouble = tuple[str, str]  # the step at whose beginning it comes, and what it is

A_FEW: Final[tuple[Trouble, ...]] = (("zone_minutes", "driver"), ("drop replaced days", "driver"))
MANY: Final[tuple[Trouble, ...]] = (
    *((step, "driver") for step in STEPS),
    *((step, "worker") for step in ("crossings", "visitor_counts", "alerts")),
    *((step, "clickhouse") for step in ("judge records", "zone_minutes", "check accounts", "switch days")),
    *((step, "kafka") for step in ("start Spark", "count records", "gate_passages")),
)
SEEN: Final = tuple(table for table in LOAD_TABLES if table not in ("visitors", "dispositions"))
ONE_QUERY: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS name, count(), sum(cityHash64(toString(tuple(*)))) FROM {table}" for table in SEEN
)
ACCOUNTS: Final = "SELECT * EXCEPT (loaded_at, seconds) FROM nightly_accounting FINAL ORDER BY ALL"
Contents = frozenset[tuple[object, ...]]


def test_the_long_run_has_at_least_25_troubles() -> None:
    assert len(set(MANY)) == len(MANY) >= 25
    assert {step for step, trouble in MANY if trouble == "driver"} == set(STEPS)


def contents(settings: Settings) -> Contents:
    """Hash and number of rows of every table a reader may see whole, in one query."""
    with connect(settings, "analyst") as client:
        return frozenset(client.execute(ONE_QUERY))


def rows(settings: Settings) -> list[list[tuple[object, ...]]]:
    """Every row that readers see, and the accounts."""
    selects = [f"SELECT * FROM {table} ORDER BY ALL" for table in SEEN]
    with connect(settings, "analyst") as client:
        return [client.execute(sql) for sql in (*selects, ACCOUNTS)]


@contextmanager
def watched(settings: Settings, allowed: set[Contents]) -> Iterator[None]:
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


def meet(settings: Settings, trouble: Trouble) -> None:
    """A nightly that meets trouble; then the stack is whole again."""
    done = in_own_process(settings, *trouble)
    if trouble[1] == "driver":
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    up(settings)
    port = settings.clickhouse_address()[1]
    wait_until(lambda: clickhouse_answers(settings, port), 60, "ClickHouse's answer")


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


@pytest.fixture
def troubled(fresh: Settings, site: Site, spark: SparkSession) -> tuple[Settings, set[Contents], list[list[object]]]:
    """A warehouse with old days loaded and new messages in Kafka; what readers may see; the rows that are to be."""
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
    return fresh, {old, new}, [list(table) for table in wanted]


def recover(
    troubled: tuple[Settings, set[Contents], list[list[object]]],
    site: Site,
    spark: SparkSession,
    troubles: tuple[Trouble, ...],
) -> None:
    """Meet the troubles one after the other; then one whole run must leave what an undisturbed one leaves."""
    settings, allowed, wanted = troubled
    with watched(settings, allowed):
        for trouble in troubles:
            meet(settings, trouble)
            assert contents(settings) in allowed, trouble
        run(settings, site, DAY, DAYS, spark=spark)
    whole(settings, wanted)


def whole(settings: Settings, wanted: list[list[object]]) -> None:
    """The rows are those of an undisturbed run, and none of another load is left."""
    assert [list(table) for table in rows(settings)] == wanted
    with connect(settings, "migrator") as client:
        current = set(client.execute("SELECT load_id FROM nightly_accounting FINAL"))
        for table in LOAD_TABLES:
            assert set(client.execute(f"SELECT DISTINCT load_id FROM {table}")) <= current


@pytest.mark.stack
def test_a_killed_nightly_leaves_no_trace(
    troubled: tuple[Settings, set[Contents], list[list[object]]], site: Site, spark: SparkSession
) -> None:
    recover(troubled, site, spark, A_FEW)


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("trouble", MANY, ids="-".join)
def test_any_trouble_leaves_no_trace(
    troubled: tuple[Settings, set[Contents], list[list[object]]], site: Site, spark: SparkSession, trouble: Trouble
) -> None:
    recover(troubled, site, spark, (trouble,))


@pytest.mark.long
@pytest.mark.stack
def test_a_cluster_gives_the_same_rows(
    troubled: tuple[Settings, set[Contents], list[list[object]]], tmp_path: Path
) -> None:
    settings, _, wanted = troubled
    with cluster(tmp_path) as master:
        done = in_own_process(settings, "none", "none", master)
    assert done.returncode == 0, done.stderr[-2000:]
    whole(settings, wanted)
