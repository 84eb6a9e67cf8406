"""Is this message a valid envelope? One answer for the streams, the nightly and whoever else asks."""

import json
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from infra.clock import Clock
from infra.events import (
    LATEST_MS,
    MAX_AHEAD_MS,
    MAX_CLOCK_ERROR_MS,
    MAX_ENVELOPE_BYTES,
    MAX_SLICE_MS,
    SCHEMA_VERSION,
    Crossings,
    Detections,
    Envelope,
    Visitors,
)
from infra.site import Site

Reason = Literal[
    "too_large",
    "malformed_json",
    "not_finite",
    "wrong_schema_version",
    "invalid_field",
    "wrong_estate",
    "unknown_camera",
    "unknown_zone",
    "event_time_off",
    "unequal_columns",
    "unknown_line",
    "unknown_gate",
    "wrong_key",
]


@dataclass(frozen=True)
class Refusal:
    """Why a message is not valid: a reason to count by and a detail to mend it by."""

    reason: Reason
    detail: str


_decoder: Final = msgspec.json.Decoder(Envelope)
_UNEQUAL: Final = {
    part: Refusal("unequal_columns", f"the lists in {part} differ in length")
    for part in ("crossings", "detections", "visitors")
}


def judge(value: bytes | None, kafka_timestamp_ms: int, site: Site, latest_ms: int = LATEST_MS) -> Envelope | Refusal:
    """The envelope in `value`, or why there is none. Pure; never raises on any bytes.

    `latest_ms`: when it may begin at the latest; whoever takes events as they come gives `latest_now`.
    """
    if not value:
        return Refusal("malformed_json", "empty message, expected a JSON envelope")
    if len(value) > MAX_ENVELOPE_BYTES:
        return Refusal("too_large", f"{len(value)} bytes, at most {MAX_ENVELOPE_BYTES}")
    try:
        if not value.isascii():
            value.decode()  # msgspec lets other bytes through where it does not look
        envelope = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(value, str(error))
    return misfit(envelope, kafka_timestamp_ms, site, latest_ms) or envelope


def latest_now(clock: Clock) -> int:
    """When an event may begin that is taken now: one from the future would carry its zone's watermark there."""
    return clock.now_ms() + MAX_AHEAD_MS


class _NotFiniteError(Exception):
    """Python's reader met NaN or Infinity, which JSON does not have."""


def _refuse_constant(name: str) -> float:
    raise _NotFiniteError(name)


def undecodable(value: bytes, problem: str) -> Refusal:
    """Sort out, off the fast path, what kind of wrong it is with bytes that are no message; `problem` said why."""
    try:
        content: object = json.loads(value, parse_constant=_refuse_constant)
    except _NotFiniteError as error:
        return Refusal("not_finite", f"{error} in the message, expected finite numbers")
    except (ValueError, RecursionError):
        return Refusal("malformed_json", problem)
    version: object = content.get("schema_version") if isinstance(content, dict) else SCHEMA_VERSION
    if version != SCHEMA_VERSION:
        return Refusal("wrong_schema_version", f"schema_version {version!r}, expected {SCHEMA_VERSION}")
    return Refusal("invalid_field", problem)


def misfit(envelope: Envelope, kafka_timestamp_ms: int, site: Site, latest_ms: int = LATEST_MS) -> Refusal | None:
    """Why a well-formed envelope does not belong to this site or this time; None when it does."""
    if envelope.estate_id != site.estate.id:
        return Refusal("wrong_estate", f"estate_id {envelope.estate_id!r}, expected {site.estate.id!r}")
    zones = site.camera_zones.get(envelope.camera_id)
    if zones is None:
        return Refusal("unknown_camera", f"camera_id {envelope.camera_id!r} is not in the site file")
    if envelope.zone_id not in zones:
        return Refusal("unknown_zone", f"zone_id {envelope.zone_id!r}, expected one of {', '.join(zones)}")
    slice_ms, off_ms = envelope.end_ms - envelope.start_ms, envelope.start_ms - kafka_timestamp_ms
    if not 0 <= slice_ms <= MAX_SLICE_MS:
        return Refusal("event_time_off", f"slice of {slice_ms} ms, at most {MAX_SLICE_MS}")
    if not -MAX_CLOCK_ERROR_MS <= off_ms <= MAX_CLOCK_ERROR_MS or envelope.start_ms > latest_ms:
        return time_off("start_ms", envelope.start_ms, kafka_timestamp_ms, latest_ms)
    crossings, detections, visitors = envelope.crossings, envelope.detections, envelope.visitors
    return (
        (None if crossings is None else _bad_crossings(crossings, envelope, site))
        or (None if detections is None else _bad_detections(detections, envelope))
        or (None if visitors is None else _bad_visitors(visitors, envelope))
    )


def time_off(field: str, event_ms: int, kafka_timestamp_ms: int, latest_ms: int = LATEST_MS) -> Refusal | None:
    """Why an event time is not believed: it is far from the time of sending, or after `latest_ms`."""
    off_ms = event_ms - kafka_timestamp_ms
    if abs(off_ms) > MAX_CLOCK_ERROR_MS:
        return Refusal(
            "event_time_off", f"{field} is {off_ms / 3_600_000:+.1f} h from the time of sending, at most 24 h"
        )
    if event_ms > latest_ms:
        return Refusal("event_time_off", f"{field} {event_ms} is in the future, expected at most {latest_ms} ms")
    return None


def _bad_crossings(crossings: Crossings, envelope: Envelope, site: Site) -> Refusal | None:
    rows = len(crossings.event_ms)
    if not (
        rows
        == len(crossings.crossing_id)
        == len(crossings.line_id)
        == len(crossings.direction)
        == len(crossings.track_id)
        == len(crossings.object_class)
    ):
        return _UNEQUAL["crossings"]
    lines = site.line
    for line in crossings.line_id:
        if line not in lines:
            return Refusal("unknown_line", f"line_id {line!r} is not in the site file")
    return _outside_slice(envelope, crossings.event_ms, "crossings")


def _bad_detections(detections: Detections, envelope: Envelope) -> Refusal | None:
    rows = len(detections.event_ms)
    if not (
        rows
        == len(detections.track_id)
        == len(detections.object_class)
        == len(detections.x_m)
        == len(detections.y_m)
        == len(detections.confidence)
    ):
        return _UNEQUAL["detections"]
    return _outside_slice(envelope, detections.event_ms, "detections")


def _bad_visitors(visitors: Visitors, envelope: Envelope) -> Refusal | None:
    if not len(visitors.event_ms) == len(visitors.track_id) == len(visitors.token):
        return _UNEQUAL["visitors"]
    return _outside_slice(envelope, visitors.event_ms, "visitors")


def _outside_slice(envelope: Envelope, event_ms: list[int], what: str) -> Refusal | None:
    in_order = sorted(event_ms)  # most are in order: a third of the time that min and max take
    if in_order and not (envelope.start_ms <= in_order[0] and in_order[-1] <= envelope.end_ms):
        return Refusal("event_time_off", f"an event_ms of {what} lies outside start_ms … end_ms")
    return None
