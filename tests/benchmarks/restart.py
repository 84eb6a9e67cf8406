"""How fast a worker is back with a million keys in its changelog: the zones' table of our apps, and plain Faust's.

Both changelogs hold as many keys, with values of as many bytes: ours are zones as occupancy keeps them, plain Faust's a
JSON text of the same length (the cheapest to decode). A changelog is filled once; in each round the worker is started
and an envelope waits for it. The time is from starting the process to Kafka's time of appending what that envelope
changed: start-up and joining the group are in it. A worker that had not read all its keys by then fails the benchmark.

Plain Faust is given up after `GIVE_UP` times what ours took at most; its own time is longer.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from infra.clock import SystemClock
from infra.local.process import Process
from infra.settings import Settings
from infra.topics import DETECTIONS
from infra.validate import Refusal, judge
from producers.sink import transport_options
from streams.durable import ZoneValue
from streams.zone import ZoneState, apply
from streams.zone_rules import ZoneRules
from tests.benchmarks import occupancy
from tests.benchmarks.feed import ZONES, envelopes, synthetic_site
from tests.benchmarks.harness import Result, compare, own_topics, same
from tests.benchmarks.programs import Program, create_stamped, fill, running, worker

KEYS: Final = 1_000_000
RESTARTS: Final = 500
PATIENCE_S: Final = 1200.0
GIVE_UP: Final = 3.6  # the aim is 0.3 of plain Faust's time, and this is 0.28
MINUTES: Final = 8  # of history in a zone: more than the grace period, so that old ones are folded

Told = Callable[[Process, Message], int]
"""How many keys a worker says it has: from its log, or from the first thing it wrote."""


class StillReadingError(Exception):
    """A worker was not at work in the time that it was given."""


def run(settings: Settings, rounds: int) -> Result:
    """Keys/s from start to at work, ours beside faust."""
    took_s: list[float] = []
    given_up: list[float] = []
    values = zone_values(settings.partitions)
    texts = [msgspec.json.encode("x" * (len(value) - 2)) for value in values]
    with own_topics(settings) as own:
        ours = Side(own, occupancy.OURS, _told_in_log)
        plain = Side(own, FAUST, _told_in_value)
        ours.fill((b"kept_%07d" % n, values) for n in range(KEYS))
        plain.fill((b'"kept_%07d"' % n, texts) for n in range(KEYS))

        def our_rate() -> float:
            took_s.append(ours.restart_s(PATIENCE_S))
            return KEYS / took_s[-1]

        def plain_rate() -> float:
            patience_s = GIVE_UP * max(took_s)
            try:
                return KEYS / plain.restart_s(patience_s)
            except StillReadingError:
                given_up.append(patience_s)
                return KEYS / patience_s

        # filling has warmed Kafka up
        found = compare("restart", "keys/s", our_rate, {"faust": plain_rate}, rounds, warm_up=False)
    extra = {"keys": float(KEYS), "bytes_per_value": float(len(values[0])), "faust_given_up": float(len(given_up))}
    extra |= {"seconds": KEYS / found.ours.median, "faust_seconds": KEYS / found.peers["faust"].median}
    return msgspec.structs.replace(found, extra=extra | {"seconds_ratio": 1 / found.ratio["faust"].median})


def zone_values(partitions: int) -> list[bytes]:
    """What the changelog holds of a zone after `MINUTES` of envelopes, one a second, for each partition."""
    site = synthetic_site()
    value, rules = ZoneValue(0, ZoneState(), {}, []), ZoneRules(site, site.zones[0].id, 5 * 60_000)
    for offset, (_, content, sent_ms) in enumerate(envelopes(MINUTES * 60 * ZONES)[::ZONES]):
        envelope = judge(content, sent_ms, site)
        assert not isinstance(envelope, Refusal)
        value.advance(DETECTIONS.name, offset)
        apply(value.state, envelope, rules)
    return [msgspec.msgpack.encode(msgspec.structs.replace(value, partition=number)) for number in range(partitions)]


@dataclass(frozen=True)
class Side:
    """One worker with its changelog."""

    settings: Settings
    program: Program
    told: Told

    def fill(self, keys: Iterable[tuple[bytes, list[bytes]]]) -> None:
        """Write the changelog: each key once, with the value that belongs to its partition."""
        name = self.program.changelog(self.settings)
        create_stamped(self.settings, [name])
        producer = Producer(transport_options(self.settings))
        for number, (key, values) in enumerate(keys):
            partition = number % self.settings.partitions
            while True:
                try:
                    producer.produce(name, values[partition], key, partition)
                    break
                except BufferError:
                    producer.poll(0.05)
        same("messages left behind", producer.flush(PATIENCE_S), 0)

    def restart_s(self, patience_s: float) -> float:
        """Seconds of one restart. Raises StillReadingError after `patience_s`."""
        with _news_of(self.settings, self.program.changelog(self.settings), patience_s) as news:
            fill(self.settings, [next(_waiting)])
            started_ms = SystemClock().now_ms()
            with running(self.settings, self.program) as process:
                message = news()
                told = self.told(process, message)
        if told < KEYS:
            same(f"keys that {self.program.name} read", told, KEYS)
        return (message.timestamp()[1] - started_ms) / 1000


@contextmanager
def _news_of(settings: Settings, topic: str, patience_s: float) -> Iterator[Callable[[], Message]]:
    """A function that waits for the first message that comes to `topic` from now on, but not for ever."""
    consumer = Consumer({"bootstrap.servers": settings.kafka_address(), "group.id": "anfang-bench-news"})
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    for one in partitions:
        one.offset = consumer.get_watermark_offsets(one, timeout=10)[1]
    consumer.assign(partitions)

    def news() -> Message:
        message = consumer.poll(patience_s)
        if message is None:
            raise StillReadingError(f"nothing came to {topic} in {patience_s:.0f} s")
        assert not message.error(), message.error()
        return message

    try:
        yield news
    finally:
        consumer.close()


def _told_in_log(process: Process, _message: Message) -> int:
    """The number in the last line that says `recovered … zones=1000000`."""
    log = re.sub(r"\x1b\[\d*m", "", Path(process.log).read_text(encoding="utf-8"))
    return int(re.findall(r"recovered .*zones=(\d+)", log)[-1])


def _told_in_value(_process: Process, message: Message) -> int:
    return int(msgspec.json.decode(message.value() or b"", type=str))


_waiting: Final = iter(envelopes(RESTARTS * ZONES)[::ZONES])  # of one zone, one after the other
FAUST: Final = worker("faust_keys", lambda _: {}, len)
