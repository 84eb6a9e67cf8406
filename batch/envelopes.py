"""The day's envelopes: each record of the detections topic gets one fate; duplicates go before anything is exploded."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, in_grace, local_day
from batch.verdict import judged

ENVELOPE_ID: Final = ("camera_id", "boot_id", "zone_id", "seq")
VALID: Final = "valid"
DUPLICATE: Final = "duplicate"
DEAD_LETTER: Final = "dead_letter"
LATE: Final = "late"  # valid, but sent after its day's grace: counted on the day it came, loaded nowhere


def fated(records: DataFrame, period: Period) -> DataFrame:
    """`records` of the detections topic with `day`, `fate`, `arrival_day` and the fields of the envelope."""
    timezone = period.site.estate.timezone
    record = judged(records, period.site).select(
        "reason",
        "kafka_ms",
        "kafka_partition",
        "kafka_offset",
        local_day(F.col("kafka_ms"), timezone).alias("arrival_day"),
        *(
            F.when(F.col("reason").isNull(), F.col(f"envelope.{name}")).alias(name)
            for name in (*ENVELOPE_ID, "start_ms")
        ),
        "envelope.crossings",
        "envelope.health",
        "envelope.visitors",
    )
    day = F.coalesce(local_day(F.col("start_ms"), timezone), F.col("arrival_day"))
    dated = record.withColumn("day", day)
    copies = Window.partitionBy("day", *ENVELOPE_ID, "in_grace").orderBy("kafka_partition", "kafka_offset")
    ranked = dated.withColumn("in_grace", in_grace(F.col("kafka_ms"), F.col("day"), period)).withColumn(
        "copy", F.row_number().over(copies)
    )
    return ranked.withColumn("fate", _fate()).drop("copy", "in_grace", "reason")


def _fate() -> Column:
    return (
        F.when(F.col("reason").isNotNull(), DEAD_LETTER)
        .when(~F.col("in_grace"), LATE)
        .when(F.col("copy") > 1, DUPLICATE)
        .otherwise(VALID)
    )


def fates_by_day(records: DataFrame) -> DataFrame:
    """How many records met which fate: `day, fate, records`; late ones under the day they came."""
    day = F.when(F.col("fate") == LATE, F.col("arrival_day")).otherwise(F.col("day"))
    return records.groupBy(day.alias("day"), "fate").agg(F.count("*").alias("records"))
