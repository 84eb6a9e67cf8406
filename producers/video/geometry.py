"""Where somebody stands in the picture, and when a track has really passed a line. Pure.

Pixels of the stream, x to the right and y down; times in ms. A person stands at the bottom centre of the box. A line
is passed when the way of the ground point has gone through its segment and the point has then been beyond the line,
by a margin that grows with the person's size, in `CONFIRM` observations one after the other: neither a flicker nor a
loiterer on the line counts. A way around the line's end counts nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.events import ObjectClass

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Point = tuple[float, float]
Segment = tuple[Point, Point]
Side = Literal[-1, 0, 1]

MARGIN: Final = 0.08
"""How far beyond a line somebody must be, as a share of the box height (some 15 cm on the ground)."""
MIN_MARGIN_PX: Final = 2.0
CONFIRM: Final = 2
"""Observations beyond the line, one after the other, that make a passage."""


def ground_points(boxes: Floats) -> Floats:
    """n x 4 boxes (left, top, right, bottom) → n x 2 ground points: the bottom centres."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)


def inside(polygon: Sequence[Point], points: Floats) -> Bools:
    """For each of n x 2 points, whether it lies in the polygon (even-odd rule; upper and left edges belong to it)."""
    corners = np.asarray(polygon, np.float64)
    x1, y1 = corners.T
    x2, y2 = np.roll(corners, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    spans = (y1 <= y) != (y2 <= y)
    rise = np.where(y2 == y1, 1.0, y2 - y1)
    result: Bools = (spans & (x1 + (y - y1) * (x2 - x1) / rise <= x)).sum(axis=1) % 2 == 1
    return result


def offset(line: Segment, point: Point) -> float:
    """Signed distance in pixels from the endless line; positive on the right hand of who looks along it."""
    (ax, ay), (bx, by) = line
    return ((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)) / math.hypot(bx - ax, by - ay)


def step_across(line: Segment, before: Point, after: Point) -> Side:
    """Which way the straight step from `before` to `after` goes through the segment: +1 to its right, -1, or 0: not.

    A point on the line counts as right of it, so that the steps of a way add up, whatever points it touches.
    """
    was, now = offset(line, before), offset(line, after)
    if (was >= 0) == (now >= 0):
        return 0
    share = was / (was - now)
    x, y = (b + (a - b) * share for b, a in zip(before, after, strict=True))
    (ax, ay), (bx, by) = line
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    if not 0 <= along <= 1:
        return 0
    return 1 if now >= 0 else -1


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a track stands to a line: the side it surely was on last, and what it has done since.

    `net` is the sum of its steps through the segment since then, `beyond` how many observations it has been surely on
    the other side.
    """

    point: Point
    side: Side = 0
    net: int = 0
    beyond: int = 0


def follow(line: Segment, standing: Standing | None, point: Point, margin: float) -> tuple[Standing, Side]:
    """The standing after one more observation of a track, and the passage that it completed: +1, -1 or 0."""
    distance = offset(line, point)
    sure: Side = 0 if abs(distance) < margin else (1 if distance > 0 else -1)
    if standing is None:
        return Standing(point, sure), 0
    net = standing.net + step_across(line, standing.point, point)
    if sure == 0:
        return Standing(point, standing.side, net), 0
    if standing.side in (0, sure):
        return Standing(point, sure), 0
    if standing.beyond + 1 < CONFIRM:
        return Standing(point, standing.side, net, standing.beyond + 1), 0
    return Standing(point, sure), sure if net * sure > 0 else 0


def margin_px(height: float) -> float:
    """The margin for somebody whose box is `height` pixels high."""
    return max(MIN_MARGIN_PX, MARGIN * height)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One track in one frame: box (left, top, right, bottom), class and confidence."""

    track: int
    box: tuple[float, float, float, float]
    object_class: ObjectClass
    confidence: float

    @property
    def point(self) -> Point:
        """The ground point."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def height(self) -> float:
        """The height of the box in pixels."""
        return self.box[3] - self.box[1]


class Last(msgspec.Struct, frozen=True, gc=False):
    """A track as it was last seen, and its speed then, in pixels per ms; `for_ms` is how long it was seen by then."""

    seen: Seen
    event_ms: int
    speed: Point = (0.0, 0.0)
    for_ms: int = 0

    def at(self, event_ms: int) -> Seen:
        """The same, moved to where it would be at its last speed."""
        x, y = (speed * (event_ms - self.event_ms) for speed in self.speed)
        left, top, right, bottom = self.seen.box
        return msgspec.structs.replace(self.seen, box=(left + x, top + y, right + x, bottom + y))


JOIN_MS: Final = 1_500
"""How long a lost track may be continued by a new one."""
JOIN_REACH: Final = 0.5
"""How far from where the lost one may be, as a share of the box height."""
SMOOTHING_MS: Final = 180.0
"""Over how long a track's speed is smoothed; a step counts in it by how long it took, at whatever rate it is looked."""


class Joined(msgspec.Struct, frozen=True):
    """Tracks over their breaks: the id under which each track of the tracker is told, and each as last seen.

    No two tracks of the tracker have one name: a track that comes back after another took over its name is a new one.
    """

    names: Mapping[int, int] = {}
    last: Mapping[int, Last] = {}
    next_name: int = 1


def join(state: Joined, frame: Sequence[Seen], event_ms: int) -> tuple[Joined, list[Seen]]:
    """Give the tracks of one frame lasting ids: a new track near where a lost one may be now continues it.

    Each lost track is continued by one new track at most, the nearest pairs first. Tracks lost for longer than
    `JOIN_MS` are forgotten.
    """
    recent = {name: last for name, last in state.last.items() if event_ms - last.event_ms <= JOIN_MS}
    known = {track: name for track, name in state.names.items() if name in recent}
    new = [seen for seen in frame if seen.track not in known]
    here = {known[seen.track] for seen in frame if seen.track in known}
    continued = dict(_pairs(new, {name: last for name, last in recent.items() if name not in here}, event_ms))
    fresh = [seen.track for seen in new if seen.track not in continued]
    given = continued | {track: state.next_name + n for n, track in enumerate(fresh)}
    names = {track: name for track, name in known.items() if name not in continued.values()} | given
    told = [msgspec.structs.replace(seen, track=names[seen.track]) for seen in frame]
    last = recent | {seen.track: _moved(recent.get(seen.track), seen, event_ms) for seen in told}
    return Joined(names, last, state.next_name + len(fresh)), told


def _pairs(new: Sequence[Seen], lost: Mapping[int, Last], event_ms: int) -> list[tuple[int, int]]:
    """(new track, lost name), each at most once, the nearest first."""
    near = sorted(
        (distance, seen.track, name)
        for seen in new
        for name, last in lost.items()
        if (distance := _gap(last, seen, event_ms)) <= JOIN_REACH
    )
    chosen: dict[int, int] = {}
    for _, track, name in near:
        if track not in chosen and name not in chosen.values():
            chosen[track] = name
    return list(chosen.items())


def _gap(last: Last, seen: Seen, event_ms: int) -> float:
    """How far `seen` is from where the lost track may be now, in box heights; infinite where it is another's.

    At its last speed it would be at one end of a straight way; it may have slowed down or stopped anywhere on it.
    """
    after_ms = event_ms - last.event_ms
    alike = 0.6 <= seen.height / max(1.0, last.seen.height) <= 1.6
    if after_ms <= 0 or not alike or (seen.object_class == "person") != (last.seen.object_class == "person"):
        return math.inf
    (x, y), (vx, vy) = last.seen.point, last.speed
    on, at = (vx * after_ms, vy * after_ms), (seen.point[0] - x, seen.point[1] - y)
    length2 = math.hypot(*on) ** 2
    share = min(1.0, max(0.0, (on[0] * at[0] + on[1] * at[1]) / length2)) if length2 else 0.0
    return math.hypot(at[0] - share * on[0], at[1] - share * on[1]) / max(1.0, last.seen.height)


def _moved(last: Last | None, seen: Seen, event_ms: int) -> Last:
    if last is None or event_ms <= last.event_ms:
        return Last(seen, event_ms)
    steps = zip(last.seen.point, seen.point, last.speed, strict=True)
    after_ms = event_ms - last.event_ms
    share = 1 - math.exp(-after_ms / SMOOTHING_MS)
    vx, vy = (v + share * ((now - was) / after_ms - v) for was, now, v in steps)
    return Last(seen, event_ms, (vx, vy), last.for_ms + after_ms)
