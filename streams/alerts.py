"""The Faust app `anfang stream alerts`: envelopes, passages, occupancy minutes, dispositions in, alert states out.

Invalid envelopes are the occupancy app's to send to dead letters; here they are passed over. A passage, an occupancy
minute or a disposition that cannot be read is sent there from here.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import faust
import msgspec
from confluent_kafka import KafkaException

from infra.clock import HOUR_MS, Clock, SystemClock
from infra.dispositions import judge_disposition
from infra.events import Alert, Baseline, OccupancyMinute, encoder
from infra.lag import uncommitted
from infra.passages import judge_passage
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, OCCUPANCY, topic_name
from infra.validate import Refusal, judge
from streams import worker
from streams.admissions import note_passage
from streams.baselines import read_baselines
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

NAME: Final = "alerts"
INPUTS: Final = (DETECTIONS, OCCUPANCY, GATE_PASSAGES, DISPOSITIONS)
TICK_MS: Final = 10_000
LIVE_MS: Final = HOUR_MS
BASELINES_S: Final = 600.0


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


NoMore = Callable[[int, int, Room], Taken[ZoneAlerts]]
"""What follows when all messages of a topic that were sent up to a time are taken: partition, time, room."""


def make_app(settings: Settings, site: Site) -> faust.App:
    """The alerts app for one site, ready to run. Reads the baselines: raises UserError when Kafka does not answer."""
    detections, occupancy, passages, dispositions = (topic_name(topic, settings) for topic in INPUTS)
    app = worker.make_app(NAME, settings, INPUTS)
    zones = worker.make_zones(app, settings, ZoneValue[ZoneAlerts], ZoneAlerts)
    room = Room(site, zones, topic_name(ALERTS, settings), topic_name(DEAD_LETTERS, settings))
    room.baselines.update(read_baselines(settings, site))
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, occupancy, zones, lambda records: take_minutes(records, room))
    worker.add_agent(app, passages, zones, lambda records: take_passages(records, room))
    worker.add_agent(app, dispositions, zones, lambda records: take_dispositions(records, room))
    _watch_the_clock(app, detections, room)
    _watch_for_more(app, settings, passages, no_more_passages, room)
    _watch_for_more(app, settings, dispositions, no_more_dispositions, room)
    _keep_baselines(app, settings, room)
    return app


def _watch_the_clock(app: faust.App, detections: str, room: Room) -> None:
    async def look() -> None:
        own = {tp.partition for tp in app.consumer.assignment() if tp.topic == detections}
        for partition in own if not app.rebalancing else ():
            await room.zones.aside(partition, partial(overdue_by_clock, partition, room))

    app.timer(interval=TICK_MS / 1000)(look)


def _watch_for_more(app: faust.App, settings: Settings, topic: str, no_more: NoMore, room: Room) -> None:
    """What cameras told a tick ago need not wait for the topic's next message, if all that have come since are taken.

    Kafka is asked what there is: the consumer's own idea of the end is old when fetches fail.
    """
    told_ms: dict[int, int] = {}

    def own() -> set[int]:
        return {tp.partition for tp in app.consumer.assignment() if tp.topic == topic and not app.rebalancing}

    async def look() -> None:
        before_ms = dict(told_ms)
        told_ms.clear()
        told_ms.update({partition: told_up_to_ms(partition, room) for partition in own()})
        taken = await asyncio.to_thread(_all_taken, settings, str(app.conf.id), topic, list(before_ms))
        for partition in own().intersection(taken):
            await room.zones.aside(partition, partial(no_more, partition, before_ms[partition], room))

    app.timer(interval=TICK_MS / 1000)(look)


def told_up_to_ms(partition: int, room: Room) -> int:
    """The time of sending up to which the partition's cameras have told; one whose clock is ahead does not move it."""
    heard = _heard_ms(partition, room)
    return -1 if heard is None else min(heard, room.clock.now_ms())


def _all_taken(settings: Settings, group: str, topic: str, partitions: Sequence[int]) -> list[int]:
    """Those of `partitions` of which `group` has committed all that Kafka holds; none when Kafka does not answer."""
    try:
        left = uncommitted(settings, group, [(topic, partition) for partition in partitions])
    except KafkaException:
        return []
    return [partition for partition in partitions if (topic, partition) not in left]


def _keep_baselines(app: faust.App, settings: Settings, room: Room) -> None:
    """Read the baselines again every `BASELINES_S`: the nightly makes new ones."""

    async def read() -> None:
        room.baselines.update(await asyncio.to_thread(read_baselines, settings, room.site))

    app.timer(interval=BASELINES_S)(read)


def take_envelopes(records: Sequence[Record], room: Room) -> Taken[ZoneAlerts]:
    """Run the envelope rules over one partition's records, then those that wait for time to pass."""
    taken: Taken[ZoneAlerts] = Taken()
    for record in records:
        judged = judge(record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            continue
        value = room.zones.value(judged.zone_id, record.partition)
        if value.advance(record.topic, record.offset):
            taken.envelopes += 1
            published = envelope_rules(value.state, judged, record.timestamp, room.site, room.baselines)
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
    return heard_ms(value.state for _, value in room.zones.in_partition(partition))


def _find_overdue(taken: Taken[ZoneAlerts], partition: int, now_ms: int, room: Room) -> None:
    for zone_id, value in room.zones.in_partition(partition):
        published = overdue_cameras(value.state, zone_id, now_ms, room.site)
        if published:
            _publish(taken, zone_id, value, published, room, sent_ms=now_ms, by_clock=True)


def overdue_by_clock(partition: int, room: Room) -> Taken[ZoneAlerts]:
    """Cameras that are overdue by the wall clock: needed when nothing at all arrives that would tell the time.

    It counts only while the partition's own time is within `LIVE_MS` of it: a replay of the past has its own time.
    """
    taken: Taken[ZoneAlerts] = Taken()
    last_ms, now_ms = _heard_ms(partition, room), room.clock.now_ms()
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
    for zone_id, value in room.zones.in_partition(partition) if both_ms >= 0 else ():
        published = settled_gates(value.state, both_ms, room.site)
        if published:
            _publish(taken, zone_id, value, published, room, sent_ms=both_ms, by_clock=True)
    for zone_id, value in room.zones.in_partition(partition) if room.site.limits.unanswered.wanted else ():
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
    except msgspec.DecodeError as error:
        return Refusal("invalid_field", str(error))
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
