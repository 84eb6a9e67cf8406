"""Where produced messages go: real Kafka, or a file of the same messages for looking at and replaying.

All sinks behave alike (`tests/producers/test_sink.py` runs one suite over these and over the live cameras' of
`producers/spool.py`): messages of one topic and key keep their order, `flush` returns only when nothing can be lost any
more, and what could not be delivered is an error, never lost.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from infra.errors import UserError
from infra.recording import NO_JSON, Record
from infra.settings import Settings
from infra.topics import MAX_MESSAGE_BYTES, PARTITIONER, Topic, create_topics, topic_name

Headers = list[tuple[str, str | bytes | None]]

POLL_EVERY: Final = 1_000
FLUSH_STEP_S: Final = 1.0
DELIVERY_TIMEOUT_S: Final = 60
JSONL_BUFFER_BYTES: Final = 1_000_000


class Sink(Protocol):
    """Takes messages in the order in which they are to be written."""

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Hand over one message; `timestamp_ms` is the sender's clock in UTC ms."""
        ...

    def flush(self) -> int:
        """Wait until all is written; returns the number of messages written since the sink was opened."""
        ...


class KafkaSink:
    """Writes to Kafka: idempotent, all replicas, lz4, partitions by key. Use `open_kafka`."""

    def __init__(self, producer: Producer, settings: Settings, failures: "Failures") -> None:
        self._producer = producer
        self._settings = settings
        self._failures = failures
        self._names: dict[str, str] = {}
        self._sent = 0

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Queue one message; waits while librdkafka's queue is full."""
        name = self._names.get(topic.name) or self._name(topic)
        while True:
            try:
                self._producer.produce(name, value, key, timestamp=timestamp_ms, headers=headers)
                break
            except BufferError:
                self._producer.poll(0.05)
        self._sent += 1
        if self._sent % POLL_EVERY == 0:
            self._producer.poll(0)

    def flush(self) -> int:
        """Wait for all acknowledgements. Raises UserError when messages were refused or Kafka is gone."""
        while self._producer.flush(FLUSH_STEP_S) > 0:
            if self._failures.count:
                break
        if self._failures.count:
            raise UserError(
                f"Kafka did not take {self._failures.count} of {self._sent} messages ({self._failures.reason})",
                "look at `anfang status` and its logs, then produce again: the same seed gives the same messages",
            )
        return self._sent

    def _name(self, topic: Topic) -> str:
        self._names[topic.name] = topic_name(topic, self._settings)
        return self._names[topic.name]


class Failures:
    """Counts delivery failures, keeping the first reason."""

    def __init__(self) -> None:
        self.count = 0
        self.reason = ""

    def note(self, error: KafkaError | None, _message: Message | None) -> None:
        """Called by librdkafka for each message that could not be delivered."""
        if error is not None:
            self.count += 1
            self.reason = self.reason or error.str()


def open_kafka(settings: Settings) -> KafkaSink:
    """A sink to the configured Kafka, its topics created if missing. Raises UserError if Kafka does not answer."""
    create_topics(settings)
    failures = Failures()
    reports = {
        "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
        "delivery.report.only.error": True,
        "on_delivery": failures.note,
    }
    return KafkaSink(Producer(transport_options(settings) | reports), settings, failures)


def transport_options(settings: Settings) -> dict[str, object]:
    """librdkafka's options that decide how messages travel: durability, compression, batches, queue."""
    return {
        "bootstrap.servers": settings.kafka_address(),
        "partitioner": PARTITIONER,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 10,
        "batch.size": 1_000_000,
        "batch.num.messages": 20_000,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 262_144,
        "log_level": 0,
    }


class JsonlSink:
    """Writes one `Record` a line to a file; a context manager."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=JSONL_BUFFER_BYTES)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}", "give a path that can be written") from error
        self._encoder = msgspec.json.Encoder()
        self._sent = 0

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Write one line."""
        text = {name: _text(content) for name, content in headers} if headers else None
        valid = _keeps_as_json(value)
        record = Record(
            topic=topic.name,
            key=key.decode(),
            timestamp_ms=timestamp_ms,
            value=msgspec.Raw(value) if valid else NO_JSON,
            value_base64=None if valid else base64.b64encode(value).decode(),
            headers=text,
        )
        self._file.write(self._encoder.encode(record) + b"\n")
        self._sent += 1

    def flush(self) -> int:
        """Write out what is buffered."""
        self._file.flush()
        return self._sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _text(content: str | bytes | None) -> str:
    return content.decode() if isinstance(content, bytes) else content or ""


def _keeps_as_json(value: bytes) -> bool:
    """Whether the bytes are JSON that can stand in a line and be read back unchanged."""
    try:
        return bytes(msgspec.json.decode(value, type=msgspec.Raw)) == value and b"\n" not in value
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


@contextmanager
def open_sink(target: str, settings: Settings) -> Iterator[Sink]:
    """The sink named by `--to`: "kafka" or "jsonl:FILE". Raises UserError for anything else."""
    if target == "kafka":
        yield open_kafka(settings)
    elif target.startswith("jsonl:") and len(target) > len("jsonl:"):
        with JsonlSink(Path(target.removeprefix("jsonl:"))) as sink:
            yield sink
    else:
        raise UserError(f"--to {target}: no such sink", "give --to kafka or --to jsonl:FILE")
