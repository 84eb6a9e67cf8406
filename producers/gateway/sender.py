"""From the outbox to Kafka, in a thread: in order, and deleted only when Kafka has it.

While Kafka is away messages wait on disk. What was sent but not yet deleted when the process died is sent once more,
with the same bytes: consumers know an envelope by its camera, boot, zone and seq. What Kafka could never take is set
aside in the same file, and told: all others would wait behind it.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Final

import structlog
from confluent_kafka import KafkaException

from infra import metrics
from infra.clock import HOUR_MS, Clock
from infra.errors import UserError
from infra.topics import MAX_CONTENT_BYTES, TOPICS
from producers.gateway.store import Outgoing, Store
from producers.sink import Headers, Sink

AT_ONCE: Final = 1_000
IDLE_S: Final = 1.0
FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
STOP_TIMEOUT_S: Final = 10.0
TOPIC_OF: Final = {topic.name: topic for topic in TOPICS}

log = structlog.get_logger()


def send_oldest(store: Store, sink: Sink) -> int:
    """Send the oldest messages of the outbox; returns how many. Raises UserError when the sink does not take them."""
    messages = store.oldest(AT_ONCE)
    for place, message in messages:
        if len(message.key) + len(message.value) > MAX_CONTENT_BYTES:
            _set_aside(store, place, message)
            continue
        headers: Headers | None = list(message.headers.items()) or None
        sink.send(TOPIC_OF[message.topic], message.key, message.value, message.timestamp_ms, headers)
    if messages:
        sink.flush()
        store.delete_sent(messages[-1][0])
    return len(messages)


def _set_aside(store: Store, place: int, message: Outgoing) -> None:
    store.set_aside(place)
    log.error(
        "a message is too large for Kafka: it is kept in the gateway's file, table aside",
        place=place,
        topic=message.topic,
        key=message.key.decode(errors="replace"),
        bytes=len(message.value),
    )


class Sender:
    """Empties the outbox until it is stopped. `open_sink` is called again after each failure."""

    def __init__(self, store: Store, open_sink: Callable[[], AbstractContextManager[Sink]], clock: Clock) -> None:
        self._store, self._open_sink, self._clock = store, open_sink, clock
        self._tidied_ms = 0
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-sender", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    def stop(self) -> None:
        """Stop, after what can be sent now was sent; the rest stays on disk for the next start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopped.is_set():
            try:
                with ExitStack() as stack:
                    sink = stack.enter_context(self._open_sink())
                    retry_s = FIRST_RETRY_S
                    self._empty(sink)
            except (UserError, KafkaException, sqlite3.Error) as error:
                why = error.problem if isinstance(error, UserError) else str(error)
                log.warning("messages wait on disk", why=why, again_s=retry_s)
                self._stopped.wait(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _empty(self, sink: Sink) -> None:
        """Send until stopped; the last time after the stop, so that nothing waits which could go."""
        stopped = False
        while not stopped:
            stopped = self._stopped.is_set()
            self._wake.clear()
            while send_oldest(self._store, sink) == AT_ONCE:
                pass
            metrics.OUTBOX.set(self._store.waiting())
            self._tidy(self._clock.now_ms())
            if not stopped:
                self._wake.wait(IDLE_S)

    def _tidy(self, now_ms: int) -> None:
        """Once an hour drop what was seen too long ago to come again."""
        if now_ms - self._tidied_ms > HOUR_MS:
            self._tidied_ms = now_ms
            with self._store.transaction():
                self._store.forget_seen(now_ms)
