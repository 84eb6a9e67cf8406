"""Each crossing once, whichever envelopes told it; against plain Python."""

from collections import Counter, defaultdict
from datetime import date
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from pyspark.sql import SparkSession

from batch.crossings import EDGES, SHARED, DayCrossings, Unpacking, _counted, bucketed, met_twice
from batch.days import Period
from batch.told import places, told
from infra.events import Crossings, Envelope
from infra.site import Site
from tests.batch.feed import DAY, at, day_of, envelope

HASHES = st.one_of(
    st.integers(-3, 3), st.sampled_from([-(2**63), 2**63 - 1, *EDGES.tolist()]), st.integers(-(2**63), 2**63 - 1)
)
COLUMNS = Crossings.__struct_fields__
GRACE_MS = 120_000
PARTITIONS = 3
Told = tuple[int, str, str, int, int, str]  # event_ms, line, camera, direction, track, class
Row = tuple[int, int, int, Envelope]  # partition, offset, Kafka's time, and what lies there


def recorded(random: Random, tellings: list[tuple[str, Told]]) -> list[Row]:
    """An envelope for each telling, one that tells of none and one without, as they may lie in Kafka."""
    sent = []
    for crossing_id, (event_ms, line, camera, direction, track, kind) in tellings:
        columns = ([crossing_id], [event_ms], [line], [direction], [track], [kind])
        crossings = convert(dict(zip(COLUMNS, columns, strict=True)), Crossings)
        sent.append((event_ms + random.randrange(2 * GRACE_MS), envelope(camera, "estate", track, event_ms, crossings)))
    sent.append((at("12:00:00"), envelope("cam", "estate", 0, at("12:00:00"), Crossings())))
    sent.append((at("12:00:00"), envelope("cam", "estate", 1, at("12:00:00"))))
    random.shuffle(sent)
    return [(n % PARTITIONS, 2**33 + n // PARTITIONS, *one) for n, one in enumerate(sent)]


def lying(rows: list[Row]) -> pa.RecordBatch:
    """The records of `rows` as Arrow."""
    partitions, offsets, times, _ = zip(*rows, strict=True)
    names = {"kafka_partition": pa.int32(), "kafka_offset": pa.int64(), "kafka_ms": pa.int64()}
    arrays = [pa.array(v, kind) for v, kind in zip((partitions, offsets, times), names.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


@given(st.lists(st.lists(HASHES, max_size=8), max_size=6))
def test_hashes_that_were_met_twice_are_found_whichever_batches_they_came_in(packs: list[list[int]]) -> None:
    batches = [pa.RecordBatch.from_pydict({"hashes": [np.array(one, np.int64).tobytes()]}) for one in packs]
    empty = pa.table({"bucket": pa.array([], pa.int32()), "hashes": pa.array([], pa.binary())})
    buckets = pa.concat_tables([empty, *(pa.Table.from_batches([one]) for one in bucketed(batches))])
    found = [
        one
        for bucket in set(buckets.column("bucket").to_pylist())
        for one in met_twice(buckets.filter(pc.equal(buckets["bucket"], bucket))).column("hash").to_pylist()
    ]
    times = Counter(one for pack in packs for one in pack)
    assert sorted(found) == sorted(one for one, count in times.items() if count > 1 and one != SHARED)


@pytest.mark.stack
def test_what_is_held_against_the_streams_is_persons() -> None:
    classes = ["person", "bicycle", "person", "car"]
    told = {"day": pa.array([20_500] * 4, pa.date32()), "event_time": pa.array([60_000, 60_001, 119_999, 60_002])}
    told |= {"line_id": ["gate"] * 4, "direction": pa.array([1] * 4, pa.int8()), "object_class": classes}
    (counted,) = _counted([pa.RecordBatch.from_pydict(told)])
    assert [(row["minute"], row["crossings"]) for row in counted.to_pylist()] == [(60, 2)]


def test_each_crossing_is_once_however_it_was_told(spark: SparkSession, site: Site) -> None:
    random = Random(3)
    of_one_zone = [line for line, zones in site.effects.items() if len(zones) == 1]
    of_two = [line for line, zones in site.effects.items() if len(zones) == 2]
    tellings: list[tuple[str, Told]] = []
    for number in range(400):
        lines = of_one_zone if number % 2 else of_two
        one = (at("00:00:00") + random.randrange(-1000, 90_000_000), random.choice(lines), "cam", 1, number, "person")
        copies = [one] * (2 if number % 2 == 0 or number % 9 == 1 else 1)
        if number % 50 == 1:  # told again, and otherwise; once on a line of the other sort
            copies.append((*one[:3], -1, number, "person"))
            copies.append((one[0], of_two[0], *one[2:]))
        tellings += [(f"c{number}", copy) for copy in copies]
    rows = recorded(random, tellings)
    simple = [row for row in rows if row[3].seq % 50 != 1]
    invalid, refused = random.sample(simple, 60), random.sample(rows, 60)
    period = Period(site, DAY, 1, 3_600_000)

    parts = [told(lying(part), [one for *_, one in part]) for part in (rows[:300], rows[300:301], rows[301:])]
    records = spark.createDataFrame([(part,) for part in [*parts, None]], "told binary").repartition(PARTITIONS)
    unpacking = Unpacking(period, np.sort(places(lying(invalid))), np.sort(places(lying(refused))), GRACE_MS)
    day_crossings = DayCrossings(unpacking.packed(records), period)
    found, counted = day_crossings.rows().collect(), day_crossings.line_counts().collect()

    told_of: dict[tuple[date, str], list[Told]] = defaultdict(list)
    suspect = []
    for row in rows:
        if row not in invalid and (crossing := row[3].crossings) and crossing.crossing_id:
            (key,), (event_ms,), (line,), (direction,), (track,), (kind,) = (getattr(crossing, c) for c in COLUMNS)
            told_of[day_of(event_ms), key].append((event_ms, line, row[3].camera_id, direction, track, kind))
            flags = (row[2] - event_ms > GRACE_MS, row in refused)
            suspect += [(key, event_ms, *flags)] if any(flags) and day_of(event_ms) == DAY else []
    wanted = {key: min(copies) for key, copies in told_of.items() if key[0] == DAY}
    seen = {
        (row.day, row.crossing_id): (
            row.event_time,
            row.line_id,
            row.camera_id,
            row.direction,
            row.track_id,
            row.object_class,
        )
        for row in found
    }
    assert len(found) == len(seen)
    assert seen == wanted
    per_line = Counter((one[0] // 60_000 * 60, one[1], one[3]) for one in wanted.values())
    counts: Counter[tuple[int, str, int]] = Counter()
    for row in counted:
        assert row.day == DAY
        counts[row.minute, row.line_id, row.direction] += row.crossings
    assert counts == per_line
    flagged = day_crossings.suspect().select("crossing_id", "event_ms", "late", "refused").collect()
    assert Counter(map(tuple, flagged)) == Counter(suspect)
    assert any(late for *_, late, _ in suspect)
    assert any(refused for *_, refused in suspect)
