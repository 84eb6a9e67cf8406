"""Replay: same messages, event time kept, at the pace asked for; bad lines refused with file and line."""

from datetime import date
from pathlib import Path

import pytest

from infra.clock import FakeClock
from infra.errors import UserError
from producers.replay import parse_speed, run
from producers.simulate.faults import Faults
from producers.simulate.run import Plan
from producers.simulate.run import run as simulate
from producers.sink import JsonlSink
from tests.producers.helpers import MemorySink, nested_site

NESTED = nested_site()
PASSAGE = (
    b'{"schema_version":1,"passage_id":"p","estate_id":"e","gate_id":"g3","event_ms":5,'
    b'"direction":1,"method":"card","granted":true}'
)
ENVELOPE = (
    b'{"schema_version":1,"estate_id":"e","zone_id":"z","camera_id":"c","boot_id":"b","seq":0,'
    b'"start_ms":%d,"end_ms":%d}'
)


def test_what_is_recorded_comes_back_unchanged(tmp_path: Path) -> None:
    path, direct, again = tmp_path / "day.jsonl", MemorySink(), MemorySink()
    plan = Plan(date(2024, 5, 27), faults=Faults(poison=6, duplicates=0.01, late=0.01))
    simulate(NESTED, plan, direct)
    with JsonlSink(path) as sink:
        simulate(NESTED, plan, sink)
    assert run(path, again, NESTED).messages == len(direct.sent)
    assert again.sent == direct.sent


def recording(path: Path, *lines: bytes) -> Path:
    """A file of these lines."""
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_pace_follows_event_time(tmp_path: Path) -> None:
    times = [60_000, 61_000, 60_500, 71_000]
    path = recording(tmp_path / "r.jsonl", *(ENVELOPE % (ms, ms) for ms in times))
    clock, slept = FakeClock(1_000_000), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(round(seconds * 1000))

    sink = MemorySink()
    run(path, sink, NESTED, 10, clock=clock, sleep=sleep)
    assert slept == [0.1, 1.0]
    assert [message.timestamp_ms for message in sink.sent] == times


def test_bare_messages_find_their_topic_and_key(tmp_path: Path) -> None:
    sink = MemorySink()
    run(recording(tmp_path / "r.jsonl", ENVELOPE % (7, 8), PASSAGE), sink, NESTED)
    assert [(m.topic, m.key, m.timestamp_ms) for m in sink.sent] == [
        ("detections", b"z", 7),
        ("gate_passages", b"phase_b", 5),
    ]


@pytest.mark.parametrize(
    "bad", [b"{", b"[]", PASSAGE.replace(b"g3", b"g9"), b'{"topic":"x","key":"k","timestamp_ms":1,"value":{}}', b"\xff"]
)
def test_bad_line_is_named_or_kept(tmp_path: Path, bad: bytes) -> None:
    path = recording(tmp_path / "r.jsonl", ENVELOPE % (7, 8), bad, PASSAGE)
    with pytest.raises(UserError, match=r"r\.jsonl:2: neither"):
        run(path, MemorySink(), NESTED)
    sink = MemorySink()
    assert run(path, sink, NESTED, keep_bad=True).bad == 1
    assert sink.sent[1].value == bad
    assert sink.sent[1].timestamp_ms == 7


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.jsonl"):
        run(tmp_path / "no.jsonl", MemorySink(), NESTED)


def test_speeds_are_parsed() -> None:
    assert [parse_speed(text) for text in ("1", "10", "2.5x", "max")] == [1.0, 10.0, 2.5, None]
    for text in ("0", "-1", "fast", "nan", "inf"):
        with pytest.raises(UserError, match="not a speed"):
            parse_speed(text)
