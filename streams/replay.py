"""Reading the topic of dead letters, and sending mended ones back to where they came from."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, cast

from confluent_kafka import KafkaError, Message, Producer

from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from infra.topics import (
    DEAD_LETTERS,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_REPLAYED,
    HEADER_TIMESTAMP,
    HEADER_TOPIC,
    MAX_MESSAGE_BYTES,
    PARTITIONER,
    REASON_REPLAYED,
    topic_name,
)
from infra.whole_topic import read_from, read_whole
from streams.letters import Decision, Headers, Letter, Place, decided, only_letters, read_letter, replayed_before

AT_ONCE: Final = 500
DELIVERY_TIMEOUT_S: Final = 30


def read_topic(settings: Settings) -> Iterator[Letter]:
    """Every message the topic of dead letters holds now, answers too, partition after partition."""
    return map(_letter, read_whole(settings, DEAD_LETTERS))


def find(settings: Settings, place: Place) -> Letter:
    """The letter at `place`. Raises UserError when there is none."""
    message = next(read_from(settings, DEAD_LETTERS, place.partition, place.offset), None)
    if message is not None and _letter(message).place == place:
        return _letter(message)
    raise UserError(
        f"no dead letter at partition {place.partition}, offset {place.offset}",
        "look at `anfang dead-letters list` for those that are there",
    )


def replay(
    settings: Settings, site: Site, mended: Mapping[Place, bytes] | None, reason: str | None
) -> Iterator[Decision]:
    """Send back what is valid now, of all letters or of the `mended` ones; yields what became of each.

    `AT_ONCE` are sent and acknowledged by Kafka, then answered in the topic of dead letters.
    """
    done = replayed_before(read_topic(settings))
    decisions = decided(only_letters(read_topic(settings), reason), mended, settings.topic_prefix, done, site)
    sender = _Sender(settings)
    while batch := list(islice(decisions, AT_ONCE)):
        chosen = [decision for decision in batch if decision.fate == "sent"]
        for decision in chosen:
            sender.send_back(decision)
        sender.flush()
        for decision in chosen:
            sender.answer(decision.letter)
        sender.flush()
        yield from batch


class _Sender:
    """Sends replayed messages and answers; `flush` raises UserError when Kafka did not take one."""

    def __init__(self, settings: Settings) -> None:
        self._dead_letters = topic_name(DEAD_LETTERS, settings)
        self._refused: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_address(),
                "partitioner": PARTITIONER,
                "enable.idempotence": True,
                "acks": "all",
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
                "log_level": 0,
            }
        )

    def send_back(self, decision: Decision) -> None:
        """The message to its source topic, under its key, with the Kafka timestamp it had."""
        letter = decision.letter
        headers: list[tuple[str, str | bytes | None]] = [(HEADER_REPLAYED, str(letter.source))]
        self._producer.produce(
            letter.source.topic,
            decision.value,
            decision.key,
            timestamp=letter.timestamp_ms,
            headers=headers,
            on_delivery=self._note,
        )

    def answer(self, letter: Letter) -> None:
        """The answer that says that `letter` was replayed."""
        source = letter.source
        headers: list[tuple[str, str | bytes | None]] = [
            (HEADER_REASON, REASON_REPLAYED),
            (HEADER_TOPIC, source.topic),
            (HEADER_PARTITION, str(source.partition)),
            (HEADER_OFFSET, str(source.offset)),
            (HEADER_TIMESTAMP, str(letter.timestamp_ms)),
        ]
        self._producer.produce(
            self._dead_letters,
            key=letter.key,
            headers=headers,
            partition=letter.place.partition,
            on_delivery=self._note,
        )

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        left = self._producer.flush(DELIVERY_TIMEOUT_S)
        if left or self._refused:
            cause = self._refused[0] if self._refused else "no answer"
            raise UserError(
                f"Kafka did not take {left or len(self._refused)} replayed message(s) ({cause})",
                "look at `anfang status`, then replay again: what was answered is not sent twice",
            )

    def _note(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._refused.append(error.str())


def _letter(message: Message) -> Letter:
    place = Place(message.partition() or 0, message.offset() or 0)
    headers = cast(Headers | None, message.headers())  # what Kafka gives is a list
    return read_letter(place, message.key(), message.value(), headers, message.timestamp()[1])
