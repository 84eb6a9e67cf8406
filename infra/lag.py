"""How far a consumer group is behind: records that Kafka holds and the group has not committed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.settings import Settings
from infra.topics import CONNECT_TIMEOUT_S, Topic, topic_name


def lag(settings: Settings, group: str, topics: Sequence[Topic]) -> int:
    """Records of `topics` that consumer group `group` has not committed yet, over all partitions."""
    partitions = [TopicPartition(topic_name(t, settings), p) for t in topics for p in range(settings.partitions)]
    with _reader(settings, group) as consumer:
        return sum(_behind(consumer, one) for one in consumer.committed(partitions, timeout=CONNECT_TIMEOUT_S))


def _behind(consumer: Consumer, committed: TopicPartition) -> int:
    low, high = _watermarks(consumer, committed)
    return max(0, high - max(low, int(committed.offset)))


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """First and end offset. A partition that was just created has no leader for a moment: then it is asked again."""
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=CONNECT_TIMEOUT_S)
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
            continue
        return int(low), int(high)


def end_offsets(settings: Settings, topic: Topic) -> list[int]:
    """The end offset of each partition of `topic`."""
    with _reader(settings, "anfang-look") as consumer:
        partitions = [TopicPartition(topic_name(topic, settings), p) for p in range(settings.partitions)]
        return [_watermarks(consumer, partition)[1] for partition in partitions]


@contextmanager
def _reader(settings: Settings, group: str) -> Iterator[Consumer]:
    consumer = Consumer({"bootstrap.servers": settings.kafka_address(), "group.id": group, "log_level": 0})
    try:
        yield consumer
    finally:
        consumer.close()
