"""Each crossing once, whichever envelopes told it; against plain Python."""

from collections import defaultdict
from datetime import date
from random import Random

import pytest
from pyspark.sql import SparkSession

from batch.days import Period
from batch.tables import crossings, told_again
from infra.site import Site
from tests.batch.feed import DAY, at, day_of

SCHEMA = (
    "fate string, camera_id string, crossings struct<crossing_id: array<string>, event_ms: array<bigint>, "
    "line_id: array<string>, direction: array<bigint>, track_id: array<bigint>, object_class: array<string>>"
)
Told = tuple[int, str, str, int, int, str]  # event_ms, line, camera, direction, track, class


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
    random.shuffle(rows)
    period = Period(site, DAY, 1, 3_600_000)

    records = spark.createDataFrame(rows, SCHEMA).repartition(3)
    found = crossings(records, told_again(records, period), period).collect()

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
