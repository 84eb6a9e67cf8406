"""What a zone's state keeps of the local day: the minutes that no late event may change any more, and who was seen.

Visitors are counted with a HyperLogLog sketch per day: no token is kept, the sketch is at most 4 KB however many come,
and it is dropped at local midnight. P. Flajolet et al., "HyperLogLog", AofA (2007), in the implementation of Apache
DataSketches: exact but for hash collisions in small numbers, from some 300 on with a standard error of 1.6 %.
"""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from datasketches import hll_sketch
from msgspec import Struct

from infra.clock import day_bounds_ms, local_day
from infra.events import Coverage, Visitors

LG_REGISTERS: Final = 12

Told = tuple[float, float, float, int | None, Coverage, int, int, float | None, int | None, int | None]
"""What an `OccupancyNow` says beside its times."""


class Today(Struct):
    """The local day `[day_ms, next_day_ms)` of one zone.

    `ins`, `outs` and `peak` (persons, in the minute `peak_ms`) are of the day's minutes that are folded: past the grace
    period. `sketches` are by the start of the local day: that of tomorrow begins before today's end where a camera is
    ahead. `told` was published last, `due_ms` is the step at which the next may be, for which the camera `waits_for`
    has yet to tell.
    """

    day_ms: int = -1
    next_day_ms: int = -1
    ins: int = 0
    outs: int = 0
    peak: float | None = None
    peak_ms: int | None = None
    sketches: dict[int, bytes] = {}
    told: Told | None = None
    due_ms: int = 0
    waits_for: str = ""


def turn(today: Today, at_ms: int, tz: ZoneInfo) -> None:
    """Begin the local day of UTC instant `at_ms`, unless it has begun: what was of the day before is forgotten."""
    if at_ms < today.next_day_ms:
        return
    today.day_ms, today.next_day_ms = day_bounds_ms(local_day(at_ms, tz), tz)
    today.ins, today.outs, today.peak, today.peak_ms = 0, 0, None, None
    today.sketches = {day_ms: sketch for day_ms, sketch in today.sketches.items() if day_ms >= today.day_ms}


@dataclass(frozen=True)
class Past:
    """A minute that will not change any more: its start, crossings in and out, and the persons at its end."""

    minute_ms: int
    ins: int
    outs: int
    persons: float


def fold(today: Today, past: Past, tz: ZoneInfo) -> None:
    """Add `past` to the day if it is of it; a minute after the day begins the next one."""
    turn(today, past.minute_ms, tz)
    if past.minute_ms < today.day_ms:
        return
    today.ins += past.ins
    today.outs += past.outs
    if today.peak is None or past.persons > today.peak:
        today.peak, today.peak_ms = past.persons, past.minute_ms


def note_visitors(today: Today, visitors: Visitors, tz: ZoneInfo) -> None:
    """Count tokens on the local days of their events; a repeat changes nothing, nor does what comes after the day."""
    for event_ms, token in zip(visitors.event_ms, visitors.token, strict=True):
        day_ms, _ = day_bounds_ms(local_day(event_ms, tz), tz)
        if day_ms >= today.day_ms:
            known = today.sketches.get(day_ms)
            sketch = hll_sketch(LG_REGISTERS) if known is None else hll_sketch.deserialize(known)
            sketch.update(token)
            today.sketches[day_ms] = sketch.serialize_compact()


def unique_visitors(today: Today) -> int:
    """How many different tokens were counted on the day."""
    known = today.sketches.get(today.day_ms)
    return 0 if known is None else round(hll_sketch.deserialize(known).get_estimate())
