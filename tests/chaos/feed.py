"""The input of one chaos seed: some hours of a simulated estate, with repeats, reordering and one wrong clock. Pure."""

from dataclasses import replace
from datetime import date, datetime, time
from random import Random
from typing import Final

import msgspec

from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import Crossings, Detections, Envelope, encoder
from infra.topics import DETECTIONS
from producers.simulate.run import Plan, parse_incidents, run
from tests.producers.helpers import SMALL, MemorySink, Sent

DAY: Final = date(2024, 5, 27)
FROM: Final = time(7, 30)
REPEATED: Final = 0.02
REORDERED: Final = 0.1
REORDER_MS: Final = 5 * MINUTE_MS
SKEW_MS: Final = 10 * MINUTE_MS
INCIDENTS: Final = parse_incidents(["intruder:2", "fire_lane_car:2", "e_bike:2", "tailgater:2", "silent_camera"])


def messages(seed: int, hours: float) -> list[Sent]:
    """What is sent, in the order of sending."""
    random = Random(seed)
    sink = MemorySink()
    run(SMALL, Plan(DAY, seed=seed, incidents=INCIDENTS), sink)
    start_ms = int(datetime.combine(DAY, FROM, SMALL.tz).timestamp() * 1000)
    day = [one for one in sink.sent if start_ms <= one.timestamp_ms < start_ms + hours * HOUR_MS]
    skewed = random.choice(SMALL.cameras).id
    skew_ms = random.choice((SKEW_MS, -SKEW_MS))
    day = [_with_wrong_clock(one, skewed, skew_ms) if one.topic == DETECTIONS.name else one for one in day]
    day += random.sample(day, int(REPEATED * len(day)))
    return sorted(day, key=lambda one: _sent_at(one, random))


def _sent_at(one: Sent, random: Random) -> float:
    """When the message gets to Kafka: a share of them up to five minutes late; passages are never reordered."""
    late = one.topic == DETECTIONS.name and random.random() < REORDERED
    return one.timestamp_ms + (random.random() * REORDER_MS if late else 0)


def _with_wrong_clock(one: Sent, camera_id: str, skew_ms: int) -> Sent:
    """The message as that camera would have sent it, had its clock been off by so much."""
    envelope = msgspec.json.decode(one.value, type=Envelope)
    if envelope.camera_id != camera_id:
        return one
    shifted = msgspec.structs.replace(
        envelope,
        start_ms=envelope.start_ms + skew_ms,
        end_ms=envelope.end_ms + skew_ms,
        detections=_shifted(envelope.detections, skew_ms),
        crossings=_shifted(envelope.crossings, skew_ms),
    )
    return replace(one, value=encoder.encode(shifted), timestamp_ms=one.timestamp_ms + skew_ms)


def _shifted(part: Detections | Crossings | None, skew_ms: int) -> Detections | Crossings | None:
    return part and msgspec.structs.replace(part, event_ms=[ms + skew_ms for ms in part.event_ms])
