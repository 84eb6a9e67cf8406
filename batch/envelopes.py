"""The day's envelopes: each record of the detections topic gets one fate; duplicates go before anything is exploded."""

from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, in_grace, local_day
from batch.messages import fingerprint
from batch.verdict import ENVELOPE_ID, judged

VALID: Final = "valid"
DUPLICATE: Final = "duplicate"
DEAD_LETTER: Final = "dead_letter"
LATE: Final = "late"  # valid, but sent after its day's grace: counted on the day it came, loaded nowhere


def dated(records: DataFrame, period: Period) -> DataFrame:
    """`records` of the detections topic, judged, with the fields of the envelope and three days.

    `day` is the record's own, `arrival_day` that on which it came, `account_day` the one whose account counts it.
    `fingerprint` is of time and bytes, wherever they lie.
    """
    timezone = period.site.estate.timezone
    record = judged(
        records.select(
            "value",
            "kafka_ms",
            "kafka_partition",
            "kafka_offset",
            fingerprint().alias("fingerprint"),
            local_day(F.col("kafka_ms"), timezone).alias("arrival_day"),
        ),
        period.site,
    )
    day = F.coalesce(local_day(F.col("start_ms"), timezone), F.col("arrival_day"))
    timely = record.withColumn("day", day).withColumn("in_grace", in_grace(F.col("kafka_ms"), F.col("day"), period))
    late = F.col("reason").isNull() & ~F.col("in_grace")
    return timely.withColumn("account_day", F.when(late, F.col("arrival_day")).otherwise(F.col("day")))


def copies(dated_records: DataFrame) -> DataFrame:
    """Where the further copies of `dated` envelopes lie: `kafka_partition, kafka_offset`.

    Only ids and places are shuffled, not what the envelopes hold.
    """
    valid = dated_records.where(F.col("reason").isNull())
    places = valid.select("day", *ENVELOPE_ID, "in_grace", "kafka_partition", "kafka_offset")
    same = Window.partitionBy("day", *ENVELOPE_ID, "in_grace").orderBy("kafka_partition", "kafka_offset")
    ranked = places.withColumn("copy", F.row_number().over(same))
    return ranked.where(F.col("copy") > 1).select("kafka_partition", "kafka_offset")


def fated(dated_records: DataFrame, further_copies: DataFrame) -> DataFrame:
    """`dated` records with their `fate`; `further_copies` are those of `copies`."""
    known = F.broadcast(further_copies.withColumn("is_copy", F.lit(True)))
    joined = dated_records.join(known, ["kafka_partition", "kafka_offset"], "left")
    return joined.withColumn("fate", _fate()).drop("is_copy", "in_grace", "reason")


def _fate() -> Column:
    return (
        F.when(F.col("reason").isNotNull(), DEAD_LETTER)
        .when(~F.col("in_grace"), LATE)
        .when(F.col("is_copy"), DUPLICATE)
        .otherwise(VALID)
    )


def fates_by_day(records: DataFrame) -> DataFrame:
    """How many records met which fate: `day, fate, records`; late ones under the day they came."""
    return records.groupBy(F.col("account_day").alias("day"), "fate").agg(F.count("*").alias("records"))
