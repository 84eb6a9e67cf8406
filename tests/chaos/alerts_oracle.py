"""The alerts that must come out: the app's own steps over the logs as they lie in Kafka, in one process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec
from confluent_kafka import Message

from infra.clock import SystemClock
from infra.events import Alert
from infra.site import Site
from streams.alert_steps import Room, no_more_passages, take_envelopes, take_minutes, take_passages, told_up_to_ms
from streams.coalescing import Record
from streams.durable import DurableZones, Taken, ZoneValue
from streams.zone_alerts import ZoneAlerts

BATCH: Final = 500


@dataclass
class Zones:
    """The zones in memory, and nothing durable about them."""

    values: dict[str, ZoneValue[ZoneAlerts]] = field(default_factory=dict)

    def value(self, zone_id: str, partition: int) -> ZoneValue[ZoneAlerts]:
        """The zone's value; a new one where there is none."""
        return self.values.setdefault(zone_id, ZoneValue(partition, ZoneAlerts(), {}, []))

    def in_partition(self, partition: int) -> list[tuple[str, ZoneValue[ZoneAlerts]]]:
        """All zones known to lie in `partition`."""
        return [(zone_id, value) for zone_id, value in self.values.items() if value.partition == partition]


@dataclass
class Stored:
    """A message as the workers see it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def undisturbed_alerts(
    detections: Sequence[Message], passages: Sequence[Message], minutes: Sequence[Message], site: Site
) -> dict[str, Alert]:
    """The last state of every alert when nothing disturbs the app."""
    zones = Zones()
    room = Room(site, cast(DurableZones[ZoneAlerts], zones), "alerts", "dead_letters", SystemClock())
    last: dict[str, Alert] = {}
    for step, log in ((take_envelopes, detections), (take_passages, passages), (take_minutes, minutes)):
        for records in _batches(log):
            last |= _told(step(records, room))
    for partition in {value.partition for value in zones.values.values()}:
        last |= _told(no_more_passages(partition, told_up_to_ms(partition, room), room))
    return last


def _told(taken: Taken[ZoneAlerts]) -> dict[str, Alert]:
    outputs = [output for outputs in taken.outputs.values() for output in outputs]
    alerts = (msgspec.json.decode(output.value or b"", type=Alert) for output in outputs)
    return {alert.alert_id: alert for alert in alerts}


def _batches(log: Sequence[Message]) -> list[list[Record]]:
    """The log as fetches: some hundred records of one partition each."""
    by_partition: dict[int, list[Record]] = {}
    for one in log:
        record = Stored(
            one.topic() or "",
            one.partition() or 0,
            one.offset() or 0,
            one.timestamp()[1],
            key_of(one),
            one.value(),
        )
        by_partition.setdefault(record.partition, []).append(record)
    return [records[at : at + BATCH] for records in by_partition.values() for at in range(0, len(records), BATCH)]


def key_of(one: Message) -> bytes:
    """The message's key; empty where it has none."""
    key = one.key()
    return key.encode() if isinstance(key, str) else key or b""
