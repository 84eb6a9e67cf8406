"""A real street with its true boxes (TUD-Stadtmitte): beside the plain `model.track` + LineZone loop, same weights.

Ours must be nearer to the truth in both: persons visible per frame, and crossings of three lines, and of many more.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.site import View
from producers.video.detect import OFFLINE, Detector
from producers.video.geometry import Joined, Point, Seen, Segment, Standing, follow, join
from producers.video.run import Plan, run
from producers.video.source import Frame, recording
from producers.video.tell import visible
from producers.video.track import Tracker
from producers.video.watch import Watched
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import STREET, WANTS_MODEL, WEIGHTS, judged, site_with_view

pytestmark = WANTS_MODEL

VIDEO = STREET / "TUD-Stadtmitte.mp4"
SIZE = (640, 480)
FPS = 25.0
QUARTERS = (160.0, 320.0, 480.0)
EVERYWHERE = tuple(range(60, 600, 40))
LINES: dict[float, Segment] = {x: ((x, 480.0), (x, 0.0)) for x in (*QUARTERS, *EVERYWHERE)}
"""Upright lines; +1 is to the right."""

Counts = dict[float, Counter[int]]


@dataclass(frozen=True)
class Outcome:
    """Persons visible in each frame, and crossings of each line by direction."""

    persons: NDArray[np.int64]
    crossings: Counts

    def persons_off(self, truth: "Outcome") -> float:
        """Mean absolute error of the persons per frame."""
        return float(np.abs(self.persons - truth.persons).mean())

    def balance(self) -> dict[float, int]:
        """Crossings to the right less those to the left, by line."""
        return {x: ways[1] - ways[-1] for x, ways in self.crossings.items()}

    def crossings_off(self, truth: "Outcome", lines: Sequence[float]) -> int:
        """Crossings too many and too few, by line and direction."""
        return sum(abs(self.crossings[line][way] - truth.crossings[line][way]) for line in lines for way in (1, -1))


def net(frames: list[list[Seen]]) -> dict[float, int]:
    """Persons that ended right of each line less those that ended left of it, where they began on the other side.

    Needs no rule of what a passage is: only where each true track begins and ends.
    """
    ways: dict[int, tuple[float, float]] = {}
    for seen in (seen for frame in frames for seen in frame):
        ways[seen.track] = ways.get(seen.track, seen.point)[0], seen.point[0]
    return {x: sum(int(end > x) - int(begin > x) for begin, end in ways.values()) for x in LINES}


def crossed(frames: list[list[Seen]]) -> Counts:
    """Crossings of the three lines by tracks."""
    standing: dict[tuple[int, float], Standing] = {}
    counts: Counts = {x: Counter() for x in LINES}
    for frame in frames:
        for seen in frame:
            for x, line in LINES.items():
                key = seen.track, x
                standing[key], passed = follow(line, standing.get(key), seen.point, 0.08 * seen.height)
                counts[x][passed] += abs(passed)
    return counts


def true_frames() -> list[list[Seen]]:
    """The true boxes, frame by frame."""
    rows = np.loadtxt(STREET / "gt.txt", delimiter=",")
    return [
        [Seen(int(r[1]), (r[2], r[3], r[2] + r[4], r[3] + r[5]), "person", 1.0) for r in rows[rows[:, 0] == number]]
        for number in range(1, int(rows[:, 0].max()) + 1)
    ]


@pytest.fixture(scope="module")
def truth() -> Outcome:
    """What truly was there."""
    frames = true_frames()
    return Outcome(np.array([len(frame) for frame in frames]), crossed(frames))


@pytest.fixture(scope="module")
def ours() -> Outcome:
    """Our detector, tracker and joining, every frame."""
    detector, tracker, joined = Detector(WEIGHTS), Tracker(FPS), Joined()
    frames, persons = [], []
    for item in recording(str(VIDEO), 0, FPS):
        assert isinstance(item, Frame)
        tracks = tracker.follow(detector.find([item.image])[0], item)
        joined, told = join(joined, tracks, item.event_ms)
        frames.append([seen for seen in told if seen.object_class == "person"])
        persons.append(len(visible(joined, item.event_ms, SIZE)))
    return Outcome(np.array(persons), crossed(frames))


@pytest.fixture(scope="module")
def plain() -> Outcome:
    """The loop that everybody writes first."""
    os.environ.update(OFFLINE)
    import cv2
    import supervision as sv
    from ultralytics import YOLO

    model = YOLO(str(WEIGHTS), task="detect")
    zones = {  # drawn from top to bottom, its "in" is to the right
        x: sv.LineZone(sv.Point(x, 0), sv.Point(x, 480), triggering_anchors=[sv.Position.BOTTOM_CENTER]) for x in LINES
    }
    capture, persons = cv2.VideoCapture(str(VIDEO)), []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        (result,) = model.track(image, persist=True, tracker="bytetrack.yaml", classes=[0], verbose=False)
        found = sv.Detections.from_ultralytics(result)
        persons.append(len(found))
        for zone in zones.values():
            zone.trigger(found)
    crossings = {x: Counter({1: zone.in_count, -1: zone.out_count}) for x, zone in zones.items()}
    return Outcome(np.array(persons), crossings)


def test_ours_is_nearer_to_the_truth_than_the_plain_loop(truth: Outcome, ours: Outcome, plain: Outcome) -> None:
    for name, outcome in (("truth", truth), ("ours", ours), ("plain", plain)):
        counts = {x: (outcome.crossings[x][1], outcome.crossings[x][-1]) for x in QUARTERS}
        print(f"{name}: persons off by {outcome.persons_off(truth):.2f} of {truth.persons.mean():.2f}, {counts}")
        print(f"    crossings wrong over {len(EVERYWHERE)} lines: {outcome.crossings_off(truth, EVERYWHERE)}")
    assert ours.persons_off(truth) < plain.persons_off(truth)
    assert ours.persons_off(truth) < 0.6
    assert ours.crossings_off(truth, QUARTERS) < plain.crossings_off(truth, QUARTERS)
    assert ours.crossings_off(truth, EVERYWHERE) < plain.crossings_off(truth, EVERYWHERE) / 3
    true_balance = net(true_frames())
    assert [ours.balance()[x] for x in QUARTERS] == [true_balance[x] for x in QUARTERS]
    off, plain_off = (sum(abs(one.balance()[x] - true_balance[x]) for x in EVERYWHERE) for one in (ours, plain))
    print(f"in less out, by ends of tracks alone, wrong over {len(EVERYWHERE)} lines: ours {off}, plain {plain_off}")
    assert off < plain_off


HALF: tuple[Point, ...] = ((320, 0), (640, 0), (640, 480), (320, 480))


def watched(sink: MemorySink, source: Path = VIDEO) -> Watched:
    """The whole way of the street at the plaza's camera."""
    view = View(size_px=SIZE, zones={"plaza": HALF}, lines={"plaza_edge": LINES[320.0]})
    plan = Plan([str(source)], ["cam_plaza"], WEIGHTS, "2024-05-27T08:00:00")
    return run(site_with_view(view), plan, sink).cameras["cam_plaza"]


def test_the_whole_way_gives_valid_envelopes_and_the_same_again(truth: Outcome) -> None:
    sink, again = MemorySink(), MemorySink()
    result = watched(sink)
    envelopes = judged(sink, site_with_view())
    assert result.crossings == {"plaza_edge": (truth.crossings[320.0][1], truth.crossings[320.0][-1])}
    assert (result.frames, result.decode_errors, result.messages) == (179, 0, len(envelopes))
    assert [envelope.start_ms // 1000 % 60 for envelope in envelopes] == list(range(8))
    assert envelopes[0].start_ms == 1_716_768_000_000
    assert [envelope.seq for envelope in envelopes] == list(range(8))
    seen = np.array([envelope.visible for envelope in envelopes], np.float64)
    rows = np.loadtxt(STREET / "gt.txt", delimiter=",")
    ends = [min(179, 25 * (second + 1)) for second in range(8)]
    true = [int(((rows[:, 0] == end) & (rows[:, 2] + rows[:, 4] / 2 >= 320)).sum()) for end in ends]
    assert np.abs(seen - true).mean() <= 1
    assert watched(again) == result
    assert again.sent == sink.sent
