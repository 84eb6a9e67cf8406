"""Kafka topics as Spark DataFrames, over an exact range of offsets that is fixed before anything is read."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from infra.clock import DAY_MS
from infra.errors import UserError
from infra.lag import patiently, watermarks
from infra.settings import Settings
from infra.topics import CONNECT_TIMEOUT_S, MAX_MESSAGE_BYTES, Topic, topic_name, unreachable


@dataclass(frozen=True)
class OffsetRange:
    """Per partition the first offset to read and the one after the last."""

    topic: str
    starts: dict[int, int]
    ends: dict[int, int]

    @property
    def records(self) -> int:
        """How many records Kafka holds in the range (topics without compaction and transactions)."""
        return sum(self.ends.values()) - sum(self.starts.values())

    def option(self, offsets: dict[int, int]) -> str:
        """Offsets as Spark's Kafka source wants them."""
        return json.dumps({self.topic: {str(partition): offset for partition, offset in offsets.items()}})


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    """A consumer that asks for offsets only; a Kafka that does not answer becomes a UserError."""
    address = settings.kafka_address()
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "anfang-nightly-offsets",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 1024,  # one record is enough
            "queued.min.messages": 1,
            "log_level": 0,
        }
    )
    try:
        yield consumer
    except KafkaException as error:
        raise unreachable(address, str(error.args[0].str())) from error
    finally:
        consumer.close()


def offsets_since(settings: Settings, topic: Topic, since_ms: int) -> OffsetRange:
    """All that the topic holds from its first record with Kafka timestamp >= `since_ms` on, as of now.

    The end is not cut by timestamp: records are not in the order of their timestamps, and Kafka would end the range at
    the first that is later. Raises UserError when Kafka does not answer.
    """
    name = topic_name(topic, settings)
    with _consumer(settings) as consumer:
        partitions = consumer.list_topics(name, timeout=CONNECT_TIMEOUT_S).topics[name].partitions
        ends = {p: watermarks(consumer, TopicPartition(name, p))[1] for p in partitions}
        asked = [TopicPartition(name, p, since_ms) for p in partitions]
        found = patiently(lambda: consumer.offsets_for_times(asked, timeout=CONNECT_TIMEOUT_S))
    starts = {at.partition: ends[at.partition] if at.offset < 0 else at.offset for at in found}
    return OffsetRange(name, starts, {p: max(end, starts[p]) for p, end in ends.items()})


@dataclass(frozen=True)
class Kept:
    """The oldest record that one partition still holds, and whether there were older ones."""

    partition: int
    dropped: bool
    oldest_ms: int | None  # Kafka time; None where nothing is held


def kept(settings: Settings, topic: Topic) -> list[Kept]:
    """What Kafka still holds of the topic, by partition. Raises UserError when Kafka does not answer."""
    name = topic_name(topic, settings)
    with _consumer(settings) as consumer:
        partitions = consumer.list_topics(name, timeout=CONNECT_TIMEOUT_S).topics[name].partitions
        return [_kept(consumer, name, partition) for partition in sorted(partitions)]


def _kept(consumer: Consumer, topic: str, partition: int) -> Kept:
    low, high = watermarks(consumer, TopicPartition(topic, partition))
    if low == high:
        return Kept(partition, low > 0, None)
    consumer.assign([TopicPartition(topic, partition, low)])
    first = consumer.poll(CONNECT_TIMEOUT_S)
    if first is None or first.error():
        raise UserError(
            f"Kafka did not give the oldest record of {topic}, partition {partition} (offset {low}) "
            f"within {CONNECT_TIMEOUT_S:.0f} s",
            "look at `anfang status` and run it again",
        )
    return Kept(partition, low > 0, int(first.timestamp()[1]))


def whole_since_ms(settings: Settings, topics: Iterable[Topic], now_ms: int) -> int:
    """Kafka time from which on Kafka holds every record of the topics; 0: from the first."""
    return max(whole_since(kept(settings, topic), topic.retention_days, now_ms) for topic in topics)


def whole_since(held: list[Kept], retention_days: int | None, now_ms: int) -> int:
    """The same of one topic: the oldest record of the partition that begins last, of those that have dropped any.

    What is younger than the topic's retention has not been dropped, however late a quiet partition begins.
    """
    begins = [now_ms if one.oldest_ms is None else one.oldest_ms for one in held if one.dropped]
    if not begins:
        return 0
    return max(begins) if retention_days is None else min(max(begins), now_ms - retention_days * DAY_MS)


def read_records(spark: SparkSession, settings: Settings, offsets: OffsetRange) -> DataFrame:
    """The records of the range: `key, value, headers, kafka_partition, kafka_offset, kafka_ms`."""
    reader = spark.read.format("kafka").options(
        **{
            "kafka.bootstrap.servers": settings.kafka_address(),
            "kafka.max.partition.fetch.bytes": str(MAX_MESSAGE_BYTES),
            "subscribe": offsets.topic,
            "startingOffsets": offsets.option(offsets.starts),
            "endingOffsets": offsets.option(offsets.ends),
            "includeHeaders": "true",
        }
    )
    return reader.load().select(
        "key",
        "value",
        "headers",
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.unix_millis("timestamp").alias("kafka_ms"),
    )
