"""A period as it is read: its detections judged, and the warehouse's tables as they follow from its records."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from batch import tables
from batch.accounting import Fates, check_read, fates
from batch.crossings import DayCrossings, Unpacking
from batch.days import Period
from batch.envelopes import DUPLICATE, LATE, copies, dated, fated, fates_by_day
from batch.messages import KINDS, Inputs, day_inputs, inputs, message_inputs
from batch.reconcile import differences
from batch.source import Source, Taken
from batch.spark import spark_session
from batch.told import Places, places
from infra.clock import MINUTE_MS
from infra.settings import Settings
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, Topic, topic_name


@contextmanager
def session(settings: Settings, master: str, given: SparkSession | None) -> Iterator[SparkSession]:
    """`given`, or a session of its own that ends here."""
    spark = given or spark_session(settings, master)
    try:
        yield spark
    finally:
        if given is None:
            spark.stop()


@dataclass(frozen=True)
class Fated:
    """Judged detections with their fates, and what they tell of crossings, which is most of what they hold."""

    records: DataFrame
    told: DataFrame
    """A row for many records; see `batch.told`."""


@dataclass(frozen=True)
class Reading:
    """What a source holds of a period. Frames are lazy; each is read when it is written or counted."""

    settings: Settings
    period: Period
    spark: SparkSession
    source: Source

    @cached_property
    def detections(self) -> Taken:
        """The detections; which they are is fixed when this is first asked for."""
        return self.source.take(self.spark, DETECTIONS, self.period)

    def within(self) -> DataFrame:
        """The detections that may belong to the period, by Kafka time."""
        return self.detections.records.where(self._within())

    @contextmanager
    def fated(self) -> Iterator[Fated]:
        """These, each with its fate; judged once and kept while the block lasts."""
        whole = dated(self.within(), self.period).persist(StorageLevel.DISK_ONLY)
        judged = whole.drop("told").persist()
        further = copies(judged).persist()
        try:
            yield Fated(fated(judged, further), whole.select("told"))
        finally:
            further.unpersist()
            judged.unpersist()
            whole.unpersist()

    @contextmanager
    def crossings(self, found: Fated) -> Iterator[DayCrossings]:
        """The period's crossings; unpacked once and kept while the block lasts."""
        invalid = found.records.where(F.col("fate").isin(DUPLICATE, LATE))
        grace_ms = self.settings.grace_minutes * MINUTE_MS
        refused = self._refused().dropna(subset=["kafka_partition", "kafka_offset"])
        unpacking = Unpacking(self.period, _places(invalid), _places(refused), grace_ms)
        told_batches = unpacking.packed(found.told).persist(StorageLevel.DISK_ONLY)
        try:
            yield DayCrossings(told_batches, self.period)
        finally:
            told_batches.unpersist()

    def _within(self) -> Column:
        return F.col("kafka_ms").between(self.period.read_from_ms, self.period.read_to_ms)

    def check(self, found: Fates) -> None:
        """Raises UserError unless a second, separate look finds as many records as were judged or lie outside."""
        outside = self.detections.records.where(~self._within()).count()
        judged = sum(sum(day.values()) for day in found.values())
        check_read(self.source.name, self.detections.held, outside, judged)

    def frames(self, found: Fated, day_crossings: DayCrossings) -> dict[str, DataFrame]:
        """The tables other than `crossings` by name, from what was found and the crossings in it."""
        period, records = self.period, found.records
        visitors = tables.visitors(records, period)
        others = {topic: self._records(topic) for topic in KINDS}
        minutes = tables.zone_minutes(others[OCCUPANCY], day_crossings.line_counts(), period)
        return {
            "camera_minutes": tables.camera_minutes(records, period),
            "camera_sequences": tables.camera_sequences(records, period),
            "gate_passages": tables.gate_passages(others[GATE_PASSAGES], period),
            "visitors": tables.not_expired(visitors),
            "visitor_counts": tables.visitor_counts(visitors, period),
            "zone_minutes": minutes,
            "differences": differences(minutes, day_crossings.suspect(), period),
            "alerts": tables.alerts(others[ALERTS], period),
            "dispositions": tables.dispositions(others[DISPOSITIONS], period),
            "day_inputs": day_inputs(records, others, period),
        }

    def inputs(self) -> Inputs:
        """What the source holds of each day now, without judging duplicates: for comparing with what was loaded."""
        others = {topic: self._records(topic) for topic in KINDS}
        return _inputs(day_inputs(dated(self.within(), self.period), others, self.period))

    def message_inputs(self, topics: Iterable[Topic]) -> Inputs:
        """The same of some topics other than the detections."""
        return _inputs(message_inputs({topic: self._records(topic) for topic in topics}, self.period))

    def streamed_dead_letters(self) -> dict[date, int]:
        """How many records of each day the streams refused."""
        counted = tables.streamed_dead_letters(self._refused(), self.period)
        return {row.day: row.records for row in counted.collect()}

    def _refused(self) -> DataFrame:
        return tables.refused_detections(self._records(DEAD_LETTERS), topic_name(DETECTIONS, self.settings))

    def _records(self, topic: Topic) -> DataFrame:
        return self.source.take(self.spark, topic, self.period).records


def _inputs(frame: DataFrame) -> Inputs:
    return inputs((row.day, row.topic, row.records, row.fingerprint) for row in frame.collect())


def _places(records: DataFrame) -> Places:
    """Where records lie, in order."""
    return np.sort(places(records.select("kafka_partition", "kafka_offset").toArrow()))


def count_fates(found: Fated) -> Fates:
    """How many records met which fate on which day."""
    return fates((row.day, row.fate, row.records) for row in fates_by_day(found.records).collect())
