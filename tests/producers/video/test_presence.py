"""Offline is told at once, online only when the camera is steady, and no hour has many changes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import HOUR_MS
from producers.video.presence import (
    MOST_CHANGES_PER_HOUR,
    MOST_STEADY_MS,
    STEADY_MS,
    Presence,
    gave_frame,
    was_lost,
)

Event = tuple[int, bool]
"""(ms, whether the camera gave a frame)."""


def told(events: list[Event]) -> list[tuple[int, bool]]:
    """The changes told: (ms, online)."""
    presence, changes = Presence(), []
    for event_ms, alive in events:
        after = gave_frame(presence, event_ms) if alive else was_lost(presence, event_ms)
        if after.online != presence.online:
            changes.append((event_ms, after.online))
        presence = after
    return changes


def frames(from_s: int, to_s: int) -> list[Event]:
    return [(s * 1000, True) for s in range(from_s, to_s)]


def test_offline_at_once_and_online_when_it_has_been_steady() -> None:
    assert told([*frames(0, 5), (5_000, False), *frames(8, 60)]) == [(5_000, False), (18_000, True)]


def test_a_break_begins_the_wait_anew_and_is_not_told_again() -> None:
    story = [(5_000, False), *frames(8, 15), (15_000, False), *frames(20, 60)]
    assert told(story) == [(5_000, False), (30_000, True)]


@pytest.mark.parametrize(("losses", "wait_ms"), [(1, 10_000), (2, 20_000), (3, 40_000), (7, 600_000), (9, 600_000)])
def test_each_loss_within_the_hour_doubles_the_wait_up_to_ten_minutes(losses: int, wait_ms: int) -> None:
    start = Presence(False, None, tuple(range(losses)))
    assert not gave_frame(gave_frame(start, 1_000), 1_000 + wait_ms - 1).online
    assert gave_frame(gave_frame(start, 1_000), 1_000 + wait_ms).online


def test_what_was_lost_an_hour_ago_is_forgotten() -> None:
    lost = Presence(False, None, tuple(range(8)))
    assert gave_frame(gave_frame(lost, HOUR_MS + 10), HOUR_MS + 10 + STEADY_MS).online


def test_the_worst_camera_reaches_the_bound_and_not_more() -> None:
    """It gives frames until it is told online and is lost a millisecond later."""
    presence, now_ms, changes = Presence(), 0, []
    while now_ms < 3 * HOUR_MS:
        presence = was_lost(presence, now_ms)
        changes.append(now_ms)
        while not presence.online:
            now_ms += 1_000
            presence = gave_frame(presence, now_ms)
        changes.append(now_ms)
        now_ms += 1
    assert MOST_CHANGES_PER_HOUR - 2 <= _most_in_an_hour(changes) <= MOST_CHANGES_PER_HOUR


def _most_in_an_hour(changes: list[int]) -> int:
    return max((sum(begin <= one < begin + HOUR_MS for one in changes) for begin in changes), default=0)


steps = st.lists(st.tuples(st.sampled_from([40, 1_000, 9_999, 30_000, 400_000]), st.booleans()), max_size=400)


@given(steps)
@settings(max_examples=200)
def test_whatever_comes_changes_are_few_and_no_dead_camera_is_told_online(given_steps: list[tuple[int, bool]]) -> None:
    now_ms, events = 0, list[Event]()
    for step_ms, alive in given_steps:
        now_ms += step_ms
        events.append((now_ms, alive))
    changes = told(events)
    assert _most_in_an_hour([at_ms for at_ms, _ in changes]) <= MOST_CHANGES_PER_HOUR
    assert all(before[1] != after[1] for before, after in pairwise(changes))
    for at_ms, online in changes:
        since = [alive for event_ms, alive in events if at_ms - STEADY_MS < event_ms <= at_ms]
        assert all(since) if online else not since[-1]
    assert MOST_STEADY_MS < HOUR_MS
