"""Messages of the smaller topics as rows, and what a day's inputs were: how many records of each topic, and which."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce
from typing import Final

import msgspec
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch.days import Period, local_day
from batch.schemas import spark_schema
from infra.events import Alert, Disposition, GatePassage, OccupancyMinute
from infra.topics import ALERTS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, Topic

KINDS: Final[Mapping[Topic, tuple[type[msgspec.Struct], str, str]]] = {
    GATE_PASSAGES: (GatePassage, "event_ms", "passage_id"),
    OCCUPANCY: (OccupancyMinute, "minute_ms", "row_id"),
    ALERTS: (Alert, "opened_ms", "alert_id"),
    DISPOSITIONS: (Disposition, "event_ms", "disposition_id"),
}
"""Of each topic its contract, the instant that decides the day, and the id."""

Inputs = dict[date, dict[str, tuple[int, int]]]  # day, topic: records, fingerprint


def messages(records: DataFrame, topic: Topic, period: Period) -> DataFrame:
    """The estate's messages of a topic whose instant falls on the days; what cannot be read is left out."""
    kind, when, key = KINDS[topic]
    read = records.withColumn("m", F.from_json(F.col("value").cast("string"), spark_schema(kind)))
    message = read.select("m.*", "kafka_ms", "kafka_partition", "kafka_offset", fingerprint().alias("fingerprint"))
    of_estate = (F.col("estate_id") == period.site.estate.id) & F.col(key).isNotNull()
    dated = message.where(of_estate).withColumn("day", local_day(F.col(when), period.site.estate.timezone))
    return dated.where(period.contains(F.col("day")))


def fingerprint() -> Column:
    """A record's hash: of its Kafka time and its bytes, wherever they lie."""
    return F.xxhash64("kafka_ms", "value")


def day_inputs(detections: DataFrame, others: Mapping[Topic, DataFrame], period: Period) -> DataFrame:
    """Per day and topic how many records there are, and the sum of their fingerprints, whatever their order.

    `detections` are `dated`, `others` the topics' own records.
    """
    of_detections = _counted(detections.withColumn("day", F.col("account_day")), DETECTIONS)
    every = of_detections.unionByName(message_inputs(others, period))
    estate = F.lit(period.site.estate.id).alias("estate_id")
    return every.where(period.contains(F.col("day"))).select(estate, "day", "topic", "records", "fingerprint")


def message_inputs(others: Mapping[Topic, DataFrame], period: Period) -> DataFrame:
    """The same of the messages alone: `day, topic, records, fingerprint`."""
    counted = [_counted(messages(records, topic, period), topic) for topic, records in others.items()]
    return reduce(DataFrame.unionByName, counted)


def _counted(dated: DataFrame, topic: Topic) -> DataFrame:
    return (
        dated.groupBy("day")
        .agg(F.count("*").alias("records"), F.sum("fingerprint").alias("fingerprint"))
        .withColumn("topic", F.lit(topic.name))
    )


def inputs(rows: Iterable[tuple[date, str, int, int]]) -> Inputs:
    """Rows of `day, topic, records, fingerprint` by day and topic."""
    found: Inputs = {}
    for day, topic, records, sum_of_hashes in rows:
        found.setdefault(day, {})[topic] = (records, sum_of_hashes)
    return found


def changed(days: Iterable[date], found: Inputs, loaded: Inputs, known: set[date]) -> dict[date, str]:
    """The days that are not loaded (not `known`) or were made of other records than are `found`, and why, in words."""
    said = {day: _difference(found.get(day, {}), loaded.get(day, {})) for day in days if day in known}
    return {day: "not loaded yet" for day in days if day not in known} | {day: why for day, why in said.items() if why}


def _difference(found: dict[str, tuple[int, int]], loaded: dict[str, tuple[int, int]]) -> str:
    """What differs between the records of a day now and those that it was loaded from; empty where nothing does."""
    return ", ".join(
        f"{topic}: {loaded.get(topic, (0, 0))[0]} records loaded, {found.get(topic, (0, 0))[0]} now"
        for topic in sorted({*found, *loaded})
        if found.get(topic) != loaded.get(topic)
    )
