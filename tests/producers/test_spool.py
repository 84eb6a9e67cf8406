"""Never lose an event: producer and broker are killed with signal 9 in turn, and Kafka is away for long."""

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.events import Envelope
from infra.local.process import Process, alive, python_module, start_detached, stop, wait_until
from infra.local.registry import read_process
from infra.local.stack import up
from infra.settings import Settings
from infra.topics import DETECTIONS
from producers.spool import claim, open_spooled
from tests.kafka_helpers import read_all
from tests.producers.live_source import ZONES, enough, reached, script
from tests.producers.spooling import (
    crossings_in,
    decoded,
    detections_in,
    encoded,
    envelope,
    first_copies,
    thinned_in,
)


def in_kafka(settings: Settings) -> list[Envelope]:
    """All envelopes of the topic, partition after partition."""
    return [decoded(message.value() or b"") for message in read_all(settings, DETECTIONS)]


def elsewhere(settings: Settings, home: Path, **more: object) -> Settings:
    """The same Kafka, a home of its own."""
    return settings.model_copy(update={"home": home, "kafka": settings.kafka_address(), **more})


def hand_over(settings: Settings, envelopes: list[Envelope], told: list[str]) -> None:
    """As a live producer of these envelopes does, from start to end."""
    with open_spooled(settings, told.append) as sink:
        for one in envelopes:
            sink.send(DETECTIONS, one.zone_id.encode(), encoded(one), one.start_ms)
        assert sink.flush() == len(envelopes)


@contextmanager
def nowhere() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def kill_9(process: Process) -> None:
    """Kill it and wait until it is gone."""
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not alive(process), 10, "the killed process is gone")


def broker(settings: Settings) -> Process:
    """The process of the stack's Kafka."""
    found = read_process(settings, "kafka")
    assert found is not None
    return found


def wait_for_more(folder: Path, more: int) -> None:
    """Wait until the live source has handed over so many more."""
    until = reached(folder) + more
    wait_until(lambda: reached(folder) >= until, 30, "the source goes on")


@pytest.mark.stack
def test_producer_and_broker_are_killed_in_turn_and_nothing_is_lost(fresh: Settings, tmp_path: Path) -> None:
    own, chance = elsewhere(fresh, tmp_path), random.Random(7)
    argv = python_module("tests.producers.live_source", str(tmp_path))

    producer = start_detached(argv, tmp_path / "log", own.as_environment())
    try:
        for turn in range(4):
            wait_for_more(tmp_path, chance.randrange(50, 500))
            kill_9(producer)
            if turn % 2:
                kill_9(broker(fresh))
            producer = start_detached(argv, tmp_path / "log", own.as_environment())
            if turn % 2:
                wait_for_more(tmp_path, 200)
                up(fresh)
        enough(tmp_path)
        wait_until(lambda: not alive(producer), 60, "the source ends")
    finally:
        stop(producer)
        up(fresh)

    expected = [script(number) for number in range(reached(tmp_path))]
    by_zone = first_copies(in_kafka(fresh))
    assert by_zone == {zone: [one for one in expected if one.zone_id == zone] for zone in ZONES}
    crossings = crossings_in(one for kept in by_zone.values() for one in kept)
    assert sorted(crossings) == sorted(set(crossings)) == sorted(crossings_in(expected))
    left = claim(tmp_path / "spool", 10**9, pytest.fail)
    assert (left.messages, left.thinned) == (0, {})
    left.close()


@pytest.mark.stack
def test_kafka_is_away_for_longer_than_the_spool_holds_and_only_detections_are_missing(
    fresh: Settings, tmp_path: Path
) -> None:
    lived = [
        envelope(f"z{n % 4}", n // 4, detections=20, crossings=int(n % 5 == 0), health=n % 240 < 4)
        for n in range(3_000)
    ]
    last = [envelope(f"z{number}", 750, health=True) for number in range(4)]
    told: list[str] = []
    with nowhere() as address:
        hand_over(elsewhere(fresh, tmp_path, kafka=address, spool_mb=1), lived, told)
    assert "nothing gets to Kafka" in told[0]
    assert "3000 messages wait" in told[-1]
    told.clear()
    hand_over(elsewhere(fresh, tmp_path, spool_mb=1), last, told)
    assert told == [told[0]]
    assert "3000 messages wait" in told[0]

    found = in_kafka(fresh)
    assert [one.seq for kept in first_copies(found).values() for one in kept] == [*range(751)] * 4
    assert sorted(crossings_in(found)) == sorted(crossings_in(lived))
    missing = detections_in(lived) - detections_in(found)
    assert 0 < missing == thinned_in(found)
    for zone in range(4):
        mine = [one for one in found if one.zone_id == f"z{zone}"]
        assert thinned_in(mine) == 15_000 - detections_in(mine)


def test_a_live_producer_starts_without_kafka_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    with nowhere() as address:
        settings = Settings(home=tmp_path, kafka=address)
        started = time.perf_counter()
        with open_spooled(settings, told.append) as sink:
            sink.send(DETECTIONS, b"z0", encoded(envelope("z0", 0)), 0)
            assert time.perf_counter() - started < 1
            wait_until(lambda: bool(told), 15, "it says that Kafka is away")
        assert address in told[0]
    assert f"1 messages wait in {tmp_path}" in told[1]


def test_without_any_stack_it_spools_too(tmp_path: Path) -> None:
    told: list[str] = []
    hand_over(Settings(home=tmp_path, kafka=""), [envelope("z0", 0)], told)
    assert "no local stack is running" in told[0]
    assert claim(tmp_path / "spool", 10**9, told.append).messages == 1
