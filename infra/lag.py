"""How far a consumer group is behind: records that Kafka holds and the group has not committed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.settings import Settings
from infra.topics import CONNECT_TIMEOUT_S, Topic, topic_name

T = TypeVar("T")
Place = tuple[str, int]
"""A partition: the name of its topic in Kafka, and its number."""

SETTLING: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


def lag(settings: Settings, group: str, topics: Sequence[Topic]) -> int:
    """Records of `topics` that consumer group `group` has not committed yet, over all partitions."""
    places = [(topic_name(t, settings), p) for t in topics for p in range(settings.partitions)]
    return sum(end - start for start, end in uncommitted(settings, group, places).values())


def uncommitted(settings: Settings, group: str, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
    """Of those of `places` where `group` has records left to commit: the offset of the first one, and the end."""
    if not places:
        return {}
    with _reader(settings, group) as consumer:
        partitions = [TopicPartition(topic, number) for topic, number in places]
        committed = patiently(lambda: consumer.committed(partitions, timeout=CONNECT_TIMEOUT_S))
        spans = {place: _span(consumer, one) for place, one in zip(places, committed, strict=True)}
    return {place: (start, end) for place, (start, end) in spans.items() if start < end}


def _span(consumer: Consumer, committed: TopicPartition) -> tuple[int, int]:
    low, high = watermarks(consumer, committed)
    return max(low, int(committed.offset)), high


def watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """The first offset of a partition and its end, also of a topic that was made a moment ago."""
    low, high = patiently(lambda: consumer.get_watermark_offsets(partition, timeout=CONNECT_TIMEOUT_S))
    return int(low), int(high)


def patiently(ask: Callable[[], T]) -> T:
    """The answer of `ask`, asked again while the broker says that a leader or coordinator is still being found."""
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in SETTLING or time.monotonic() > deadline:
                raise


def end_offsets(settings: Settings, topic: Topic) -> list[int]:
    """The end offset of each partition of `topic`."""
    with _reader(settings, "anfang-look") as consumer:
        partitions = [TopicPartition(topic_name(topic, settings), p) for p in range(settings.partitions)]
        return [watermarks(consumer, partition)[1] for partition in partitions]


@contextmanager
def _reader(settings: Settings, group: str) -> Iterator[Consumer]:
    consumer = Consumer({"bootstrap.servers": settings.kafka_address(), "group.id": group, "log_level": 0})
    try:
        yield consumer
    finally:
        consumer.close()
