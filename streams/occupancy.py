"""The Faust app `anfang stream occupancy`: envelopes in, occupancy minutes and dead letters out."""

from collections.abc import Sequence

import faust

from infra.events import OccupancyMinute, encoder
from infra.settings import Settings
from infra.site import Site
from infra.topics import DEAD_LETTERS, DETECTIONS, OCCUPANCY, topic_name
from infra.validate import Refusal, judge
from streams import worker
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.durable import DurableZones, Output, Taken, ZoneValue
from streams.zone import ZoneRules, ZoneState, apply

NAME = "occupancy"


def make_app(settings: Settings, site: Site) -> faust.App:
    """The occupancy app for one site, ready to run."""
    detections, occupancy, dead_letters = (topic_name(t, settings) for t in (DETECTIONS, OCCUPANCY, DEAD_LETTERS))
    app = worker.make_app(NAME, settings, [detections])
    zones = worker.make_zones(app, settings, ZoneValue[ZoneState], ZoneState)
    rules = {zone.id: ZoneRules(site, zone.id, settings.grace_minutes * 60_000) for zone in site.zones}

    def take(records: Sequence[Record]) -> Taken[ZoneState]:
        return take_envelopes(records, zones, rules, occupancy, dead_letters)

    worker.add_agent(app, detections, zones, take)
    return app


def take_envelopes(
    records: Sequence[Record],
    zones: DurableZones[ZoneState],
    rules: dict[str, ZoneRules],
    occupancy_topic: str,
    dead_letter_topic: str,
) -> Taken[ZoneState]:
    """Apply one partition's records to their zones; rows go to the partition of the same number."""
    taken: Taken[ZoneState] = Taken(records=len(records))
    site = next(iter(rules.values())).site
    for record in records:
        judged = judge(record.value, record.timestamp, site)
        if isinstance(judged, Refusal):
            taken.dead_letters.append(dead_letter(dead_letter_topic, record, judged))
            continue
        value = zones.value(judged.zone_id, record.partition)
        if not value.advance(record.topic, record.offset):
            continue
        duplicates, late = value.state.duplicates, value.state.too_late
        rows = apply(value.state, judged, rules[judged.zone_id])
        taken.envelopes += 1
        taken.duplicates += value.state.duplicates - duplicates
        taken.late += value.state.too_late - late
        taken.touch(judged.zone_id, value, [_output(row, record, occupancy_topic) for row in rows])
    told = ((zone_id, value.state.watermark_ms) for zone_id, value in taken.touched.items())
    taken.watermarks_ms = {zone_id: watermark_ms for zone_id, watermark_ms in told if watermark_ms >= 0}
    taken.missing = {zone_id: value.state.missing for zone_id, value in taken.touched.items()}
    return taken


def _output(row: OccupancyMinute, cause: Record, topic: str) -> Output:
    return Output(topic, cause.partition, row.zone_id.encode(), encoder.encode(row), cause.timestamp)
