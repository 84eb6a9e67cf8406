"""Reading a topic as it is now, from a place to its present end, without a consumer group of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.errors import UserError
from infra.lag import watermarks
from infra.settings import Settings
from infra.topics import CONNECT_TIMEOUT_S, Topic, admin, topic_name, unreachable


def read_whole(settings: Settings, topic: Topic) -> Iterator[Message]:
    """Every message that the topic holds now, partition after partition. Raises UserError when Kafka is away."""
    name = topic_name(topic, settings)
    with _consumer(settings) as consumer:
        for partition in _partitions(settings, name):
            yield from _read(consumer, name, partition, 0)


def read_from(settings: Settings, topic: Topic, partition: int, offset: int) -> Iterator[Message]:
    """The messages of one partition from `offset` on; none where there is no such partition."""
    name = topic_name(topic, settings)
    if partition in _partitions(settings, name):
        with _consumer(settings) as consumer:
            yield from _read(consumer, name, partition, offset)


def _partitions(settings: Settings, name: str) -> list[int]:
    topics = admin(settings).list_topics(timeout=CONNECT_TIMEOUT_S).topics
    return sorted(topics[name].partitions) if name in topics else []


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    config = {"bootstrap.servers": settings.kafka_address(), "group.id": "anfang-reader", "log_level": 0}
    consumer = Consumer({**config, "enable.auto.commit": False})
    try:
        yield consumer
    except KafkaException as error:
        raise unreachable(settings.kafka_address(), str(error.args[0].str())) from error
    finally:
        consumer.close()


def _read(consumer: Consumer, name: str, partition: int, first: int) -> Iterator[Message]:
    """The messages of one partition from `first` to its present end."""
    low, high = watermarks(consumer, TopicPartition(name, partition))
    if max(low, first) >= high:
        return
    consumer.assign([TopicPartition(name, partition, max(low, first))])
    while consumer.position([TopicPartition(name, partition)])[0].offset < high:
        message = consumer.poll(CONNECT_TIMEOUT_S)
        if message is None:
            raise UserError(f"Kafka stopped in the middle of {name}", "look at `anfang status` and its logs")
        if message.error():
            raise KafkaException(message.error())
        yield message
