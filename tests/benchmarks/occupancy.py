"""Detections per second that one process counts exactly: our app, plain Faust, and confluent_kafka with nothing around.

The topic is filled first, then the process is started. The clock is the broker's: changelog and occupancy rows go to
topics that Kafka stamps as it appends (LogAppendTime), and the time is from the first durable write to the last. What
the first write covers is not counted, and neither is start-up. The balance of every zone must equal the true one.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Message
from confluent_kafka.cimpl import NewTopic

from infra.events import OccupancyMinute
from infra.lag import lag
from infra.local.process import Process, alive, last_lines, python_module
from infra.local.registry import start_process, stop_process
from infra.settings import Settings
from infra.topics import DETECTIONS, OCCUPANCY, Topic, admin, topic_name
from producers.sink import open_kafka
from streams.durable import ZoneValue
from streams.worker import group
from streams.zone import ZoneState
from tests.benchmarks.feed import DETECTIONS_EACH, envelopes, true_balances
from tests.benchmarks.harness import Result, compare, own_topics, same
from tests.benchmarks.occupancy_workers import changelog
from tests.kafka_helpers import Sent, read_all

ENVELOPES: Final = 200_000
ENVELOPES_FAUST: Final = 20_000  # plain Faust is slow; its rate does not depend on how many there are
LOOK_EVERY_S: Final = 1.0
TIMEOUT_S: Final = 300.0

_zone_value: Final = msgspec.msgpack.Decoder(ZoneValue[ZoneState])
_row: Final = msgspec.json.Decoder(OccupancyMinute)


@dataclass(frozen=True)
class Written:
    """What a program left: its changelog and its rows, with the broker's times of appending."""

    changelog: Sequence[Message]
    rows: Sequence[Message]


@dataclass(frozen=True)
class Program:
    """One side: its name, and how to read from what it wrote the balances, and how many messages some writes cover."""

    name: str
    balances: Callable[[Written], dict[str, int]]
    covered: Callable[[Sequence[Message]], int]


def run(settings: Settings, rounds: int) -> Result:
    """Detections per second and process, ours beside faust and confluent_kafka."""
    messages = envelopes(ENVELOPES)
    few = messages[:ENVELOPES_FAUST]
    ours = partial(_measure, settings, OURS, messages, true_balances(messages))
    bare = partial(_measure, settings, BARE, messages, true_balances(messages))
    plain = partial(_measure, settings, FAUST, few, true_balances(few))
    return compare("occupancy", "detections/s", ours, {"faust": plain, "confluent_kafka": bare}, rounds)


def published(written: Written) -> dict[str, int]:
    """The balance of each zone's last minute as published."""
    last: dict[str, OccupancyMinute] = {}
    for message in written.rows:
        row = _row.decode(message.value() or b"")
        before = last.setdefault(row.zone_id, row)
        if (row.minute_ms, row.revision) >= (before.minute_ms, before.revision):
            last[row.zone_id] = row
    return {zone_id: row.balance for zone_id, row in last.items()}


def tabled(written: Written) -> dict[str, int]:
    """The last value of each zone in plain Faust's changelog."""
    return {msgspec.json.decode(m.key() or b""): msgspec.json.decode(m.value() or b"") for m in written.changelog}


def applied(writes: Sequence[Message]) -> int:
    """How many input messages are in some changelog writes of whole zones: up to the last offset in each partition."""
    done: dict[int, int] = {}
    for message in writes:
        value = _zone_value.decode(message.value() or b"")
        done[value.partition] = max(done.get(value.partition, 0), *(n + 1 for n in value.applied.values()))
    return sum(done.values())


OURS: Final = Program("occupancy", published, applied)
BARE: Final = Program("bare", published, applied)
FAUST: Final = Program("faust", tabled, len)


def rate(written: Written, messages: int, covered: Callable[[Sequence[Message]], int]) -> float:
    """Messages per second between the first durable write and the last, without those that the first one covers."""
    stamps = [message.timestamp()[1] for message in (*written.changelog, *written.rows)]
    first = [message for message in written.changelog if message.timestamp()[1] == min(stamps)]
    return (messages - covered(first)) * 1000 / (max(stamps) - min(stamps))


def _measure(settings: Settings, program: Program, messages: Sequence[Sent], expected: dict[str, int]) -> float:
    with own_topics(settings) as own:
        log = Topic(changelog(program.name, own).removeprefix(own.topic_prefix), None, "changelog")
        _create_stamped(own, [log, OCCUPANCY])
        _fill(own, messages)
        _run_until_done(own, program.name)
        written = Written(read_all(own, log), read_all(own, OCCUPANCY))
    same(f"balances of {program.name}", program.balances(written), expected)
    return DETECTIONS_EACH * rate(written, len(messages), program.covered)


def _create_stamped(settings: Settings, topics: Sequence[Topic]) -> None:
    """Create topics in which Kafka notes when it appended each message; nothing of them is compacted away."""
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    new = [NewTopic(topic_name(t, settings), num_partitions=settings.partitions, config=config) for t in topics]
    client = admin(settings)
    for future in client.create_topics(new).values():
        future.result()


def _fill(settings: Settings, messages: Sequence[Sent]) -> None:
    sink = open_kafka(settings)
    for key, value, timestamp_ms in messages:
        sink.send(DETECTIONS, key, value, timestamp_ms)
    sink.flush()


def _run_until_done(settings: Settings, name: str) -> None:
    argv = python_module("tests.benchmarks.occupancy_workers", name)
    process = start_process(settings, f"bench-{name}", argv, settings.as_environment())
    try:
        _wait_done(settings, name, process)
    finally:
        stop_process(settings, f"bench-{name}")


def _wait_done(settings: Settings, name: str, process: Process) -> None:
    """Look now and then, so as not to disturb: no time is taken here."""
    deadline = time.monotonic() + TIMEOUT_S
    while lag(settings, group(name, settings), [DETECTIONS]) > 0:
        if not alive(process) or time.monotonic() > deadline:
            sys.exit(f"{name} did not catch up; its log says:\n" + "\n".join(last_lines(Path(process.log))))
        time.sleep(LOOK_EVERY_S)
