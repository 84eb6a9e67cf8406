"""The nightly as one writes it at first: `python -m tests.benchmarks.naive_spark FILE…`, ANFANG_* set.

A Python UDF reads the JSON, duplicates go after exploding, and rows go to ClickHouse as tuples. Prints the seconds
without the start of Spark.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pyspark.sql import Row
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.spark import spark_session
from infra.settings import Settings
from tests.benchmarks.archived import DAY
from warehouse.client import Access, access, open_client

CROSSINGS = (
    "array<struct<camera: string, id: string, ms: bigint, line: string, direction: int, track: bigint, kind: string>>"
)
ROWS_EACH = 10_000
SQL = (
    "INSERT INTO crossings (estate_id, day, event_time, crossing_id, line_id, camera_id, direction, track_id, "
    "object_class) VALUES"
)


def read(value: bytearray) -> list[tuple[object, ...]]:
    """The crossings of an envelope, none of what is none."""
    try:
        told = json.loads(value)
    except ValueError:
        return []
    crossings = told["crossings"]
    names = ("crossing_id", "event_ms", "line_id", "direction", "track_id", "object_class")
    return [(told["camera_id"], *one) for one in zip(*(crossings[name] for name in names), strict=True)]


def writer(to: Access) -> Callable[[Iterable[Row]], None]:
    """What writes a partition's rows."""

    def write(rows: Iterable[Row]) -> None:
        with open_client(to) as client:
            waiting: list[tuple[object, ...]] = []
            for row in rows:
                at = datetime.fromtimestamp(row.ms / 1000, UTC)
                waiting.append(("bench", DAY, at, row.id, row.line, row.camera, row.direction, row.track, row.kind))
                if len(waiting) == ROWS_EACH:
                    client.execute(SQL, waiting)
                    waiting = []
            if waiting:
                client.execute(SQL, waiting)

    return write


def main(files: list[str]) -> None:
    """Load the files' crossings."""
    settings = Settings()
    spark = spark_session(settings)
    spark.sparkContext.parallelize([1]).count()
    started = time.monotonic()
    udf = F.udf(read, CROSSINGS, useArrow=False)  # with Arrow, Spark 4.2.0 waits for its Python worker, and that for it
    exploded = spark.read.parquet(*files).select(F.explode(udf("value")).alias("c")).select("c.*")
    exploded.dropDuplicates(["id"]).foreachPartition(writer(access(settings, "loader")))
    print(json.dumps({"seconds": time.monotonic() - started}))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
