"""The nightly benchmark's peer in DuckDB: `… duckdb_nightly.py PORT USER DATABASE FILE…`, the password on stdin.

Parquet files of raw envelopes in, de-duplicated crossings out to ClickHouse's table `crossings` by clickhouse-driver's
numpy columns. Prints the seconds that it took and what became of the records, as JSON.
"""

import json
import sys
import time

import duckdb
import numpy as np
from clickhouse_driver import Client

ROWS_EACH = 1_000_000
ESTATE, DAY = "bench", "2026-03-02"
SQL = """
CREATE TEMP TABLE fates AS
WITH records AS (
    SELECT file_row_number, decode(value) AS text, kafka_partition, kafka_offset
    FROM read_parquet(?, file_row_number = true)
),
envelopes AS (
    SELECT kafka_partition, kafka_offset, CASE WHEN json_valid(text) THEN from_json(text, '{
        "camera_id": "VARCHAR", "boot_id": "VARCHAR", "zone_id": "VARCHAR", "seq": "BIGINT", "start_ms": "BIGINT",
        "crossings": {"crossing_id": ["VARCHAR"], "event_ms": ["BIGINT"], "line_id": ["VARCHAR"],
            "direction": ["TINYINT"], "track_id": ["BIGINT"], "object_class": ["VARCHAR"]}}') END AS e
    FROM records
)
SELECT e, row_number() OVER (
    PARTITION BY e.camera_id, e.boot_id, e.zone_id, e.seq ORDER BY kafka_partition, kafka_offset
) AS copy
FROM envelopes
"""
CROSSINGS = """
SELECT
    any_value(event_ms) AS event_time, crossing_id, any_value(line_id) AS line_id, any_value(camera_id) AS camera_id,
    any_value(direction) AS direction, any_value(track_id) AS track_id, any_value(object_class) AS object_class
FROM (
    SELECT
        e.camera_id AS camera_id,
        unnest(e.crossings.crossing_id) AS crossing_id,
        unnest(e.crossings.event_ms) AS event_ms,
        unnest(e.crossings.line_id) AS line_id,
        unnest(e.crossings.direction) AS direction,
        unnest(e.crossings.track_id) AS track_id,
        unnest(e.crossings.object_class) AS object_class
    FROM fates
    WHERE e IS NOT NULL AND copy = 1
)
GROUP BY crossing_id
"""
FATES = """
SELECT count(*), count(*) FILTER (e IS NOT NULL AND copy = 1), count(*) FILTER (e IS NOT NULL AND copy > 1),
    count(*) FILTER (e IS NULL)
FROM fates
"""


NAMES = ("event_time", "crossing_id", "line_id", "camera_id", "direction", "track_id", "object_class")


def main(port: str, user: str, database: str, *files: str) -> None:
    """Load the files' crossings, the estate's and day's names as the benchmark has them."""
    password = sys.stdin.read().strip()
    started = time.monotonic()
    own = {"user": user, "password": password, "database": database, "settings": {"use_numpy": True}}
    client = Client("127.0.0.1", int(port), **own)
    duck = duckdb.connect()
    duck.execute(SQL, [list(files)])
    fates = duck.execute(FATES).fetchone()
    batches = duck.execute(CROSSINGS).to_arrow_reader(ROWS_EACH)
    sql = f"INSERT INTO crossings (estate_id, day, {', '.join(NAMES)}) VALUES"
    for batch in batches:
        estate = np.full(batch.num_rows, ESTATE, dtype=object)
        day = np.full(batch.num_rows, DAY, dtype="datetime64[D]")
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in NAMES]
        client.execute(sql, [estate, day, *columns], columnar=True)
    print(json.dumps({"seconds": time.monotonic() - started, "fates": list(fates)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
