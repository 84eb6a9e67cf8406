"""How often to look: as often as what is in view may move on, not as often as the camera gives frames. Pure.

The detector costs some ten times what all else does, and a standing person need not be found 25 times a second. After
each look the next is due before any track could have moved by more than its reach: a share of its height, less near a
line, so that nobody steps over a line and out of the picture between two looks. Who stands may set off: that is seen by
the picture itself, which then calls for a look at once.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from producers.video.geometry import MARGIN, SMOOTHING_MS, Last, Point, Segment

REACH: Final = 0.2
"""How far a track may move between two looks, as a share of its box's height."""
NEAR_REACH: Final = MARGIN
"""The same at a line: as far as the margin by which a line must be passed."""
WALKS: Final = 0.1
"""Heights a second from which on somebody walks, and does not just sway."""
WALKING: Final = 0.8
"""Heights a second that who walks is taken to walk at least: 1.3 m/s, at 1.7 m."""
STANDING: Final = 0.1
"""Heights a second that who stands is taken to move."""
QUICK: Final = 2.0
"""The same for whoever has just come in, until the speed is known: a cyclist."""
SEARCH_MS: Final = 700.0
"""How often to look at the most seldom while something moves: for who has just come in."""
FOUND_MS: Final = 100.0
"""When to look again for whoever was found and is no track yet: nobody is by one look alone."""
CHANGE: Final = 0.2
"""Changed area, in squared heights of the tracks in view, that calls for a look: a step of some tenth of a height."""
NOBODY: Final = 0.2
"""Height that is reckoned with while nobody is in view, as a share of the picture's."""


class Pace(msgspec.Struct, frozen=True):
    """When to look again: `after_ms` the last look, or once the share `change` of the picture has changed since."""

    after_ms: float
    change: float


ALWAYS: Final = Pace(0.0, 0.0)
"""Look at every frame in which something moves: where heads must be hidden, and nobody may be missed for a moment."""


def pace(tracks: Iterable[Last], lines: Sequence[Segment], size: tuple[int, int], within_ms: float = SEARCH_MS) -> Pace:
    """When to look again at such tracks and lines; `size` is the picture's, all in pixels of the view.
    Within `within_ms` in any case.
    """
    tracks = list(tracks)
    after_ms = min((_after_ms(last, lines) for last in tracks), default=within_ms)
    width, height = size
    squares = sum(last.seen.height**2 for last in tracks) or (NOBODY * height) ** 2
    return Pace(min(after_ms, within_ms), CHANGE * squares / (width * height))


def _after_ms(last: Last, lines: Sequence[Segment]) -> float:
    """How long one track takes for its reach."""
    height = max(1.0, last.seen.height)
    speed = math.hypot(*last.speed) * 1000 / height
    gap = min((distance(line, last.seen.point) for line in lines), default=math.inf) / height
    reach = min(REACH, max(NEAR_REACH, gap / 2))
    return 1000 * reach / max(speed, _least_speed(last, speed))


def _least_speed(last: Last, speed: float) -> float:
    """Heights a second that a track is taken to move at least."""
    if last.for_ms < SMOOTHING_MS:
        return QUICK
    return WALKING if speed > WALKS else STANDING


def distance(line: Segment, point: Point) -> float:
    """From a point to the nearest of the segment, in pixels."""
    (ax, ay), (bx, by) = line
    along = ((point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    share = min(1.0, max(0.0, along))
    return math.dist(point, (ax + share * (bx - ax), ay + share * (by - ay)))
