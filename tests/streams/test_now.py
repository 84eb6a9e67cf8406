"""What is told of a zone as it is now, against a recount of the events and of the published minutes."""

import random
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import MINUTE_MS, day_bounds_ms
from infra.events import Envelope, OccupancyMinute, OccupancyNow, Visitors, encoder
from infra.site import Faces
from streams import now
from streams.durable import DurableZones, ZoneValue
from streams.now import STEP_MS
from streams.occupancy import Room, take_envelopes
from streams.zone import ZoneState, apply
from streams.zone_rules import ZoneRules
from tests.streams.test_zone import GATES, MINUTES, RULES, SITE, START_MS, Passing, _envelope, _stream, passings

MIDNIGHT_MS, _ = day_bounds_ms(date(2023, 11, 16), SITE.tz)


def _told(
    envelopes: Iterable[Envelope], rules: ZoneRules = RULES
) -> tuple[list[OccupancyNow], dict[int, OccupancyMinute]]:
    """All that is told of the zone, and its minutes as they stand in the end."""
    state, rows = ZoneState(), dict[int, OccupancyMinute]()
    told: list[OccupancyNow] = []
    for envelope in envelopes:
        rows |= {row.minute_ms: row for row in apply(state, envelope, rules)}
        one = now.step(state, rules)
        told += [] if one is None else [one]
    return told, rows


@given(passings)
def test_at_most_one_a_step_and_each_says_something_new_but_those_of_the_minute(moves: list[Passing]) -> None:
    told, _ = _told(_stream(moves, MINUTES))
    for before, after in pairwise(told):
        assert after.as_of_ms % STEP_MS == 0
        assert after.as_of_ms >= before.as_of_ms + STEP_MS
        same = msgspec.structs.replace(
            after, as_of_ms=before.as_of_ms, now_id=before.now_id, watermark_ms=before.watermark_ms
        )
        assert same != before or after.as_of_ms // MINUTE_MS > before.as_of_ms // MINUTE_MS
    assert len({one.now_id for one in told}) == len(told)


def test_within_the_minute_it_follows_the_crossings_every_ten_seconds() -> None:
    """Each gate tells twice a second; with one crossing each four seconds every step but the first has news."""
    passing = {START_MS + 60_000 + 4_000 * i: 1 for i in range(45)}
    ticks = [START_MS + 500 * i for i in range(2 * 60 * 5)]
    envelopes = [
        _envelope(gate, i, at, passing.get(at) if gate == "north" else None)
        for i, at in enumerate(ticks)
        for gate in GATES
    ]
    told, _ = _told(envelopes)
    steps = [one.as_of_ms for one in told if START_MS + 70_000 <= one.as_of_ms < START_MS + 240_000]
    assert steps == [START_MS + 10_000 * i for i in range(7, 24)]
    for one in told:
        counted = sum(at < one.as_of_ms for at in passing)
        assert abs(one.ins_today - counted) <= 1
        assert one.occupancy == pytest.approx(one.ins_today / (1 - SITE.limits.crossing_miss_rate), abs=0.01)
        assert one.low <= one.occupancy <= one.high


@given(passings, st.integers(-MINUTES, 0))
def test_the_days_figures_are_those_of_its_events_and_minutes(moves: list[Passing], before: int) -> None:
    """The story begins `before` minutes from midnight; at its end late and early have all come."""
    shift = MIDNIGHT_MS + before * MINUTE_MS - START_MS
    envelopes = [_shifted(one, shift) for one in _stream(moves, MINUTES)]
    told, rows = _told(envelopes)
    last = told[-1]
    assert last.as_of_ms == MIDNIGHT_MS + (before + MINUTES + 1) * MINUTE_MS
    today = [move for move in moves if move.at_ms + shift >= MIDNIGHT_MS]
    assert last.ins_today == sum(move.direction > 0 for move in today)
    assert last.outs_today == sum(move.direction < 0 for move in today)
    ours = [row for row in rows.values() if row.minute_ms >= MIDNIGHT_MS]
    assert last.peak_today == max(row.occupancy for row in ours)
    assert last.peak_minute_ms in {row.minute_ms for row in ours if row.occupancy == last.peak_today}
    assert last.turnover_today == round(last.ins_today / SITE.zone["estate"].capacity, 4)
    assert (last.occupancy, last.low, last.high) == (ours[-1].occupancy, ours[-1].low, ours[-1].high)


def _shifted(envelope: Envelope, by_ms: int) -> Envelope:
    crossings = envelope.crossings
    if crossings is not None:
        crossings = msgspec.structs.replace(crossings, event_ms=[at + by_ms for at in crossings.event_ms])
    start_ms, end_ms = envelope.start_ms + by_ms, envelope.end_ms + by_ms
    return msgspec.structs.replace(envelope, start_ms=start_ms, end_ms=end_ms, crossings=crossings)


def _recognising() -> ZoneRules:
    cameras = tuple(
        camera.model_copy(update={"faces": Faces(purpose="a test of visitors")})
        if camera.id == "cam_gate_north"
        else camera
        for camera in SITE.cameras
    )
    return ZoneRules(SITE.model_copy(update={"cameras": cameras}), "estate", 5 * MINUTE_MS)


def test_visitors_are_counted_once_a_day_and_forgotten_at_midnight() -> None:
    random_ = random.Random(1)
    tokens = [f"{random_.getrandbits(64):x}" for _ in range(100)]
    seen = [_with_tokens("north", i, MIDNIGHT_MS + (i - 5) * MINUTE_MS, tokens) for i in range(5)]
    seen += [_with_tokens("north", i, MIDNIGHT_MS + (i - 5) * MINUTE_MS, tokens[:7]) for i in range(5, 9)]
    others = [_envelope(gate, i, MIDNIGHT_MS + (i - 5) * MINUTE_MS) for i in range(9) for gate in GATES[1:]]
    told, _ = _told(sorted([*seen, *others, seen[0]], key=lambda one: one.start_ms), _recognising())
    assert {one.unique_visitors_today for one in told if one.as_of_ms < MIDNIGHT_MS} == {100}
    assert {one.unique_visitors_today for one in told if one.as_of_ms > MIDNIGHT_MS} == {7}
    assert {one.unique_visitors_today for one in _told(_stream([], 3))[0]} == {None}


def _with_tokens(gate: str, seq: int, at_ms: int, tokens: Sequence[str]) -> Envelope:
    visitors = Visitors(event_ms=[at_ms] * len(tokens), track_id=list(range(len(tokens))), token=list(tokens))
    return msgspec.structs.replace(_envelope(gate, seq, at_ms), visitors=visitors)


def test_no_token_is_kept() -> None:
    state, token = ZoneState(), "a-token-nobody-may-see"
    apply(state, _with_tokens("north", 0, START_MS, [token]), _recognising())
    assert token.encode() not in msgspec.msgpack.encode(state)
    assert state.today.sketches


class _Zones:
    """What `take_envelopes` uses of `DurableZones`, in memory; `forget` is a kill and a recovery from the bytes."""

    def __init__(self) -> None:
        self._values: dict[str, ZoneValue[ZoneState]] = {}

    def value(self, zone_id: str, partition: int) -> ZoneValue[ZoneState]:
        return self._values.setdefault(zone_id, ZoneValue(partition, ZoneState(), {}, []))

    def forget(self) -> None:
        stored = {zone_id: msgspec.msgpack.encode(value) for zone_id, value in self._values.items()}
        self._values = {
            zone_id: msgspec.msgpack.decode(value, type=ZoneValue[ZoneState]) for zone_id, value in stored.items()
        }


def _last_word(arrived: Sequence[Envelope], cuts: Iterable[int]) -> bytes | None:
    """The value that the compacted topic keeps of the zone; at each cut a batch ends and the worker is killed."""
    zones = _Zones()
    room = Room(SITE, cast(DurableZones[ZoneState], zones), {"estate": RULES}, "minutes", "latest", "dead")
    kept: bytes | None = None
    for begin, end in pairwise(sorted({0, *cuts, len(arrived)})):
        records = [
            SimpleNamespace(topic="d", partition=0, offset=i, timestamp=one.end_ms, key=None, value=encoder.encode(one))
            for i, one in enumerate(arrived[begin:end], begin)
        ]
        for output in take_envelopes(records, room).outputs.get("estate", []):
            kept = output.value if output.topic == "latest" else kept
        zones.forget()
    return kept


@given(passings, st.sets(st.integers(1, 60)), st.randoms(use_true_random=False))
def test_the_last_word_depends_neither_on_batches_nor_on_kills(
    moves: list[Passing], cuts: set[int], rng: random.Random
) -> None:
    envelopes = _stream(moves, MINUTES)
    noisy = [(one.start_ms + rng.choice([0, 0, rng.randrange(3 * MINUTE_MS)]), one) for one in [*envelopes, *envelopes]]
    arrived = [one for _, one in sorted(noisy, key=lambda pair: pair[0])]
    kept = _last_word(arrived, cuts)
    assert kept is not None
    assert kept == _last_word(arrived, []) == encoder.encode(_told(arrived)[0][-1])
