"""Which gate passages are taken, and why others are refused."""

import json

import pytest

from infra.clock import DAY_MS
from infra.events import GatePassage
from infra.passages import judge_passage
from infra.settings import SMALL_SITE
from infra.site import load_site
from infra.validate import Refusal

SITE = load_site(SMALL_SITE)
AT_MS = 1_700_000_000_000
GOOD = {
    "schema_version": 1,
    "passage_id": "p1",
    "estate_id": SITE.estate.id,
    "gate_id": "turnstile_west",
    "event_ms": AT_MS,
    "direction": 1,
    "method": "face",
    "granted": True,
}


def test_a_valid_passage_is_taken_under_its_zone() -> None:
    passage = judge_passage(b"estate", json.dumps(GOOD).encode(), AT_MS + 2_000, SITE)
    assert isinstance(passage, GatePassage)
    assert passage.gate_id == "turnstile_west"


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"estate_id": "elsewhere"}, b"estate", "wrong_estate"),
        ({"gate_id": "turnstile_east"}, b"estate", "unknown_gate"),
        ({}, b"turnstile_west", "wrong_key"),
        ({}, None, "wrong_key"),
        ({"event_ms": AT_MS + DAY_MS + 1}, b"estate", "event_time_off"),
        ({"event_ms": -1}, b"estate", "invalid_field"),
        ({"method": "magic"}, b"estate", "invalid_field"),
        ({"schema_version": 2}, b"estate", "wrong_schema_version"),
    ],
)
def test_others_are_refused_with_a_reason(changes: dict[str, object], key: bytes | None, reason: str) -> None:
    judged = judge_passage(key, json.dumps(GOOD | changes).encode(), AT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == reason


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000])
def test_no_bytes_break_it(value: bytes | None) -> None:
    judged = judge_passage(b"estate", value, AT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == "malformed_json"
