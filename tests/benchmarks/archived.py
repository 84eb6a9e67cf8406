"""A made-up day of envelopes in the archive's own layout, for the nightly's benchmark: written by Spark.

100 cameras, each with an envelope a second of `CROSSINGS_EACH` crossings; every 20th envelope came twice, and for every
1000th there is a record that is none. Written once, outside what is measured.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.archive import RECORDS_PER_FILE, WRITING, _commit, estate_folder, local_uri
from infra.clock import day_start_ms
from infra.local.files import private_folder
from infra.settings import Settings
from infra.site import Site
from infra.topics import DETECTIONS
from tests.benchmarks.feed import ZONES

DAY: Final = date(2026, 3, 2)
CROSSINGS_EACH: Final = 20
COPY_EVERY: Final = 20
POISON_EVERY: Final = 1000


def write_archive(spark: SparkSession, settings: Settings, site: Site, crossings: int) -> list[Path]:
    """Archive a day of about so many crossings, and empty days around it; returns the day's files."""
    temporary = private_folder(private_folder(estate_folder(settings, site)) / WRITING)
    start_ms = day_start_ms(DAY, site.tz)
    number = F.col("id")
    envelopes = max(ZONES, crossings // CROSSINGS_EACH)
    camera, seq = number % ZONES, F.floor(number / ZONES)
    at_ms = F.lit(start_ms) + seq * 1000
    rows = spark.range(envelopes).select(
        number, _json(number, camera, seq, at_ms).alias("text"), at_ms.alias("kafka_ms")
    )
    copies = rows.where(number % COPY_EVERY == 0).withColumn("id", number + envelopes)
    poison = rows.where(number % POISON_EVERY == 0).select(
        (number + 2 * envelopes).alias("id"), F.lit("{").alias("text"), "kafka_ms"
    )
    every = rows.unionByName(copies).unionByName(poison)
    frame = every.select(
        F.lit(None).cast("binary").alias("key"),
        F.col("text").cast("binary").alias("value"),
        F.lit(None).cast("array<struct<key: string, value: binary>>").alias("headers"),
        (number % 4).cast("int").alias("kafka_partition"),
        number.alias("kafka_offset"),
        "kafka_ms",
        F.lit(str(DAY)).alias("day"),
        (number % 4).alias("part"),
    )
    frame.repartition("part").sortWithinPartitions("kafka_offset").write.partitionBy("day", "part").options(
        compression="zstd", maxRecordsPerFile=str(RECORDS_PER_FILE)
    ).parquet(local_uri(temporary / DETECTIONS.name))
    manifests = [_commit(settings, site, DAY + timedelta(days=n), temporary) for n in (-1, 0, 1)]
    folder = estate_folder(settings, site) / f"day={DAY}"
    return [folder / file.name for file in manifests[1].files]


def _json(number: Column, camera: Column, seq: Column, at_ms: Column) -> Column:
    """The envelope as its camera would write it: columns as lists."""
    places: Sequence[int] = range(CROSSINGS_EACH)

    def each(value: Column) -> Column:
        return F.array(*(value for _ in places))

    crossings = F.struct(
        F.array(*(F.concat(F.lpad(F.hex(number), 12, "0"), F.lit(f"{n:020x}")) for n in places)).alias("crossing_id"),
        F.array(*(at_ms + 40 * n for n in places)).alias("event_ms"),
        each(F.format_string("line_%03d", camera)).alias("line_id"),
        F.array(*(F.when((number + n) % 3 == 0, -1).otherwise(1) for n in places)).alias("direction"),
        F.array(*(number * CROSSINGS_EACH + n for n in places)).alias("track_id"),
        each(F.lit("person")).alias("object_class"),
    )
    return F.to_json(
        F.struct(
            F.lit(1).alias("schema_version"),
            F.lit("bench").alias("estate_id"),
            F.format_string("zone_%03d", camera).alias("zone_id"),
            F.format_string("cam_%03d", camera).alias("camera_id"),
            F.lit("boot").alias("boot_id"),
            seq.alias("seq"),
            at_ms.alias("start_ms"),
            (at_ms + 1000).alias("end_ms"),
            crossings.alias("crossings"),
        )
    )
