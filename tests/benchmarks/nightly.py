"""The nightly's load of a day of 20 million crossings in envelopes, in crossings/s, beside three that do less.

All read the same Parquet files of raw envelopes, of which every 20th came twice and some are none, and leave the same
rows in ClickHouse (compared by the hash of `crossings`). Ours is the whole nightly from the archive: every field is
judged, the other tables, accounts, checks and the switch are made, too; without the start of Spark, whose seconds are
given beside. DuckDB parses, de-duplicates and writes crossings only, by numpy columns. ClickHouse alone has the raw
envelopes in a table before its clock starts. Naive PySpark is slow, so it gets the first `NAIVE_RECORDS` of each file,
as a rate. `ANFANG_BENCH_CROSSINGS` sets another number.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from batch.nightly import run as run_nightly
from batch.spark import spark_session
from infra.settings import Settings
from infra.site import Site
from tests.benchmarks.archived import CROSSINGS_EACH, DAY, write_archive
from tests.benchmarks.feed import synthetic_site
from tests.benchmarks.harness import Result, compare, same
from tests.warehouse.columns import connect_for_columns, insert_columns
from warehouse.client import access, connect, password
from warehouse.migrate import migrate

CROSSINGS: Final = 20_000_000
NAIVE_RECORDS: Final = 12_500  # of each of four files: some million crossings
PEERS: Final = Path(__file__).parent / "peers"
HASH: Final = (
    "SELECT count(), hex(sum(cityHash64(event_time, crossing_id, line_id, camera_id, direction, track_id, "
    "object_class))) FROM crossings"
)
RAW: Final = "CREATE OR REPLACE TABLE raw (value String) ENGINE = MergeTree ORDER BY tuple()"
Answer = tuple[int, str]


@dataclass(frozen=True)
class Bench:
    """What all sides share: the files, and how many crossings are in them."""

    settings: Settings
    site: Site
    files: list[Path]
    crossings: int
    answer: list[Answer]  # of the first that was measured; ours

    def measure(self, what: str, load: Callable[[Settings], float], share: float = 1.0) -> float:
        """Crossings/s of one load of a share of them into an empty database; the answer of a whole one must be ours."""
        own = self.settings.model_copy(update={"clickhouse_database": f"anfang_bench_{what}"})
        migrate(own, (self.site.estate.id,))
        try:
            seconds = load(own)
            with connect(own, "migrator") as client:
                ((rows, content),) = client.execute(HASH)
            if share == 1.0:
                self.answer[:] = self.answer or [(rows, content)]
                same(f"crossings of {what}", (rows, content), self.answer[0])
        finally:
            with connect(own, "migrator") as client:
                client.execute(f"DROP DATABASE {own.clickhouse_database} SYNC")
        return self.crossings * share / seconds


def ours(site: Site, spark: SparkSession, settings: Settings) -> float:
    """Seconds of the nightly from the archive, Spark being there."""
    started = time.monotonic()
    run_nightly(settings, site, DAY, wanted="archive", spark=spark)
    return time.monotonic() - started


def duckdb(files: list[Path], settings: Settings) -> float:
    """Seconds that DuckDB's process says it took."""
    to = access(settings, "loader")
    command = [PEERS / ".venv/bin/python", PEERS / "duckdb_nightly.py", to.port, to.role, to.database, *files]
    return _seconds([str(word) for word in command], settings, password(settings, "loader"))


def naive(files: list[Path], settings: Settings) -> float:
    """Seconds that naive PySpark's process says it took."""
    command = [sys.executable, "-m", "tests.benchmarks.naive_spark", *(str(file) for file in files)]
    return _seconds(command, settings, "")


def _seconds(command: list[str], settings: Settings, text: str) -> float:
    environment = {**os.environ, **settings.as_environment()}
    done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[1]} failed:\n{done.stderr[-3000:]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def clickhouse(files: list[Path], settings: Settings) -> float:
    """Seconds of INSERT … SELECT, the raw envelopes being there."""
    with connect(settings, "migrator") as plain, connect_for_columns(settings, "migrator") as client:
        plain.execute(RAW)
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(200_000, columns=["value"]):
                insert_columns(client, "raw", {"value": batch.column(0).to_numpy(zero_copy_only=False)})
        sql = (PEERS / "clickhouse_nightly.sql").read_text(encoding="utf-8")
        started = time.monotonic()
        plain.execute(sql)
        return time.monotonic() - started


def run(settings: Settings, rounds: int) -> Result:
    """Crossings/s, ours beside DuckDB, ClickHouse alone and naive PySpark."""
    wanted = int(os.environ.get("ANFANG_BENCH_CROSSINGS", CROSSINGS))
    site = synthetic_site()
    started = time.monotonic()
    spark = spark_session(settings)
    spark.range(1).count()
    jvm_start_s = time.monotonic() - started
    try:
        files = write_archive(spark, settings, site, wanted)
        parts = [first_records(file, settings.home / f"naive-{n}.parquet") for n, file in enumerate(files)]
        bench = Bench(settings, site, files, wanted // CROSSINGS_EACH * CROSSINGS_EACH, [])
        measures = {
            "duckdb": partial(bench.measure, "duckdb", partial(duckdb, files)),
            "clickhouse": partial(bench.measure, "clickhouse", partial(clickhouse, files)),
            "pyspark": partial(bench.measure, "naive", partial(naive, parts), records(parts) / records(files)),
        }
        own = partial(bench.measure, "ours", partial(ours, site, spark))
        found = compare("nightly", "crossings/s", own, measures, rounds)
    finally:
        spark.stop()
    return msgspec.structs.replace(found, extra=_extra(found, bench.crossings, jvm_start_s))


def first_records(file: Path, part: Path) -> Path:
    """Write the file's first records to `part`."""
    batch = next(pq.ParquetFile(file).iter_batches(NAIVE_RECORDS))
    pq.write_table(pa.Table.from_batches([batch]), part)
    return part


def records(files: list[Path]) -> int:
    """How many the files hold."""
    return sum(int(pq.read_metadata(file).num_rows) for file in files)


def _extra(found: Result, crossings: int, jvm_start_s: float) -> dict[str, float]:
    """Seconds, and ours / the peer's: `seconds_ratio` of the issue, below 1 where we are faster."""
    seconds = crossings / found.ours.median
    figures = {"crossings": float(crossings), "seconds": seconds, "jvm_start_s": jvm_start_s}
    for peer, rate in found.peers.items():
        figures[f"seconds_ratio_{peer}"] = rate.median / found.ours.median
    figures["seconds_ratio"] = figures["seconds_ratio_duckdb"]
    figures["seconds_ratio_with_jvm"] = (seconds + jvm_start_s) * found.peers["duckdb"].median / crossings
    return figures
