"""The Faust app `anfang stream alerts`: envelopes, gate passages and occupancy minutes in, alert states out.

Invalid envelopes are the occupancy app's to send to dead letters; here they are passed over. A passage or an occupancy
minute that cannot be read is sent there from here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import faust
import msgspec
from confluent_kafka import KafkaException

from infra.clock import HOUR_MS, Clock, SystemClock
from infra.events import Alert, Baseline, OccupancyMinute, encoder
from infra.lag import uncommitted
from infra.passages import judge_passage
from infra.settings import Settings
from infra.site import Site
from infra.topics import ALERTS, DEAD_LETTERS, DETECTIONS, GATE_PASSAGES, OCCUPANCY, topic_name
from infra.validate import Refusal, judge
from streams import worker
from streams.admissions import note_passage
from streams.baselines import read_baselines
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.durable import DurableZones, Output, Taken, ZoneValue
from streams.suppression import marked
from streams.zone_alerts import ZoneAlerts, envelope_rules, heard_ms, minute_rules, overdue_cameras, settled_gates

NAME: Final = "alerts"
INPUTS: Final = (DETECTIONS, OCCUPANCY, GATE_PASSAGES)
TICK_MS: Final = 10_000
LIVE_MS: Final = HOUR_MS
BASELINES_S: Final = 600.0


@dataclass(frozen=True)
class Room:
    """What the app's steps share: the site, the zones' durable state, the topics they send to, and the wall clock.

    `baselines` are those known of the site's lines. Per partition, `envelopes_ms` and `passages_ms` are the time of
    sending up to which what cameras and gates told is known, never ahead of the clock.
    """

    site: Site
    zones: DurableZones[ZoneAlerts]
    alerts: str
    dead_letters: str
    clock: Clock = field(default_factory=SystemClock)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    envelopes_ms: dict[int, int] = field(default_factory=dict)
    passages_ms: dict[int, int] = field(default_factory=dict)


def make_app(settings: Settings, site: Site) -> faust.App:
    """The alerts app for one site, ready to run. Reads the baselines: raises UserError when Kafka does not answer."""
    detections, occupancy, passages = (topic_name(topic, settings) for topic in INPUTS)
    app = worker.make_app(NAME, settings, INPUTS)
    zones = worker.make_zones(app, settings, ZoneValue[ZoneAlerts], ZoneAlerts)
    room = Room(site, zones, topic_name(ALERTS, settings), topic_name(DEAD_LETTERS, settings))
    room.baselines.update(read_baselines(settings, site))
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, occupancy, zones, lambda records: take_minutes(records, room))
    worker.add_agent(app, passages, zones, lambda records: take_passages(records, room))
    _watch_the_clock(app, detections, room)
    _watch_the_gates(app, settings, passages, room)
    _keep_baselines(app, settings, room)
    return app


def _watch_the_clock(app: faust.App, detections: str, room: Room) -> None:
    async def look() -> None:
        own = {tp.partition for tp in app.consumer.assignment() if tp.topic == detections}
        for partition in own if not app.rebalancing else ():
            await room.zones.aside(partition, partial(overdue_by_clock, partition, room))

    app.timer(interval=TICK_MS / 1000)(look)


def _watch_the_gates(app: faust.App, settings: Settings, passages: str, room: Room) -> None:
    """What cameras told a tick ago need not wait for the next passage, if all that have come since are taken.

    Kafka is asked what there is: the consumer's own idea of the end is old when fetches fail.
    """
    told_ms: dict[int, int] = {}

    async def look() -> None:
        before_ms = dict(told_ms)
        taken = await asyncio.to_thread(_all_taken, settings, str(app.conf.id), passages, list(before_ms))
        own = {tp.partition for tp in app.consumer.assignment() if tp.topic == passages and not app.rebalancing}
        for partition in own.intersection(taken):
            await room.zones.aside(partition, partial(no_more_passages, partition, before_ms[partition], room))
        told_ms.clear()
        told_ms.update({partition: room.envelopes_ms.get(partition, -1) for partition in own})

    app.timer(interval=TICK_MS / 1000)(look)


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
            taken.touch(judged.zone_id, value, _outputs(published, record.partition, record.timestamp, room))
            _hear(room.envelopes_ms, record, room)
    if taken.touched:
        _find_overdue_by_cameras(taken, records[0].partition, room)
        _decide_gates(taken, records[0].partition, room)
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
            taken.touch(zone_id, value, _outputs(published, partition, now_ms, room))


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
    _decide_gates(taken, records[0].partition, room)
    return taken


def no_more_passages(partition: int, up_to_ms: int, room: Room) -> Taken[ZoneAlerts]:
    """All passages sent up to `up_to_ms` have been taken: tell what cameras settle by themselves."""
    taken: Taken[ZoneAlerts] = Taken()
    room.passages_ms[partition] = max(room.passages_ms.get(partition, -1), up_to_ms)
    _decide_gates(taken, partition, room)
    return taken


def _hear(known_ms: dict[int, int], record: Record, room: Room) -> None:
    sent_ms = min(record.timestamp, room.clock.now_ms())
    known_ms[record.partition] = max(known_ms.get(record.partition, -1), sent_ms)


def _decide_gates(taken: Taken[ZoneAlerts], partition: int, room: Room) -> None:
    """Tell what is settled at the gates of the partition's zones, up to where cameras and gates have both told."""
    both_ms = min(room.envelopes_ms.get(partition, -1), room.passages_ms.get(partition, -1))
    for zone_id, value in room.zones.in_partition(partition) if both_ms >= 0 else ():
        published = settled_gates(value.state, both_ms, room.site)
        if published:
            taken.touch(zone_id, value, _outputs(published, partition, both_ms, room))


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
        Output(room.alerts, partition, alert.zone_id.encode(), encoder.encode(marked(alert, room.site)), sent_ms)
        for alert in published
    ]
