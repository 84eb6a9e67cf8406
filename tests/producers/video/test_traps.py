"""Known traps of counting at a line, each through tracker, joining, lines and envelopes, beside supervision's LineZone.

Somebody walks, the detector boxes him, and everything after it is ours. Where the plain `LineZone`, given the same
tracks, errs too, the test says by how much: the trap is real.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from infra.site import View
from producers.video.detect import Floats
from producers.video.geometry import Point, Seen, Segment
from producers.video.source import Frame
from producers.video.tell import Teller
from producers.video.track import Tracker
from tests.producers.video.helpers import LINE_X, START_MS, WANTS_MODEL, plaza_camera, site_with_view

pytestmark = WANTS_MODEL

FPS = 25
LINE: Segment = ((LINE_X, 400.0), (LINE_X, 200.0))
"""Upright, 200 px long; +1 is to the right."""
PERSON = (50.0, 100.0)
OVERLAP = 0.7
"""So much do two boxes of a detector overlap at most: it takes more for one and the same."""

Way = Sequence[Point | None]
"""Where somebody stands, frame by frame; None where the detector does not see him."""
Counts = tuple[int, int]


def straight(start: Point, end: Point, frames: int) -> list[Point | None]:
    """A straight walk."""
    return [tuple(np.linspace(start, end, frames)[n].tolist()) for n in range(frames)]


def detections(ways: Sequence[Way]) -> list[Floats]:
    """What a detector finds in each frame: a box a person, the second of two that overlap too much is not seen."""
    found = []
    for n in range(max(map(len, ways))):
        boxes: list[list[float]] = []
        for way in ways:
            place = way[n] if n < len(way) else None
            if place is None:
                continue
            box = [place[0] - PERSON[0] / 2, place[1] - PERSON[1], place[0] + PERSON[0] / 2, place[1], 0.9, 0.0]
            if all(overlap(box, other) <= OVERLAP for other in boxes):
                boxes.append(box)
        found.append(np.array(boxes, np.float64).reshape(-1, 6))
    return found


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    common = max(0.0, width) * max(0.0, height)
    return common / (2 * PERSON[0] * PERSON[1] - common)


def tracked(found: Sequence[Floats]) -> list[list[Seen]]:
    """The tracks that our tracker makes of it."""
    tracker, blank = Tracker(FPS), Frame(START_MS, np.zeros((480, 640, 3), np.uint8))
    return [tracker.follow(one, blank) for one in found]


def ours(frames: Sequence[Sequence[Seen]], line: Segment = LINE) -> Counts:
    """Crossings told in direction +1 and -1, by the envelopes."""
    site = site_with_view(View(size_px=(640, 480), lines={"plaza_edge": line}))
    teller = Teller(site, plaza_camera(site), "boot")
    told = [e for n, seen in enumerate(frames) for e in teller.frame(START_MS + n * 1000 // FPS, seen)]
    told += teller.finish()
    ways = [way for envelope in told if envelope.crossings for way in envelope.crossings.direction]
    return ways.count(1), ways.count(-1)


def plain(frames: Sequence[Sequence[Seen]], line: Segment = LINE) -> Counts:
    """The same by supervision's `LineZone` as it comes, at the ground point; its "in" is to the left hand."""
    import supervision as sv

    start, end = (sv.Point(*point) for point in line)
    zone = sv.LineZone(end, start, triggering_anchors=[sv.Position.BOTTOM_CENTER])
    for seen in frames:
        boxes = np.array([one.box for one in seen], np.float32).reshape(-1, 4)
        ids = np.array([one.track for one in seen], int)
        zone.trigger(sv.Detections(boxes, class_id=np.zeros(len(seen), int), tracker_id=ids))
    return zone.in_count, zone.out_count


WALK = straight((200, 300), (440, 300), 60)
LEFT, RIGHT = (310.0, 300.0), (339.0, 300.0)
"""As far from each other as the tracker still takes for one step."""


def ids(frames: Sequence[Sequence[Seen]]) -> int:
    """How many tracks the tracker made."""
    return len({seen.track for frame in frames for seen in frame})


def test_one_who_walks_through_is_counted_by_both() -> None:
    for way, expected in ((WALK, (1, 0)), (WALK[::-1], (0, 1))):
        frames = tracked(detections([way]))
        assert ours(frames) == plain(frames) == expected


def test_tracks_that_are_not_confirmed_count_nothing() -> None:
    """supervision #2578: they shared the id -1, and 7 in, 9 out became 97 and 95."""
    rng = np.random.default_rng(1)
    noise = [[None] * n + [(float(rng.uniform(40, 600)), 300.0)] for n in range(1, 250, 2)]
    frames = tracked(detections(noise))
    assert sum(map(len, frames)) == 0
    assert ours(frames) == (0, 0)


def test_a_negative_id_of_whatever_tracker_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """supervision #2578 with the ids that other trackers give what they have not confirmed."""
    from ultralytics.trackers.byte_tracker import BYTETracker

    sides = detections([[LEFT if n % 2 else RIGHT for n in range(40)]])
    monkeypatch.setattr(BYTETracker, "update", lambda self, boxes: [[*box, -1, 0.9, 0, 0] for box in boxes.xyxy])
    frames = tracked(sides)
    assert sum(map(len, frames)) == 0
    assert ours(frames) == (0, 0)


@pytest.mark.parametrize("times", [1, 3])
def test_a_flicker_of_one_frame_counts_nothing(times: int) -> None:
    """supervision #2598."""
    frames = tracked(detections([([LEFT] * 12 + [RIGHT]) * times + [LEFT] * 12]))
    assert ids(frames) == 1
    assert ours(frames) == (0, 0)
    assert plain(frames) == (times, times)


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_direction_is_that_of_the_signed_crossing_at_eight_angles(angle: int) -> None:
    """ultralytics #25103: left to right and right to left were both "out"."""
    turn = math.radians(angle)
    along, right = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
    ends = [(320 + s * 80 * along[0], 300 + s * 80 * along[1]) for s in (-1, 1)]
    line: Segment = (ends[0], ends[1])
    way = straight((320 - 80 * right[0], 300 - 80 * right[1]), (320 + 80 * right[0], 300 + 80 * right[1]), 50)
    for walk, expected in ((way, (1, 0)), (way[::-1], (0, 1)), ([*way, *way[::-1]], (1, 1))):
        frames = tracked(detections([walk]))
        assert ours(frames, line) == plain(frames, line) == expected


def corners(*points: Point) -> list[Point | None]:
    """A walk from point to point, 4 px a frame."""
    return [
        place
        for start, end in pairwise(points)
        for place in straight(start, end, max(2, round(math.dist(start, end) / 4)))
    ]


BELOW = [(200.0, 300.0), (300.0, 300.0), (300.0, 450.0), (360.0, 450.0), (360.0, 300.0), (440.0, 300.0)]
"""From the left to the right of the line, around its lower end."""


def test_a_way_around_the_end_counts_nothing_and_back_through_the_line_once() -> None:
    around = tracked(detections([corners(*BELOW)]))
    assert (ours(around), plain(around)) == ((0, 0), (1, 0))
    and_back = tracked(detections([corners(*BELOW, (200.0, 300.0))]))
    assert (ours(and_back), plain(and_back)) == ((0, 1), (1, 1))
    there_and_around = tracked(detections([corners((200.0, 300.0), *BELOW[::-1])]))
    assert ours(there_and_around) == (1, 0)


def beside(dx: float, dy: float) -> list[Way]:
    """Two who walk together, the second so far from the first."""
    return [WALK, straight((200 + dx, 300 + dy), (440 + dx, 300 + dy), 60)]


@pytest.mark.parametrize(("dx", "dy"), [(0, 60), (-60, 0), (0, 20), (-15, 0), (-10, 10)])
def test_two_who_cross_together_are_two(dx: float, dy: float) -> None:
    """The last three with boxes that overlap."""
    frames = tracked(detections(beside(dx, dy)))
    assert ours(frames) == (2, 0)
    assert ours(tracked(detections([way[::-1] for way in beside(dx, dy)]))) == (0, 2)


@pytest.mark.parametrize("dy", [0, 5, 20, 60])
@pytest.mark.parametrize("lead", [0, 6, -9])
def test_two_who_meet_on_the_line_are_one_each_way(dy: float, lead: int) -> None:
    """Where they meet the detector sees but one of them; `lead` frames from the line they do."""
    other = straight((440, 300 + dy), (200, 300 + dy), 60)
    late = [*[(440.0, 300 + dy)] * lead, *other] if lead > 0 else other[-lead:]
    assert ours(tracked(detections([WALK, late]))) == (1, 1)


def test_of_two_who_meet_plain_loses_one_where_the_detector_does() -> None:
    frames = tracked(detections([WALK, straight((440, 300), (200, 300), 60)]))
    assert (ours(frames), plain(frames)) == ((1, 1), (1, 0))


@pytest.mark.parametrize(("seed", "on"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_loiterer_on_the_line_is_counted_once_or_not_at_all(seed: int, on: bool) -> None:
    """He stands there for twenty seconds, then goes on or back."""
    rng = np.random.default_rng(seed)
    wobble = [(LINE_X + float(x), 300.0) for x in rng.normal(0, 2.5, 500)]
    leaves = straight((LINE_X, 300), (440 if on else 200, 300), 30)
    frames = tracked(detections([[*straight((200, 300), (LINE_X, 300), 30), *wobble, *leaves]]))
    assert ids(frames) == 1
    assert ours(frames) == ((1, 0) if on else (0, 0))
    assert sum(plain(frames)) > 50


def unseen(way: Way, first: int, last: int) -> Way:
    """The way, not seen in such frames."""
    return [None if first <= n < last else place for n, place in enumerate(way)]


@pytest.mark.parametrize(
    ("way", "tracks"),
    [
        (unseen(WALK, 25, 35), 1),
        (unseen(straight((200, 300), (440, 300), 120), 45, 78), 2),
        (unseen([*WALK[:30], *[(LINE_X, 300.0)] * 20, *WALK[30:]], 28, 52), 2),
    ],
    ids=["the tracker finds him again", "too late for the tracker", "he stopped meanwhile"],
)
def test_a_track_that_breaks_on_the_line_is_counted_once(way: Way, tracks: int) -> None:
    frames = tracked(detections([way]))
    assert ids(frames) == tracks
    assert (ours(frames), plain(frames)) == ((1, 0), (0, 0))
    back = tracked(detections([way[::-1]]))
    assert (ours(back), plain(back)) == ((0, 1), (0, 0))
