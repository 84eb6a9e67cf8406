"""Where a nightly's records come from: Kafka, or the archive of what Kafka held. Both give the same columns."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, Protocol

from pyspark.sql import DataFrame, SparkSession

from batch.archive import RECORD_SCHEMA, archived_days, damage, files_of, local_uri
from batch.days import Period
from batch.kafka import offsets_since, read_records
from infra.clock import local_day
from infra.errors import UserError
from infra.settings import Settings
from infra.topics import ALERTS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, Topic

SourceName = Literal["kafka", "archive"]
Wanted = Literal["auto", "kafka", "archive"]
NEEDED: Final = (DETECTIONS, GATE_PASSAGES, OCCUPANCY, ALERTS, DISPOSITIONS)


@dataclass(frozen=True)
class Taken:
    """Records of one topic (`key, value, headers, kafka_partition, kafka_offset, kafka_ms`), and how many are held."""

    records: DataFrame
    held: int


class Source(Protocol):
    """Kafka or the archive."""

    @property
    def name(self) -> SourceName:
        """Which of the two, for people."""
        ...

    def take(self, spark: SparkSession, topic: Topic, period: Period) -> Taken:
        """At least all records of the topic that may say something about the period."""
        ...


@dataclass(frozen=True)
class KafkaSource:
    """What Kafka holds now."""

    settings: Settings
    name: SourceName = "kafka"

    def take(self, spark: SparkSession, topic: Topic, period: Period) -> Taken:
        """Everything from the period's first record on."""
        offsets = offsets_since(self.settings, topic, period.read_from_ms)
        return Taken(read_records(spark, self.settings, offsets), offsets.records)


@dataclass(frozen=True)
class ArchiveSource:
    """What was archived: days by Kafka time, each whole."""

    settings: Settings
    name: SourceName = "archive"

    def take(self, spark: SparkSession, topic: Topic, period: Period) -> Taken:
        """Detections of the days that the period reads; of other topics all that came later, too, as from Kafka."""
        needed = needed_days(period)
        days = [day for day in archived_days(self.settings, period.site) if day >= needed[0]]
        if topic is DETECTIONS:
            days = [day for day in days if day <= needed[-1]]
        files = [one for day in days for one in files_of(self.settings, period.site, day, topic)]
        if problems := [problem for path, file in files if (problem := damage(path, file))]:
            raise UserError(f"the archive is damaged: {problems[0]}", "bring the file back from a backup")
        if not files:
            return Taken(spark.createDataFrame([], RECORD_SCHEMA), 0)
        frame = spark.read.schema(RECORD_SCHEMA).parquet(*(local_uri(path) for path, _ in files))
        return Taken(frame, sum(file.records for _, file in files))


def needed_days(period: Period) -> list[date]:
    """The days by Kafka time that records of the period may have come on."""
    first, last = (local_day(ms, period.site.tz) for ms in (period.read_from_ms, period.read_to_ms - 1))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def choose(settings: Settings, period: Period, wanted: Wanted, whole_since_ms: int) -> Source:
    """The source of a period: Kafka while it holds all of it (from `whole_since_ms` on), else the archive.

    Raises UserError where the one that is wanted, or both, lack a part: a day half gone must not replace a whole one.
    """
    gone = period.read_from_ms < whole_since_ms
    if wanted != "archive" and not gone:
        return KafkaSource(settings)
    archived = set(archived_days(settings, period.site))
    missing = [day for day in needed_days(period) if day not in archived]
    if wanted != "kafka" and not missing:
        return ArchiveSource(settings)
    said = ["Kafka has dropped a part"] if wanted != "archive" else []
    said += [f"the archive lacks {', '.join(map(str, missing))}"] if wanted != "kafka" else []
    raise UserError(
        f"{period.dates[0]} to {period.dates[-1]} cannot be loaded whole: {'; '.join(said)}",
        "nothing was changed; what Kafka has dropped comes from the archive (`--from archive`), which must hold the "
        "day before and the day after, too: see `anfang archive list`",
    )
