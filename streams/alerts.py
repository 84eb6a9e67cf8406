"""The Faust app `anfang stream alerts`: envelopes and occupancy minutes in, alert states out.

Invalid envelopes are the occupancy app's to send to dead letters; here they are passed over. An occupancy minute that
cannot be read is sent there from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import faust
import msgspec
from msgspec import Struct

from infra.clock import HOUR_MS, Clock, SystemClock
from infra.events import Alert, Envelope, OccupancyMinute, encoder
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, OCCUPANCY, topic_name
from infra.validate import Refusal, judge
from streams import signs, worker
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.durable import DurableZones, Output, Taken, ZoneValue
from streams.rules import (
    camera_silent,
    camera_tampered,
    clock_skew,
    e_bike,
    fire_lane,
    gathering,
    over_capacity,
    restricted_hours,
    wrong_way,
)
from streams.seen import Sequence as SeenSequence
from streams.seen import first_time

NAME: Final = "alerts"
TICK_MS: Final = 10_000
LIVE_MS: Final = HOUR_MS


class ZoneAlerts(Struct):
    """What the rules remember of one zone.

    `seen` is of all cameras that report on it; `silence`, `tampered` and `skewed` are of those at home in it.
    """

    seen: dict[str, list[SeenSequence]] = {}
    silence: dict[str, camera_silent.State] = {}
    tampered: dict[str, camera_tampered.State] = {}
    skewed: dict[str, clock_skew.State] = {}
    breach: over_capacity.State = msgspec.field(default_factory=over_capacity.State)
    presence: signs.State = msgspec.field(default_factory=signs.State)
    standing: fire_lane.State = msgspec.field(default_factory=fire_lane.State)
    gathered: gathering.State = msgspec.field(default_factory=gathering.State)
    wrong_way: dict[str, signs.State] = {}
    e_bikes: signs.State = msgspec.field(default_factory=signs.State)


@dataclass(frozen=True)
class Room:
    """What the app's steps share: the site, the zones' durable state, the topics they send to, and the wall clock."""

    site: Site
    zones: DurableZones[ZoneAlerts]
    alerts: str
    dead_letters: str
    clock: Clock = field(default_factory=SystemClock)


def make_app(settings: Settings, site: Site) -> faust.App:
    """The alerts app for one site, ready to run."""
    detections, occupancy = topic_name(DETECTIONS, settings), topic_name(OCCUPANCY, settings)
    app = worker.make_app(NAME, settings, [detections, occupancy])
    zones = worker.make_zones(app, settings, ZoneValue[ZoneAlerts], ZoneAlerts)
    room = Room(site, zones, topic_name(ALERTS, settings), topic_name(DEAD_LETTERS, settings))
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, occupancy, zones, lambda records: take_minutes(records, room))
    _watch_the_clock(app, detections, room)
    return app


def _watch_the_clock(app: faust.App, detections: str, room: Room) -> None:
    async def look() -> None:
        own = {tp.partition for tp in app.consumer.assignment() if tp.topic == detections}
        for partition in own if not app.rebalancing else ():
            await room.zones.aside(partition, partial(overdue_by_clock, partition, room))

    app.timer(interval=TICK_MS / 1000)(look)


def take_envelopes(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Run the envelope rules over one partition's records, then look for overdue cameras by the cameras' own time."""
    taken: Taken[ZoneAlerts] = Taken()
    for record in records:
        judged = judge(record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            continue
        value = room.zones.value(judged.zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            taken.envelopes += 1
            published = envelope_rules(value.state, judged, record.timestamp, room.site)
            taken.touch(judged.zone_id, value, _outputs(published, record.partition, record.timestamp, room))
    if taken.touched:
        _find_overdue_by_cameras(taken, records[0].partition, room)
    return taken


def envelope_rules(state: ZoneAlerts, envelope: Envelope, sent_ms: int, site: Site) -> list[Alert]:
    """All rules that look at envelopes, on one envelope; a repeat changes nothing. Pure but for `state`."""
    if not first_time(state.seen.setdefault(envelope.camera_id, []), envelope):
        return []
    published = [
        *restricted_hours.step(state.presence, envelope, site),
        *fire_lane.step(state.standing, envelope, site),
        *gathering.step(state.gathered, envelope, site),
        *wrong_way.step(state.wrong_way, envelope, site),
        *e_bike.step(state.e_bikes, envelope, site),
    ]
    if site.camera[envelope.camera_id].zones[0] == envelope.zone_id:
        published += _camera_rules(state, envelope, sent_ms, site)
    return published


def _camera_rules(state: ZoneAlerts, envelope: Envelope, sent_ms: int, site: Site) -> list[Alert]:
    """The rules about the camera itself, judged in its home zone only."""
    camera_id = envelope.camera_id
    state.silence[camera_id], silence = camera_silent.step(state.silence.get(camera_id), envelope, sent_ms, site)
    return [
        *silence,
        *camera_tampered.step(state.tampered.setdefault(camera_id, camera_tampered.State()), envelope, site),
        *clock_skew.step(state.skewed.setdefault(camera_id, clock_skew.State()), envelope, site),
    ]


def _find_overdue_by_cameras(taken: Taken[ZoneAlerts], partition: int, room: Room) -> None:
    """Open the alert of every camera that is overdue by the partition's own time, which is never ahead of the wall's.

    A replay of the past has its own time; in the present a sender whose clock is ahead makes no other camera silent.
    """
    heard_ms = _heard_ms(partition, room)
    if heard_ms is not None:
        _find_overdue(taken, partition, min(heard_ms, room.clock.now_ms()), room)


def _heard_ms(partition: int, room: Room) -> int | None:
    values = room.zones.in_partition(partition)
    return camera_silent.heard_ms(camera for _, value in values for camera in value.state.silence.values())


def _find_overdue(taken: Taken[ZoneAlerts], partition: int, now_ms: int, room: Room) -> None:
    for zone_id, value in room.zones.in_partition(partition):
        for camera_id, camera in value.state.silence.items():
            published = camera_silent.overdue(camera, camera_id, zone_id, now_ms, room.site)
            if published:
                taken.touch(zone_id, value, _outputs(published, partition, now_ms, room))


def overdue_by_clock(partition: int, room: Room) -> Taken[ZoneAlerts]:
    """Cameras that are overdue by the wall clock: needed when nothing at all arrives that would tell the time.

    It counts only while the partition's own time is within `LIVE_MS` of it: a replay of the past has its own time.
    """
    taken: Taken[ZoneAlerts] = Taken()
    heard_ms, now_ms = _heard_ms(partition, room), room.clock.now_ms()
    if heard_ms is not None and abs(now_ms - heard_ms) <= LIVE_MS:
        _find_overdue(taken, partition, now_ms, room)
    return taken


def take_minutes(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Run the occupancy rules over one partition's published minutes."""
    taken: Taken[ZoneAlerts] = Taken(records=len(records))
    for record in records:
        row = _read_minute(record, room.site)
        if isinstance(row, Refusal):
            taken.dead_letters.append(dead_letter(room.dead_letters, record, row))
            continue
        value = room.zones.value(row.zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            zone = room.site.zone[row.zone_id]
            published = over_capacity.step(value.state.breach, row, zone, room.site.limits.over_capacity)
            taken.touch(row.zone_id, value, _outputs(published, record.partition, record.timestamp, room))
    return taken


def _read_minute(record: Record, site: Site) -> OccupancyMinute | Refusal:
    try:
        row = msgspec.json.decode(record.value or b"", type=OccupancyMinute)
    except msgspec.DecodeError as error:
        return Refusal("invalid_field", str(error))
    return row if row.zone_id in site.zone else Refusal("unknown_zone", f"zone_id {row.zone_id!r}")


def _outputs(published: list[Alert], partition: int, sent_ms: int, room: Room) -> list[Output]:
    return [
        Output(room.alerts, partition, alert.zone_id.encode(), encoder.encode(alert), sent_ms) for alert in published
    ]
