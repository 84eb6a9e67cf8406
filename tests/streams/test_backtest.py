"""Simulated days through every alert rule, without Kafka, against what was injected: none missed, none made up."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from infra.clock import MINUTE_MS
from infra.events import Alert, Envelope
from infra.site import Site
from producers.simulate.faults import Faults
from producers.simulate.incidents import Kind
from producers.simulate.run import Plan, run
from producers.simulate.truth import Incident
from streams.alerts import TICK_MS, ZoneAlerts, envelope_rules
from streams.rules import camera_silent, over_capacity
from streams.zone import ZoneRules, ZoneState, apply
from tests.producers.helpers import SMALL, MemorySink, Sent
from tests.streams.stories import changed_site

MONDAY = date(2024, 5, 27)
FAULTS = Faults(missed=0.05, duplicates=0.01, late=0.01, late_minutes=3)
INCIDENTS: dict[Kind, int] = {"intruder": 2, "crowd": 2, "silent_camera": 2, "fire_lane_car": 2, "tailgater": 1}
TOLERANCE_MS = 5 * MINUTE_MS
WATCHFUL = changed_site({"plaza": {"gathering_persons": 140}}, {})


def backtest(messages: list[Sent], site: Site) -> dict[str, Alert]:
    """The last state of every alert that the rules raise on `messages` in the order of sending."""
    rules = {zone.id: ZoneRules(site, zone.id, 5 * MINUTE_MS) for zone in site.zones}
    zones = {zone.id: (ZoneState(), ZoneAlerts()) for zone in site.zones}
    last: dict[str, Alert] = {}
    tick = 0
    for message in messages:
        envelope = msgspec.json.decode(message.value, type=Envelope)
        published = list[Alert]()
        if message.timestamp_ms // TICK_MS > tick:
            tick = message.timestamp_ms // TICK_MS
            for zone_id, (_, alerts) in zones.items():
                for camera_id, silence in alerts.silence.items():
                    published += camera_silent.overdue(silence, camera_id, zone_id, message.timestamp_ms, site)
        occupancy, alerts = zones[envelope.zone_id]
        published += envelope_rules(alerts, envelope, message.timestamp_ms, site)
        for row in apply(occupancy, envelope, rules[envelope.zone_id]):
            zone = site.zone[row.zone_id]
            published += over_capacity.step(alerts.breach, row, zone, site.limits.over_capacity)
        last |= {alert.alert_id: alert for alert in published}
    return last


def _explains(incident: Incident, alert: Alert) -> bool:
    ended_ms = alert.closed_ms or alert.updated_ms
    overlaps = alert.opened_ms <= incident.end_ms + TOLERANCE_MS and ended_ms >= incident.start_ms
    return (incident.rule, incident.subject_id) == (alert.rule, alert.subject_id) and overlaps


def _day(folder: Path, incidents: dict[Kind, int], seed: int) -> tuple[list[Sent], list[Incident]]:
    sink = MemorySink()
    run(SMALL, Plan(MONDAY, seed=seed, faults=FAULTS, incidents=incidents), sink, folder)
    records = msgspec.json.decode((folder / "incidents.json").read_bytes(), type=list[Incident])
    return sink.detections(), [record for record in records if record.rule is not None]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_incident_is_one_alert_and_nothing_else_is(tmp_path: Path, seed: int) -> None:
    messages, incidents = _day(tmp_path, INCIDENTS, seed)
    alerts = list(backtest(messages, SMALL).values())
    assert len(incidents) == 8
    explained = [[alert.rule for alert in alerts if _explains(incident, alert)] for incident in incidents]
    assert explained == [[incident.rule] for incident in incidents]
    assert [alert for alert in alerts if not any(_explains(incident, alert) for incident in incidents)] == []
    assert all(alert.status == "closed" for alert in alerts)


def test_normal_life_raises_nothing_where_gatherings_are_watched_too(tmp_path: Path) -> None:
    messages, _ = _day(tmp_path, {}, 7)
    assert backtest(messages, WATCHFUL) == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_is_a_gathering_too_where_one_is_watched_for(tmp_path: Path, seed: int) -> None:
    messages, (crowd,) = _day(tmp_path, {"crowd": 1}, seed)
    alerts = backtest(messages, WATCHFUL).values()
    watched = ["gathering"] if crowd.zone_id == "plaza" else []
    assert sorted(alert.rule for alert in alerts) == [*watched, "over_capacity"]
    assert {alert.zone_id for alert in alerts} == {crowd.zone_id}
