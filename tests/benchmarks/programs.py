"""Programs that a benchmark starts beside the broker: each a process on a core of its own, and what it left in Kafka.

The clock is the broker's: what a program writes goes to topics that Kafka stamps as it appends (LogAppendTime).
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Message
from confluent_kafka.cimpl import NewTopic

from infra.lag import lag
from infra.local.process import Process, alive, last_lines, python_module
from infra.local.registry import start_process, stop_process
from infra.settings import Settings
from infra.topics import DETECTIONS, MAX_MESSAGE_BYTES, OCCUPANCY, Topic, admin, topic_name
from producers.sink import open_kafka
from streams.durable import ZoneValue
from streams.worker import group
from tests.benchmarks.harness import cores, keep_broker_on, started_on
from tests.benchmarks.workers import changelog
from tests.kafka_helpers import Sent, read_all, read_topic

LOOK_EVERY_S: Final = 1.0
TIMEOUT_S: Final = 300.0

Covered = Callable[[Sequence[Message]], int]
"""How many input messages some changelog writes cover."""

_zone_value: Final = msgspec.msgpack.Decoder(ZoneValue[msgspec.Raw])


@dataclass(frozen=True)
class Written:
    """What a program left: its changelog and its rows, with the broker's times of appending."""

    changelog: Sequence[Message]
    rows: Sequence[Message]


Answer = Callable[[Written], dict[str, int]]


@dataclass(frozen=True)
class Program:
    """One side: its name, how it is started, where its changelog and its rows lie, and what its writes say.

    That is its answer zone by zone, and the messages per second, given how many were counted.
    """

    name: str
    argv: Callable[[Settings], list[str]]
    changelog: Callable[[Settings], str]
    answer: Answer
    rate: Callable[[Written, int], float]
    rows: Topic = OCCUPANCY


def worker(name: str, answer: Answer, covered: Covered, rows: Topic = OCCUPANCY) -> Program:
    """One of the programs of `tests.benchmarks.workers`."""
    argv = python_module("tests.benchmarks.workers", name)
    return Program(name, lambda _: argv, partial(changelog, name), answer, partial(rate, covered), rows)


def applied(writes: Sequence[Message]) -> int:
    """How many input messages are in some changelog writes of whole zones: up to the last offset in each partition."""
    done: dict[int, int] = {}
    for message in writes:
        value = _zone_value.decode(message.value() or b"")
        done[value.partition] = max(done.get(value.partition, 0), *(n + 1 for n in value.applied.values()))
    return sum(done.values())


def rate(covered: Covered, written: Written, messages: int) -> float:
    """Messages per second between the first durable write and the last, without those that the first one covers."""
    stamps = [message.timestamp()[1] for message in (*written.changelog, *written.rows)]
    first = [message for message in written.changelog if message.timestamp()[1] == min(stamps)]
    return (messages - covered(first)) * 1000 / (max(stamps) - min(stamps))


def run_on(settings: Settings, program: Program, messages: Sequence[Sent]) -> Written:
    """Fill the topic, then run the program until it has committed all of it."""
    log = program.changelog(settings)
    create_stamped(settings, [log, topic_name(program.rows, settings)])
    fill(settings, messages)
    with running(settings, program) as process:
        wait_done(settings, program, process)
    return Written(read_topic(settings, log), read_all(settings, program.rows))


def create_stamped(settings: Settings, names: Sequence[str]) -> None:
    """Create topics in which Kafka notes when it appended each message; nothing of them is compacted away."""
    config = {
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": "-1",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }
    new = [NewTopic(name, num_partitions=settings.partitions, config=config) for name in names]
    client = admin(settings)
    for future in client.create_topics(new).values():
        future.result()


def fill(settings: Settings, messages: Iterable[Sent]) -> None:
    """Send envelopes as fast as Kafka takes them."""
    sink = open_kafka(settings)
    for key, value, timestamp_ms in messages:
        sink.send(DETECTIONS, key, value, timestamp_ms)
    sink.flush()


@contextmanager
def running(settings: Settings, program: Program) -> Iterator[Process]:
    """The program runs meanwhile, with one core to itself; the broker has the others."""
    one_core, others = cores()
    keep_broker_on(settings, others)
    name = f"bench-{program.name}"
    with started_on(one_core):
        process = start_process(settings, name, program.argv(settings), settings.as_environment())
    try:
        yield process
    finally:
        stop_process(settings, name)


def wait_done(settings: Settings, program: Program, process: Process) -> None:
    """Until all envelopes are committed. Look now and then, so as not to disturb: no time is taken here."""
    deadline = time.monotonic() + TIMEOUT_S
    while lag(settings, group(program.name, settings), [DETECTIONS]) > 0:
        if not alive(process) or time.monotonic() > deadline:
            log = "\n".join(last_lines(Path(process.log)))
            sys.exit(f"{program.name} did not catch up; its log says:\n{log}")
        time.sleep(LOOK_EVERY_S)
