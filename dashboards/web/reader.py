"""The one thread that reads Kafka for all estates of the page and draws what changed.

Small topics are read from their beginning, `occupancy` and `gate_passages` from a day before now (by Kafka's
timestamps, which are their causes'). `catch_up` reads all to their present ends, before anybody is served.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from dashboards.web.board import HISTORY_MS, Told
from dashboards.web.live import Live
from dashboards.web.words import Lang
from infra.clock import Clock
from infra.events import Alert, Disposition, GatePassage, OccupancyMinute, OccupancyNow
from infra.settings import Settings
from infra.topics import (
    ALERTS,
    CONNECT_TIMEOUT_S,
    DISPOSITIONS,
    GATE_PASSAGES,
    OCCUPANCY,
    OCCUPANCY_LATEST,
    Topic,
    create_topics,
    topic_name,
    unreachable,
)
from infra.validate import latest_now, time_off

POLL_S: Final = 0.2
BATCH: Final = 2_000
TICK_MS: Final = 5_000
"""So often is the page looked at though nothing came: what is old becomes unknown."""
AGAIN_S: Final = 1.0
WHOLE: Final = (OCCUPANCY_LATEST, ALERTS, DISPOSITIONS)
DAY: Final = (OCCUPANCY, GATE_PASSAGES)
KINDS: Final[dict[Topic, type[Told]]] = {
    OCCUPANCY_LATEST: OccupancyNow,
    ALERTS: Alert,
    DISPOSITIONS: Disposition,
    OCCUPANCY: OccupancyMinute,
    GATE_PASSAGES: GatePassage,
}

Publish = Callable[[Live, Mapping[Lang, tuple[int, bytes]]], None]
log = structlog.get_logger()


class Reader:
    """Reads for `estates`: `catch_up`, then `start` with what takes the events, at the end `stop`."""

    def __init__(self, settings: Settings, estates: Sequence[Live], clock: Clock) -> None:
        self._settings, self._estates, self._clock = settings, estates, clock
        self._decoders: dict[str, msgspec.json.Decoder[Told]] = {
            topic_name(topic, settings): msgspec.json.Decoder(kind) for topic, kind in KINDS.items()
        }
        self._next: dict[tuple[str, int], int] = {}
        self._unread: set[tuple[str, int]] = set()
        self._stopping = threading.Event()
        self.away = False
        """Whether no broker answers."""
        self.unreadable = 0
        self._drawn_ms = 0
        self._thread: threading.Thread | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka_address(),
                "group.id": "anfang-web",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.queue.backoff.ms": 5,
                "log_level": 0,
                "error_cb": self._note_error,
            }
        )

    def catch_up(self) -> None:
        """Read all there is, and draw it. Raises UserError when Kafka does not answer."""
        create_topics(self._settings)
        try:
            self._read_to_end(self._partitions(WHOLE, OFFSET_BEGINNING))
            now_ms = self._clock.now_ms()
            since_ms = min(live.now_ms(now_ms) for live in self._estates) - HISTORY_MS
            day = self._partitions(DAY, max(0, since_ms))
            day = self._consumer.offsets_for_times(day, timeout=CONNECT_TIMEOUT_S)
            self._read_to_end([*(TopicPartition(*place, offset) for place, offset in self._next.items()), *day])
        except KafkaException as error:
            raise unreachable(self._settings.kafka_address(), str(error.args[0].str())) from error
        self._draw(lambda live, events: None)

    def start(self, publish: Publish) -> None:
        """Go on in a thread of its own; `publish` is called in it."""
        self._thread = threading.Thread(target=self._run, args=(publish,), name="web-reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the connection."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._consumer.close()

    def _run(self, publish: Publish) -> None:
        while not self._stopping.is_set():
            try:
                came = self._read()
                self._look_for_kafka()
                if came or self._clock.now_ms() - self._drawn_ms >= TICK_MS:
                    self._draw(publish)
            except Exception:
                log.exception("the page could not be brought up to date; trying again")
                self._stopping.wait(AGAIN_S)

    def _draw(self, publish: Publish) -> None:
        self._drawn_ms = self._clock.now_ms()
        for live in self._estates:
            events = live.tick(self._drawn_ms, away=self.away)
            if events:
                publish(live, events)

    def _read_to_end(self, places: list[TopicPartition]) -> None:
        self._unread = {(place.topic, place.partition) for place in places}
        self._consumer.assign(places)
        while self._unread:
            self._read()
            if self.away:
                raise unreachable(self._settings.kafka_address(), "all brokers are down")

    def _read(self) -> bool:
        """Take what comes within `POLL_S`; whether it told anything."""
        messages = self._consumer.consume(BATCH, POLL_S)
        told = [one for one in map(self._decoded, messages) if one is not None]
        for live in self._estates if told else ():
            live.take(told)
        return bool(told)

    def _decoded(self, message: Message) -> Told | None:
        place, error = (message.topic() or "", message.partition() or 0), message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._unread.discard(place)
                self._next[place] = message.offset() or 0
            return None
        self.away = False
        self._next[place] = (message.offset() or 0) + 1
        try:
            told = self._decoders[place[0]].decode(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return None
        return None if isinstance(told, GatePassage) and self._is_off(told, message) else told

    def _is_off(self, passage: GatePassage, message: Message) -> bool:
        """Whether the workers refuse it, or would now: it would hide all passages up to its time."""
        return time_off("event_ms", passage.event_ms, message.timestamp()[1], latest_now(self._clock)) is not None

    def _partitions(self, topics: Sequence[Topic], offset: int) -> list[TopicPartition]:
        known = self._consumer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
        names = [topic_name(topic, self._settings) for topic in topics]
        return [TopicPartition(name, n, offset) for name in names for n in known[name].partitions]

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.away = True

    def _look_for_kafka(self) -> None:
        """While Kafka is away, ask whether it is back: it may have nothing to tell."""
        if self.away:
            try:
                self._consumer.list_topics(timeout=AGAIN_S)
            except KafkaException:
                return
            self.away = False
