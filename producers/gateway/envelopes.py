"""From what a push tells of our lines and zones to envelopes: one for each zone and second of event time. Pure.

A second of which more is told than an envelope may hold gets several.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from infra.events import (
    MAX_SLICE_MS,
    SCHEMA_VERSION,
    Crossings,
    Detections,
    Direction,
    Envelope,
    Health,
    ObjectClass,
)
from infra.site import Site

SURE: Final = 1.0
"""Cameras that count on board do not tell how sure they are."""
MOST_FACTS: Final = 1_000
"""In one envelope. Of some 500 bytes each at most, they are half of `infra.events.MAX_ENVELOPE_BYTES`."""


class Passed(Struct, frozen=True, kw_only=True):
    """Somebody crossed one of our lines. `track_id` is negative where they were only counted."""

    crossing_id: str
    track_id: int
    event_ms: int
    line_id: str
    direction: Direction
    object_class: ObjectClass


class Seen(Struct, frozen=True, kw_only=True):
    """Somebody was in one of our zones; the camera does not tell where."""

    track_id: int
    event_ms: int
    zone_id: str
    object_class: ObjectClass


class Counted(Struct, frozen=True, kw_only=True):
    """So many were in view in one of our zones."""

    event_ms: int
    zone_id: str
    persons: int


Fact = Passed | Seen | Counted


class Alive(Struct, frozen=True):
    """The camera speaks: told to all its zones, so that none takes it for silent, and with its health at home."""

    event_ms: int
    health: Health


def envelopes(
    site: Site,
    camera_id: str,
    boot_id: str,
    *,
    facts: Iterable[Fact],
    alive: Alive | None,
    number: Callable[[str], int],
) -> list[Envelope]:
    """The envelopes in order of event time; `number` gives a zone's next `seq`."""
    slices: dict[tuple[int, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        for zone in _zones(site, fact):
            slices[fact.event_ms // MAX_SLICE_MS, zone].append(fact)
    home = None
    if alive:
        zones, second = site.camera_zones[camera_id], alive.event_ms // MAX_SLICE_MS
        home = second, zones[0], 0
        for zone in zones:
            slices.setdefault((second, zone), [])
    return [
        Envelope(
            schema_version=SCHEMA_VERSION,
            estate_id=site.estate.id,
            zone_id=zone,
            camera_id=camera_id,
            boot_id=boot_id,
            seq=number(zone),
            start_ms=second * MAX_SLICE_MS,
            end_ms=second * MAX_SLICE_MS + MAX_SLICE_MS - 1,
            visible=_visible(told),
            detections=_detections(site, zone, [fact for fact in part if isinstance(fact, Seen)]),
            crossings=_crossings([fact for fact in part if isinstance(fact, Passed)]),
            health=alive.health if alive and (second, zone, place) == home else None,
        )
        for (second, zone), told in sorted(slices.items(), key=lambda item: item[0][0])
        for place, part in enumerate(_parts(told))
    ]


def _parts(told: Sequence[Fact]) -> list[Sequence[Fact]]:
    """What is told, as much at a time as one envelope may hold; where nothing is told, that."""
    return [told[first : first + MOST_FACTS] for first in range(0, max(1, len(told)), MOST_FACTS)]


def _zones(site: Site, fact: Fact) -> Iterable[str]:
    return site.effects[fact.line_id] if isinstance(fact, Passed) else (fact.zone_id,)


def _visible(told: Sequence[Fact]) -> int | None:
    counts = [fact for fact in told if isinstance(fact, Counted)]
    return max(counts, key=lambda count: count.event_ms).persons if counts else None


def _crossings(passed: Sequence[Passed]) -> Crossings | None:
    if not passed:
        return None
    return Crossings(
        crossing_id=[one.crossing_id for one in passed],
        event_ms=[one.event_ms for one in passed],
        line_id=[one.line_id for one in passed],
        direction=[one.direction for one in passed],
        track_id=[one.track_id for one in passed],
        object_class=[one.object_class for one in passed],
    )


def _detections(site: Site, zone: str, seen: Sequence[Seen]) -> Detections | None:
    """Without a place of its own a detection lies in the middle of the zone's corners."""
    if not seen:
        return None
    polygon = site.zone[zone].polygon_m
    x_m, y_m = (round(sum(axis) / len(polygon), 2) for axis in zip(*polygon, strict=True))
    return Detections(
        event_ms=[one.event_ms for one in seen],
        track_id=[one.track_id for one in seen],
        object_class=[one.object_class for one in seen],
        x_m=[x_m] * len(seen),
        y_m=[y_m] * len(seen),
        confidence=[SURE] * len(seen),
    )
