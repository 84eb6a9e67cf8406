"""The simulated estate: exact truth, nobody in two places, same seed same bytes, and a well-formed stream."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import MINUTE_MS, day_start_ms
from infra.errors import UserError
from infra.events import MAX_SLICE_MS
from infra.limits import OUTSIDE
from infra.site import Site
from producers.layout import Layout
from producers.simulate.life import Life
from producers.simulate.routes import Routes
from producers.simulate.run import Plan, parse_incidents, run
from tests.producers.helpers import SMALL, MemorySink, nested_site

MONDAY = date(2024, 5, 27)
NESTED = nested_site()
UNSEEN_ZONE = "floor_a"


def events(sink: MemorySink) -> Iterator[tuple[str, int, str, int]]:
    """(zone, UTC ms, line, direction) of every crossing told to every zone."""
    for envelope in sink.with_crossings():
        assert envelope.crossings
        columns = (envelope.crossings.event_ms, envelope.crossings.line_id, envelope.crossings.direction)
        for event_ms, line, direction in zip(*columns, strict=True):
            yield envelope.zone_id, event_ms, line, direction


def brute_force(site: Site, sink: MemorySink, plan: Plan) -> dict[tuple[str, int], int]:
    """Persons in each zone at the end of each minute, counted one crossing at a time."""
    first_ms = day_start_ms(plan.start, site.tz)
    changes: dict[tuple[str, int], int] = defaultdict(int)
    for zone, event_ms, line, direction in events(sink):
        changes[zone, (event_ms - first_ms) // MINUTE_MS] += site.effects[line][zone] * direction
    counted = {}
    for zone in site.zone:
        persons = 0
        for minute in range(1440 * plan.days):
            persons += changes[zone, minute]
            counted[zone, first_ms + minute * MINUTE_MS] = persons
    return counted


def occupancy(folder: Path) -> dict[tuple[str, int], int]:
    """The truth file as a dict."""
    table = pd.read_parquet(folder / "occupancy.parquet")
    return dict(zip(zip(table["zone_id"], table["minute_ms"], strict=True), table["persons"], strict=True))


@pytest.mark.parametrize("site", [SMALL, NESTED], ids=["small", "nested"])
def test_emitted_crossings_explain_the_truth_exactly(site: Site, tmp_path: Path) -> None:
    sink, plan = MemorySink(), Plan(MONDAY, days=2)
    produced = run(site, plan, sink, tmp_path)
    truth = occupancy(tmp_path)
    told = {key: persons for key, persons in truth.items() if key[0] != UNSEEN_ZONE}
    assert told == {key: n for key, n in brute_force(site, sink, plan).items() if key[0] != UNSEEN_ZONE}
    assert min(truth.values()) >= 0
    assert produced.missed == produced.outage_misses == 0
    assert (produced.unseen > 0) == (site is NESTED)
    assert produced.crossings_true == produced.crossings_sent + produced.unseen


def walk_through(site: Site, life: Life, days: list[date]) -> Iterator[tuple[int, str, int]]:
    """Follow every person; yields (person, zone, UTC ms) on entering; fails where one is not where a step starts."""
    place: dict[int, str] = defaultdict(lambda: OUTSIDE)
    latest: dict[int, int] = defaultdict(int)
    for day in days:
        made = life.day(day)
        for when, line, way, person in zip(
            made.event_ms.tolist(), made.line.tolist(), made.direction.tolist(), made.person.tolist(), strict=True
        ):
            ends = (site.lines[line].from_zone, site.lines[line].to_zone)[::way]
            assert place[person] == ends[0]
            assert when > latest[person]
            place[person], latest[person] = ends[1], when
            yield person, ends[1], when


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), day=st.dates(date(2015, 1, 1), date(2035, 1, 1)))
def test_nobody_is_in_two_places_or_behind_closed_doors(seed: int, day: date) -> None:
    life = Life(Layout(NESTED), Routes(Layout(NESTED)), seed)
    for _, zone, when in walk_through(NESTED, life, [day + timedelta(days=n) for n in range(3)]):
        assert zone == OUTSIDE or NESTED.is_open(zone, when)


@pytest.mark.parametrize("seed", range(4))
def test_normal_life_stays_below_four_fifths_of_each_capacity(seed: int, tmp_path: Path) -> None:
    start = MONDAY + timedelta(days=4 - seed)
    run(SMALL, Plan(start, days=2, seed=seed), MemorySink(), tmp_path)
    table = pd.read_parquet(tmp_path / "occupancy.parquet")
    for zone, persons in table.groupby("zone_id")["persons"].max().items():
        assert persons < 0.8 * SMALL.zone[str(zone)].capacity
    closed = [
        not SMALL.is_open(zone, minute)
        for zone, minute in zip(table["zone_id"], table["minute_ms"], strict=True)
        if SMALL.zone[zone].opening_hours
    ]
    shut = table[table["zone_id"].isin([z.id for z in SMALL.zones if z.opening_hours])]
    assert shut[closed]["persons"].max() == 0


def test_moving_in_hour_brings_the_night_home(tmp_path: Path) -> None:
    run(SMALL, Plan(MONDAY), MemorySink(), tmp_path)
    truth, first_ms = occupancy(tmp_path), day_start_ms(MONDAY, SMALL.tz)
    homes = truth["building_1", first_ms + 59 * MINUTE_MS] + truth["building_2", first_ms + 59 * MINUTE_MS]
    assert 0.85 * SMALL.estate.residents < homes == truth["estate", first_ms + 59 * MINUTE_MS]


def test_same_seed_same_bytes() -> None:
    one, two, other = MemorySink(), MemorySink(), MemorySink()
    incidents = parse_incidents(["intruder", "crowd", "silent_camera", "tailgater"])
    run(NESTED, Plan(MONDAY, incidents=incidents), one)
    run(NESTED, Plan(MONDAY, incidents=incidents), two)
    run(NESTED, Plan(MONDAY, incidents=incidents, seed=8), other)
    assert one.sent == two.sent
    assert one.sent != other.sent


def test_stream_is_well_formed() -> None:
    sink = MemorySink()
    run(SMALL, Plan(MONDAY), sink)
    next_seq: dict[tuple[str, str], int] = defaultdict(int)
    health: dict[str, int] = defaultdict(int)
    last_ms = 0
    for message, envelope in zip(sink.detections(), sink.envelopes(), strict=True):
        assert message.key.decode() == envelope.zone_id in SMALL.camera_zones[envelope.camera_id]
        assert last_ms <= message.timestamp_ms == envelope.start_ms
        assert 0 <= envelope.end_ms - envelope.start_ms <= MAX_SLICE_MS
        pair = envelope.camera_id, envelope.zone_id
        assert envelope.seq == next_seq[pair]
        next_seq[pair], last_ms = envelope.seq + 1, envelope.start_ms
        if envelope.crossings:
            assert all(envelope.start_ms <= ms <= envelope.end_ms for ms in envelope.crossings.event_ms)
            assert set(envelope.crossings.line_id) <= set(SMALL.camera[envelope.camera_id].lines)
        if envelope.health:
            assert envelope.zone_id == SMALL.camera_zones[envelope.camera_id][0]
            health[envelope.camera_id] += 1
        assert (envelope.visible is not None) == (
            envelope.zone_id == "plaza" and envelope.crossings is None and envelope.camera_id == "cam_plaza"
        )
    assert health == {camera.id: 1440 for camera in SMALL.cameras}


def test_a_crossing_has_one_id_in_all_zones_it_changes() -> None:
    sink = MemorySink()
    produced = run(NESTED, Plan(MONDAY), sink)
    zones: dict[str, set[str]] = defaultdict(set)
    lines: dict[str, str] = {}
    for envelope in sink.with_crossings():
        assert envelope.crossings
        for name, line in zip(envelope.crossings.crossing_id, envelope.crossings.line_id, strict=True):
            assert envelope.zone_id not in zones[name]
            zones[name].add(envelope.zone_id)
            lines[name] = line
    assert len(zones) == produced.crossings_sent
    assert all(found == set(NESTED.effects[lines[name]]) for name, found in zones.items())


def test_every_gate_crossing_has_its_passage() -> None:
    sink = MemorySink()
    run(NESTED, Plan(MONDAY), sink)
    crossed = {(line, way, ms) for _, ms, line, way in events(sink) if line in {"main", "side"}}
    for line, gates, key in (("main", {"g1", "g2"}, b"estate"), ("side", {"g3"}, b"phase_b")):
        for way in (1, -1):
            passed = sorted(p.event_ms for p in sink.passages() if p.gate_id in gates and p.direction == way)
            times = sorted(ms for name, direction, ms in crossed if (name, direction) == (line, way))
            assert len(passed) == len(times) > 0
            assert all(500 <= b - a < 2_500 for a, b in zip(passed, times, strict=True))
        keys = {m.key for m in sink.sent if m.topic == "gate_passages" and any(g.encode() in m.value for g in gates)}
        assert keys == {key}
    assert {p.gate_id for p in sink.passages()} == {"g1", "g2", "g3"}


def test_people_use_all_doors() -> None:
    sink = MemorySink()
    run(NESTED, Plan(MONDAY), sink)
    used = [line for zone, _, line, _ in events(sink) if zone == "house_b"]
    assert min(used.count("door_b"), used.count("cellar_b")) > 0.3 * len(used)


def test_visible_is_a_share_of_the_truth(tmp_path: Path) -> None:
    sink = MemorySink()
    run(SMALL, Plan(MONDAY), sink, tmp_path)
    truth = occupancy(tmp_path)
    seen = [(e.end_ms, e.visible) for e in sink.envelopes() if e.visible is not None]
    assert len(seen) == 1440
    there = [max(truth["plaza", ms // MINUTE_MS * MINUTE_MS + n * MINUTE_MS] for n in (-1, 0)) for ms, _ in seen[1:]]
    share = sum(visible for _, visible in seen) / max(1, sum(there))
    assert 0.75 < share < 0.95


def test_a_site_without_homes_is_refused() -> None:
    bare = SMALL.model_copy(update={"lines": (), "gates": (), "cameras": SMALL.cameras})
    with pytest.raises(UserError, match="no home"):
        Life(Layout(bare), Routes(Layout(bare)), 1)
