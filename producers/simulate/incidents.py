"""What the alert rules are there for, injected on demand: who does what where, and the record of it for the truth.

Incidents of one day do not overlap: each kind has hours of its own, and each incident takes a free span of them. The
people of an incident are additional people, who come from outside and go back there.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.events import ObjectClass
from producers.day import NO_PASSAGE, Balance, Day, Outage, Sighting, balance, crossed, merged
from producers.layout import NOBODY, Layout
from producers.simulate import at_gates
from producers.simulate.life import LEAST_STAY_MS
from producers.simulate.people import leisure_of
from producers.simulate.scene import KINDS, Injected, Kind, Scene, any_of, record, visit
from producers.simulate.truth import Incident

HOURS: Final[dict[Kind, tuple[tuple[float, float], ...]]] = {
    "intruder": ((1.25, 4.5), (22.75, 23.25)),
    "silent_camera": ((1.25, 4.5), (13.0, 15.5)),
    "crowd": ((9.0, 11.0), (13.5, 19.5)),
    "tailgater": ((7.0, 21.0),),
    "held_gate": ((7.0, 21.0),),
    "forced_gate": ((7.0, 22.0),),
    "fire_lane_car": ((8.0, 20.0),),
    "e_bike": ((6.0, 23.0),),
    "loiterer": ((0.5, 23.25),),
    "climber": ((0.5, 23.25),),
    "rush": ((9.5, 16.0), (19.5, 21.5)),
    "blind_camera": ((6.75, 7.5), (16.75, 17.5)),
}
TAKES_MIN: Final[dict[Kind, int]] = {
    "intruder": 30,
    "silent_camera": 25,
    "crowd": 100,
    "tailgater": 60,
    "held_gate": 60,
    "forced_gate": 60,
    "fire_lane_car": 30,
    "e_bike": 15,
    "loiterer": 30,
    "climber": 15,
    "rush": 60,
    "blind_camera": 125,
}
GRID_MIN: Final = 5
APART_MIN: Final = 10
SMALL_CROWD: Final = 400


def inject(kinds: list[Kind], scene: Scene) -> tuple[Day, list[Incident]]:
    """The day with incidents of these kinds, and their records by time. Raises UserError where there is no room.

    The longest are placed first: they are the hardest to find room for.
    """
    taken: list[tuple[int, int]] = []
    found: list[Injected] = []
    for number, kind in enumerate(sorted(kinds, key=lambda kind: (-TAKES_MIN[kind], KINDS.index(kind)))):
        found.append(_place(kind, number, taken, scene))
    day = replace(
        scene.day,
        crossed=merged([scene.day.crossed, *(one.crossed for one in found if one.crossed)]),
        outages=tuple(one.outage for one in found if one.outage),
        sightings=tuple(one.sighting for one in found if one.sighting),
    )
    truth = balance(day, scene.opening, scene.layout)
    records = [_over_capacity_span(one.record, truth, scene.layout) for one in found]
    return day, sorted(records, key=lambda record: record.start_ms)


def _place(kind: Kind, number: int, taken: list[tuple[int, int]], scene: Scene) -> Injected:
    """Try the kind's free times in random order until one fits the estate; takes it."""
    starts = [minute for low, high in HOURS[kind] for minute in range(int(low * 60), int(high * 60), GRID_MIN)]
    for minute in scene.random.permutation(starts).tolist():
        end = minute + TAKES_MIN[kind]
        if end >= scene.day.minutes or any(minute < b + APART_MIN and a < end + APART_MIN for a, b in taken):
            continue
        name = f"{kind}-{scene.day.date:%Y%m%d}-{number}"
        made = MAKERS[kind](name, scene.day.start_ms + minute * MINUTE_MS, scene)
        if made is not None:
            taken.append((minute, end))
            return made
    raise UserError(
        f"no room for another {kind} on {scene.day.date}: no free time, or the site has no place for one",
        "ask for fewer incidents (--incident), more days (--days), or give the site what the incident needs",
    )


def _reachable(zone: int, scene: Scene) -> bool:
    return any(scene.routes.walk_ms(portal, zone) is not None for portal in scene.routes.portals.tolist())


def _intruder(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """One person is in a closed zone for 4 to 10 minutes, through its line or, where none leads there, over the fence.

    Its crossings are never missed. Over the fence, a camera of the zone sees it every few seconds.
    """
    layout, end_ms = scene.layout, start_ms + 25 * MINUTE_MS
    closed = [
        index
        for index, zone in enumerate(layout.site.zones)
        if zone.opening_hours and (_reachable(index, scene) or index in layout.pair_zone)
        if not layout.site.is_open(zone.id, start_ms) and not layout.site.is_open(zone.id, end_ms)
    ]
    zone = any_of(closed, scene.random)
    if zone is None:
        return None
    stay_ms = int(scene.random.integers(4 * 60, 10 * 60)) * 1000
    if not _reachable(zone, scene):
        return _sighting(name, "person", int(np.flatnonzero(layout.pair_zone == zone)[0]), (start_ms, stay_ms), layout)
    arrived, left, made = visit(scene.life.new_people(1), zone, np.array([start_ms]), scene, stay_ms=stay_ms)
    zone_id = layout.site.zones[zone].id
    told = record(name, zone_id, zone_id, int(arrived[0]), int(left[0]))
    return Injected(told, replace(made, kept=np.ones(len(made), np.bool_)))


def _crowd(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """A quarter to two fifths more people than a zone holds come within a quarter of an hour, stay, and go.

    They stay 30 to 40 minutes after the last has come. The record's span is set from the truth (`inject`).
    """
    zones, last_ms = scene.layout.site.zones, start_ms + TAKES_MIN["crowd"] * MINUTE_MS
    places = leisure_of(scene.layout, scene.routes)
    always_open = scene.hours.open_through(places, np.full(len(places), start_ms), np.full(len(places), last_ms))
    choices = sorted(places[always_open].tolist(), key=lambda zone: zones[zone].capacity)
    zone = any_of([z for z in choices if zones[z].capacity <= SMALL_CROWD] or choices[:1], scene.random)
    if zone is None:
        return None
    people = scene.life.new_people(int(np.ceil(zones[zone].capacity * scene.random.uniform(1.25, 1.4))))
    leave = start_ms + np.sort(scene.random.integers(0, 15 * MINUTE_MS, len(people)))
    slowest = max(scene.routes.walk_ms(p, zone) or 0 for p in scene.routes.portals.tolist()) * 1.1
    hold = start_ms + int(slowest) + 15 * MINUTE_MS + scene.random.integers(30 * MINUTE_MS, 40 * MINUTE_MS)
    until = hold + scene.random.integers(0, 12 * MINUTE_MS, len(people))
    _, _, made = visit(people, zone, leave, scene, stay_ms=LEAST_STAY_MS, until_ms=until)
    return Injected(record(name, zones[zone].id, zones[zone].id, start_ms, last_ms), made)


def _over_capacity_span(record: Incident, truth: Balance, layout: Layout) -> Incident:
    """A crowd's record with the span in which the zone truly is over capacity; any other record as it is."""
    if record.kind != "crowd":
        return record
    zone, limits = layout.zone_at[record.zone_id], layout.site.limits.over_capacity
    capacity = layout.site.zone[record.zone_id].capacity
    when_ms, persons = truth.changes(zone)
    during = (when_ms >= record.start_ms) & (persons >= capacity * limits.open_ratio)
    first_ms = int(when_ms[during][0])
    after = (when_ms > first_ms) & (persons < capacity * limits.close_ratio)
    return Incident(
        incident_id=record.incident_id,
        kind=record.kind,
        rule=record.rule,
        zone_id=record.zone_id,
        subject_id=record.subject_id,
        start_ms=first_ms,
        end_ms=int(when_ms[after][0]),
    )


def _silent_camera(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """The camera that few pass then sends nothing for 10 to 20 minutes; what it would have seen is missed."""
    layout, crossings = scene.layout, scene.day.crossed
    least = max(10 * 60, 3 * layout.site.limits.camera_silent.timeout_s)
    end_ms = start_ms + 1000 * int(scene.random.integers(least, least + 10 * 60))
    during = (crossings.event_ms >= start_ms) & (crossings.event_ms < end_ms)
    counted = layout.line_camera[crossings.line[during]]
    passing = np.bincount(counted[counted != NOBODY], minlength=len(layout.site.cameras))
    camera = any_of(np.flatnonzero(passing == passing.min()), scene.random)
    if camera is None:
        return None
    seen = layout.site.cameras[camera]
    home = layout.site.camera_zones[seen.id][0]
    return Injected(record(name, home, seen.id, start_ms, end_ms), outage=Outage(camera, start_ms, end_ms))


def _fire_lane_car(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """A car stands in a fire lane, in sight of a camera, for 8 to 20 minutes."""
    return _standing(name, start_ms, scene, what="car", kinds=("fire_lane",), minutes=(8, 20))


def _e_bike(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """An e-bike stands in a building, in sight of a camera, for 1 to 10 minutes."""
    return _standing(name, start_ms, scene, what="motorcycle", kinds=("building", "floor"), minutes=(1, 10))


def _loiterer(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """Somebody stays in sight of a camera for 3 to 12 minutes longer than one may loiter there."""
    zones = scene.layout.site.zones
    places = [n for n, (_, zone) in enumerate(scene.layout.pairs) if zones[zone].loitering_minutes]
    pair = any_of(places, scene.random)
    if pair is None:
        return None
    allowed = zones[scene.layout.pair_zone[pair]].loitering_minutes or 0
    stay_ms = int(scene.random.integers((allowed + 3) * 60, (allowed + 12) * 60)) * 1000
    return _sighting(name, "person", pair, (start_ms, stay_ms), scene.layout)


def _climber(name: str, start_ms: int, scene: Scene) -> Injected | None:
    """Somebody climbs in over a line of a perimeter, surely seen, and out again 3 to 8 minutes later."""
    layout = scene.layout
    lines = [
        i for i, line in enumerate(layout.site.lines) if layout.site.zone[layout.inner_zone(i)].kind == "perimeter"
    ]
    line = any_of(lines, scene.random)
    if line is None:
        return None
    left_ms = start_ms + int(scene.random.integers(3 * 60, 8 * 60)) * 1000
    made = crossed(
        event_ms=np.array([start_ms, left_ms]),
        line=np.array([line, line]),
        direction=np.array([layout.inward(line), -layout.inward(line)]),
        person=np.repeat(scene.life.new_people(1), 2),
        method=np.repeat(NO_PASSAGE, 2),
        kept=True,
    )
    return Injected(record(name, layout.inner_zone(line), layout.site.lines[line].id, start_ms, left_ms), made)


def _standing(
    name: str, start_ms: int, scene: Scene, *, what: ObjectClass, kinds: tuple[str, ...], minutes: tuple[int, int]
) -> Injected | None:
    """Something stands in a zone of one of `kinds`, in sight of a camera, for so many minutes (least, most)."""
    zones = scene.layout.site.zones
    places = [n for n, (_, zone) in enumerate(scene.layout.pairs) if zones[zone].kind in kinds]
    pair = any_of(places, scene.random)
    if pair is None:
        return None
    stay_ms = int(scene.random.integers(minutes[0] * 60, minutes[1] * 60)) * 1000
    return _sighting(name, what, pair, (start_ms, stay_ms), scene.layout)


def _sighting(name: str, what: ObjectClass, pair: int, span: tuple[int, int], layout: Layout) -> Injected:
    """Something stands in the middle of the pair's zone for a (start, length) in ms, in sight of its camera."""
    camera, zone = layout.pairs[pair]
    place, end_ms = layout.site.zones[zone], span[0] + span[1]
    x_m, y_m = np.mean(place.polygon_m, axis=0).round(2).tolist()
    seen = Sighting(what, camera, zone, span[0], end_ms, x_m, y_m)
    return Injected(record(name, place.id, place.id, span[0], end_ms), sighting=seen)


MAKERS: Final[dict[Kind, Callable[[str, int, Scene], Injected | None]]] = {
    "intruder": _intruder,
    "crowd": _crowd,
    "silent_camera": _silent_camera,
    "tailgater": at_gates.tailgater,
    "held_gate": at_gates.held_gate,
    "forced_gate": at_gates.forced_gate,
    "fire_lane_car": _fire_lane_car,
    "e_bike": _e_bike,
    "loiterer": _loiterer,
    "climber": _climber,
    "rush": at_gates.rush,
    "blind_camera": at_gates.blind_camera,
}
