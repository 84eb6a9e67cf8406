"""The tracker is told real time: somebody who is looked at seldom is still one track."""

import numpy as np
import pytest

from producers.video.detect import Floats
from producers.video.source import Frame
from producers.video.track import Tracker

IMAGE = np.zeros((480, 2000, 3), np.uint8)
SPEED = 150.0
"""Pixels a second: a box 40 px wide is out of itself after 270 ms."""


def walker(event_ms: int) -> Floats:
    """Somebody 40 x 100 px who walks to the right."""
    left = 50 + SPEED * event_ms / 1000
    return np.array([[left, 200, left + 40, 300, 0.9, 0]])


def tracks(times: list[int]) -> set[int]:
    """The ids under which the walker is seen, looked at at such times."""
    tracker = Tracker(25)
    return {seen.track for ms in times for seen in tracker.follow(walker(ms), Frame(ms, IMAGE))}


@pytest.mark.parametrize("gap_ms", [40, 120, 200, 400])
def test_a_walker_is_one_track_at_any_rate_once_his_speed_is_known(gap_ms: int) -> None:
    assert len(tracks([*range(0, 1000, 40), *range(1000 + gap_ms, 5000, gap_ms)])) == 1


def test_a_walker_is_one_track_while_the_rate_changes() -> None:
    times = [*range(0, 1000, 40), *range(1200, 3000, 320), *range(3000, 4000, 40), *range(4000, 6000, 240)]
    assert len(tracks(times)) == 1


def test_a_lost_track_is_kept_for_the_same_time_at_any_rate() -> None:
    assert len(tracks([*range(0, 1000, 40), *range(1960, 3000, 40)])) == 1
    assert len(tracks([*range(0, 1000, 40), *range(60_000, 61_000, 40)])) == 2
