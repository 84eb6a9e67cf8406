"""One suite over all sinks: everything arrives, once, in order of its key, keyed, with its timestamp and bytes."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.errors import UserError
from infra.recording import Record
from infra.settings import Settings
from infra.topics import DETECTIONS, GATE_PASSAGES, topic_name
from producers.sink import JsonlSink, open_kafka, open_sink
from producers.spool import claim, open_spooled
from tests.producers.helpers import Sent

VALUES = [b'{"a":1}', b"not json", b'{"x":NaN}', b'{"a":\n1}', b"\xff\xfe", b" 1 "]
COUNT = 3_000


def messages() -> list[Sent]:
    """Messages of several keys, most small, some that are no JSON, one of 5 MB."""
    many = [Sent("detections", f"z{n % 7}".encode(), b'{"n":%d}' % n, 1_700_000_000_000 + n) for n in range(COUNT)]
    odd = [Sent("detections", b"odd", value, 1_600_000_000_000 + n) for n, value in enumerate(VALUES)]
    big = [Sent("detections", b"big", b'{"pad":"' + b"x" * 5_000_000 + b'"}', 1_500_000_000_000)]
    gates = [Sent("gate_passages", b"g1", b"{}", 1_700_000_000_000)]
    return many + odd + big + gates


def through_jsonl(sent: list[Sent], path: Path) -> tuple[int, list[Sent]]:
    """Write into a file and read the file."""
    topics = {topic.name: topic for topic in (DETECTIONS, GATE_PASSAGES)}
    with JsonlSink(path) as sink:
        for one in sent:
            sink.send(topics[one.topic], one.key, one.value, one.timestamp_ms)
        count = sink.flush()
    records = [msgspec.json.decode(line, type=Record) for line in path.read_bytes().splitlines()]
    return count, [Sent(r.topic, r.key.encode(), r.message(), r.timestamp_ms) for r in records]


def through_kafka(sent: list[Sent], settings: Settings) -> tuple[int, list[Sent]]:
    """Write into real Kafka and read the topics."""
    topics = {topic.name: topic for topic in (DETECTIONS, GATE_PASSAGES)}
    sink = open_kafka(settings)
    for one in sent:
        sink.send(topics[one.topic], one.key, one.value, one.timestamp_ms)
    return sink.flush(), read_all(settings, ["detections", "gate_passages"])


def through_spool(sent: list[Sent], settings: Settings) -> tuple[int, list[Sent]]:
    """Write to the disk, from where it goes to real Kafka, and read the topics."""
    topics = {topic.name: topic for topic in (DETECTIONS, GATE_PASSAGES)}
    with open_spooled(settings) as sink:
        for one in sent:
            sink.send(topics[one.topic], one.key, one.value, one.timestamp_ms)
        count = sink.flush()
    return count, read_all(settings, ["detections", "gate_passages"])


def read_all(settings: Settings, names: list[str]) -> list[Sent]:
    """All messages of the topics, partition after partition."""
    topics = {topic_name(topic, settings): topic.name for topic in (DETECTIONS, GATE_PASSAGES) if topic.name in names}
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_address(), "group.id": "read", "fetch.queue.backoff.ms": 5}
    )
    found: list[Sent] = []
    for topic, name in topics.items():
        for partition in range(settings.partitions):
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, 0)])
            got = 0
            while got < end:
                for message in consumer.consume(end - got, timeout=5):
                    assert message.error() is None
                    key, value = message.key(), message.value()
                    assert isinstance(key, bytes)
                    assert isinstance(value, bytes)
                    found.append(Sent(name, key, value, message.timestamp()[1]))
                    got += 1
    consumer.close()
    return found


def check(send: Callable[[list[Sent]], tuple[int, list[Sent]]]) -> None:
    """The suite."""
    sent = messages()
    count, arrived = send(sent)
    assert count == len(sent) == len(arrived)
    for key in {(one.topic, one.key) for one in sent}:
        expected = [one for one in sent if (one.topic, one.key) == key]
        assert [one for one in arrived if (one.topic, one.key) == key] == expected


def test_jsonl_sink(tmp_path: Path) -> None:
    check(lambda sent: through_jsonl(sent, tmp_path / "deep" / "file.jsonl"))


@pytest.mark.stack
def test_kafka_sink(fresh: Settings) -> None:
    check(lambda sent: through_kafka(sent, fresh))


@pytest.mark.stack
def test_spooled_sink(fresh: Settings, tmp_path: Path) -> None:
    elsewhere = fresh.model_copy(update={"home": tmp_path, "kafka": fresh.kafka_address()})
    check(lambda sent: through_spool(sent, elsewhere))
    assert claim(tmp_path / "spool", 10**9, pytest.fail).messages == 0


@pytest.mark.stack
def test_kafka_sink_is_fast(fresh: Settings) -> None:
    value, keys, count = b'{"pad":"' + b"x" * 300 + b'"}', [f"z{n}".encode() for n in range(50)], 200_000
    sink = open_kafka(fresh)
    started = time.perf_counter()
    for n in range(count):
        sink.send(DETECTIONS, keys[n % 50], value, 1_700_000_000_000 + n)
    assert sink.flush() == count
    assert count / (time.perf_counter() - started) > 20_000  # far above it on a quiet machine; CI shares its cores


def test_unreachable_kafka_says_so_within_ten_seconds() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        started = time.perf_counter()
        with pytest.raises(UserError, match=address), open_sink("kafka", Settings(kafka=address)):
            pass
        assert time.perf_counter() - started < 10


@pytest.mark.parametrize("target", ["file.jsonl", "jsonl:", "kafka:9092", ""])
def test_unknown_sink_is_refused(target: str) -> None:
    with pytest.raises(UserError, match="no such sink"), open_sink(target, Settings()):
        pass


def test_unwritable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        JsonlSink(tmp_path / "taken" / "file.jsonl")
