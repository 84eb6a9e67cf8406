"""Detections per second that one core counts exactly: with our app, plain Faust, quixstreams, and a bare loop.

Each is one process that has one core to itself, with all its threads; the broker has the others.

The topic is filled first, then the process is started. The clock is the broker's: changelog and occupancy rows go to
topics that Kafka stamps as it appends (LogAppendTime), and the time is from the first durable write to the last. What
the first write covers is not counted, and neither is start-up. quixstreams writes once in a while only, all zones at
once: its time is from its first checkpoint to the last but one (what comes after that is a wait for the clock). The
balance of every zone must equal the true one.
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
from infra.topics import DETECTIONS, OCCUPANCY, admin, topic_name
from producers.sink import open_kafka
from streams.durable import ZoneValue
from streams.worker import group
from streams.zone import ZoneState
from tests.benchmarks.feed import DETECTIONS_EACH, envelopes, true_balances
from tests.benchmarks.harness import Result, compare, cores, keep_broker_on, own_topics, same, started_on
from tests.benchmarks.occupancy_workers import changelog
from tests.kafka_helpers import Sent, read_all, read_topic

ENVELOPES: Final = 200_000
ENVELOPES_FAUST: Final = 20_000  # plain Faust is slow; its rate does not depend on how many there are
ENVELOPES_QUIXSTREAMS: Final = 400_000  # some seconds, for it is durable once a second
CHECKPOINT_GAP_MS: Final = 250
PEERS: Final = Path(__file__).parent / "peers"
LOOK_EVERY_S: Final = 1.0
TIMEOUT_S: Final = 300.0

Covered = Callable[[Sequence[Message]], int]
"""How many input messages some changelog writes cover."""

_zone_value: Final = msgspec.msgpack.Decoder(ZoneValue[ZoneState])
_row: Final = msgspec.json.Decoder(OccupancyMinute)


@dataclass(frozen=True)
class Written:
    """What a program left: its changelog and its rows, with the broker's times of appending."""

    changelog: Sequence[Message]
    rows: Sequence[Message]


@dataclass(frozen=True)
class Program:
    """One side: its name, how it is started, where its changelog lies, and what its writes say.

    That is the balances, and the messages per second, given how many were counted.
    """

    name: str
    argv: Callable[[Settings], list[str]]
    changelog: Callable[[Settings], str]
    balances: Callable[[Written], dict[str, int]]
    rate: Callable[[Written, int], float]


def run(settings: Settings, rounds: int) -> Result:
    """Detections per second and process, ours beside faust and confluent_kafka."""
    messages = envelopes(ENVELOPES)
    few = messages[:ENVELOPES_FAUST]
    ours = partial(_measure, settings, OURS, messages, true_balances(messages))
    bare = partial(_measure, settings, BARE, messages, true_balances(messages))
    plain = partial(_measure, settings, FAUST, few, true_balances(few))
    many = envelopes(ENVELOPES_QUIXSTREAMS)
    quix = partial(_measure, settings, QUIXSTREAMS, many, true_balances(many))
    peers = {"faust": plain, "quixstreams": quix, "confluent_kafka": bare}
    return compare("occupancy", "detections/s", ours, peers, rounds)


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


def rate(covered: Covered, written: Written, messages: int) -> float:
    """Messages per second between the first durable write and the last, without those that the first one covers."""
    stamps = [message.timestamp()[1] for message in (*written.changelog, *written.rows)]
    first = [message for message in written.changelog if message.timestamp()[1] == min(stamps)]
    return (messages - covered(first)) * 1000 / (max(stamps) - min(stamps))


def checkpointed(written: Written) -> dict[str, int]:
    """The last balance of each zone in the changelog of quixstreams."""
    return {row.zone_id: row.balance for row in _checkpoint_rows(written)}


def rate_by_checkpoints(written: Written, _messages: int) -> float:
    """Messages per second from quixstreams' first checkpoint to its last but one."""
    counts: dict[str, int] = {}
    checkpoints: list[tuple[int, int]] = []  # (when its last row was appended, messages counted by then)
    for row in _checkpoint_rows(written):
        counts[row.zone_id] = row.messages
        if checkpoints and row.appended_ms - checkpoints[-1][0] < CHECKPOINT_GAP_MS:
            checkpoints.pop()
        checkpoints.append((row.appended_ms, sum(counts.values())))
    (start_ms, before), (end_ms, after) = checkpoints[0], checkpoints[-2]
    return (after - before) * 1000 / (end_ms - start_ms)


@dataclass(frozen=True, order=True)
class CheckpointRow:
    """One row of quixstreams' changelog: a zone's balance, and how many messages made it."""

    appended_ms: int
    zone_id: str
    balance: int
    messages: int


def _checkpoint_rows(written: Written) -> list[CheckpointRow]:
    """What quixstreams wrote, in the order of appending."""
    rows = []
    for message in written.changelog:
        balance, messages = msgspec.json.decode(message.value() or b"", type=tuple[int, int])
        zone_id = (message.key() or b"").split(b"|")[0].decode()
        rows.append(CheckpointRow(message.timestamp()[1], zone_id, balance, messages))
    return sorted(rows)


def _quixstreams_argv(settings: Settings) -> list[str]:
    folder = settings.home / "quixstreams" / settings.topic_prefix
    names = (group("quixstreams", settings), topic_name(DETECTIONS, settings), str(folder))
    return [str(PEERS / ".venv/bin/python"), str(PEERS / "quixstreams_worker.py"), settings.kafka_address(), *names]


def _quixstreams_changelog(settings: Settings) -> str:
    return f"changelog__{group('quixstreams', settings)}--{topic_name(DETECTIONS, settings)}--default"


def _worker(name: str, balances: Callable[[Written], dict[str, int]], covered: Covered) -> Program:
    argv = python_module("tests.benchmarks.occupancy_workers", name)
    return Program(name, lambda _: argv, partial(changelog, name), balances, partial(rate, covered))


OURS: Final = _worker("occupancy", published, applied)
BARE: Final = _worker("bare", published, applied)
FAUST: Final = _worker("faust", tabled, len)
QUIXSTREAMS: Final = Program(
    "quixstreams", _quixstreams_argv, _quixstreams_changelog, checkpointed, rate_by_checkpoints
)


def _measure(settings: Settings, program: Program, messages: Sequence[Sent], expected: dict[str, int]) -> float:
    with own_topics(settings) as own:
        log = program.changelog(own)
        _create_stamped(own, [log, topic_name(OCCUPANCY, own)])
        _fill(own, messages)
        _run_until_done(own, program)
        written = Written(read_topic(own, log), read_all(own, OCCUPANCY))
    same(f"balances of {program.name}", program.balances(written), expected)
    return DETECTIONS_EACH * program.rate(written, len(messages))


def _create_stamped(settings: Settings, names: Sequence[str]) -> None:
    """Create topics in which Kafka notes when it appended each message; nothing of them is compacted away."""
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    new = [NewTopic(name, num_partitions=settings.partitions, config=config) for name in names]
    client = admin(settings)
    for future in client.create_topics(new).values():
        future.result()


def _fill(settings: Settings, messages: Sequence[Sent]) -> None:
    sink = open_kafka(settings)
    for key, value, timestamp_ms in messages:
        sink.send(DETECTIONS, key, value, timestamp_ms)
    sink.flush()


def _run_until_done(settings: Settings, program: Program) -> None:
    one_core, others = cores()
    keep_broker_on(settings, others)
    with started_on(one_core):
        process = start_process(settings, f"bench-{program.name}", program.argv(settings), settings.as_environment())
    try:
        _wait_done(settings, program.name, process)
    finally:
        stop_process(settings, f"bench-{program.name}")


def _wait_done(settings: Settings, name: str, process: Process) -> None:
    """Look now and then, so as not to disturb: no time is taken here."""
    deadline = time.monotonic() + TIMEOUT_S
    while lag(settings, group(name, settings), [DETECTIONS]) > 0:
        if not alive(process) or time.monotonic() > deadline:
            sys.exit(f"{name} did not catch up; its log says:\n" + "\n".join(last_lines(Path(process.log))))
        time.sleep(LOOK_EVERY_S)
