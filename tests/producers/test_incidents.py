"""Incidents on demand: each does what its record says, apart from the others, and the record is the truth."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.events import Envelope
from producers.produced import Produced
from producers.simulate.faults import Faults
from producers.simulate.run import Plan, parse_incidents, run
from producers.simulate.scene import KINDS, RULES, Kind
from producers.simulate.truth import Incident
from tests.producers.helpers import WATCHED, MemorySink, nested_site

MONDAY = date(2024, 5, 27)
ALL: dict[Kind, int] = dict.fromkeys(KINDS, 1) | {"intruder": 2, "silent_camera": 2}


def simulated(folder: Path, incidents: dict[Kind, int], seed: int = 7, missed: float = 0.05) -> MemorySink:
    """A small day with incidents and missed crossings."""
    sink = MemorySink()
    run(WATCHED, Plan(MONDAY, seed=seed, faults=Faults(missed=missed), incidents=incidents), sink, folder)
    return sink


def records(folder: Path) -> list[Incident]:
    """The truth file of incidents."""
    return msgspec.json.decode((folder / "incidents.json").read_bytes(), type=list[Incident])


def persons(folder: Path, zone: str) -> pd.Series:
    """True persons in a zone by minute."""
    table = pd.read_parquet(folder / "occupancy.parquet")
    return table[table["zone_id"] == zone].set_index("minute_ms")["persons"]


@pytest.mark.parametrize("seed", [1, 2])
def test_all_kinds_in_one_day_do_not_overlap(tmp_path: Path, seed: int) -> None:
    simulated(tmp_path, ALL, seed)
    found = records(tmp_path)
    assert sorted(one.kind for one in found) == sorted(kind for kind, count in ALL.items() for _ in range(count))
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(found))
    assert all(one.rule == RULES[kind] for one in found for kind in KINDS if one.kind == kind)
    assert len({one.incident_id for one in found}) == len(found)


def test_intruder_is_in_a_closed_zone_and_always_told(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"intruder": 3}, missed=0.3)
    for one in records(tmp_path):
        assert one.zone_id == one.subject_id
        assert not WATCHED.is_open(one.zone_id, one.start_ms)
        told = [
            moment
            for envelope in sink.with_crossings()
            if envelope.zone_id == one.zone_id and envelope.crossings
            for moment in envelope.crossings.event_ms
        ]
        assert {one.start_ms, one.end_ms} <= set(told)
        assert persons(tmp_path, one.zone_id)[one.start_ms // MINUTE_MS * MINUTE_MS] == 1


def test_intruder_over_the_fence_is_seen(tmp_path: Path) -> None:
    sink = MemorySink()
    run(nested_site(), Plan(MONDAY, incidents={"intruder": 4}), sink, tmp_path)
    over = [one for one in records(tmp_path) if one.zone_id == "fence"]
    assert over
    seen = [e.start_ms for e in sink.envelopes() if e.detections and e.detections.object_class == ["person"]]
    for one in over:
        assert one.start_ms in seen
        assert any(one.end_ms - 5_000 <= moment < one.end_ms for moment in seen)
    assert all(any(one.start_ms <= moment < one.end_ms for one in over) for moment in seen)


@pytest.mark.parametrize("seed", range(3))
def test_crowd_is_a_fifth_over_capacity_for_twenty_minutes(tmp_path: Path, seed: int) -> None:
    simulated(tmp_path, {"crowd": 1}, seed)
    (one,) = records(tmp_path)
    capacity, there = WATCHED.zone[one.zone_id].capacity, persons(tmp_path, one.zone_id)
    assert (there >= 1.2 * capacity).sum() >= 20
    over = there[there >= capacity].index
    assert one.start_ms - MINUTE_MS <= over[0] <= one.start_ms
    assert over[-1] < one.end_ms < over[-1] + 15 * MINUTE_MS
    others = [zone.id for zone in WATCHED.zones if zone.id != one.zone_id]
    assert all(persons(tmp_path, zone).max() < WATCHED.zone[zone].capacity for zone in others)


def test_silent_camera_sends_nothing_and_loses_little(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"silent_camera": 1}, missed=0)
    (one,) = records(tmp_path)
    assert one.end_ms - one.start_ms >= 10 * MINUTE_MS
    assert one.zone_id == WATCHED.camera_zones[one.subject_id][0]
    own = np.array([e.start_ms for e in sink.envelopes() if e.camera_id == one.subject_id])
    assert not ((own >= one.start_ms) & (own < one.end_ms)).any()
    assert np.diff(np.sort(own)).max() > 10 * MINUTE_MS
    produced = msgspec.json.decode((tmp_path / "produced.json").read_bytes(), type=Produced)
    assert produced.outage_misses == produced.crossings_true - produced.crossings_sent <= 3
    counts = pd.read_parquet(tmp_path / "line_counts.parquet")
    assert counts["true_count"].sum() == produced.crossings_true
    assert counts["sent_count"].sum() == produced.crossings_sent


def at_the_gate(sink: MemorySink, line: str) -> tuple[list[int], list[int]]:
    """Times of the crossings into the estate over a line, and of the passages that let in there."""
    crossed = [
        moment
        for envelope in sink.with_crossings()
        if (told := envelope.crossings) is not None
        for moment, crossed_line, way in zip(told.event_ms, told.line_id, told.direction, strict=True)
        if crossed_line == line and way == 1
    ]
    gates = {gate.id for gate in WATCHED.gates if gate.line == line}
    return sorted(crossed), sorted(p.event_ms for p in sink.passages() if p.gate_id in gates and p.direction == 1)


@pytest.mark.parametrize(("kind", "least", "most"), [("tailgater", 1, 1), ("held_gate", 4, 6), ("forced_gate", 1, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_who_comes_in_without_a_passage(kind: Kind, least: int, most: int, seed: int, tmp_path: Path) -> None:
    sink = simulated(tmp_path, {kind: 1}, seed, missed=0)
    (one,) = records(tmp_path)
    crossed, passed = at_the_gate(sink, one.subject_id)
    assert least <= len(crossed) - len(passed) <= most
    during = [moment for moment in crossed if one.start_ms <= moment < one.end_ms]
    assert len(during) >= len(crossed) - len(passed)
    if kind == "forced_gate":
        assert all(abs(moment - one.start_ms) >= 60_000 for moment in crossed if moment != one.start_ms)
    else:
        assert one.start_ms - 1_200 in crossed


def test_car_is_detected_in_the_fire_lane(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"fire_lane_car": 1})
    (one,) = records(tmp_path)
    cars = [e for e in sink.envelopes() if e.detections]
    assert all(e.zone_id == "fire_lane" and one.start_ms <= e.start_ms < one.end_ms for e in cars)
    assert len(cars) * 5_000 >= one.end_ms - one.start_ms >= 8 * MINUTE_MS
    assert all(e.detections and e.detections.object_class == ["car"] for e in cars)
    assert all(e.detections and 90 <= e.detections.x_m[0] <= 215 and 135 <= e.detections.y_m[0] <= 145 for e in cars)


def test_e_bike_is_detected_in_a_building(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"e_bike": 2})
    found = records(tmp_path)
    for one in (e for e in sink.envelopes() if e.detections):
        assert WATCHED.zone[one.zone_id].kind == "building"
        assert one.detections is not None
        assert one.detections.object_class == ["motorcycle"]
        assert sum(i.zone_id == one.zone_id and i.start_ms <= one.start_ms < i.end_ms for i in found) == 1
    assert all(i.end_ms - i.start_ms >= MINUTE_MS for i in found)


def test_loiterer_stays_in_sight_longer_than_allowed(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"loiterer": 2})
    for one in records(tmp_path):
        seen = [
            (e.start_ms, e.detections.track_id[0])
            for e in sink.envelopes()
            if e.detections and e.zone_id == one.zone_id and one.start_ms <= e.start_ms < one.end_ms
        ]
        assert len({track for _, track in seen}) == 1
        assert seen[-1][0] - seen[0][0] > 10 * MINUTE_MS
        assert np.diff([moment for moment, _ in seen]).max() <= 5_000


def test_climber_crosses_the_perimeter_both_ways_and_nobody_else_does(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {"climber": 2}, missed=0.5)
    crossed = [
        (moment, way)
        for envelope in sink.with_crossings()
        if (told := envelope.crossings) is not None
        for moment, line, way in zip(told.event_ms, told.line_id, told.direction, strict=True)
        if line == "fence_south" and envelope.zone_id == "fence"
    ]
    found = records(tmp_path)
    assert crossed == [(at, way) for one in found for at, way in ((one.start_ms, 1), (one.end_ms, -1))]
    assert persons(tmp_path, "fence").max() == 1


def test_incidents_are_spread_over_the_days() -> None:
    plan = Plan(MONDAY, days=2, incidents={"intruder": 3, "crowd": 1})
    assert [plan.kinds_on(0), plan.kinds_on(1)] == [["intruder", "intruder"], ["intruder", "crowd"]]


def test_too_many_incidents_are_refused() -> None:
    with pytest.raises(UserError, match="no room for another crowd"):
        run(WATCHED, Plan(MONDAY, incidents={"crowd": 20}), MemorySink())


def test_incidents_are_parsed() -> None:
    assert parse_incidents(["intruder:3", "crowd", "intruder"]) == {"intruder": 4, "crowd": 1}
    for text in ("flood", "intruder:x", "intruder:-1"):
        with pytest.raises(UserError, match="not understood"):
            parse_incidents([text])


def test_normal_day_has_no_incidents(tmp_path: Path) -> None:
    sink = simulated(tmp_path, {})
    assert records(tmp_path) == []
    assert all(msgspec.json.decode(m.value, type=Envelope) for m in sink.detections()[:100])
