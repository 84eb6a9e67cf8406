"""The columnar loader in rows/s of a table of 12 columns, beside ClickHouse's own Parquet insert and clickhouse-driver.

All write the same rows from memory into the same table, emptied before each; count and hash must be equal. Parquet over
HTTP sends a file made beforehand (zstd), which ClickHouse reads by itself. clickhouse-driver gets Arrow's batches as
numpy columns, and as row tuples, as one writes it at first: these are slow and get a part, as a rate.
`ANFANG_BENCH_ROWS` sets another number of rows.
"""

import os
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_driver import Client

from infra.settings import Settings
from tests.benchmarks.harness import Result, compare, same
from tests.warehouse.columns import connect_for_columns, insert_columns
from warehouse.client import access, ask, connect, password
from warehouse.load import insert_batches

ROWS: Final = 4_000_000
TUPLES: Final = 100_000
BATCH: Final = 65_536
TABLE: Final = """
CREATE OR REPLACE TABLE twelve (
    estate_id LowCardinality(String), day Date, minute DateTime('UTC'), zone_id LowCardinality(String), ins UInt32,
    outs UInt32, batch_ins UInt32, batch_outs UInt32, occupancy Float32, low Float32, high Float32, revision UInt32
) ENGINE = MergeTree ORDER BY (zone_id, minute)
"""
CONTENT: Final = "SELECT count(), hex(sum(cityHash64(toString(tuple(*))))) FROM twelve"
START_S: Final = 1_772_380_800  # 2026-03-02 00:00 in Shanghai


def made(rows: int) -> pa.Table:
    """Zone-minutes of a big estate, in the types that Spark hands over."""
    random, number = np.random.default_rng(7), np.arange(rows)
    counts = {name: random.poisson(3, rows).astype(np.int64) for name in ("ins", "outs", "batch_ins", "batch_outs")}
    occupancy = random.gamma(5, 4, rows).astype(np.float32)
    return pa.table(
        {
            "estate_id": pa.array(np.full(rows, "bench", dtype=object), pa.string()),
            "day": pa.array(np.full(rows, "2026-03-02", dtype="datetime64[D]"), pa.date32()),
            "minute": pa.array(START_S + number // 700 * 60, pa.int64()),
            "zone_id": pa.array([f"zone_{n:03}" for n in range(700)], pa.string()).take(pa.array(number % 700)),
            **counts,
            "occupancy": occupancy,
            "low": occupancy - 1,
            "high": occupancy + 1,
            "revision": pa.array(np.full(rows, 2), pa.int64()),
        }
    )


def columns(settings: Settings, table: pa.Table) -> int:
    """Arrow batches as numpy columns, by clickhouse-driver."""
    with connect_for_columns(settings, "migrator") as client:
        for batch in table.to_batches(BATCH):
            arrays = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            insert_columns(client, "twelve", dict(zip(batch.schema.names, arrays, strict=True)))
    return int(table.num_rows)


def parquet(settings: Settings, body: bytes, rows: int) -> int:
    """One HTTP post of a Parquet file."""
    host, port = settings.clickhouse_http_address()
    query = "INSERT%20INTO%20twelve%20FORMAT%20Parquet"
    url = f"http://{host}:{port}/?database={settings.clickhouse_database}&query={query}"
    head = {"X-ClickHouse-User": "migrator", "X-ClickHouse-Key": password(settings, "migrator")}
    with urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=300) as answer:
        answer.read()
    return rows


def tuples(settings: Settings, rows: list[tuple[object, ...]], names: list[str]) -> int:
    """As one writes it at first."""
    with connect(settings, "migrator") as client:
        client.execute(f"INSERT INTO twelve ({', '.join(names)}) VALUES", rows)
    return len(rows)


def timed(client: Client, insert: Callable[[], int], answers: dict[int, object]) -> float:
    """Rows/s of one insert into the empty table; the same number of rows must always give the same content."""
    client.execute(TABLE)
    started = time.monotonic()
    rows = insert()
    seconds = time.monotonic() - started
    ((count, content),) = client.execute(CONTENT)
    same("rows", count, rows)
    same(f"content of {rows} rows", content, answers.setdefault(rows, content))
    return rows / seconds


def run(settings: Settings, rounds: int) -> Result:
    """Rows/s, ours beside numpy columns, Parquet over HTTP and row tuples."""
    rows = int(os.environ.get("ANFANG_BENCH_ROWS", ROWS))
    table = made(rows)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    body, part = sink.getvalue().to_pybytes(), table.slice(0, min(TUPLES, rows))
    as_tuples = [
        tuple(datetime.fromtimestamp(value, UTC) if name == "minute" else value for name, value in row.items())
        for row in part.to_pylist()
    ]
    own = settings.model_copy(update={"clickhouse_database": "anfang_bench_loader"})
    with connect(own, "migrator", database="") as client:
        ask(client, "create_database", database=own.clickhouse_database)
    with connect(own, "migrator") as client:
        measure = partial(timed, client, answers={})
        try:
            return compare(
                "loader",
                "rows/s",
                partial(measure, partial(insert_batches, access(own, "migrator"), "twelve", table.to_batches(BATCH))),
                {
                    "clickhouse_driver": partial(measure, partial(columns, own, table)),
                    "parquet_http": partial(measure, partial(parquet, own, body, rows)),
                    "row_tuples": partial(measure, partial(tuples, own, as_tuples, table.schema.names)),
                },
                rounds,
            )
        finally:
            client.execute(f"DROP DATABASE {own.clickhouse_database} SYNC")
