"""The sink of live cameras: on disk first, then in Kafka, so that neither an outage nor a kill -9 loses an event.

`send` returns when the message is durable on disk; a thread hands what lies there to Kafka, in order, and forgets it
when Kafka has acknowledged it. What a killed producer left is sent by the next one that starts. Some messages then
arrive twice, under the same envelope id. How the spool is bounded: `producers/thinning.py`.
"""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from infra import metrics
from infra.errors import UserError
from infra.local.files import stack_home
from infra.settings import Settings
from infra.topics import MAX_CONTENT_BYTES, TOPICS, Topic, create_topics, topic_name
from producers.sink import Headers, transport_options
from producers.spool_store import Store, Tell

IN_FLIGHT_BYTES: Final = 4_000_000
ACK_WAIT_S: Final = 0.02
IDLE_S: Final = 1.0
RETRY_S: Final = 1.0
AWAY_S: Final = 3.0
"""Without an acknowledgement for so long, Kafka is said to be away."""
PATIENCE_S: Final = 5.0
"""At the end, what is still in the spool is waited for as long as an acknowledgement comes so often."""
HOPELESS: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)
"""Sending such a message again would help nobody, and all others wait behind it."""


class SpooledSink:
    """Writes to the disk, from where a `Sender` writes to Kafka. Use `open_spooled`; any thread may send."""

    def __init__(self, store: Store, sender: "Sender") -> None:
        self._store = store
        self._sender = sender
        self._sent = 0

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Make one message durable. Raises UserError when the disk cannot take it or Kafka never could."""
        if len(key) + len(value) > MAX_CONTENT_BYTES:
            raise UserError(f"{len(value)} bytes in one message to {topic.name}", "send less in one envelope")
        self._store.add(topic.name, key, value, timestamp_ms, headers)
        self._sent += 1
        self._sender.wake()

    def flush(self) -> int:
        """Nothing that was sent can be lost any more, so there is nothing to wait for; returns how many were sent."""
        return self._sent


class Sender:
    """Hands what a store holds to Kafka, from a thread of its own, for as long as it takes."""

    def __init__(self, store: Store, settings: Settings, tell: Tell) -> None:
        self._store, self._settings, self._tell = store, settings, tell
        self._in_flight_bytes = min(IN_FLIGHT_BYTES, store.limit_bytes // 8)
        self._topics = {topic.name: topic_name(topic, settings) for topic in TOPICS}
        self._wake, self._stop = threading.Event(), threading.Event()
        self._acknowledged: list[int] = []
        self._trouble: KafkaError | None = None
        self._acknowledged_s = time.monotonic()
        self._away = False
        self._pool = ThreadPoolExecutor(1, "spool")
        self._running: Future[None] = self._pool.submit(self._run)

    def wake(self) -> None:
        """There is something to send. Raises what ended the thread, if a defect did."""
        if self._running.done():
            self._running.result()
        self._wake.set()

    def finish(self) -> None:
        """Wait until all is sent, or nothing is acknowledged for `PATIENCE_S`; then stop."""
        self._acknowledged_s = time.monotonic()
        while self._store.messages and not self._running.done() and self._silent_s() < PATIENCE_S:
            self._wake.set()
            self._stop.wait(ACK_WAIT_S)
        self._stop.set()
        self._wake.set()
        self._running.result()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._connected()
            except (UserError, KafkaException, sqlite3.Error) as error:
                self._say_away(error.problem if isinstance(error, UserError) else str(error))
                self._stop.wait(RETRY_S)

    def _connected(self) -> None:
        """Send until told to stop. Raises what went wrong; then everything unacknowledged is to be sent again."""
        create_topics(self._settings)
        options = {"message.timeout.ms": 0, "reconnect.backoff.max.ms": 1_000}
        producer = Producer(transport_options(self._settings) | options)
        self._trouble, self._acknowledged_s = None, time.monotonic()
        try:
            while not self._stop.is_set():
                self._wake.clear()
                for message in self._store.take(self._in_flight_bytes):
                    report = partial(self._report, message.id)
                    name, headers = self._topics[message.topic], message.headers
                    producer.produce(
                        name,
                        message.value,
                        message.key,
                        timestamp=message.timestamp_ms,
                        headers=headers,
                        on_delivery=report,
                    )
                producer.poll(ACK_WAIT_S if self._store.in_flight else 0)
                self._settle()
        finally:
            producer.purge()
            producer.flush(1.0)
            self._store.rewind()

    def _report(self, number: int, error: KafkaError | None, _message: Delivered) -> None:
        if error is not None and error.code() in HOPELESS:
            metrics.SPOOL_GIVEN_UP.labels("refused").inc()
            self._tell(f"ERROR: Kafka refuses a message for good ({error.str()}); it is lost")
        if error is None or error.code() in HOPELESS:
            self._acknowledged.append(number)
        else:
            self._trouble = self._trouble or error

    def _settle(self) -> None:
        """Forget what was acknowledged, say how it stands, and sleep while there is nothing to do."""
        if self._acknowledged:
            acknowledged, self._acknowledged = self._acknowledged, []
            self._store.acknowledge(acknowledged)
            self._acknowledged_s = time.monotonic()
        if self._trouble is not None:
            raise KafkaException(self._trouble)
        if not self._store.messages:
            self._say_back()
            self._wake.wait(IDLE_S)
            self._acknowledged_s = time.monotonic()
        elif self._silent_s() > AWAY_S:
            self._say_away("it acknowledges nothing")

    def _silent_s(self) -> float:
        return time.monotonic() - self._acknowledged_s

    def _say_away(self, reason: str) -> None:
        if not self._away:
            self._away = True
            self._tell(f"nothing gets to Kafka ({reason}); what is seen waits in {self._store.path}")

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            self._tell("Kafka is back and has everything that waited")


@contextmanager
def open_spooled(settings: Settings, tell: Tell | None = None) -> Iterator[SpooledSink]:
    """A sink that loses nothing; `tell` is told when Kafka goes and comes (default: a line on stderr).

    It opens whether or not Kafka answers. At the end it waits for Kafka to take everything, as long as Kafka takes
    anything; what is left is sent by the next producer of this home.
    """
    tell = tell or _to_stderr
    store = claim(stack_home(settings) / "spool", settings.spool_mb * 1_000_000, tell)
    sender = Sender(store, settings, tell)
    try:
        yield SpooledSink(store, sender)
    finally:
        sender.finish()
        if store.messages:
            tell(f"{store.messages} messages wait in {store.path}; the next producer of this home sends them")
        store.close()


def claim(folder: Path, limit_bytes: int, tell: Tell) -> Store:
    """The first spool in `folder` that no living process has, with what all other such spools hold behind its own."""
    own = next(store for number in count(1) if (store := _claimed(folder / f"{number}.sqlite", limit_bytes, tell)))
    for path in sorted(folder.glob("*.sqlite")):
        if path != own.path and (other := _claimed(path, limit_bytes, tell)):
            own.take_over(other)
    if own.messages:
        tell(f"{own.messages} messages wait in {own.path} from an earlier run; they are sent first")
    return own


def _claimed(path: Path, limit_bytes: int, tell: Tell) -> Store | None:
    """The spool, None when another process has it; a file that is no spool any more is put aside."""
    try:
        return Store(path, limit_bytes, tell)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        if error.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise UserError(f"the spool {path} cannot be opened ({error})", "see that its disk has room") from error
        aside = path.with_suffix(f".broken-{time.time_ns()}")
        path.rename(aside)
        tell(f"ERROR: the spool {path} is damaged ({error}); it was put aside as {aside.name}")
        return Store(path, limit_bytes, tell)


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
