"""Is it worth to look? A cheap gate before the detector.

A frame is brought down to the mean brightness of `GRID` cells. The detector looks, as often as `rate.py` asks for,
when a cell has changed since its last look (so that slow changes add up) and for `BUSY_MS` after that; and every
`IDLE_MS` in any case.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from producers.video.rate import Pace

Image = NDArray[np.uint8]
Cells = NDArray[np.uint8]

GRID: Final = (64, 48)
CHANGE: Final = 8
"""Grey levels by which a cell must change."""
BUSY_MS: Final = 2_000
IDLE_MS: Final = 1_000


def cells(image: Image) -> Cells:
    """The mean grey of each cell of the picture, 48 x 64."""
    import cv2

    small: Cells = cv2.cvtColor(cv2.resize(image, GRID, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return small


def changed(before: Cells, now: Cells) -> float:
    """The share of the cells that have changed between the two: 0 where nothing has moved."""
    return float((np.abs(before.astype(np.int16) - now) >= CHANGE).mean())


class Gate(msgspec.Struct, frozen=True):
    """What the gate remembers: the cells and time of the last look, and until when it is busy."""

    looked: Cells | None = None
    looked_ms: int = 0
    busy_until_ms: int = 0


def pass_gate(gate: Gate, now: Cells, event_ms: int, least_ms: float, pace: Pace) -> tuple[Gate, bool]:
    """Whether the detector should look at this frame: when something moves, at `pace`, and every `IDLE_MS` in any case.

    It never looks sooner than `least_ms` after its last look.
    """
    if gate.looked is None:
        return Gate(now, event_ms, event_ms), True
    since = event_ms - gate.looked_ms
    if 0 <= since < least_ms - 1:  # frame times are whole ms
        return gate, False
    change = changed(gate.looked, now)
    busy = change > 0 or event_ms < gate.busy_until_ms
    due = since >= pace.after_ms - 1 or change >= pace.change
    if not ((busy and due) or since >= IDLE_MS or since < 0):
        return gate, False
    return Gate(now, event_ms, event_ms + BUSY_MS if change > 0 else gate.busy_until_ms), True
