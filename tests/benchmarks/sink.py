"""What `producers.sink.KafkaSink` costs: simulated envelopes, already encoded, beside a bare produce loop.

`run_spooled` asks the same of the live cameras' sink, which writes every message to the disk first. Both sides have the
same client settings where they matter to speed and safety. The clock runs from the first message handed over to the
last acknowledged; then both topics must hold exactly the messages that were handed over.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Final

from confluent_kafka import Producer

from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import DETECTIONS, Topic, create_topics, topic_name
from producers.simulate.run import Plan
from producers.simulate.run import run as simulate
from producers.sink import Headers, open_kafka, transport_options
from producers.spool import open_spooled
from tests.benchmarks.harness import Result, compare, own_topics, same
from tests.kafka_helpers import Sent, read_all

MESSAGES: Final = 400_000
SPOOLED: Final = 100_000
DAYS: Final = 21

Send = Callable[[Settings, Sequence[Sent]], float]


class Envelopes:
    """A sink that keeps the envelopes it is given."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Keep one envelope; other topics are not measured."""
        if topic is DETECTIONS:
            self.sent.append((key, value, timestamp_ms))

    def flush(self) -> int:
        """The number kept."""
        return len(self.sent)


def run(settings: Settings, rounds: int) -> Result:
    """Messages per second, ours beside confluent_kafka."""
    messages = simulated(MESSAGES)
    expected = fingerprint(messages)
    ours = partial(_measure, settings, messages, expected, send_ours)
    bare = partial(_measure, settings, messages, expected, send_bare)
    return compare("sink", "messages/s", ours, {"confluent_kafka": bare}, rounds)


def run_spooled(settings: Settings, rounds: int) -> Result:
    """Messages per second through the disk, beside confluent_kafka without it."""
    messages = simulated(SPOOLED)
    expected = fingerprint(messages)
    ours = partial(_measure, settings, messages, expected, send_spooled)
    bare = partial(_measure, settings, messages, expected, send_bare)
    return compare("spool", "messages/s", ours, {"confluent_kafka": bare}, rounds)


def simulated(count: int) -> list[Sent]:
    """The first `count` envelopes of `DAYS` days on the small site."""
    kept = Envelopes()
    simulate(load_site(SMALL_SITE), Plan(date(2024, 5, 27), DAYS), kept)
    assert len(kept.sent) >= count, f"{DAYS} days give {len(kept.sent)} envelopes only"
    return kept.sent[:count]


def fingerprint(messages: Iterable[Sent]) -> tuple[int, int]:
    """(count, hash) of messages, whatever their order."""
    count = total = 0
    for key, value, timestamp_ms in messages:
        digest = hashlib.blake2b(b"%d %d %b%b" % (timestamp_ms, len(key), key, value), digest_size=16).digest()
        count, total = count + 1, (total + int.from_bytes(digest)) % 2**128
    return count, total


def _measure(settings: Settings, messages: Sequence[Sent], expected: tuple[int, int], send: Send) -> float:
    with own_topics(settings) as own:
        create_topics(own)
        seconds = send(own, messages)
        held = ((m.key() or b"", m.value() or b"", m.timestamp()[1]) for m in read_all(own, DETECTIONS))
        same(f"messages after {send.__name__}", fingerprint(held), expected)
    return len(messages) / seconds


def send_ours(settings: Settings, messages: Sequence[Sent]) -> float:
    """Seconds that KafkaSink takes."""
    sink = open_kafka(settings)
    started = time.perf_counter()
    for key, value, timestamp_ms in messages:
        sink.send(DETECTIONS, key, value, timestamp_ms)
    sink.flush()
    return time.perf_counter() - started


def send_spooled(settings: Settings, messages: Sequence[Sent]) -> float:
    """Seconds that the spooled sink takes, until its spool is empty."""
    started = time.perf_counter()
    with open_spooled(settings) as sink:
        for key, value, timestamp_ms in messages:
            sink.send(DETECTIONS, key, value, timestamp_ms)
    return time.perf_counter() - started


def send_bare(settings: Settings, messages: Sequence[Sent]) -> float:
    """Seconds that the leanest loop takes: it polls only when the queue is full, and counts no failures."""
    producer = Producer(transport_options(settings))
    name = topic_name(DETECTIONS, settings)
    started = time.perf_counter()
    for key, value, timestamp_ms in messages:
        while True:
            try:
                producer.produce(name, value, key, timestamp=timestamp_ms)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()
    return time.perf_counter() - started
