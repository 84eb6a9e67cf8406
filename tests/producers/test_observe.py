"""What a person tells becomes a valid headcount, or is refused with what to do."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from infra.clock import DAY_MS, FakeClock, day_start_ms, parse_ms
from infra.errors import UserError
from infra.events import Headcount, encoder
from infra.headcounts import judge_headcount
from producers.cli import register
from producers.observe.headcount import headcount, send
from producers.simulate.register import REGISTER_MS
from producers.simulate.run import Plan, run
from tests.producers.helpers import SMALL, MemorySink
from tests.streams.estimate_days import simulated

NIGHT_MS = parse_ms("2024-05-27T22:30+08:00", SMALL.tz)
CLOCK = FakeClock(NIGHT_MS)


def _counted(
    zone: str = "building_1", persons: int = 512, error: float | None = None, at: str | None = None
) -> Headcount:
    return headcount(SMALL, zone, persons, error=error, at=at, by="operator", clock=CLOCK)


def test_what_is_sent_is_taken_by_the_streams() -> None:
    sink = MemorySink()
    send(_counted(), sink, CLOCK)
    (sent,) = sink.sent
    assert sent.topic == "headcounts"
    assert judge_headcount(sent.key, sent.value, sent.timestamp_ms, SMALL) == _counted()


def test_time_is_local_and_the_error_two_percent_where_nobody_says() -> None:
    assert _counted(at="2024-05-27T22:30").event_ms == NIGHT_MS == _counted().event_ms
    assert (_counted().error_persons, _counted(persons=12).error_persons, _counted(error=0).error_persons) == (
        10.2,
        1,
        0,
    )


def test_said_again_it_stands_in_for_the_first_and_of_another_time_it_is_another() -> None:
    assert _counted(persons=499).headcount_id == _counted().headcount_id
    assert _counted(at="2024-05-27T22:31").headcount_id != _counted().headcount_id


@pytest.mark.parametrize(
    ("tell", "says"),
    [
        (lambda: _counted(zone="building_9"), "building_9"),
        (lambda: _counted(at="half past ten"), "not a time"),
        (lambda: _counted(at="2024-05-25T22:30"), "more than a day"),
        (lambda: _counted(persons=-1), "out of range"),
        (lambda: _counted(error=float("inf")), "out of range"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(tell: Callable[[], Headcount], says: str) -> None:
    with pytest.raises(UserError, match=says):
        tell()


def test_the_command(tmp_path: Path) -> None:
    root = typer.Typer()
    register(root)
    out = tmp_path / "told.jsonl"
    old = ["--at", "2024-05-27T22:30"]
    for more, code in ([], 0), (old, 1):
        words = ["observe", "headcount", "building_1", "512", "--error", "10", "--to", f"jsonl:{out}", *more]
        shown = CliRunner().invoke(root, words)
        assert (shown.exit_code, code == 0 and "512 persons ± 10" in shown.output) == (code, code == 0)
    assert json.loads(out.read_text())["value"]["persons"] == 512


def test_the_evening_register_counts_homes_and_estate_and_moves_nobody() -> None:
    day = date(2024, 5, 27)
    plain, counted = MemorySink(), MemorySink()
    without = run(SMALL, Plan(day, days=2), plain)
    with_register = run(SMALL, Plan(day, days=2, register=True), counted)
    assert [one for one in counted.sent if one.topic != "headcounts"] == plain.sent
    assert (without.headcounts, with_register.headcounts) == (0, 6)
    assert with_register.messages == without.messages == len(plain.detections())
    told = counted.headcounts()
    assert [one.zone_id for one in told] == ["estate", "building_1", "building_2"] * 2
    assert {one.event_ms for one in told} == {day_start_ms(day, SMALL.tz) + REGISTER_MS + n * DAY_MS for n in (0, 1)}
    assert encoder.encode(told[0]) in {one.value for one in counted.sent}


def test_the_register_is_right_to_two_percent() -> None:
    week = simulated(Plan(date(2024, 5, 27), days=20, register=True))
    told = [json.loads(one.value) for one in week.sent if one.topic == "headcounts"]
    assert len(told) == 60
    truth = np.array([week.persons[one["zone_id"], one["event_ms"] - 60_000] for one in told])
    off = (np.array([one["persons"] for one in told]) - truth) / np.array([one["error_persons"] for one in told])
    assert 0.8 < off.std() < 1.25
    assert abs(off.mean()) < 0.4
