"""When a way passes a line: by hand, at eight angles, and against a walk in small steps."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.scenes.lens import Lens, Place
from producers.scenes.path import CLEAR_M, Path, Segment, passages, right_of

LINE: Segment = ((0.0, 5.0), (4.0, 5.0))
"""Drawn from left to right: +1 is towards the camera."""


def way(*places: Place) -> Path:
    """A second from each place to the next."""
    return Path(tuple(float(n) for n in range(len(places))), places)


def directions(*places: Place, line: Segment = LINE) -> list[int]:
    """The passages of such a way."""
    return [one.direction for one in passages(way(*places), line)]


def test_a_walk_over_the_line_is_a_passage_at_the_moment_of_the_step() -> None:
    (one,) = passages(way((2, 8), (2, 4)), LINE)
    assert one.direction == 1
    assert one.time_s == pytest.approx(0.75)
    assert (one.since_s, one.until_s) == pytest.approx((0.75, 0.75 + CLEAR_M / 4))
    assert directions((2, 4), (2, 8)) == [-1]
    assert directions((2, 8), (2, 4), (2, 8)) == [1, -1]


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_the_direction_is_that_of_the_right_hand_at_eight_angles(degrees: int) -> None:
    turn = math.radians(degrees)
    along, right = (math.cos(turn), math.sin(turn)), (math.sin(turn), -math.cos(turn))
    line: Segment = ((0.0, 0.0), (4 * along[0], 4 * along[1]))
    middle = 2 * along[0], 2 * along[1]
    ends = [(middle[0] + s * right[0], middle[1] + s * right[1]) for s in (-2, 2)]
    assert directions(*ends, line=line) == [1]
    assert directions(*reversed(ends), line=line) == [-1]


def test_a_loiterer_is_one_passage_or_none_and_who_goes_around_the_end_is_none() -> None:
    near = CLEAR_M / 2
    to_and_fro = [(2.0, 5 - near), (2.0, 5 + near), (2.0, 5 - near), (2.0, 5 + near)]
    assert directions((2, 8), *to_and_fro, (2, 8)) == []
    assert directions((2, 8), *to_and_fro, (2, 2)) == [1]
    (stay,) = passages(way((2, 8), *to_and_fro, (2, 2)), LINE)
    assert stay.until_s == pytest.approx(4 + (CLEAR_M + near) / (3 + near))
    assert (stay.since_s, stay.time_s) == pytest.approx((3 / (3 + near), 4 + near / (3 + near)), abs=1e-6)
    assert directions((2, 8), (6, 8), (6, 2), (2, 2)) == []
    assert directions((2, 8), (6, 8), (6, 2), (2, 2), (2, 8)) == [-1]


places = st.tuples(st.floats(-3, 7), st.floats(2, 8))


@given(st.lists(places, min_size=2, max_size=8, unique=True))
def test_a_walk_in_small_steps_passes_as_often(corners: list[Place]) -> None:
    """The oracle knows no formula: it walks, notes each step through the segment, and whether it went clear since."""
    if any(abs(abs(right_of(LINE, corner)) - CLEAR_M) < 1e-3 or abs(corner[1] - 5) < 1e-3 for corner in corners):
        return
    found: list[int] = []
    net, clear = 0, True
    for (x0, y0), (x1, y1) in pairwise(corners):
        before = x0, y0
        for step in range(1, 501):
            after = x0 + (x1 - x0) * step / 500, y0 + (y1 - y0) * step / 500
            if (before[1] > 5) != (after[1] > 5):
                if clear:
                    found, net = found + [net] * (net != 0), 0
                net += (1 if after[1] <= 5 else -1) * (0 <= (before[0] + after[0]) / 2 <= 4)
                clear = False
            clear = clear or abs(after[1] - 5) >= CLEAR_M
            before = after
    ends = [x0 + (x1 - x0) * (y0 - 5) / (y0 - y1) for (x0, y0), (x1, y1) in pairwise(corners) if (y0 > 5) != (y1 > 5)]
    if any(min(abs(x), abs(x - 4)) < 0.05 for x in ends):
        return
    assert directions(*corners) == found + [net] * (net != 0)


@given(st.floats(-8, 8), st.floats(2.5, 20), st.floats(4, 7), st.floats(30, 45))
def test_a_pixel_shows_the_ground_that_it_was_taken_of(x: float, y: float, height_m: float, pitch: float) -> None:
    lens = Lens((320, 240), height_m, pitch)
    px, py, _ = lens.spot(x, y)
    assert lens.place(px, py) == pytest.approx((x, y), abs=1e-6)


def test_what_is_straight_ahead_is_in_the_middle_and_a_metre_has_its_pixels() -> None:
    lens = Lens((400, 300), 5.0, 45.0, 1.0)
    assert lens.spot(0, 5) == pytest.approx((200, 150, 400 / math.hypot(5, 5)))
    assert lens.spot(1, 5)[0] - lens.spot(0, 5)[0] == pytest.approx(lens.spot(0, 5)[2])
    with pytest.raises(ValueError, match="horizon"):
        Lens((400, 300), 5.0, 10.0).place(200, 0)
