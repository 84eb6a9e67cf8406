"""Occupancy minutes of one zone against a brute-force recount of the sorted, de-duplicated events."""

from collections import Counter
from dataclasses import dataclass

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import MINUTE_MS
from infra.events import Crossings, Envelope, OccupancyMinute
from infra.settings import SMALL_SITE
from infra.site import load_site
from streams.zone import ZoneRules, ZoneState, apply

SITE = load_site(SMALL_SITE)
RULES = ZoneRules(SITE, "estate", grace_ms=5 * MINUTE_MS)
START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
GATES = ("north", "south", "west")


@dataclass(frozen=True)
class Passing:
    """One person through one gate: when, which, direction."""

    at_ms: int
    gate: str
    direction: int


def _envelope(gate: str, seq: int, at_ms: int, direction: int | None = None) -> Envelope:
    crossings = None
    if direction is not None:
        crossings = Crossings(
            crossing_id=[f"{gate}/{seq}"],
            event_ms=[at_ms],
            line_id=[f"gate_{gate}"],
            direction=[1 if direction > 0 else -1],
            track_id=[seq],
            object_class=["person"],
        )
    return Envelope(
        schema_version=1,
        estate_id=SITE.estate.id,
        zone_id="estate",
        camera_id=f"cam_gate_{gate}",
        boot_id="b",
        seq=seq,
        start_ms=at_ms,
        end_ms=at_ms + 500,
        crossings=crossings,
    )


def _stream(passings: list[Passing], minutes: int) -> list[Envelope]:
    """All envelopes in event-time order, each camera with a heartbeat a minute, numbered per camera."""
    moments = [(p.at_ms, p.gate, p.direction) for p in passings]
    moments += [(START_MS + m * MINUTE_MS + 1000, g, 0) for m in range(minutes + 2) for g in GATES]
    seq: Counter[str] = Counter()
    envelopes = []
    for at_ms, gate, direction in sorted(moments):
        envelopes.append(_envelope(gate, seq[gate], at_ms, direction or None))
        seq[gate] += 1
    return envelopes


def _final_rows(envelopes: list[Envelope]) -> dict[int, OccupancyMinute]:
    state = ZoneState()
    rows: dict[int, OccupancyMinute] = {}
    for envelope in envelopes:
        for row in apply(state, envelope, RULES):
            assert row.minute_ms not in rows or row.revision == rows[row.minute_ms].revision + 1
            rows[row.minute_ms] = row
    return rows


def _check(rows: dict[int, OccupancyMinute], passings: list[Passing], minutes: int) -> None:
    balance = 0
    for minute in range(minutes):
        minute_ms = START_MS + minute * MINUTE_MS
        inside = [p.direction for p in passings if minute_ms <= p.at_ms < minute_ms + MINUTE_MS]
        balance += sum(inside)
        if minute_ms in rows:
            row = rows[minute_ms]
            assert (row.ins, row.outs) == (inside.count(1), inside.count(-1))
            assert row.balance == balance
        else:
            assert not inside
            assert balance == 0


MINUTES = 12
passings = st.lists(
    st.builds(
        Passing,
        st.integers(START_MS, START_MS + MINUTES * MINUTE_MS - 1),
        st.sampled_from(GATES),
        st.sampled_from([1, -1]),
    ),
    max_size=40,
)


@given(passings)
def test_rows_equal_a_recount(moves: list[Passing]) -> None:
    _check(_final_rows(_stream(moves, MINUTES)), moves, MINUTES)


@given(passings, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_duplicates_and_disorder_within_grace_change_nothing_in_the_end(moves: list[Passing], rng: object) -> None:
    import random

    assert isinstance(rng, random.Random)
    envelopes = _stream(moves, MINUTES)
    noisy = [(e.start_ms + rng.choice([0, 0, 0, rng.randrange(4 * MINUTE_MS)]), e) for e in envelopes]
    noisy += [(at + rng.randrange(4 * MINUTE_MS), e) for at, e in noisy if rng.random() < 0.2]
    heartbeat = [_envelope(g, 10_000, START_MS + (MINUTES + 10) * MINUTE_MS) for g in GATES]
    arrived = [e for _, e in sorted(noisy, key=lambda pair: pair[0])] + heartbeat
    _check(_final_rows(arrived), moves, MINUTES)


def test_later_than_the_grace_is_counted_and_left_alone() -> None:
    state = ZoneState()
    for envelope in _stream([], 20):
        apply(state, envelope, RULES)
    late = _envelope("north", 900, START_MS + MINUTE_MS, direction=1)
    assert apply(state, late, RULES) == []
    assert state.too_late == 1


def test_a_silent_camera_does_not_hold_the_watermark_and_leaves_the_minute_partial() -> None:
    rows = _final_rows([e for e in _stream([], 20) if e.camera_id != "cam_gate_west" or e.start_ms < START_MS + 90_000])
    last = rows[max(rows)]
    assert last.minute_ms > START_MS + 15 * MINUTE_MS
    assert last.coverage == "partial"
    assert last.high > last.occupancy


def test_state_survives_its_encoding() -> None:
    state = ZoneState()
    for envelope in _stream([Passing(START_MS + 5, "north", 1)], 5):
        apply(state, envelope, RULES)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ZoneState) == state


def test_a_long_gap_without_news_is_not_filled() -> None:
    first = _final_rows(_stream([], 3))
    envelopes = [*_stream([], 3), *[_envelope(g, 500, START_MS + 9_000 * MINUTE_MS) for g in GATES]]
    assert len(_final_rows(envelopes)) <= len(first) + 5
