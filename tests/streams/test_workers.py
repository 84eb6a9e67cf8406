"""Both Faust workers on a real Kafka: exact after kill -9, one alert an incident, every bad message in dead letters."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from typing import cast

import msgspec
import pytest
from faust.types import TP

from infra.clock import MINUTE_MS, SystemClock
from infra.events import Alert, Envelope, GatePassage, OccupancyMinute, OccupancyNow, encoder
from infra.lag import end_offsets, lag
from infra.local.process import wait_until
from infra.local.registry import read_process, start_process, stop_process
from infra.passages import passage_key
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import (
    ALERTS,
    DEAD_LETTERS,
    DETECTIONS,
    GATE_PASSAGES,
    HEADCOUNTS,
    OCCUPANCY,
    OCCUPANCY_LATEST,
    admin,
    create_topics,
    topic_name,
)
from streams import alerts
from streams.coalescing import CoalescingConsumer, CoalescingTransport
from streams.worker import group, make_app
from tests.kafka_helpers import Sent, produce, read_all
from tests.streams.test_zone import START_MS, Passing, _headcount, _settled, _stream

pytestmark = pytest.mark.stack
SITE = load_site(SMALL_SITE)
MINUTES = 30
INPUTS = {"occupancy": (DETECTIONS, HEADCOUNTS), "alerts": alerts.INPUTS}


def _start(settings: Settings, name: str) -> None:
    argv = [sys.executable, "-m", "anfang", "stream", name]
    start_process(settings, f"{settings.topic_prefix}{name}", argv, settings.as_environment())


def _kill(settings: Settings, name: str) -> None:
    process = read_process(settings, f"{settings.topic_prefix}{name}")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    stop_process(settings, f"{settings.topic_prefix}{name}")


def _wait(settings: Settings, name: str) -> None:
    wait_until(lambda: lag(settings, group(name, settings), INPUTS[name]) == 0, 90, f"{name} caught up")


@pytest.fixture
def running(fresh: Settings) -> Iterator[Settings]:
    for name in INPUTS:
        _start(fresh, name)
    yield fresh
    for name in INPUTS:
        stop_process(fresh, f"{fresh.topic_prefix}{name}")


def _sent(envelopes: list[Envelope]) -> list[Sent]:
    return [(e.zone_id.encode(), encoder.encode(e), e.start_ms) for e in envelopes]


def _passings() -> list[Passing]:
    moments = range(START_MS, START_MS + MINUTES * MINUTE_MS, 7_000)
    return [Passing(at_ms, ("north", "south")[i % 2], 1 if i % 3 else -1) for i, at_ms in enumerate(moments)]


def test_a_topic_that_was_not_there_is_taken_soon_after_it_is(fresh: Settings) -> None:
    """A broker that has just started may tell of no topics, and the group that has asked it gets nothing to do."""
    late = fresh.model_copy(update={"topic_prefix": f"{fresh.topic_prefix}late."})

    async def taken() -> set[TP]:
        app = make_app("late", late, [DETECTIONS])
        thread = cast(CoalescingConsumer, app.consumer)._new_consumer_thread()
        consumer = thread._create_worker_consumer(cast(CoalescingTransport, app.transport))
        await consumer.start()
        consumer.subscribe([topic_name(DETECTIONS, late)])
        try:
            async with asyncio.timeout(60):
                while consumer._subscription.subscription.assignment is None:
                    await asyncio.sleep(0.1)
                create_topics(late)
                while not consumer.assignment():
                    await asyncio.sleep(0.1)
                return set(consumer.assignment())
        finally:
            await consumer.stop()

    assert asyncio.run(taken()) == {TP(topic_name(DETECTIONS, late), number) for number in range(late.partitions)}


def test_exact_after_kill_nine_with_duplicates(running: Settings) -> None:
    passings = _passings()
    messages = _sent(_stream(passings, MINUTES))
    messages = [again for i, message in enumerate(messages) for again in [message] * (2 if i % 5 == 0 else 1)]
    half = len(messages) // 2
    produce(running, DETECTIONS, messages[:half])
    wait_until(lambda: sum(end_offsets(running, OCCUPANCY)) > 0, 90, "first occupancy rows")
    _kill(running, "occupancy")
    produce(running, DETECTIONS, messages[half:])
    _start(running, "occupancy")
    _wait(running, "occupancy")

    rows: dict[int, OccupancyMinute] = {}
    for message in read_all(running, OCCUPANCY):
        row = msgspec.json.decode(message.value() or b"", type=OccupancyMinute)
        if row.minute_ms not in rows or row.revision >= rows[row.minute_ms].revision:
            rows[row.minute_ms] = row
    counted = Counter((p.at_ms // MINUTE_MS * MINUTE_MS, p.direction) for p in passings)
    assert len(rows) >= MINUTES
    assert {ms: row.ins for ms, row in rows.items() if row.ins} == {ms: n for (ms, d), n in counted.items() if d > 0}
    assert {ms: row.outs for ms, row in rows.items() if row.outs} == {ms: n for (ms, d), n in counted.items() if d < 0}
    assert rows[START_MS + (MINUTES - 1) * MINUTE_MS].balance == sum(p.direction for p in passings)
    newest = msgspec.json.decode(read_all(running, OCCUPANCY_LATEST)[-1].value() or b"", type=OccupancyNow)
    assert (newest.zone_id, newest.ins_today) == ("estate", sum(p.direction > 0 for p in passings))
    assert newest.occupancy == rows[max(rows)].occupancy


def test_a_topic_that_was_made_anew_is_taken_from_its_beginning(fresh: Settings) -> None:
    passings = _passings()
    messages = _sent(_stream(passings, MINUTES))
    many = len(messages) * 2 // 3
    _start(fresh, "occupancy")
    produce(fresh, DETECTIONS, messages[:many])
    _wait(fresh, "occupancy")
    stop_process(fresh, f"{fresh.topic_prefix}occupancy")
    client, name = admin(fresh), topic_name(DETECTIONS, fresh)
    client.delete_topics([name])[name].result()
    wait_until(lambda: name not in client.list_topics(timeout=8).topics, 30, "the topic is gone")
    create_topics(fresh)
    produce(fresh, DETECTIONS, messages[many:])
    _start(fresh, "occupancy")
    try:
        _wait(fresh, "occupancy")
    finally:
        stop_process(fresh, f"{fresh.topic_prefix}occupancy")
    rows = [msgspec.json.decode(one.value() or b"", type=OccupancyMinute) for one in read_all(fresh, OCCUPANCY)]
    last = max(rows, key=lambda row: (row.minute_ms, row.revision))
    assert last.minute_ms >= START_MS + (MINUTES - 1) * MINUTE_MS
    assert last.balance == sum(passing.direction for passing in passings)


def test_headcounts_are_exact_after_kill_nine_and_bad_ones_are_dead_letters(running: Settings) -> None:
    envelopes = _stream(_passings(), MINUTES)
    told = [_headcount(8.5, 70, 4.0, "early"), _headcount(21.5, 160, 4.0, "late")]
    bad = encoder.encode(_headcount(9, 1)).replace(b'"estate"', b'"moon"')
    messages, half = _sent(envelopes), len(envelopes) // 2
    produce(
        running, HEADCOUNTS, [(b"estate", bad, START_MS), *((b"estate", encoder.encode(h), h.event_ms) for h in told)]
    )
    _wait(running, "occupancy")  # else a slow machine may take them when the first one is too late
    produce(running, DETECTIONS, messages[:half])
    wait_until(lambda: sum(end_offsets(running, OCCUPANCY)) > 12, 90, "rows past the first headcount")
    _kill(running, "occupancy")
    produce(running, HEADCOUNTS, [(b"estate", encoder.encode(told[0]), told[0].event_ms)])
    produce(running, DETECTIONS, messages[half:])
    _start(running, "occupancy")
    _wait(running, "occupancy")

    rows: dict[int, OccupancyMinute] = {}
    for message in read_all(running, OCCUPANCY):
        row = msgspec.json.decode(message.value() or b"", type=OccupancyMinute)
        rows[row.minute_ms] = msgspec.structs.replace(row, revision=0, watermark_ms=0)
    assert rows == _settled([*told, *envelopes])
    assert rows[START_MS + 21 * MINUTE_MS].occupancy != rows[START_MS + 21 * MINUTE_MS].balance
    letters = read_all(running, DEAD_LETTERS)  # the kill may have come between sending one and committing it
    found = {
        (_header(one.headers(), "reason"), _header(one.headers(), "source_offset"), one.value()) for one in letters
    }
    assert found == {("unknown_zone", "0", bad)}


def test_bad_input_goes_to_dead_letters_and_the_stream_goes_on(running: Settings) -> None:
    good = _stream([Passing(START_MS + 5_000, "north", 1)], 5)
    valid = json.loads(encoder.encode(good[0]))
    columns = {"event_ms": [valid["start_ms"]], "track_id": [1], "object_class": ["person"], "x_m": [float("nan")]}
    columns |= {"y_m": [0.0], "confidence": [1.0]}
    three_years_ms = 3 * 365 * 86_400_000
    off = {"start_ms": valid["start_ms"] - three_years_ms, "end_ms": valid["end_ms"] - three_years_ms}
    bad = {
        "malformed_json": b'{"schema_version": 1, ',
        "wrong_schema_version": json.dumps(valid | {"schema_version": 99}).encode(),
        "too_large": b'{"pad":"' + b"x" * 5_000_000 + b'"}',
        "not_finite": json.dumps(valid | {"detections": columns}).encode(),
        "unknown_camera": json.dumps(valid | {"camera_id": "cam_nowhere"}).encode(),
        "event_time_off": json.dumps(valid | off).encode(),
    }
    produce(running, DETECTIONS, [(b"estate", value, START_MS) for value in bad.values()])
    produce(running, DETECTIONS, _sent(good))
    _wait(running, "occupancy")

    letters = read_all(running, DEAD_LETTERS)
    found = {_header(message.headers(), "reason"): message.value() for message in letters}
    assert found == bad
    coordinates = {(m.headers() and _header(m.headers(), "source_offset"), m.key()) for m in letters}
    assert coordinates == {(str(offset), b"estate") for offset in range(len(bad))}
    assert any(b'"ins":1' in (message.value() or b"") for message in read_all(running, OCCUPANCY))


def _header(headers: object, name: str) -> str:
    assert isinstance(headers, list)
    return bytes(dict(headers)[name]).decode()


def test_a_silent_camera_is_one_alert_that_opens_and_closes(running: Settings) -> None:
    silent_from, silent_to = START_MS + 8 * MINUTE_MS, START_MS + 20 * MINUTE_MS
    story = [
        e for e in _stream([], MINUTES) if e.camera_id != "cam_gate_west" or not silent_from <= e.start_ms < silent_to
    ]
    produce(running, DETECTIONS, _sent(story))
    _wait(running, "alerts")
    alerts = [msgspec.json.decode(message.value() or b"", type=Alert) for message in read_all(running, ALERTS)]
    states = {(a.status, a.opened_ms, a.closed_ms) for a in alerts}
    last_word_ms = silent_from - MINUTE_MS + 1000
    assert {a.subject_id for a in alerts} == {"cam_gate_west"}
    assert len({a.alert_id for a in alerts}) == 1
    assert states == {
        ("opened", last_word_ms + 180_000, None),
        ("closed", last_word_ms + 180_000, silent_to + 1000),
    }


def test_a_tailgater_is_told_from_crossings_and_passages_and_bad_passages_are_dead_letters(running: Settings) -> None:
    entered_ms = START_MS + 3 * MINUTE_MS
    granted = [_passage(START_MS + 60_000), _passage(entered_ms)]
    crossed = [Passing(START_MS + 61_000, "north", 1), Passing(entered_ms + 1_000, "north", 1)]
    produce(running, DETECTIONS, _sent(_stream([*crossed, Passing(entered_ms + 2_500, "north", 1)], MINUTES)))
    produce(running, GATE_PASSAGES, [*granted, (b"turnstile_north", b"{}", entered_ms), granted[0]])
    wait_until(lambda: sum(end_offsets(running, ALERTS)) >= 2, 90, "the tailgater's alert, without a later passage")
    alerts = [msgspec.json.decode(message.value() or b"", type=Alert) for message in read_all(running, ALERTS)]
    opened_ms = entered_ms + 2_500
    assert [(a.rule, a.status, a.subject_id, a.opened_ms) for a in alerts] == [
        ("tailgating", status, "gate_north", opened_ms) for status in ("opened", "closed")
    ]
    (letter,) = read_all(running, DEAD_LETTERS)
    assert (_header(letter.headers(), "reason"), letter.value()) == ("wrong_schema_version", b"{}")


def _passage(event_ms: int) -> Sent:
    passage = GatePassage(
        schema_version=1,
        passage_id=f"p{event_ms}",
        estate_id=SITE.estate.id,
        gate_id="turnstile_north",
        event_ms=event_ms,
        direction=1,
        method="card",
        granted=True,
    )
    return passage_key(passage, SITE), encoder.encode(passage), event_ms


def test_a_total_outage_is_noticed_by_the_clock(running: Settings) -> None:
    recent_ms = SystemClock().now_ms() - 10 * MINUTE_MS
    shift = recent_ms - START_MS
    words = [msgspec.structs.replace(e, start_ms=e.start_ms + shift, end_ms=e.end_ms + shift) for e in _stream([], 2)]
    produce(running, DETECTIONS, _sent(words))
    wait_until(lambda: sum(end_offsets(running, ALERTS)) >= 3, 90, "three silent cameras")
    alerts = [msgspec.json.decode(message.value() or b"", type=Alert) for message in read_all(running, ALERTS)]
    assert {a.subject_id for a in alerts} == {"cam_gate_north", "cam_gate_south", "cam_gate_west"}
    assert {a.status for a in alerts} == {"opened"}
