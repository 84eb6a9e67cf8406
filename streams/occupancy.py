"""The Faust app `anfang stream occupancy`: envelopes and headcounts in; minutes, each zone now, dead letters out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import faust

from infra.clock import Clock, SystemClock
from infra.events import OccupancyMinute, OccupancyNow, encoder
from infra.headcounts import judge_headcount
from infra.settings import Settings
from infra.site import Site
from infra.topics import DEAD_LETTERS, DETECTIONS, HEADCOUNTS, OCCUPANCY, OCCUPANCY_LATEST, topic_name
from infra.validate import Refusal, judge, latest_now
from streams import now, worker
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.durable import DurableZones, Taken, ZoneValue
from streams.publish import Output
from streams.zone import ZoneState, apply, apply_headcount
from streams.zone_rules import ZoneRules

NAME = "occupancy"


@dataclass(frozen=True)
class Room:
    """What the app's steps share: the site, the zones' durable state and rules, the topics they send to, the clock."""

    site: Site
    zones: DurableZones[ZoneState]
    rules: dict[str, ZoneRules]
    occupancy: str
    latest: str
    dead_letters: str
    clock: Clock = field(default_factory=SystemClock)


def make_app(settings: Settings, site: Site) -> faust.App:
    """The occupancy app for one site, ready to run."""
    detections, headcounts = (topic_name(topic, settings) for topic in (DETECTIONS, HEADCOUNTS))
    app = worker.make_app(NAME, settings, [DETECTIONS, HEADCOUNTS])
    zones = worker.make_zones(app, settings, ZoneValue[ZoneState], ZoneState)
    rules = {zone.id: ZoneRules(site, zone.id, settings.grace_minutes * 60_000) for zone in site.zones}
    rows, latest, letters = (topic_name(topic, settings) for topic in (OCCUPANCY, OCCUPANCY_LATEST, DEAD_LETTERS))
    room = Room(site, zones, rules, rows, latest, letters)
    worker.add_agent(app, detections, zones, lambda records: take_envelopes(records, room))
    worker.add_agent(app, headcounts, zones, lambda records: take_headcounts(records, room))
    return app


def take_envelopes(records: Sequence[Record], room: Room) -> Taken[ZoneState]:
    """Apply one partition's records to their zones; rows go to the partition of the same number.

    Of what is told of a zone as it is now, the batch's last word is enough: the topic is compacted.
    """
    taken: Taken[ZoneState] = Taken(records=len(records))
    latest_ms = latest_now(room.clock)
    for record in records:
        judged = judge(record.value, record.timestamp, room.site, latest_ms)
        if isinstance(judged, Refusal):
            taken.dead_letters.append(dead_letter(room.dead_letters, record, judged))
            continue
        zone_id = judged.zone_id
        value = room.zones.value(zone_id, record.partition)
        if not value.advance(record.topic, record.offset):
            continue
        if zone_id not in taken.touched:
            taken.touch(zone_id, value)
            _count_from(taken, value.state)
        taken.envelopes += 1
        rows = apply(value.state, judged, room.rules[zone_id])
        if rows:
            taken.outputs[zone_id] += [_output(row, record, room.occupancy) for row in rows]
    for zone_id, value in taken.touched.items():
        told = now.step(value.state, room.rules[zone_id])
        if told is not None:
            taken.outputs[zone_id].append(_output(told, records[-1], room.latest))
        _count_to(taken, value.state)
    _note_progress(taken)
    return taken


def take_headcounts(records: Sequence[Record], room: Room) -> Taken[ZoneState]:
    """Apply one partition's headcounts to their zones. A zone as it is now is told when its cameras next tell."""
    taken: Taken[ZoneState] = Taken(records=len(records))
    for record in records:
        judged = judge_headcount(record.key, record.value, record.timestamp, room.site)
        if isinstance(judged, Refusal):
            taken.dead_letters.append(dead_letter(room.dead_letters, record, judged))
            continue
        value = room.zones.value(judged.zone_id, record.partition)
        if not value.advance(record.topic, record.offset):
            continue
        duplicates, late = value.state.duplicates, value.state.too_late
        rows = apply_headcount(value.state, judged, room.rules[judged.zone_id])
        taken.duplicates += value.state.duplicates - duplicates
        taken.late += value.state.too_late - late
        taken.touch(judged.zone_id, value, [_output(row, record, room.occupancy) for row in rows])
    return taken


def _count_from(taken: Taken[ZoneState], state: ZoneState) -> None:
    """For the metrics: what a zone had of repeats and late crossings before the batch is not the batch's."""
    taken.duplicates -= state.duplicates
    taken.late -= state.too_late


def _count_to(taken: Taken[ZoneState], state: ZoneState) -> None:
    taken.duplicates += state.duplicates
    taken.late += state.too_late


def _note_progress(taken: Taken[ZoneState]) -> None:
    """For the metrics: how far each touched zone has been told, and what its cameras' numbers skipped."""
    told = ((zone_id, value.state.watermark_ms) for zone_id, value in taken.touched.items())
    taken.watermarks_ms = {zone_id: watermark_ms for zone_id, watermark_ms in told if watermark_ms >= 0}
    taken.missing = {zone_id: value.state.missing for zone_id, value in taken.touched.items()}


def _output(row: OccupancyMinute | OccupancyNow, cause: Record, topic: str) -> Output:
    return Output(topic, cause.partition, row.zone_id.encode(), encoder.encode(row), cause.timestamp)
