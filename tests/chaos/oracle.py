"""What must come out, computed without Kafka, twice over.

`minutes` counts by brute force over the de-duplicated events, in any order. `undisturbed` runs the app's own pure
functions over the log as it lies in Kafka, one message after the other: rows and alerts to the last digit.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
from confluent_kafka import Message

from infra.clock import MINUTE_MS
from infra.events import Alert, Envelope, OccupancyMinute, envelope_id
from infra.site import Site
from streams.zone import ZoneState, apply
from streams.zone_rules import ZoneRules

Counts = dict[tuple[str, int], tuple[int, int]]  # (zone, minute) -> (ins, outs)

_envelope: Final = msgspec.json.Decoder(Envelope)


def minutes(log: Sequence[Message], site: Site) -> Counts:
    """Persons in and out of each zone in each minute that had any, from every envelope once."""
    once = {(e := _envelope.decode(one.value() or b"")).zone_id + envelope_id(e): e for one in log}
    ins: Counter[tuple[str, int]] = Counter()
    outs: Counter[tuple[str, int]] = Counter()
    for envelope in once.values():
        crossings = envelope.crossings
        if crossings is None:
            continue
        columns = zip(crossings.event_ms, crossings.line_id, crossings.direction, crossings.object_class, strict=True)
        for event_ms, line_id, direction, object_class in columns:
            change = direction * site.effects[line_id].get(envelope.zone_id, 0)
            if object_class == "person" and change:
                (ins if change > 0 else outs)[envelope.zone_id, event_ms - event_ms % MINUTE_MS] += 1
    return {key: (ins[key], outs[key]) for key in ins | outs}


def undisturbed(log: Sequence[Message], site: Site, grace_ms: int) -> tuple[dict[str, OccupancyMinute], int]:
    """(last revision of every row, crossings that were too late) when nothing disturbs; `log` as it lies in Kafka."""
    states = {zone.id: (ZoneState(), ZoneRules(site, zone.id, grace_ms)) for zone in site.zones}
    rows: dict[str, OccupancyMinute] = {}
    for one in log:
        envelope = _envelope.decode(one.value() or b"")
        state, rules = states[envelope.zone_id]
        rows |= {row.row_id: row for row in apply(state, envelope, rules)}
    return rows, sum(state.too_late for state, _ in states.values())


def last_rows(log: Sequence[Message]) -> dict[str, OccupancyMinute]:
    """The last revision of every published row. Raises AssertionError where a revision has two contents."""
    rows = (msgspec.json.decode(one.value() or b"", type=OccupancyMinute) for one in log)
    return _last({(row.row_id, row.revision, row) for row in rows})


def last_alerts(log: Sequence[Message]) -> dict[str, Alert]:
    """The last revision of every published alert."""
    last: dict[str, Alert] = {}
    for one in log:
        alert = msgspec.json.decode(one.value() or b"", type=Alert)
        if alert.alert_id not in last or alert.revision >= last[alert.alert_id].revision:
            last[alert.alert_id] = alert
    return last


def _last(rows: set[tuple[str, int, OccupancyMinute]]) -> dict[str, OccupancyMinute]:
    """The row of the highest revision of each id."""
    told: dict[str, dict[int, set[OccupancyMinute]]] = defaultdict(lambda: defaultdict(set))
    for row_id, revision, row in rows:
        told[row_id][revision].add(row)
    ambiguous = [row_id for row_id, revisions in told.items() if any(len(same) > 1 for same in revisions.values())]
    assert not ambiguous, f"{len(ambiguous)} rows with two contents under one revision, e.g. {ambiguous[:3]}"
    return {row_id: next(iter(revisions[max(revisions)])) for row_id, revisions in told.items()}
