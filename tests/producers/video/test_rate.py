"""How often to look: closed cases, and that nobody moves further than the reach, whatever is in view."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.video.geometry import Last, Point, Seen, Segment
from producers.video.rate import (
    CHANGE,
    NEAR_REACH,
    NOBODY,
    QUICK,
    REACH,
    SEARCH_MS,
    STANDING,
    WALKING,
    WALKS,
    distance,
    pace,
)

SIZE = (640, 480)
LINE: Segment = ((320.0, 480.0), (320.0, 0.0))


def one(x: float, speed: float = 0.0, height: float = 100.0, for_ms: int = 5_000) -> Last:
    """Somebody at (x, 300), seen for so long, who moves to the right by `speed` heights a second."""
    return Last(Seen(1, (x - 20, 300 - height, x + 20, 300), "person", 0.9), 0, (speed * height / 1000, 0.0), for_ms)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (one(0, speed=2.0), 1000 * REACH / 2.0),
        (one(0, speed=0.3), 1000 * REACH / WALKING),
        (one(0), min(SEARCH_MS, 1000 * REACH / STANDING)),
        (one(320, speed=1.0), 1000 * NEAR_REACH / 1.0),
        (one(320 - 2 * 12, speed=1.0), 1000 * 0.12 / 1.0),
        (one(320), min(SEARCH_MS, 1000 * NEAR_REACH / STANDING)),
        (one(0, for_ms=0), 1000 * REACH / QUICK),
        (one(0, speed=3.0, for_ms=40), 1000 * REACH / 3.0),
    ],
)
def test_closed_cases(last: Last, expected: float) -> None:
    assert pace([last], [LINE], SIZE).after_ms == pytest.approx(expected)


def test_with_nobody_in_view_it_looks_for_who_comes() -> None:
    assert pace([], [LINE], SIZE).after_ms == SEARCH_MS
    assert pace([], [], SIZE).change == pytest.approx(CHANGE * (NOBODY * 480) ** 2 / (640 * 480))


def test_it_looks_within_the_time_it_is_given_or_sooner() -> None:
    assert pace([one(0)], [LINE], SIZE, 50.0).after_ms == 50.0
    assert pace([], [], SIZE, 0.0).after_ms == 0.0
    assert pace([one(320, speed=5.0)], [LINE], SIZE, 100.0).after_ms == pytest.approx(1000 * NEAR_REACH / 5.0)


def test_the_change_that_calls_for_a_look_grows_with_who_is_in_view() -> None:
    alone, two = (pace(tracks, [], SIZE).change for tracks in ([one(9)], [one(9), one(99)]))
    assert alone == pytest.approx(CHANGE * 100**2 / (640 * 480))
    assert two == pytest.approx(2 * alone)


people = st.builds(one, st.floats(0, 640), st.floats(-5, 5), st.floats(1, 400), st.integers(0, 5_000))


@given(st.lists(people, max_size=8))
def test_nobody_moves_further_than_his_reach_between_two_looks(tracks: list[Last]) -> None:
    after_ms = pace(tracks, [LINE], SIZE).after_ms
    assert 0 < after_ms <= SEARCH_MS
    for last in tracks:
        moved = math.hypot(*last.speed) * after_ms / last.seen.height
        to_line = abs(last.seen.point[0] - 320) / last.seen.height
        assert moved <= REACH + 1e-9
        assert moved <= max(NEAR_REACH, to_line / 2) + 1e-9
        assert abs(last.speed[0]) * 1000 <= WALKS * last.seen.height or after_ms <= 1000 * REACH / WALKING + 1e-9


@given(st.lists(people, min_size=1, max_size=8))
def test_a_crowd_is_looked_at_as_often_as_its_quickest(tracks: list[Last]) -> None:
    assert pace(tracks, [LINE], SIZE).after_ms == min(pace([last], [LINE], SIZE).after_ms for last in tracks)


points = st.tuples(st.floats(0, 100), st.floats(0, 100))


@given(points, points, points)
def test_the_distance_to_a_line_is_that_to_the_nearest_of_many_points_on_it(a: Point, b: Point, point: Point) -> None:
    if math.dist(a, b) < 1:
        return
    on_it = [(a[0] + (b[0] - a[0]) * n / 1000, a[1] + (b[1] - a[1]) * n / 1000) for n in range(1001)]
    assert distance((a, b), point) == pytest.approx(min(math.dist(point, one) for one in on_it), abs=0.2)
