"""Kafka topics as Spark DataFrames, over an exact range of offsets that is fixed before anything is read."""

import json
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

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


def offsets_since(settings: Settings, topic: Topic, since_ms: int) -> OffsetRange:
    """All that the topic holds from its first record with Kafka timestamp >= `since_ms` on, as of now.

    The end is not cut by timestamp: records are not in the order of their timestamps, and Kafka would end the range at
    the first that is later. Raises UserError when Kafka does not answer.
    """
    name, address = topic_name(topic, settings), settings.kafka_address()
    consumer = Consumer({"bootstrap.servers": address, "group.id": "anfang-nightly-offsets", "log_level": 0})
    try:
        partitions = consumer.list_topics(name, timeout=CONNECT_TIMEOUT_S).topics[name].partitions
        ends = {p: _watermark(consumer, name, p) for p in partitions}
        asked = [TopicPartition(name, p, since_ms) for p in partitions]
        found = consumer.offsets_for_times(asked, timeout=CONNECT_TIMEOUT_S)
    except KafkaException as error:
        raise unreachable(address, str(error.args[0].str())) from error
    finally:
        consumer.close()
    starts = {at.partition: ends[at.partition] if at.offset < 0 else at.offset for at in found}
    return OffsetRange(name, starts, {p: max(end, starts[p]) for p, end in ends.items()})


def _watermark(consumer: Consumer, topic: str, partition: int) -> int:
    _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=CONNECT_TIMEOUT_S)
    return int(high)


def read_records(spark: SparkSession, settings: Settings, offsets: OffsetRange) -> DataFrame:
    """The records of the range: `value, headers, kafka_partition, kafka_offset, kafka_ms`."""
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
        "value",
        "headers",
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.unix_millis("timestamp").alias("kafka_ms"),
    )


def read_topic(spark: SparkSession, settings: Settings, topic: Topic, since_ms: int) -> DataFrame:
    """The topic's records from `since_ms` (Kafka time) to now."""
    return read_records(spark, settings, offsets_since(settings, topic, since_ms))
