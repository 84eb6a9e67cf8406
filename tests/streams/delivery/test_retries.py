"""The schedule of tries over three days, and addresses that nobody outside may reach."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import DAY_MS, FakeClock
from infra.delivery_state import Lane
from streams.delivery.addresses import ForbiddenAddressError, GuardedResolver, check_literal, is_public
from streams.delivery.retries import BACKOFF_S, Outcome, failed, revived, succeeded, wait_ms
from streams.delivery.webhook import outcome_of, seconds_of
from tests.streams.delivery.helpers import AT_MS

DOWN = Outcome("failed", "answered 503")


@given(st.floats(0, 0.999))
def test_a_receiver_that_is_away_is_tried_for_three_days_and_then_dead(chance: float) -> None:
    clock, lane, tries = FakeClock(AT_MS), Lane("guard"), 0
    while lane.dead_ms is None:
        lane = failed(lane, DOWN, changed_ms=7, now_ms=clock.now_ms(), chance=chance)
        tries += 1
        assert lane.next_try_ms > clock.now_ms()
        if lane.dead_ms is None:
            clock.advance(lane.next_try_ms - clock.now_ms())
    lasted_ms = lane.dead_ms - AT_MS
    assert 3 * DAY_MS <= lasted_ms <= 3.5 * DAY_MS
    assert 20 <= tries <= 35
    assert revived(lane, 7) == lane
    assert revived(lane, 8) == Lane("guard")


def test_a_worker_that_was_away_itself_does_not_call_a_receiver_dead() -> None:
    lane = failed(Lane("guard"), DOWN, changed_ms=0, now_ms=AT_MS, chance=0.5)
    lane = failed(lane, DOWN, changed_ms=0, now_ms=AT_MS + 9 * DAY_MS, chance=0.5)
    assert lane.dead_ms is None


def test_gone_is_dead_at_once_and_success_forgets_all_failures() -> None:
    assert failed(Lane("guard"), Outcome("gone"), changed_ms=0, now_ms=AT_MS, chance=0.5).dead_ms == AT_MS
    lane = failed(Lane("guard"), DOWN, changed_ms=0, now_ms=AT_MS, chance=0.5)
    assert succeeded(lane, 3, AT_MS + 1) == Lane("guard", delivered=3, last_delivered_ms=AT_MS + 1)


@given(st.integers(1, 100), st.floats(0, 0.999), st.none() | st.floats(0, 1e9))
def test_waits_grow_keep_within_the_schedule_and_heed_the_receiver(
    failures: int, chance: float, asked_s: float | None
) -> None:
    planned_s = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]
    waited_s = wait_ms(failures, asked_s, chance) / 1000
    assert waited_s <= BACKOFF_S[-1] * 1.1 + 0.001
    assert waited_s >= min(max(0.9 * planned_s, asked_s or 0), BACKOFF_S[-1]) - 0.001 or waited_s >= 0.9 * planned_s


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "failed"),
        (401, "failed"),
        (410, "gone"),
        (422, "refused"),
        (429, "failed"),
        (500, "failed"),
        (100, "failed"),
    ],
)
def test_what_a_status_means(status: int, kind: str) -> None:
    assert outcome_of(status, None, AT_MS).kind == kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 3 ", 3),
        ("soon", None),
        (None, None),
        ("-1", None),
        ("9" * 99, 999999999),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60),
        ("Mon, 21 Sep 1999 14:14:20 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    from datetime import UTC, datetime

    now_ms = round(datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC).timestamp() * 1000)
    assert seconds_of(text, now_ms) == seconds


PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "203.0.113.7",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2001:db8::1",
    "localhost",
    "0x7f.1",
    "1.2.3",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "223.5.5.5",
    "2606:4700:4700::1111",
    "2400:3200::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


def test_a_name_is_refused_by_what_it_resolves_to_unless_the_operator_allows_it() -> None:
    async def resolved(name: str, allowed: frozenset[str]) -> list[str]:
        resolver = GuardedResolver(allowed)
        return [one["host"] for one in await resolver.resolve(name, 443, socket.AF_INET)]

    for name in ("localhost", "LOCALHOST", "2130706433", "127.1"):
        with pytest.raises(ForbiddenAddressError, match=r"127\.0\.0\.1, which is not public"):
            asyncio.run(resolved(name, frozenset({"other"})))
    assert asyncio.run(resolved("localhost", frozenset({"localhost"}))) == ["127.0.0.1"]
    with pytest.raises(ForbiddenAddressError):
        check_literal("169.254.169.254", frozenset())
    check_literal("169.254.169.254", frozenset({"169.254.169.254"}))
    check_literal("8.8.8.8", frozenset())
    check_literal("a-name.example", frozenset())
