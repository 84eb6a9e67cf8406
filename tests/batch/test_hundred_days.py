"""A hundred simulated days with every fault, by the real streams and the real nightly: nothing is lost, both agree.

Of each day two and a half hours in the morning are sent. What becomes of the records is counted without the code under
test: spoilt ones have a run of their own, copies have equal bytes.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

import pytest
from pyspark.sql import SparkSession

from batch.nightly import run
from batch.passes import PASS_DAYS
from infra.settings import Settings
from infra.topics import DETECTIONS
from producers.simulate.faults import Faults
from producers.simulate.run import Plan
from producers.simulate.run import run as simulate
from tests.chaos.arena import Arena
from tests.chaos.feed import INCIDENTS
from tests.producers.helpers import SMALL, MemorySink, Sent
from warehouse.client import connect
from warehouse.migrate import migrate

FIRST: Final = date(2024, 5, 27)
DAYS: Final = 100
FROM, TO = time(7, 30), time(10, 0)
FAULTS: Final = Faults(missed=0.05, duplicates=0.05, late=0.05, late_minutes=4, poison=24)  # none later than the grace
SPOILT: Final = b".poison"
Fates = tuple[int, int, int, int, int]  # raw, valid, duplicates, dead letters, late


def morning(number: int) -> list[Sent]:
    """What is sent on a morning, in the order of sending."""
    day, sink = FIRST + timedelta(days=number), MemorySink()
    simulate(SMALL, Plan(day, seed=number, faults=FAULTS, incidents=INCIDENTS), sink)
    start_ms, end_ms = (int(datetime.combine(day, at, SMALL.tz).timestamp() * 1000) for at in (FROM, TO))
    return [one for one in sink.sent if start_ms <= one.timestamp_ms < end_ms]


def fates(sent: list[Sent]) -> Fates:
    """What must become of a morning's records."""
    values = [one.value for one in sent if one.topic == DETECTIONS.name]
    good = Counter(value for value in values if SPOILT not in value)
    spoilt = len(values) - good.total()
    return len(values), len(good), good.total() - len(good), spoilt, 0


def mornings(arena: Arena) -> Iterator[Fates]:
    """Send all mornings and one more, whose first minutes let the last ones close; their fates, without the last's."""
    for number in range(DAYS + 1):
        sent = morning(number)
        arena.feed(sent)
        if number < DAYS:
            yield fates(sent)


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(3600)
def test_nothing_is_lost_in_a_hundred_days_and_streams_and_batch_agree(fresh: Settings, spark: SparkSession) -> None:
    migrate(fresh, (SMALL.estate.id,))
    arena = Arena(fresh)
    try:
        arena.start("occupancy", 1)
        expected = list(mornings(arena))
        arena.settle(("occupancy",))
    finally:
        arena.close()
    accounts = []
    for begun in range(0, DAYS, PASS_DAYS):
        first = FIRST + timedelta(days=begun)
        accounts += run(fresh, SMALL, first, min(PASS_DAYS, DAYS - begun), spark=spark)
    assert [(a.raw, a.valid, a.duplicates, a.dead_letters, a.late) for a in accounts] == expected
    assert all(a.holds for a in accounts)
    assert all(a.streamed_dead_letters == a.dead_letters for a in accounts)
    assert min(a.duplicates for a in accounts) > 0
    assert sum(a.dead_letters for a in accounts) > DAYS
    with connect(fresh, "analyst") as client:
        causes = client.execute("SELECT cause, count() FROM differences GROUP BY cause ORDER BY cause")
        ((counted,),) = client.execute("SELECT count() FROM zone_minutes WHERE batch_ins + batch_outs > 0")
    totals = [sum(column) for column in zip(*expected, strict=True)]
    print(f"{DAYS} days: raw {totals[0]} = valid {totals[1]} + duplicates {totals[2]} + dead letters {totals[3]}")
    print(f"zone-minutes with crossings {counted}, in which streams and batch differ {causes}")
    assert counted > 10 * DAYS
    assert causes == []
