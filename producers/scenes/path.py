"""A way over the ground, and when it passes a line: straight pieces, so every crossing has a closed formula. Pure.

The truth of a rendered scene comes from here and shares nothing with the code that is judged by it: that one sees boxes
in pixels, frame by frame; this one knows the ways in metres.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final

from infra.events import Direction
from producers.scenes.lens import Place

CLEAR_M: Final = 0.3
"""Who has been less far from a line than this has not left it: to and fro within it is one stay on the line."""

Segment = tuple[Place, Place]


@dataclass(frozen=True)
class Path:
    """Where somebody is when: at each of `places` at its `times_s` (ascending), at even speed between."""

    times_s: tuple[float, ...]
    places: tuple[Place, ...]

    def at(self, time_s: float) -> Place:
        """The place at a time within the way."""
        before, share = self._piece(time_s)
        (x0, y0), (x1, y1) = self.places[before : before + 2]
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share

    def walked_m(self, time_s: float) -> float:
        """Metres walked by then."""
        before, share = self._piece(time_s)
        walked = self._walked
        return walked[before] + (walked[before + 1] - walked[before]) * share

    def heading(self, time_s: float) -> Place:
        """The unit vector of the piece walked at a time; where somebody stands, that of the piece before."""
        before, _ = self._piece(time_s)
        (x0, y0), (x1, y1) = next(
            (piece for piece in reversed(list(pairwise(self.places[: before + 2]))) if piece[0] != piece[1]),
            ((0.0, 0.0), (0.0, 1.0)),
        )
        length = math.hypot(x1 - x0, y1 - y0)
        return (x1 - x0) / length, (y1 - y0) / length

    def _piece(self, time_s: float) -> tuple[int, float]:
        """The piece that a time falls into, and how much of it is done."""
        before = min(max(bisect_right(self.times_s, time_s) - 1, 0), len(self.times_s) - 2)
        start, end = self.times_s[before : before + 2]
        return before, min(1.0, max(0.0, (time_s - start) / (end - start)))

    @cached_property
    def _walked(self) -> list[float]:
        return list(accumulate((math.dist(a, b) for a, b in pairwise(self.places)), initial=0.0))


@dataclass(frozen=True)
class Passage:
    """Somebody passes a line: when, and which way (+1: from the left to the right hand of who looks along it).

    The stay on the line lasts from the first step over it (`since_s`) until the line is left by `CLEAR_M` (`until_s`),
    and `time_s` is that of the last step. Before `until_s` nobody can tell a passage from a turn on the line.
    """

    time_s: float
    direction: Direction
    since_s: float
    until_s: float


def right_of(line: Segment, place: Place) -> float:
    """Metres to the right of the endless line as seen from above by who looks along it; negative: to the left.

    y points away from the camera, so that right on the ground is right in the picture too.
    """
    (ax, ay), (bx, by) = line
    return ((place[0] - ax) * (by - ay) - (place[1] - ay) * (bx - ax)) / math.hypot(bx - ax, by - ay)


def passages(path: Path, line: Segment) -> list[Passage]:
    """The passages of the line's segment by a way, by time.

    Steps over the line between which the way stays within `CLEAR_M` of it are one stay on the line: a passage at the
    last step if they add up to one, nothing if they cancel out. Steps beside the segment's ends count nothing.
    """
    aside = [right_of(line, place) for place in path.places]
    found: list[Passage] = []
    net, since_s, last_s = 0, 0.0, 0.0
    for (first, last), time_s, step in _steps(path, line, aside):
        if max(map(abs, aside[first:last])) >= CLEAR_M:
            found += _passed(path, aside, net, since_s, last_s)
            net, since_s = 0, time_s
        net, last_s = net + step, time_s
    return found + _passed(path, aside, net, since_s, last_s)


def _passed(path: Path, aside: Sequence[float], net: int, since_s: float, time_s: float) -> list[Passage]:
    return [] if net == 0 else [Passage(time_s, 1 if net > 0 else -1, since_s, _clear_s(path, aside, time_s))]


def _clear_s(path: Path, aside: Sequence[float], step_s: float) -> float:
    """When the line, stepped over at `step_s`, is left by `CLEAR_M`, or the end of the way."""
    for (start_s, end_s), (was, now) in zip(pairwise(path.times_s), pairwise(aside), strict=True):
        if end_s > step_s and abs(now) >= CLEAR_M:
            share = (math.copysign(CLEAR_M, now) - was) / (now - was)
            return start_s + (end_s - start_s) * share
    return path.times_s[-1]


def _steps(path: Path, line: Segment, aside: Sequence[float]) -> Iterator[tuple[tuple[int, int], float, int]]:
    """(the corners since the step before, time, +1, -1, or 0 where it is beside the segment) of each step over it."""
    (ax, ay), (bx, by) = line
    since = 0
    for number, (was, now) in enumerate(pairwise(aside)):
        if (was > 0) == (now > 0):
            continue
        share = was / (was - now)
        (x0, y0), (x1, y1) = path.places[number : number + 2]
        x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        start_s, end_s = path.times_s[number : number + 2]
        step = (1 if now > 0 else -1) if 0 <= along <= 1 else 0
        yield (since, number + 1), start_s + (end_s - start_s) * share, step
        since = number + 1
