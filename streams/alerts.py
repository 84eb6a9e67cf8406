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
from streams.rules import camera_silent, e_bike, fire_lane, gathering, over_capacity, restricted_hours, wrong_way
from streams.seen import Sequence as SeenSequence
from streams.seen import first_time

NAME: Final = "alerts"
TICK_MS: Final = 10_000
LIVE_MS: Final = HOUR_MS


class ZoneAlerts(Struct):
    """What the rules remember of one zone: `silence` of the cameras at home in it, `seen` of all that report on it."""

    seen: dict[str, list[SeenSequence]] = {}
    silence: dict[str, camera_silent.State] = {}
    breach: over_capacity.State = msgspec.field(default_factory=over_capacity.State)
    presence: signs.State = msgspec.field(default_factory=signs.State)
    standing: fire_lane.State = msgspec.field(default_factory=fire_lane.State)
    gathered: gathering.State = msgspec.field(default_factory=gathering.State)
    wrong_way: dict[str, signs.State] = {}
    e_bikes: signs.State = msgspec.field(default_factory=signs.State)


@dataclass(frozen=True)
class Room:
    """What the app's steps share: the site, the zones' durable state and the names of the topics they send to.

    `ticks` holds, per partition, the last tick of `TICK_MS` at which overdue cameras were looked for.
    """

    site: Site
    zones: DurableZones[ZoneAlerts]
    alerts: str
    dead_letters: str
    ticks: dict[int, int] = field(default_factory=dict)


def make_app(settings: Settings, site: Site) -> faust.App:
    """The alerts app for one site, ready to run."""
    detections, occupancy = topic_name(DETECTIONS, settings), topic_name(OCCUPANCY, settings)
    app = worker.make_app(NAME, settings, [detections, occupancy])
    zones = worker.make_zones(app, settings, ZoneValue[ZoneAlerts], ZoneAlerts)
    room = Room(site, zones, topic_name(ALERTS, settings), topic_name(DEAD_LETTERS, settings))
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, occupancy, zones, lambda records: take_minutes(records, room))
    _watch_the_clock(app, detections, room, SystemClock())
    return app


def _watch_the_clock(app: faust.App, detections: str, room: Room, clock: Clock) -> None:
    async def look() -> None:
        own = {tp.partition for tp in app.consumer.assignment() if tp.topic == detections}
        for partition in own & room.ticks.keys() if not app.rebalancing else ():
            await room.zones.aside(partition, partial(overdue_by_clock, partition, clock.now_ms(), room))

    app.timer(interval=TICK_MS / 1000)(look)


def take_envelopes(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Run the envelope rules over one partition's records; at each tick of their time look for overdue cameras."""
    taken: Taken[ZoneAlerts] = Taken()
    for record in records:
        _tick(taken, record, room)
        judged = judge(record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            continue
        value = room.zones.value(judged.zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            taken.envelopes += 1
            published = envelope_rules(value.state, judged, record.timestamp, room.site)
            taken.touch(judged.zone_id, value, _outputs(published, record.partition, record.timestamp, room))
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
        known = state.silence.get(envelope.camera_id)
        state.silence[envelope.camera_id], silence = camera_silent.step(known, envelope, sent_ms, site)
        published += silence
    return published


def _tick(taken: Taken[ZoneAlerts], record: Record, room: Room) -> None:
    """Open the alert of every camera of the partition that is overdue, once for each tick of the time of sending."""
    tick = record.timestamp // TICK_MS
    if tick <= room.ticks.get(record.partition, -1):
        return
    room.ticks[record.partition] = tick
    _find_overdue(taken, record.partition, record.timestamp, room)


def _find_overdue(taken: Taken[ZoneAlerts], partition: int, now_ms: int, room: Room) -> None:
    for zone_id, value in room.zones.in_partition(partition):
        for camera_id, camera in value.state.silence.items():
            published = camera_silent.overdue(camera, camera_id, zone_id, now_ms, room.site)
            if published:
                taken.touch(zone_id, value, _outputs(published, partition, now_ms, room))


def overdue_by_clock(partition: int, now_ms: int, room: Room) -> Taken[ZoneAlerts]:
    """Cameras that are overdue by the wall clock: needed when nothing at all arrives that would tell the time.

    It counts only while the partition's own time was within `LIVE_MS` of it: a replay of the past has its own time.
    """
    taken: Taken[ZoneAlerts] = Taken()
    if now_ms - room.ticks.get(partition, 0) * TICK_MS <= LIVE_MS:
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
