"""What the alerts app does with one batch of each topic, and when time has passed: zones' state on, alerts out.

Invalid envelopes are the occupancy app's to send to dead letters; here they are passed over. A passage, an occupancy
minute or a disposition that cannot be read is sent there from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from infra.clock import HOUR_MS, MINUTE_MS, Clock, SystemClock
from infra.dispositions import judge_disposition
from infra.events import Alert, Baseline, OccupancyMinute, encoder
from infra.passages import judge_passage
from infra.site import Site
from infra.validate import Refusal, judge, latest_now, undecodable
from streams.admissions import note_passage
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.durable import DurableZones, Taken, ZoneValue
from streams.publish import Output
from streams.rules.unanswered import note_alert, note_disposition
from streams.suppression import marked
from streams.zone_alerts import (
    Heard,
    ZoneAlerts,
    envelope_rules,
    heard_ms,
    minute_rules,
    overdue_cameras,
    settled_gates,
    unanswered_alerts,
)

LIVE_MS: Final = HOUR_MS


@dataclass(frozen=True)
class Room:
    """What the app's steps share: the site, the zones' durable state, the topics they send to, and the wall clock.

    `baselines` are those known of the site's lines. Per partition, `envelopes_ms` and its like are the time of sending
    up to which what cameras, gates, the occupancy app and people told is known, never ahead of the clock.
    """

    site: Site
    zones: DurableZones[ZoneAlerts]
    alerts: str
    dead_letters: str
    clock: Clock = field(default_factory=SystemClock)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    envelopes_ms: dict[int, int] = field(default_factory=dict)
    passages_ms: dict[int, int] = field(default_factory=dict)
    minutes_ms: dict[int, int] = field(default_factory=dict)
    dispositions_ms: dict[int, int] = field(default_factory=dict)

    def heard(self, partition: int) -> Heard:
        """Up to when all is known of one partition."""
        known = (self.envelopes_ms, self.passages_ms, self.minutes_ms, self.dispositions_ms)
        return Heard(*(times_ms.get(partition, -1) for times_ms in known))


def _zones_of(partition: int, room: Room) -> list[tuple[str, ZoneValue[ZoneAlerts]]]:
    """The zones of a partition; one that was taken out of the site file is kept as it was, and nothing told of it."""
    return [(zone_id, value) for zone_id, value in room.zones.in_partition(partition) if zone_id in room.site.zone]


def told_up_to_ms(partition: int, room: Room) -> int:
    """The time of sending up to which the partition's cameras have told; one whose clock is ahead does not move it."""
    heard = _heard_ms(partition, room)
    return -1 if heard is None else min(heard, room.clock.now_ms())


def take_envelopes(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Run the envelope rules over one partition's records, then those that wait for time to pass."""
    taken: Taken[ZoneAlerts] = Taken()
    latest_ms = latest_now(room.clock)
    for record in records:
        judged = judge(record.value, record.timestamp, room.site, latest_ms)
        if isinstance(judged, Refusal):
            continue
        value = room.zones.value(judged.zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            taken.envelopes += 1
            taken.touch(judged.zone_id, value)
            published = envelope_rules(value.state, judged, record.timestamp, room.site, room.baselines)
            if published:
                _publish(taken, judged.zone_id, value, published, room, sent_ms=record.timestamp)
            _hear(room.envelopes_ms, record, room)
    if taken.touched:
        _find_overdue_by_cameras(taken, records[0].partition, room)
        _settle(taken, records[0].partition, room)
    return taken


def _find_overdue_by_cameras(taken: Taken[ZoneAlerts], partition: int, room: Room) -> None:
    """Open the alert of every camera that is overdue by the partition's own time, which is never ahead of the wall's.

    A replay of the past has its own time; in the present a sender whose clock is ahead makes no other camera silent.
    """
    last_ms = _heard_ms(partition, room)
    if last_ms is not None:
        _find_overdue(taken, partition, min(last_ms, room.clock.now_ms()), room)


def _heard_ms(partition: int, room: Room) -> int | None:
    return heard_ms(value.state for _, value in _zones_of(partition, room))


def _find_overdue(taken: Taken[ZoneAlerts], partition: int, now_ms: int, room: Room) -> None:
    for zone_id, value in _zones_of(partition, room):
        published = overdue_cameras(value.state, zone_id, now_ms, room.site)
        if published:
            _publish(taken, zone_id, value, published, room, sent_ms=now_ms, by_clock=True)


def is_fresh(partition: int, now_ms: int, room: Room) -> bool:
    """Whether what was taken of the partition's envelopes is young: what cameras said since cannot be much."""
    return now_ms - room.envelopes_ms.get(partition, -1) <= MINUTE_MS


def overdue_by_clock(partition: int, now_ms: int, room: Room) -> Taken[ZoneAlerts]:
    """Cameras that are overdue by the wall clock: needed when nothing at all arrives that would tell the time.

    It counts only while the partition's own time is within `LIVE_MS` of it: a replay of the past has its own time. Ask
    only where nearly all is taken that was sent by `now_ms`: after a stop, cameras have spoken and are not heard yet.
    """
    taken: Taken[ZoneAlerts] = Taken()
    last_ms = _heard_ms(partition, room)
    if last_ms is not None and abs(now_ms - last_ms) <= LIVE_MS:
        _find_overdue(taken, partition, now_ms, room)
    return taken


def take_passages(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Note one partition's gate passages; then tell what they settle."""
    taken: Taken[ZoneAlerts] = Taken(records=len(records))
    for record in records:
        judged = judge_passage(record.key, record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            taken.dead_letters.append(dead_letter(room.dead_letters, record, judged))
            continue
        zone_id = room.site.inner_zone(room.site.gate[judged.gate_id].line)
        value = room.zones.value(zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            note_passage(value.state.gateways, judged, room.site)
            taken.touch(zone_id, value, [])
            _hear(room.passages_ms, record, room)
    _settle(taken, records[0].partition, room)
    return taken


def no_more_passages(partition: int, up_to_ms: int, room: Room) -> Taken[ZoneAlerts]:
    """All passages sent up to `up_to_ms` have been taken: tell what is settled without more of them."""
    room.passages_ms[partition] = max(room.passages_ms.get(partition, -1), up_to_ms)
    return _settle(Taken(), partition, room)


def take_dispositions(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Note what people said of one partition's alerts, if the site wants to know; then tell what that settles."""
    taken: Taken[ZoneAlerts] = Taken(records=len(records))
    for record in records:
        judged = judge_disposition(record.key, record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            taken.dead_letters.append(dead_letter(room.dead_letters, record, judged))
        elif room.site.limits.unanswered.wanted:
            zone_id = (record.key or b"").decode()
            value = room.zones.value(zone_id, record.partition)
            if value.advance(record.topic, record.offset):
                note_disposition(value.state.waiting, judged, record.timestamp)
                taken.touch(zone_id, value, [])
                _hear(room.dispositions_ms, record, room)
    return _settle(taken, records[0].partition, room)


def no_more_dispositions(partition: int, up_to_ms: int, room: Room) -> Taken[ZoneAlerts]:
    """All dispositions sent up to `up_to_ms` have been taken: tell which alerts are unanswered."""
    room.dispositions_ms[partition] = max(room.dispositions_ms.get(partition, -1), up_to_ms)
    return _settle(Taken(), partition, room)


def _hear(known_ms: dict[int, int], record: Record, room: Room) -> None:
    sent_ms = min(record.timestamp, room.clock.now_ms())
    known_ms[record.partition] = max(known_ms.get(record.partition, -1), sent_ms)


def _settle(taken: Taken[ZoneAlerts], partition: int, room: Room) -> Taken[ZoneAlerts]:
    """Tell what waited for several topics: first of the gates, whose alerts may be unanswered too."""
    heard = room.heard(partition)
    both_ms = min(heard.envelopes_ms, heard.passages_ms)
    for zone_id, value in _zones_of(partition, room) if both_ms >= 0 else ():
        published = settled_gates(value.state, both_ms, room.site)
        if published:
            _publish(taken, zone_id, value, published, room, sent_ms=both_ms, by_clock=True)
    for zone_id, value in _zones_of(partition, room) if room.site.limits.unanswered.wanted else ():
        published = unanswered_alerts(value.state, heard, room.site)
        if published:
            _publish(taken, zone_id, value, published, room, sent_ms=heard.envelopes_ms)
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
            published = minute_rules(value.state, row, room.site)
            _publish(taken, row.zone_id, value, published, room, sent_ms=record.timestamp)
            _hear(room.minutes_ms, record, room)
    return _settle(taken, records[0].partition, room)


def _read_minute(record: Record, site: Site) -> OccupancyMinute | Refusal:
    try:
        row = msgspec.json.decode(record.value or b"", type=OccupancyMinute)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(record.value or b"", str(error))
    return row if row.zone_id in site.zone else Refusal("unknown_zone", f"zone_id {row.zone_id!r}")


def _publish(
    taken: Taken[ZoneAlerts],
    zone_id: str,
    value: ZoneValue[ZoneAlerts],
    published: list[Alert],
    room: Room,
    *,
    sent_ms: int,
    by_clock: bool = False,
) -> None:
    """Send a zone's alert states, and wait for an answer to those that want one.

    A state that a clock brought, not a message, is taken as known since it happened: when it was noticed is chance.
    """
    states = [marked(alert, room.site) for alert in published]
    for alert in states:
        note_alert(value.state.waiting, alert, 0 if by_clock else sent_ms, room.site)
    outputs = [
        Output(room.alerts, value.partition, alert.zone_id.encode(), encoder.encode(alert), sent_ms) for alert in states
    ]
    taken.touch(zone_id, value, outputs)
