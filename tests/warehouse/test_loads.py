"""Loads switch for readers all at once: polled through a row of loads, in every table, on the real ClickHouse."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from clickhouse_driver import Client

from infra.local.process import wait_until
from infra.settings import Settings
from warehouse.access import LOAD_TABLES
from warehouse.client import connect
from warehouse.load import INSERT_SETTINGS
from warehouse.loads import Load, await_readers, drop_stale
from warehouse.migrate import migrate

TODAY: Final = datetime.now(UTC).date()  # days on which visitors' tokens are not past their time
DAYS: Final = (TODAY - timedelta(days=2), TODAY - timedelta(days=1))
READ: Final = tuple(table for table in LOAD_TABLES if table != "visitors")
LOADS: Final = 12

# What a reader sees in one query: for each table and day how many rows. The n-th load has n of each.
EVERYTHING: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS name, day, count() AS rows FROM {table} GROUP BY day" for table in READ
)
JOINED: Final = (
    "SELECT account.crossings, seen.rows, minutes.rows FROM nightly_accounting AS account FINAL "
    "INNER JOIN (SELECT day, count() AS rows FROM crossings GROUP BY day) AS seen ON seen.day = account.day "
    "INNER JOIN (SELECT day, count() AS rows FROM zone_minutes GROUP BY day) AS minutes ON minutes.day = account.day"
)


@pytest.fixture
def warehouse(fresh: Settings) -> Settings:
    """A migrated database."""
    migrate(fresh, ("mine",))
    return fresh


def write(client: Client, run: int, rows: int) -> Load:
    """Write a load of `rows` rows a day into every table."""
    load = Load(client, run, "mine", DAYS)
    for table in LOAD_TABLES:
        columns = [("mine", day, load.id(day)) for day in DAYS for _ in range(rows)]
        client.execute(f"INSERT INTO {table} (estate_id, day, load_id) VALUES", columns, settings=INSERT_SETTINGS)
    return load


def switch(load: Load, rows: int) -> None:
    """Make the load current; its accounts say how many crossings it has."""
    now = int(time.time() * 1000)
    shared = {"estate_id": "mine", "crossings": rows, "content_hash": "", "loaded_at": now, "seconds": 0.0}
    zeros = dict.fromkeys(
        ("raw", "valid", "duplicates", "dead_letters", "late", "streamed_dead_letters", "alerts", "zone_minutes")
    )
    counts: dict[str, object] = {**dict.fromkeys(zeros, 0), "differing_zone_minutes": 0}
    load.switch([{**shared, **counts, "day": day, "load_id": load.id(day)} for day in load.days])


@pytest.mark.stack
def test_readers_see_the_old_days_or_the_new_in_all_tables(warehouse: Settings) -> None:
    ended, mixed, seen = threading.Event(), [], set()

    def poll(sql: str) -> None:
        with connect(warehouse, "analyst") as client:
            while not ended.is_set():
                rows = client.execute(sql)
                numbers = {n for row in rows for n in row if isinstance(n, int)}
                whole = len(rows) == (len(READ) * len(DAYS) if sql is EVERYTHING else len(DAYS))
                seen.update(numbers)
                if len(numbers) != 1 or not whole:
                    mixed.append(rows)

    with connect(warehouse, "loader") as client, ThreadPoolExecutor(3) as readers:
        switch(write(client, 10**6, 1), 1)
        polls = [readers.submit(poll, sql) for sql in (EVERYTHING, JOINED, JOINED)]
        try:
            for rows in range(2, LOADS + 2):
                switch(write(client, rows * 10**6, rows), rows)
                assert drop_stale(client, "mine") == len(LOAD_TABLES) * len(DAYS)
        finally:
            ended.set()
        for polled in polls:
            polled.result()
    assert mixed == []
    assert len(seen) > LOADS / 2


@pytest.mark.stack
def test_what_no_account_names_is_not_seen_and_goes(warehouse: Settings) -> None:
    with connect(warehouse, "loader") as client, connect(warehouse, "analyst") as reader:
        switch(write(client, 10**6, 2), 2)
        write(client, 2 * 10**6, 5)  # killed before its switch
        assert client.execute("SELECT count() FROM crossings") == [(14,)]
        assert reader.execute("SELECT count() FROM crossings") == [(4,)]
        assert drop_stale(client, "theirs") == 0
        assert drop_stale(client, "mine") == len(LOAD_TABLES) * len(DAYS)
        assert client.execute("SELECT count() FROM crossings") == [(4,)]
        assert drop_stale(client, "mine") == 0


@pytest.mark.stack
def test_the_switch_lets_running_queries_end_first(warehouse: Settings) -> None:
    with connect(warehouse, "loader") as client, ThreadPoolExecutor(1) as pool:

        def slow() -> float:
            with connect(warehouse, "analyst") as reader:
                reader.execute("SELECT sleepEachRow(1) FROM numbers(2)")
            return time.monotonic()

        running = "SELECT count() FROM system.processes WHERE user = 'analyst'"
        reading = pool.submit(slow)
        wait_until(lambda: reading.done() or client.execute(running)[0][0], 30, "a reader's query")
        await_readers(client)
        assert time.monotonic() >= reading.result() - 0.1
        begun = time.monotonic()
        await_readers(client)  # nobody reads
        assert time.monotonic() - begun < 1.5
