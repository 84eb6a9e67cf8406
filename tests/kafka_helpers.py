"""Reading and writing topics in tests, with nothing of the code under test between."""

from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from infra.settings import Settings
from infra.topics import MAX_MESSAGE_BYTES, PARTITIONER, Topic, topic_name

Sent = tuple[bytes, bytes, int]  # key, value, Kafka timestamp in ms


def produce(settings: Settings, topic: Topic, messages: Iterable[Sent]) -> None:
    """Send `messages` in order and wait until the broker has them."""
    config = {
        "bootstrap.servers": settings.kafka_address(),
        "partitioner": PARTITIONER,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "linger.ms": 5,
        "log_level": 0,
    }
    producer = Producer(config)
    for key, value, timestamp_ms in messages:
        producer.produce(topic_name(topic, settings), value=value, key=key, timestamp=timestamp_ms)
        producer.poll(0)
    assert producer.flush(30) == 0


def read_all(settings: Settings, topic: Topic) -> Sequence[Message]:
    """Every message that `topic` holds now, partition after partition."""
    return read_topic(settings, topic_name(topic, settings))


def read_topic(settings: Settings, name: str) -> Sequence[Message]:
    """Every message that the topic of that very name holds now, partition after partition."""
    config = {"bootstrap.servers": settings.kafka_address(), "group.id": "anfang-test-reader", "log_level": 0}
    consumer = Consumer({**config, "enable.auto.commit": False, "fetch.queue.backoff.ms": 5})
    try:
        return [message for p in range(settings.partitions) for message in _read(consumer, name, p)]
    finally:
        consumer.close()


def _read(consumer: Consumer, name: str, partition: int) -> list[Message]:
    low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
    consumer.assign([TopicPartition(name, partition, low)])
    messages: list[Message] = []
    while low < high:
        message = consumer.poll(10)
        assert message is not None, f"{name}[{partition}] went silent at {low} of {high}"
        if message.error():
            raise KafkaException(message.error())
        messages.append(message)
        low = (message.offset() or 0) + 1
    return messages
