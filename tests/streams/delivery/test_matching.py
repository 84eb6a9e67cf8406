"""Who is told of what and when: against plain restatements of the rules."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import DAY_MS, MINUTE_MS, SystemClock
from infra.events import Severity
from infra.validate import Refusal
from streams.delivery.app import Room, match, send_canaries, take
from streams.delivery.matching import Told, concerns, due_ms, is_news, quiet_until_ms
from streams.delivery.outbox import Queued
from tests.streams.delivery.helpers import (
    AT_MS,
    SITE,
    alert,
    closed,
    open_outbox,
    raw_record,
    record,
    subscription,
    wish,
)

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({}, True),
        ({"zones": ["plaza"]}, True),
        ({"zones": ["estate"]}, True),  # the plaza lies in it
        ({"zones": ["clubhouse"]}, False),
        ({"zones": ["clubhouse", "plaza"]}, True),
        ({"rules": ["over_capacity"]}, True),
        ({"rules": ["loitering"]}, False),
        ({"escalations_only": True}, False),
        ({"since_ms": AT_MS + 1}, False),
        ({"since_ms": AT_MS}, True),
    ],
)
def test_which_alerts_concern_whom(wanted: dict[str, Any], told: bool) -> None:
    assert concerns(subscription(**wanted), alert(), AT_MS, SITE) is told


def test_suppressed_ones_wake_nobody_and_escalations_only_gets_escalations() -> None:
    assert not concerns(subscription(), alert(suppressed="mowing"), AT_MS, SITE)
    assert concerns(subscription(escalations_only=True), alert(rule="unanswered"), AT_MS, SITE)
    assert not concerns(subscription(zones=["plaza"]), alert(zone_id="a_zone_of_yesterday"), AT_MS, SITE)


@given(st.lists(st.sampled_from(SEVERITIES), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_an_alert_is_told_when_it_opens_gets_worse_and_ends(levels: list[Severity], ends: bool, updates: bool) -> None:
    """The states of one alert, each told once, whatever is repeated."""
    worst = [max(levels[: i + 1], key=SEVERITIES.index) for i in range(len(levels))]
    states = [alert(0, i + 1, severity=severity) for i, severity in enumerate(worst)]
    states += [closed(0, len(states) + 1, worst[-1])] if ends else []
    told: Told | None = None
    heard = []
    for state in [one for each in states for one in (each, each, states[0])]:
        if is_news(subscription(updates=updates), state, told):
            told = Told(state.revision, state.severity)
            heard.append(state.revision)
    worse = [i + 1 for i, severity in enumerate(worst) if i == 0 or severity != worst[i - 1]]
    assert heard == ([s.revision for s in states] if updates else worse + ([len(states)] if ends else []))


def test_a_severity_is_asked_of_the_first_state_only() -> None:
    """Who was told of an alert hears that it gets worse, and that it ends."""
    mild, grave = subscription(severities=["warning"]), subscription(severities=["critical"])
    worse = alert(0, 2, severity="critical")
    assert is_news(mild, alert(), None)
    assert is_news(mild, worse, Told(1, "warning"))
    assert is_news(mild, closed(0, 3, "critical"), Told(2, "critical"))
    assert not is_news(grave, alert(), None)
    assert is_news(grave, worse, None)


def test_an_alert_that_ends_before_it_was_told_is_not_told() -> None:
    assert not is_news(subscription(), closed(), None)


minutes = st.integers(0, 14 * 24 * 60).map(lambda minute: AT_MS - AT_MS % MINUTE_MS + minute * MINUTE_MS)


@given(minutes, st.integers(0, MINUTE_MS - 1), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu"]))
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(minute_ms: int, into_ms: int, zone: str) -> None:
    tz, now_ms = ZoneInfo(zone), minute_ms + into_ms
    quiet = wish(quiet=["mon-fri 22:00-06:00", "sat-sun 23:30-08:15"]).quiet

    def is_quiet(at: datetime) -> bool:
        clock, day = at.strftime("%H:%M"), at.weekday()
        evening = "22:00" if day < 5 else "23:30"
        yesterday_was_weekday = (day - 1) % 7 < 5
        return clock >= evening or clock < ("06:00" if yesterday_was_weekday else "08:15")

    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    expected = now_ms
    if is_quiet(at.astimezone(tz)):
        at = datetime.fromtimestamp(minute_ms / 1000, UTC)
        while is_quiet(at.astimezone(tz)):
            at += timedelta(minutes=1)
        expected = round(at.timestamp() * 1000)
    assert quiet_until_ms(quiet, now_ms, tz) == expected


def test_urgent_ones_pass_quiet_hours() -> None:
    at_ms = round(datetime(2026, 11, 24, 23, 0, tzinfo=SITE.tz).timestamp() * 1000)
    morning_ms = round(datetime(2026, 11, 25, 6, 0, tzinfo=SITE.tz).timestamp() * 1000)
    sleeper = wish(quiet=["mon-sun 22:00-06:00"])
    assert due_ms(sleeper, alert(), at_ms, SITE.tz) == morning_ms
    assert due_ms(sleeper, alert(severity="critical"), at_ms, SITE.tz) == at_ms
    deep = wish(quiet=["mon-sun 22:00-06:00"], urgent=[])
    assert due_ms(deep, alert(severity="critical"), at_ms, SITE.tz) == morning_ms


def test_a_fetch_is_matched_in_order_and_a_repeated_one_gives_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    room = Room.__new__(Room)
    room.outbox, room.site, room.clock, room.lanes = outbox, SITE, SystemClock(), None
    room.wishes = {"all": wish("all"), "critical": wish("critical", severities=["critical"])}
    states = [alert(1), alert(2), alert(1, 2), alert(1, 3, severity="critical"), closed(1, 4, "critical")]
    first = take([record(state, offset) for offset, state in enumerate(states)], room)
    assert _told(first.queued, "all") == [(1, 1), (2, 1), (1, 3), (1, 4)]
    assert _told(first.queued, "critical") == [(1, 3), (1, 4)]
    assert take([record(state, offset) for offset, state in enumerate(states)], room).queued == []
    assert _told(take([record(closed(2))], room).queued, "all") == [(2, 2)]
    assert outbox.held() == 7


def _told(queued: list[Queued], name: str) -> list[tuple[int, int]]:
    numbers = {alert(number).alert_id: number for number in (1, 2)}
    return [(numbers[one.alert_id], one.revision) for one in queued if one.subscription_id == name]


def test_what_is_no_alert_is_refused_and_what_is_old_wakes_nobody(tmp_path: Path) -> None:
    outbox, now_ms = open_outbox(tmp_path), SystemClock().now_ms()
    old, foreign = record(alert(1), timestamp_ms=now_ms - 3 * DAY_MS - 1), record(alert(2, estate_id="moon"))
    junk, endless = raw_record(b"\xff{", 9, now_ms), record(alert(3, opened_ms=2**62))
    huge = record(alert(4, explanation="x" * 200_000))
    matched = match([old, foreign, junk, endless, huge], {"all": wish("all")}, outbox, SITE, now_ms)
    assert (matched.queued, matched.stale) == ([], 1)
    assert [refusal.reason for _, refusal in matched.refused] == [
        "wrong_estate",
        "malformed_json",
        "event_time_off",
        "too_large",
    ]
    assert all(isinstance(refusal, Refusal) for _, refusal in matched.refused)


def test_a_canary_goes_once_an_hour_to_webhooks_and_to_who_wants_it(tmp_path: Path) -> None:
    from infra.clock import HOUR_MS, FakeClock
    from infra.events import MailChannel

    clock = FakeClock(AT_MS)
    mail = MailChannel(to="a@example.com")
    wishes = {
        "hook": wish("hook"),
        "mail": wish("mail", channel=mail),
        "asked": wish("asked", channel=mail, canary=True),
        "asleep": wish("asleep", channel=mail, canary=True, quiet=["mon-sun 00:00-23:59"]),
    }
    room = Room.__new__(Room)
    room.outbox, room.site, room.clock, room.lanes, room.wishes = open_outbox(tmp_path), SITE, clock, None, wishes
    assert send_canaries(room) == 2
    assert room.outbox.subscribers() == {"hook", "asked"}
    assert send_canaries(room) == 0
    clock.advance(HOUR_MS)
    assert send_canaries(room) == 0  # the last one still waits
    for name in ("hook", "asked"):
        room.outbox.forget(name)
    assert send_canaries(room) == 2
    assert send_canaries(room) == 0
