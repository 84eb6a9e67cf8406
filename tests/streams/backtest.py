"""Simulated days through every alert rule, without Kafka, in the order of sending; against what was truly injected.

`python -m tests.streams.backtest --days 30` prints the table of `docs/subscriber.md` anew.
"""

import argparse
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

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

MONDAY: Final = date(2024, 5, 27)
FAULTS: Final = Faults(missed=0.05, duplicates=0.01, late=0.01, late_minutes=3)
INCIDENTS: Final[dict[Kind, int]] = {
    "intruder": 2,
    "crowd": 2,
    "silent_camera": 2,
    "fire_lane_car": 2,
    "e_bike": 2,
    "tailgater": 1,
}
TOLERANCE_MS: Final = 5 * MINUTE_MS
FIRST_SEED: Final = 100


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


def explains(incident: Incident, alert: Alert) -> bool:
    """Whether the alert tells the incident: same rule and subject, overlapping in time but for `TOLERANCE_MS`."""
    ended_ms = alert.closed_ms or alert.updated_ms
    overlaps = alert.opened_ms <= incident.end_ms + TOLERANCE_MS and ended_ms >= incident.start_ms
    return (incident.rule, incident.subject_id) == (alert.rule, alert.subject_id) and overlaps


def simulated_day(folder: Path, incidents: dict[Kind, int], seed: int) -> tuple[list[Sent], list[Incident]]:
    """(messages on detections, incidents that a rule must tell) of one small day with faults; truth into `folder`."""
    sink = MemorySink()
    run(SMALL, Plan(MONDAY, seed=seed, faults=FAULTS, incidents=incidents), sink, folder)
    records = msgspec.json.decode((folder / "incidents.json").read_bytes(), type=list[Incident])
    return sink.detections(), [record for record in records if record.rule is not None]


def table(days: int) -> str:
    """For each rule: incidents injected in so many days, those told, and alerts that nothing injected explains."""
    injected, told, false = Counter[str](), Counter[str](), Counter[str]()
    for seed in range(FIRST_SEED, FIRST_SEED + days):
        with tempfile.TemporaryDirectory() as folder:
            messages, incidents = simulated_day(Path(folder), INCIDENTS, seed)
        alerts = backtest(messages, SMALL).values()
        injected.update(str(one.rule) for one in incidents)
        told.update(str(one.rule) for one in incidents if any(explains(one, alert) for alert in alerts))
        false.update(alert.rule for alert in alerts if not any(explains(one, alert) for one in incidents))
    rows = [
        f"| `{rule}` | {injected[rule]} | {told[rule] / injected[rule] if injected[rule] else 1:.3f} | "
        f"{false[rule] / days:.2f} |"
        for rule in sorted(injected | false)
    ]
    return "\n".join(["| rule | injected | recall | false alarms a day |", "| --- | --- | --- | --- |", *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    print(table(parser.parse_args().days))
