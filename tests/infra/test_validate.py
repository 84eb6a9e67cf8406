"""What is refused, and for which reason; nothing that can be sent makes the judge raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import FakeClock
from infra.events import MAX_AHEAD_MS, MAX_ENVELOPE_BYTES, Envelope
from infra.settings import SMALL_SITE
from infra.site import load_site
from infra.validate import Refusal, judge, latest_now

SITE = load_site(SMALL_SITE)
SENT_MS = 1_700_000_000_000
VALID: dict[str, object] = {
    "schema_version": 1,
    "estate_id": "demo_garden",
    "zone_id": "estate",
    "camera_id": "cam_gate_north",
    "boot_id": "b",
    "seq": 0,
    "start_ms": SENT_MS,
    "end_ms": SENT_MS + 500,
}
DETECTION: dict[str, list[object]] = {
    "event_ms": [SENT_MS],
    "track_id": [1],
    "object_class": ["person"],
    "x_m": [1.0],
    "y_m": [2.0],
    "confidence": [0.9],
}
CROSSING: dict[str, list[object]] = {
    "crossing_id": ["c"],
    "event_ms": [SENT_MS],
    "line_id": ["gate_north"],
    "direction": [1],
    "track_id": [1],
    "object_class": ["person"],
}


def _judge(**changes: object) -> Envelope | Refusal:
    return judge(json.dumps({**VALID, **changes}).encode(), SENT_MS, SITE)


def test_a_valid_envelope_is_returned_and_unknown_fields_are_let_through() -> None:
    assert isinstance(_judge(detections=DETECTION, crossings=CROSSING, news="later version"), Envelope)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 99}, "wrong_schema_version"),
        ({"schema_version": None}, "wrong_schema_version"),
        ({"seq": -1}, "invalid_field"),
        ({"seq": "0"}, "invalid_field"),
        ({"zone_id": ""}, "invalid_field"),
        ({"estate_id": "elsewhere"}, "wrong_estate"),
        ({"camera_id": "cam_nowhere"}, "unknown_camera"),
        ({"zone_id": "plaza"}, "unknown_zone"),
        ({"end_ms": SENT_MS - 1}, "event_time_off"),
        ({"end_ms": SENT_MS + 1001}, "event_time_off"),
        ({"start_ms": SENT_MS - 3 * 365 * 86_400_000, "end_ms": SENT_MS - 3 * 365 * 86_400_000}, "event_time_off"),
        ({"detections": {**DETECTION, "x_m": []}}, "unequal_columns"),
        ({"detections": {**DETECTION, "x_m": [float("nan")]}}, "not_finite"),
        ({"detections": {**DETECTION, "y_m": [float("inf")]}}, "not_finite"),
        ({"detections": {**DETECTION, "event_ms": [SENT_MS + 501]}}, "event_time_off"),
        ({"detections": {**DETECTION, "object_class": ["dog"]}}, "invalid_field"),
        ({"crossings": {**CROSSING, "line_id": ["gate_east"]}}, "unknown_line"),
        ({"crossings": {**CROSSING, "direction": [0]}}, "invalid_field"),
        ({"crossings": {**CROSSING, "track_id": [1, 2]}}, "unequal_columns"),
    ],
)
def test_refused_with_its_reason(changes: dict[str, object], reason: str) -> None:
    judged = _judge(**changes)
    assert isinstance(judged, Refusal)
    assert judged.reason == reason


@pytest.mark.parametrize("unit_ms", [1_000, 1_000_000])
def test_times_in_smaller_units_than_milliseconds_are_refused(unit_ms: int) -> None:
    """Sender's and event's alike, so that they are as far from each other as they should be."""
    at = SENT_MS * unit_ms
    envelope = {"start_ms": at, "end_ms": at, "detections": None, "crossings": None}
    judged = judge(json.dumps(VALID | envelope).encode(), at, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == "event_time_off"


def test_what_is_taken_as_it_comes_is_not_from_the_future() -> None:
    now = FakeClock(SENT_MS - MAX_AHEAD_MS)
    assert isinstance(judge(json.dumps(VALID).encode(), SENT_MS, SITE, latest_now(now)), Envelope)
    now = FakeClock(SENT_MS - MAX_AHEAD_MS - 1)
    judged = judge(json.dumps(VALID).encode(), SENT_MS, SITE, latest_now(now))
    assert isinstance(judged, Refusal)
    assert (judged.reason, "start_ms" in judged.detail) == ("event_time_off", True)


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[1]", b'"x"', b"1e999"])
def test_what_is_no_envelope_at_all(value: bytes | None) -> None:
    judged = judge(value, SENT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason in {"malformed_json", "invalid_field", "not_finite"}


def test_too_large_is_not_even_read() -> None:
    judged = judge(b" " * (MAX_ENVELOPE_BYTES + 1), SENT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == "too_large"


@given(st.binary(max_size=300))
def test_never_raises_on_any_bytes(value: bytes) -> None:
    assert isinstance(judge(value, SENT_MS, SITE), Refusal)


@given(st.integers(0, 400), st.integers(0, 255))
def test_never_raises_on_a_damaged_envelope(position: int, byte: int) -> None:
    value = bytearray(json.dumps({**VALID, "detections": DETECTION, "crossings": CROSSING}).encode())
    value[position % len(value)] = byte
    assert isinstance(judge(bytes(value), SENT_MS, SITE), Envelope | Refusal)
