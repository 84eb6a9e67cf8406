"""The alert rules, each on a hand-made story."""

from datetime import date
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest

from infra.clock import MINUTE_MS, FakeClock, day_start_ms
from infra.events import Crossings, Envelope, OccupancyMinute
from infra.settings import SMALL_SITE
from infra.site import load_site
from streams import signs
from streams.alert_steps import Room, is_fresh, overdue_by_clock
from streams.durable import DurableZones, ZoneValue
from streams.rules import camera_silent, over_capacity, restricted_hours
from streams.zone_alerts import ZoneAlerts, envelope_rules

SITE = load_site(SMALL_SITE)
PLAZA = SITE.zone["plaza"]
LIMITS = SITE.limits.over_capacity
NOON_MS = day_start_ms(date(2026, 11, 24), SITE.tz) + 12 * 60 * MINUTE_MS  # a Tuesday
NIGHT_MS = NOON_MS + 12 * 60 * MINUTE_MS


def _row(minute: int, occupancy: float, coverage: str = "full", revision: int = 1) -> OccupancyMinute:
    content = {
        "schema_version": 1,
        "row_id": f"r{minute}",
        "revision": revision,
        "estate_id": SITE.estate.id,
        "zone_id": "plaza",
        "minute_ms": NOON_MS + minute * MINUTE_MS,
        "ins": 0,
        "outs": 0,
        "balance": int(occupancy),
        "occupancy": occupancy,
        "low": occupancy - 5,
        "high": occupancy + 5,
        "visible": None,
        "coverage": coverage,
        "watermark_ms": NOON_MS,
    }
    return msgspec.convert(content, OccupancyMinute)


def _states(occupancies: list[float]) -> list[tuple[int, str]]:
    state = over_capacity.State()
    found: list[tuple[int, str]] = []
    for minute, occupancy in enumerate(occupancies):
        found += [(minute, alert.status) for alert in over_capacity.step(state, _row(minute, occupancy), PLAZA, LIMITS)]
    return found


def test_over_capacity_is_one_alert_a_breach_with_hysteresis() -> None:
    assert _states([140, 150, 149, 151, 136, 134, 140, 155]) == [(1, "opened"), (5, "closed"), (7, "opened")]


def test_over_capacity_tells_a_new_peak_at_most_every_five_minutes() -> None:
    assert _states([160, 161, 162, 163, 164, 165, 166]) == [(0, "opened"), (5, "updated")]


def _trend(occupancies: list[float]) -> list[tuple[int, str, str, float | None]]:
    state = over_capacity.State()
    return [
        (minute, alert.status, alert.severity, alert.measured.get("minutes_to_capacity"))
        for minute, occupancy in enumerate(occupancies)
        for alert in over_capacity.step(state, _row(minute, occupancy), PLAZA, LIMITS)
    ]


def test_a_trend_towards_the_limit_warns_before_the_breach_in_the_same_alert() -> None:
    found = _trend([100.0 + 3 * minute for minute in range(20)])
    assert found == [
        (9, "opened", "warning", 7.7),  # (150 - 127) / 3 min, and even 122 + 10 x 3 reaches 150
        (14, "updated", "warning", 2.7),
        (17, "updated", "critical", 0.0),
    ]


def test_a_trend_that_ends_takes_the_warning_back_and_slow_or_low_growth_warns_of_nothing() -> None:
    risen = [100.0 + 3 * minute for minute in range(12)]
    assert [(status, severity) for _, status, severity, _ in _trend([*risen, *[133.0] * 30])] == [
        ("opened", "warning"),
        ("updated", "warning"),  # a higher peak
        ("closed", "warning"),
    ]
    assert _trend([100.0 + 2 * minute for minute in range(18)]) == []
    assert [when for when, *_ in _trend([100.0 + 2 * minute for minute in range(19)])] == [18]  # 131 + 10 x 2 >= 150
    assert _trend([120.0 + 0.5 * minute for minute in range(40)]) == []
    assert _trend([20.0 + 9 * minute for minute in range(11)]) == []


def test_the_trend_is_the_least_squares_line() -> None:
    points = [(minute * MINUTE_MS, float(persons)) for minute, persons in enumerate([3, 1, 4, 1, 5, 9, 2, 6])]
    assert over_capacity.slope(points) == pytest.approx(np.polyfit(range(8), [p for _, p in points], 1)[0])


def test_over_capacity_ignores_unknown_coverage_and_corrections() -> None:
    state = over_capacity.State()
    assert over_capacity.step(state, _row(0, 500, coverage="unknown"), PLAZA, LIMITS) == []
    assert over_capacity.step(state, _row(3, 10), PLAZA, LIMITS) == []
    assert over_capacity.step(state, _row(2, 500, revision=2), PLAZA, LIMITS) == []


def test_ids_are_made_from_the_cause_and_the_same_in_every_state() -> None:
    def story() -> list[str]:
        state = over_capacity.State()
        return [
            alert.alert_id
            for minute, occupancy in enumerate([160, 161, 162, 163, 164, 170, 100])
            for alert in over_capacity.step(state, _row(minute, occupancy), PLAZA, LIMITS)
        ]

    assert story() == story()
    assert len(story()) == 3
    assert len(set(story())) == 1


def _crossing(at_ms: int, direction: int = 1, seq: int = 0, what: str = "person") -> Envelope:
    columns = {
        "crossing_id": [f"c{seq}"],
        "event_ms": [at_ms],
        "line_id": ["clubhouse_door"],
        "direction": [direction],
        "track_id": [1],
        "object_class": [what],
    }
    return _word(at_ms, seq, msgspec.convert(columns, Crossings))


def _word(at_ms: int, seq: int = 0, crossings: Crossings | None = None) -> Envelope:
    return Envelope(
        schema_version=1,
        estate_id=SITE.estate.id,
        zone_id="clubhouse",
        camera_id="cam_clubhouse",
        boot_id="b",
        seq=seq,
        start_ms=at_ms,
        end_ms=at_ms + 400,
        crossings=crossings,
    )


def test_restricted_hours_opens_on_entry_updates_and_closes_when_quiet() -> None:
    state = signs.State()
    opened = restricted_hours.step(state, _crossing(NIGHT_MS), SITE)
    assert [(a.status, a.opened_ms) for a in opened] == [("opened", NIGHT_MS)]
    assert restricted_hours.step(state, _crossing(NIGHT_MS + 1000, seq=1), SITE) == []
    later = restricted_hours.step(state, _crossing(NIGHT_MS + 90_000, seq=2), SITE)
    assert [(a.status, a.measured["signs"]) for a in later] == [("updated", 3.0)]
    assert "entered by clubhouse_door from 中心广场 to 居民活动中心 at 00:01:30" in later[0].explanation
    assert restricted_hours.step(state, _crossing(NIGHT_MS + 100_000, seq=3), SITE) == []
    assert restricted_hours.step(state, _word(NIGHT_MS + 400_000), SITE) == []
    closed = restricted_hours.step(state, _word(NIGHT_MS + 400_001), SITE)
    assert [(a.status, a.closed_ms, a.measured["signs"]) for a in closed] == [("closed", NIGHT_MS + 400_000, 4.0)]
    assert "at 00:01:40" in closed[0].explanation
    assert {a.alert_id for a in [*opened, *later, *closed]} == {opened[0].alert_id}


def test_restricted_hours_is_silent_by_day_for_leavers_and_for_things() -> None:
    state = signs.State()
    assert restricted_hours.step(state, _crossing(NOON_MS), SITE) == []
    assert restricted_hours.step(state, _crossing(NIGHT_MS, direction=-1), SITE) == []
    assert restricted_hours.step(state, _crossing(NIGHT_MS, what="bicycle"), SITE) == []


def test_a_repeated_envelope_changes_nothing() -> None:
    state = ZoneAlerts()
    first = envelope_rules(state, _crossing(NIGHT_MS), NIGHT_MS, SITE)
    before = msgspec.msgpack.encode(state)
    assert len(first) == 1
    assert envelope_rules(state, _crossing(NIGHT_MS), NIGHT_MS, SITE) == []
    assert msgspec.msgpack.encode(state) == before


def test_camera_silent_is_the_same_alert_noticed_early_or_late() -> None:
    state, _ = camera_silent.step(None, _word(NOON_MS), NOON_MS, SITE)
    again_ms = NOON_MS + 600_000
    _, at_once = camera_silent.step(msgspec.structs.replace(state), _word(again_ms, 1), again_ms, SITE)
    assert [a.status for a in at_once] == ["opened", "closed"]

    assert camera_silent.overdue(state, "cam_clubhouse", "clubhouse", NOON_MS + 180_000, SITE) == []
    noticed = camera_silent.overdue(state, "cam_clubhouse", "clubhouse", NOON_MS + 180_001, SITE)
    assert camera_silent.overdue(state, "cam_clubhouse", "clubhouse", NOON_MS + 240_000, SITE) == []
    _, ended = camera_silent.step(state, _word(again_ms, 1), again_ms, SITE)
    assert [*noticed, *ended] == at_once


def test_a_late_word_from_within_the_silence_does_not_end_it() -> None:
    state, _ = camera_silent.step(None, _word(NOON_MS), NOON_MS, SITE)
    camera_silent.overdue(state, "cam_clubhouse", "clubhouse", NOON_MS + 200_000, SITE)
    state, published = camera_silent.step(state, _word(NOON_MS + 60_000, 1), NOON_MS + 60_000, SITE)
    assert published == []
    assert state.alert is not None


def _room(state: ZoneAlerts, now_ms: int) -> Room:
    zones = cast(DurableZones[ZoneAlerts], SimpleNamespace(in_partition=lambda _: [("clubhouse", _value(state))]))
    return Room(SITE, zones, "alerts", "dead_letters", FakeClock(now_ms))


def _value(state: ZoneAlerts) -> ZoneValue[ZoneAlerts]:
    return ZoneValue(3, state, {}, [])


def test_when_nothing_arrives_the_wall_clock_tells_silence_but_not_in_a_replay() -> None:
    def opened(now_ms: int) -> int:
        state = ZoneAlerts()
        envelope_rules(state, _word(NOON_MS), NOON_MS, SITE)
        return len(overdue_by_clock(3, now_ms, _room(state, now_ms)).touched)

    room = _room(ZoneAlerts(), NOON_MS)
    room.envelopes_ms[3] = NOON_MS - 60_000
    assert (is_fresh(3, NOON_MS, room), is_fresh(3, NOON_MS + 1, room), is_fresh(0, NOON_MS, room)) == (
        True,
        False,
        False,
    )
    assert opened(NOON_MS + 170_000) == 0
    assert opened(NOON_MS + 200_000) == 1
    assert opened(NOON_MS + 365 * 86_400_000) == 0
