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
from msgspec.msgpack import encode
from pyspark.sql import SparkSession

from batch.crossings import EDGES, SHARED, DayCrossings, bucketed, met_twice, packed
from batch.days import Period
from infra.events import Crossings
from infra.site import Site
from tests.batch.feed import DAY, at, day_of

HASHES = st.one_of(
    st.integers(-3, 3), st.sampled_from([-(2**63), 2**63 - 1, *EDGES.tolist()]), st.integers(-(2**63), 2**63 - 1)
)
SCHEMA = "fate string, camera_id string, crossings binary"
COLUMNS = Crossings.__struct_fields__
Told = tuple[int, str, str, int, int, str]  # event_ms, line, camera, direction, track, class


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
def test_each_crossing_is_once_however_it_was_told(spark: SparkSession, site: Site) -> None:
    random = Random(3)
    of_one_zone = [line for line, zones in site.effects.items() if len(zones) == 1]
    of_two = [line for line, zones in site.effects.items() if len(zones) == 2]
    told: dict[tuple[date, str], list[Told]] = defaultdict(list)
    rows = []
    for number in range(400):
        lines = of_one_zone if number % 2 else of_two
        one = (at("00:00:00") + random.randrange(-1000, 90_000_000), random.choice(lines), "cam", 1, number, "person")
        copies = [one] * (2 if number % 2 == 0 or number % 9 == 1 else 1)
        if number % 50 == 1:  # told again, and otherwise; once on a line of the other sort
            copies.append((*one[:3], -1, number, "person"))
            copies.append((one[0], of_two[0], *one[2:]))
        for copy in copies:
            told[day_of(copy[0]), f"c{number}"].append(copy)
            columns = ([f"c{number}"], [copy[0]], [copy[1]], [copy[3]], [copy[4]], [copy[5]])
            rows.append(("valid", copy[2], columns))
    rows.append(("duplicate", "cam", (["ghost"], [at("12:00:00")], [of_two[0]], [1], [1], ["person"])))
    rows.append(("valid", "cam", ([], [], [], [], [], [])))
    random.shuffle(rows)
    period = Period(site, DAY, 1, 3_600_000)

    packs = [(fate, camera, encode(dict(zip(COLUMNS, columns, strict=True)))) for fate, camera, columns in rows]
    records = spark.createDataFrame(packs, SCHEMA).repartition(3)
    day_crossings = DayCrossings(packed(records, period), period)
    found, counted = day_crossings.rows().collect(), day_crossings.line_counts().collect()

    wanted = {key: min(copies) for key, copies in told.items() if key[0] == DAY}
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
