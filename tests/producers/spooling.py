"""Envelopes for the spool's tests: numbered by zone, with any of detections, crossings and health."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from infra.events import Crossings, Detections, Envelope, Health, encoder

START_MS = 1_716_768_000_000


def envelope(zone: str, seq: int, detections: int = 0, crossings: int = 0, *, health: bool = False) -> Envelope:
    """The `seq`-th second of a zone, as its camera tells it."""
    start_ms = START_MS + 1_000 * seq
    return Envelope(
        schema_version=1,
        estate_id="e",
        zone_id=zone,
        camera_id=f"cam_{zone}",
        boot_id="boot",
        seq=seq,
        start_ms=start_ms,
        end_ms=start_ms + 999,
        visible=detections,
        detections=_detections(start_ms, detections) if detections else None,
        crossings=_crossings(zone, seq, start_ms, crossings) if crossings else None,
        health=Health(online=True, fps=25.0) if health else None,
    )


def encoded(one: Envelope) -> bytes:
    """Its bytes, as producers make them."""
    return encoder.encode(one)


def decoded(value: bytes) -> Envelope:
    """And back."""
    return msgspec.json.decode(value, type=Envelope)


def detections_in(envelopes: Iterable[Envelope]) -> int:
    """How many detections they carry."""
    return sum(len(one.detections.event_ms) for one in envelopes if one.detections)


def crossings_in(envelopes: Iterable[Envelope]) -> list[str]:
    """The ids of all crossings they carry, in order."""
    return [crossing for one in envelopes if one.crossings for crossing in one.crossings.crossing_id]


def thinned_in(envelopes: Iterable[Envelope]) -> int:
    """How many detections they say were given up."""
    return sum(one.health.thinned for one in envelopes if one.health)


def first_copies(envelopes: Iterable[Envelope]) -> dict[str, list[Envelope]]:
    """By zone, each envelope where its id comes first: what is left after de-duplication, in Kafka's order."""
    kept: dict[str, dict[int, Envelope]] = defaultdict(dict)
    for one in envelopes:
        kept[one.zone_id].setdefault(one.seq, one)
    return {zone: list(by_seq.values()) for zone, by_seq in kept.items()}


def _detections(start_ms: int, count: int) -> Detections:
    return Detections(
        event_ms=[start_ms] * count,
        track_id=list(range(count)),
        object_class=["person"] * count,
        x_m=[1.5] * count,
        y_m=[2.5] * count,
        confidence=[0.5] * count,
    )


def _crossings(zone: str, seq: int, start_ms: int, count: int) -> Crossings:
    return Crossings(
        crossing_id=[f"{zone}.{seq}.{number}" for number in range(count)],
        event_ms=[start_ms] * count,
        line_id=["line"] * count,
        direction=[1] * count,
        track_id=list(range(count)),
        object_class=["person"] * count,
    )
