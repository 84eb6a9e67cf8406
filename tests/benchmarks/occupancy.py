"""Detections per second that one core counts exactly: with our app, plain Faust, quixstreams, and a bare loop.

Each is one process that has one core to itself, with all its threads; the broker has the others.

The topic is filled first, then the process is started. The clock is the broker's: changelog and occupancy rows go to
topics that Kafka stamps as it appends (LogAppendTime), and the time is from the first durable write to the last. What
the first write covers is not counted, and neither is start-up. quixstreams writes once in a while only, all zones at
once: its time is from its first checkpoint to the last but one (what comes after that is a wait for the clock). The
balance of every zone must equal the true one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from infra.events import OccupancyMinute
from infra.settings import Settings
from infra.topics import DETECTIONS, topic_name
from streams.worker import group
from tests.benchmarks.feed import DETECTIONS_EACH, envelopes, true_balances
from tests.benchmarks.harness import Result, compare, own_topics, same
from tests.benchmarks.programs import Program, Written, applied, run_on, worker
from tests.kafka_helpers import Sent

ENVELOPES: Final = 200_000
ENVELOPES_FAUST: Final = 20_000  # plain Faust is slow; its rate does not depend on how many there are
ENVELOPES_QUIXSTREAMS: Final = 400_000  # some seconds, for it is durable once a second
CHECKPOINT_GAP_MS: Final = 250
PEERS: Final = Path(__file__).parent / "peers"

_row: Final = msgspec.json.Decoder(OccupancyMinute)


def run(settings: Settings, rounds: int) -> Result:
    """Detections per second and process, ours beside faust, quixstreams and confluent_kafka."""
    messages, many = envelopes(ENVELOPES), envelopes(ENVELOPES_QUIXSTREAMS)
    sides = {OURS: messages, FAUST: messages[:ENVELOPES_FAUST], QUIXSTREAMS: many, BARE: messages}
    changelogs: dict[str, list[float]] = {program.name: [] for program in sides}
    ours, plain, quix, bare = (
        partial(_measure, settings, program, sent, true_balances(sent), changelogs[program.name])
        for program, sent in sides.items()
    )
    peers = {"faust": plain, "quixstreams": quix, "confluent_kafka": bare}
    found = compare("occupancy", "detections/s", ours, peers, rounds)
    return msgspec.structs.replace(found, extra={"changelog_per_detection": max(changelogs[OURS.name])})


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


OURS: Final = worker("occupancy", published, applied)
BARE: Final = worker("bare", published, applied)
FAUST: Final = worker("faust", tabled, len)
QUIXSTREAMS: Final = Program(
    "quixstreams", _quixstreams_argv, _quixstreams_changelog, checkpointed, rate_by_checkpoints
)


def _measure(
    settings: Settings, program: Program, messages: Sequence[Sent], expected: dict[str, int], changelogs: list[float]
) -> float:
    with own_topics(settings) as own:
        written = run_on(own, program, messages)
    same(f"balances of {program.name}", program.answer(written), expected)
    changelogs.append(len(written.changelog) / (DETECTIONS_EACH * len(messages)))
    return DETECTIONS_EACH * program.rate(written, len(messages))
