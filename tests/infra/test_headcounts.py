"""Which headcounts are taken, and why others are refused."""

import json

import pytest

from infra.clock import DAY_MS
from infra.events import Headcount
from infra.headcounts import judge_headcount
from infra.settings import SMALL_SITE
from infra.site import load_site
from infra.validate import Refusal

SITE = load_site(SMALL_SITE)
AT_MS = 1_700_000_000_000
GOOD = {
    "schema_version": 1,
    "headcount_id": "h1",
    "estate_id": SITE.estate.id,
    "zone_id": "building_1",
    "event_ms": AT_MS,
    "persons": 512,
    "error_persons": 10.0,
    "by": "operator",
}


def test_a_valid_headcount_is_taken_under_its_zone() -> None:
    headcount = judge_headcount(b"building_1", json.dumps(GOOD).encode(), AT_MS + 2_000, SITE)
    assert isinstance(headcount, Headcount)
    assert (headcount.persons, headcount.error_persons) == (512, 10.0)


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"estate_id": "elsewhere"}, b"building_1", "wrong_estate"),
        ({"zone_id": "building_9"}, b"building_9", "unknown_zone"),
        ({}, b"building_2", "wrong_key"),
        ({}, None, "wrong_key"),
        ({"event_ms": AT_MS + DAY_MS + 1}, b"building_1", "event_time_off"),
        ({"persons": -1}, b"building_1", "invalid_field"),
        ({"persons": 10**9}, b"building_1", "invalid_field"),
        ({"error_persons": -0.5}, b"building_1", "invalid_field"),
        ({"error_persons": float("nan")}, b"building_1", "not_finite"),
        ({"schema_version": 2}, b"building_1", "wrong_schema_version"),
    ],
)
def test_others_are_refused_with_a_reason(changes: dict[str, object], key: bytes | None, reason: str) -> None:
    judged = judge_headcount(key, json.dumps(GOOD | changes).encode(), AT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == reason


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000])
def test_no_bytes_break_it(value: bytes | None) -> None:
    judged = judge_headcount(b"building_1", value, AT_MS, SITE)
    assert isinstance(judged, Refusal)
    assert judged.reason == "malformed_json"
