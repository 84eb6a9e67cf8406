"""Ground points, zones and lines in the picture, against brute force and known traps."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.events import ObjectClass
from producers.video.geometry import (
    CONFIRM,
    JOIN_MS,
    Joined,
    Point,
    Seen,
    Segment,
    Standing,
    follow,
    ground_points,
    inside,
    join,
    margin_px,
    offset,
    step_across,
)

LINE: Segment = ((100.0, 100.0), (200.0, 100.0))
MARGIN = 5.0

whole = st.integers(0, 40).map(float)
points = st.tuples(whole, whole)
ways = st.lists(points, min_size=1, max_size=40)


def passages(line: Segment, way: list[Point], margin: float = MARGIN) -> list[int]:
    """The passages that a track following `way` completes."""
    standing: Standing | None = None
    found = []
    for point in way:
        standing, passed = follow(line, standing, point, margin)
        found.append(passed)
    return [passed for passed in found if passed]


def by_hand(line: Segment, way: list[Point], margin: float) -> list[int]:
    """The same from the whole way at once: between runs of sure observations on other sides, sum the true cuts."""
    sure = [0 if abs(offset(line, p)) < margin else int(math.copysign(1, offset(line, p))) for p in way]
    found, side, since = [], 0, 0
    for i, now in enumerate(sure):
        if now == 0:
            continue
        if side in (0, now):
            side, since = now, i
            continue
        if i + 1 - CONFIRM >= 0 and sure[i + 1 - CONFIRM : i + 1] == [now] * CONFIRM:
            net = sum(_cut(line, a, b) for a, b in pairwise(way[since : i + 1]))
            found += [now] if net * now > 0 else []
            side, since = now, i
    return found


def _cut(line: Segment, a: Point, b: Point) -> int:
    """The signed cut of step and segment, by solving both parameters in whole numbers."""
    (px, py), (qx, qy) = ((int(x), int(y)) for x, y in line)
    (ax, ay), (bx, by) = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
    was = (qx - px) * (ay - py) - (qy - py) * (ax - px)
    now = (qx - px) * (by - py) - (qy - py) * (bx - px)
    if (was >= 0) == (now >= 0):
        return 0
    share = Fraction(was, was - now)
    x, y = ax + (bx - ax) * share, ay + (by - ay) * share
    along = Fraction((x - px) * (qx - px) + (y - py) * (qy - py)) / ((qx - px) ** 2 + (qy - py) ** 2)
    return (1 if now >= 0 else -1) if 0 <= along <= 1 else 0


def test_the_ground_point_is_the_bottom_centre() -> None:
    assert ground_points(np.array([[10.0, 20.0, 30.0, 80.0]])).tolist() == [[20.0, 80.0]]


@given(points)
def test_inside_a_concave_polygon_is_as_by_hand(point: Point) -> None:
    hook = [(0.5, 0.5), (30.5, 0.5), (30.5, 30.5), (20.5, 30.5), (20.5, 10.5), (0.5, 10.5)]
    x, y = point
    expected = 0.5 < x < 30.5 and 0.5 < y < 30.5 and (y < 10.5 or x > 20.5)
    assert inside(hook, np.array([point])).tolist() == [expected]


@given(points, st.floats(1, 39), st.floats(1, 39))
def test_a_point_lies_in_exactly_one_of_the_parts_of_a_picture(point: Point, x: float, y: float) -> None:
    parts = [
        [(left, top), (right, top), (right, bottom), (left, bottom)]
        for left, right in ((0.0, x), (x, 41.0))
        for top, bottom in ((0.0, y), (y, 41.0))
    ]
    assert sum(bool(inside(part, np.array([point]))[0]) for part in parts) == 1


@given(points, points, ways, st.floats(0.5, 6))
def test_passages_are_those_of_brute_force(a: Point, b: Point, way: list[Point], margin: float) -> None:
    assume(a != b)
    assert passages((a, b), way, margin) == by_hand((a, b), way, margin)


@given(points, points, ways)
def test_passages_take_turns_through_an_endless_line(a: Point, b: Point, way: list[Point]) -> None:
    assume(a != b)
    (ax, ay), (bx, by) = a, b
    far = 1000.0
    endless = ((ax - far * (bx - ax), ay - far * (by - ay)), (bx + far * (bx - ax), by + far * (by - ay)))
    found = passages(endless, way)
    assert all(x == -y for x, y in pairwise(found))


@given(points, points, ways)
def test_the_other_way_round_is_the_other_direction(a: Point, b: Point, way: list[Point]) -> None:
    assume(a != b and all(offset((a, b), p) != 0 for p in way))
    assert passages((b, a), way) == [-passed for passed in passages((a, b), way)]


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_direction_is_that_of_the_signed_passage_at_eight_angles(angle: int) -> None:
    turn = math.radians(angle)
    along, right = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
    line = ((300 - 50 * along[0], 300 - 50 * along[1]), (300 + 50 * along[0], 300 + 50 * along[1]))
    way = [(300 + right[0] * d, 300 + right[1] * d) for d in range(-40, 41, 4)]
    assert passages(line, way) == [1]
    assert passages(line, way[::-1]) == [-1]


def test_a_flicker_across_the_line_counts_nothing() -> None:
    way = [(150.0, 80.0)] * 5 + [(150.0, 120.0)] + [(150.0, 80.0)] * 5
    assert passages(LINE, way) == []


@given(st.lists(st.floats(-4.9, 4.9), max_size=200))
def test_a_loiterer_on_the_line_counts_once_when_he_passes(wobble: list[float]) -> None:
    way = [(150.0, 80.0), *((150.0, 100 + y) for y in wobble), (150.0, 115.0), (150.0, 120.0)]
    assert passages(LINE, way) == [1]


def test_a_loop_around_the_end_counts_nothing() -> None:
    around = [(150.0, 80.0), (230.0, 80.0), (230.0, 100.0), (230.0, 120.0), (150.0, 120.0), (150.0, 120.0)]
    assert passages(LINE, around) == []


def test_two_together_count_twice_and_apart_from_each_other() -> None:
    assert [passages(LINE, [(x, y) for y in range(60, 140, 4)]) for x in (140.0, 150.0)] == [[1], [1]]


def test_a_step_onto_the_line_and_on_counts_once() -> None:
    assert step_across(LINE, (150.0, 90.0), (150.0, 100.0)) == 1
    assert step_across(LINE, (150.0, 100.0), (150.0, 110.0)) == 0


def test_the_margin_grows_with_the_person() -> None:
    assert margin_px(10) < margin_px(100) < margin_px(200)


def person(track: int, x: float, y: float, height: float = 100.0, object_class: ObjectClass = "person") -> Seen:
    """Somebody standing at (x, y)."""
    return Seen(track, (x - 20, y - height, x + 20, y), object_class, 0.9)


def walk(state: Joined, track: int, start_ms: int, x: float, steps: int) -> tuple[Joined, float, int]:
    """Walk 4 px to the right every 40 ms."""
    for _ in range(steps):
        state, _ = join(state, [person(track, x, 200)], start_ms)
        x, start_ms = x + 4, start_ms + 40
    return state, x, start_ms


def test_a_track_that_breaks_is_joined_where_it_would_be() -> None:
    state, x, now = walk(Joined(), 1, 0, 100, 20)
    state, _ = join(state, [], now)
    state, told = join(state, [person(2, x + 4 * 20, 200)], now + 40 * 20)
    assert [seen.track for seen in told] == [1]
    assert [seen.track for seen in join(state, [person(2, x + 4 * 21, 200)], now + 40 * 21)[1]] == [1]


@pytest.mark.parametrize(
    ("other", "after_ms"),
    [
        (person(2, 400, 200), 200),
        (person(2, 200, 200), JOIN_MS + 200),
        (person(2, 190, 200, height=30), 200),
        (person(2, 190, 200, object_class="car"), 200),
    ],
)
def test_another_one_is_not_joined(other: Seen, after_ms: int) -> None:
    state, _, now = walk(Joined(), 1, 0, 100, 20)
    assert [seen.track for seen in join(state, [other], now + after_ms)[1]] == [2]


def test_a_lost_track_is_continued_by_one_only_the_nearest() -> None:
    state, x, now = walk(Joined(), 1, 0, 100, 20)
    _, told = join(state, [person(2, x + 30, 200), person(3, x + 4, 200)], now + 40)
    assert [seen.track for seen in told] == [2, 1]


def test_somebody_in_view_is_not_continued_by_another() -> None:
    state, x, now = walk(Joined(), 1, 0, 100, 20)
    _, told = join(state, [person(1, x, 200), person(2, x + 5, 200)], now)
    assert [seen.track for seen in told] == [1, 2]


@given(st.lists(st.lists(st.tuples(st.integers(1, 6), points), max_size=4), max_size=12))
def test_no_two_tracks_of_a_frame_share_an_id(frames: list[list[tuple[int, Point]]]) -> None:
    state = Joined()
    for number, frame in enumerate(frames):
        tracks = {track: person(track, *point) for track, point in frame}
        state, told = join(state, list(tracks.values()), number * 100)
        assert len({seen.track for seen in told}) == len(told)
